"""Moments that also know how partitions differ, so that the errors of means can be doubted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from onebox._kernels import moments
from onebox.aggregates.moments import Moments, MomentsSummary, empty_sums
from onebox.data.block import Block
from onebox.data.schema import Schema
from onebox.engine.accuracy.design import DesignSums, design_of
from onebox.engine.accuracy.states import GroupStates
from onebox.engine.fold import Groups


@dataclass
class PartedSums(MomentsSummary):
    """Moments, and the squared deviations from the means of partitions."""

    n_rows: int
    n_partitions: int
    within: NDArray[np.float64]  # (columns,)


@dataclass(frozen=True)
class MeansByPartition(Moments):
    """`Moments` with an analysis of variance for nothing: partitions merge one by one anyway.

    Notes
    -----
    Cost: that of `Moments`, and 8 bytes more a column. Its `result` has the same bits.
    """

    def empty(self, schema: Schema) -> PartedSums:
        names = self.reads(schema)
        return PartedSums(names, empty_sums(len(names)), 0, 0, np.zeros(len(names)))

    def nbytes(self, schema: Schema) -> int:
        return super().nbytes(schema) + 8 * (len(self.reads(schema)) + 2)

    def update(self, summary: MomentsSummary, block: Block) -> None:
        assert isinstance(summary, PartedSums)
        super().update(summary, block)
        summary.n_rows += block.n_rows
        summary.n_partitions = 1
        summary.within[:] = summary.sums[:, moments.M2]

    def merge(self, into: MomentsSummary, other: MomentsSummary) -> None:
        assert isinstance(into, PartedSums)
        assert isinstance(other, PartedSums)
        super().merge(into, other)
        into.n_rows += other.n_rows
        into.n_partitions += other.n_partitions
        into.within += other.within


def state_of(groups: Groups) -> GroupStates:
    """What standard errors of the means are computed from; the groups stay as they are."""
    summaries = groups.summaries
    weights = [0.0 if one is None else float(one.n_rows) for one in summaries]
    state = GroupStates.of(groups, design_of(DesignSums.none()), weights)
    if not state.groups:
        return state
    whole = state.merged()
    sums = DesignSums(
        whole.names, whole.n_rows, whole.n_rows, whole.n_partitions, whole.sums, whole.within
    )
    return GroupStates.of(groups, design_of(sums), weights)
