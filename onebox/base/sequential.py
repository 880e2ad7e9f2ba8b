"""Estimators that learn block by block, where the order of the rows matters."""

from __future__ import annotations

from typing import Any, Self

from onebox.base.estimator import Estimator
from onebox.engine.accuracy.held_out import HeldOut, Losses, Plateau
from onebox.errors import NotMergeable


class Sequential(Estimator):
    """A model that every block moves; blocks in a seeded order.

    Its loss can be watched on partitions that are held out (`HeldOut`), with its error, and
    learning can stop when it no longer falls by more than chance (`Plateau`).
    """

    def merge(self, other: Any) -> Self:
        """Refused: what came first has shaped all that came later.

        Raises
        ------
        NotMergeable
        """
        raise NotMergeable(
            f"{type(self).__name__} learns from one block after the other, and each moves the model "
            "that the last has left: two models do not merge. Go on with partial_fit, or fit one on "
            "all rows: ob.concat([first, second])."
        )


__all__ = ["HeldOut", "Losses", "Plateau", "Sequential"]
