"""Moments of columns that may have gaps, but no infinities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from onebox._kernels import moments
from onebox.aggregates.aggregate import Aggregate
from onebox.aggregates.moments import Moments, MomentsResult, MomentsSummary
from onebox.data.block import Block
from onebox.data.schema import Schema


@dataclass(frozen=True)
class FiniteMoments(Aggregate[MomentsSummary]):
    """`Moments` with ``ddof=0`` that refuse an infinity, naming its place.

    Notes
    -----
    Cost and exactness: those of `Moments`; a block is searched only when it has an infinity.
    """

    @property
    def _moments(self) -> Moments:
        return Moments(ddof=0)

    def empty(self, schema: Schema) -> MomentsSummary:
        return self._moments.empty(schema)

    def nbytes(self, schema: Schema) -> int:
        return self._moments.nbytes(schema)

    def work_nbytes(self, schema: Schema, n_rows: int) -> int:
        return self._moments.work_nbytes(schema, n_rows)

    def update(self, summary: MomentsSummary, block: Block) -> None:
        self._moments.update(summary, block)
        infinite = summary.sums[:, [moments.N_POSINF, moments.N_NEGINF]]
        if infinite.any():
            block.noninf_X  # noqa: B018 (raises)

    def merge(self, into: MomentsSummary, other: MomentsSummary) -> None:
        self._moments.merge(into, other)

    def result(self, summary: MomentsSummary) -> MomentsResult:
        return self._moments.result(summary)

    def smooth(self, summary: MomentsSummary) -> dict[str, Any]:
        return self._moments.smooth(summary)
