"""Estimators that learn block by block, where the order of the rows matters."""

from __future__ import annotations

from typing import Any, Self

from onebox.base.estimator import Estimator
from onebox.config import Settings
from onebox.data.view import View
from onebox.engine.accuracy.held_out import HeldOut, Losses, Plateau
from onebox.engine.kept import Learned
from onebox.errors import NotMergeable


class Sequential(Estimator):
    """A model that every block moves; blocks in a seeded order.

    Its loss can be watched on partitions that are held out (`HeldOut`), with its error, and
    learning can stop when it no longer falls by more than chance (`Plateau`).
    """

    def _learned(self, view: View, settings: Settings) -> Learned:
        """Where an earlier fit of this configuration to these rows has stopped.

        A fit asks `resume` once, offers its model between blocks, and calls `finish` at the end.
        """
        name = type(self).__name__
        return Learned(view, settings, name, [type(self), self.get_params(deep=False)])

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
