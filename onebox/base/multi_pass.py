"""Estimators that walk over the data several times, each time with the model so far."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from onebox.aggregates.aggregate import Aggregate
from onebox.base.estimator import Estimator
from onebox.config import Settings
from onebox.data.view import View
from onebox.engine.run import Run
from onebox.errors import NotMergeable


class MultiPass(Estimator):
    """A loop of scans, each parametrised by the model so far."""

    def _passes(
        self,
        view: View,
        aggregates: Sequence[Aggregate[Any]],
        settings: Settings,
        *,
        result_bytes: int = 0,
    ) -> Run:
        return Run(
            view, aggregates, settings=settings, many_passes=True, job=type(self).__name__,
            result_bytes=result_bytes,
        )  # fmt: skip

    def merge(self, other: Any) -> Self:
        """Refused: sums of one pass merge, finished models of several passes do not.

        Raises
        ------
        NotMergeable
        """
        raise NotMergeable(
            f"{type(self).__name__} reads its data in several passes, each of which starts from "
            "the model of the last: two finished models do not merge. Fit one on all rows: "
            "ob.concat([first, second])."
        )
