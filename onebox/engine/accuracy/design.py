"""Whether the rows of one partition are alike: what a jackknife over partitions has to know.

Rows that were drawn one by one vary as much within a partition as between partitions. Those of a
file that is sorted, or written customer by customer, do not: fewer of them than there are count.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from onebox._kernels import moments
from onebox.aggregates.aggregate import Aggregate
from onebox.aggregates.moments import empty_sums
from onebox.data.block import Block
from onebox.data.schema import Schema, is_numeric

Float64 = NDArray[np.float64]

CHANCE = 0.01  # of marking columns whose rows are independent, all columns together
ALIKE = 1.5  # design effects below matter little, however certain they are


@dataclass
class DesignSums:
    """Sums over all rows, and those within partitions."""

    names: tuple[str, ...]  # numeric features
    n_rows: int
    weight: float
    n_partitions: int
    sums: Float64  # (columns and targets, 11), as onebox._kernels.moments lays them out
    within: Float64  # (columns and targets,): squared deviations from the partition's mean

    @classmethod
    def none(cls) -> DesignSums:
        """The sums of no column."""
        return cls((), 0, 0.0, 0, empty_sums(0), np.empty(0))


@dataclass(frozen=True)
class Design:
    """What partitions tell of how rows were drawn, one entry a numeric column, targets last.

    Attributes
    ----------
    names : tuple of str
        The numeric features.
    n_rows : int
    weight : float
        Sum of the weights; the number of rows when there are none.
    n_partitions : int
    effect : ndarray
        Design effect: the variance of a mean of such partitions over that of a mean of as many
        independent rows. NaN where it cannot be told.
    alike : ndarray of bool
        Whether the rows of a partition are more alike than independent ones would be.
    """

    names: tuple[str, ...]
    n_rows: int
    weight: float
    n_partitions: int
    effect: Float64
    alike: NDArray[np.bool_]

    def effect_of(self, columns: tuple[str, ...] | None) -> Float64:
        """The effects of these features, or the largest of all."""
        if columns is None:
            known = self.effect[np.isfinite(self.effect)]
            return np.array(known.max() if len(known) else np.nan)
        at = {name: j for j, name in enumerate(self.names)}
        return np.array([self.effect[at[c]] if c in at else np.nan for c in columns])

    def widening(self, column: str) -> float:
        """The design effect of a column where partitions are alike beyond chance, else 1."""
        at = self.names.index(column) if column in self.names else -1
        return float(self.effect[at]) if at >= 0 and self.alike[at] else 1.0

    def alike_in(self, columns: tuple[str, ...] | None) -> NDArray[np.bool_]:
        """Whether partitions are alike in these features, or in any column."""
        if columns is None:
            return np.array(bool(self.alike.any()))
        at = {name: j for j, name in enumerate(self.names)}
        return np.array([c in at and bool(self.alike[at[c]]) for c in columns])


@dataclass(frozen=True)
class Likeness(Aggregate[DesignSums]):
    """Analysis of variance of every numeric column, one class a partition.

    It asks how rows lie in partitions, so its answer depends on them, as no other does.

    Notes
    -----
    Cost: 1 pass; summary 96 bytes a column. Missing and infinite values are left out, weights play
    no part in the variances.

    Source: Kish, "Survey Sampling" (1965), section 5.4; Searle, Casella & McCulloch, "Variance
    Components" (1992), section 3.6.
    """

    def _names(self, schema: Schema) -> tuple[str, ...]:
        return tuple(f.name for f in schema.columns if is_numeric(f.type))

    def _n_targets(self, schema: Schema) -> int:
        kinds = [] if schema.target is None else list(schema.target.types)
        return len(kinds) if all(map(is_numeric, kinds)) else 0

    def empty(self, schema: Schema) -> DesignSums:
        names = self._names(schema)
        width = len(names) + self._n_targets(schema)
        return DesignSums(names, 0, 0.0, 0, empty_sums(width), np.zeros(width))

    def nbytes(self, schema: Schema) -> int:
        width = len(self._names(schema)) + self._n_targets(schema)
        return 8 * (moments.WIDTH + 1) * width + 24

    def work_nbytes(self, schema: Schema, n_rows: int) -> int:
        width = len(self._names(schema)) + 2 * self._n_targets(schema)
        return 8 * n_rows * width

    def update(self, summary: DesignSums, block: Block) -> None:
        summary.n_partitions = 1
        summary.n_rows += block.n_rows
        w, at = block.weight, 0
        summary.weight += float(w.sum()) if len(w) else block.n_rows
        for numbers in block.numbers(summary.names) if summary.names else ():
            moments.update_columns(numbers, summary.sums[at : at + len(numbers)])
            at += len(numbers)
        if at < len(summary.sums):
            moments.update_columns(np.ascontiguousarray(block.y_matrix.T), summary.sums[at:])
        summary.within[:] = summary.sums[:, moments.M2]

    def merge(self, into: DesignSums, other: DesignSums) -> None:
        into.n_rows += other.n_rows
        into.weight += other.weight
        into.n_partitions += other.n_partitions
        into.within += other.within
        moments.merge(into.sums, other.sums)

    def result(self, summary: DesignSums) -> Design:
        return design_of(summary)


def design_of(summary: DesignSums) -> Design:
    """The design effects, and where they are beyond chance."""
    n, classes = summary.sums[:, moments.COUNT], summary.n_partitions
    total = summary.sums[:, moments.M2]
    between = np.maximum(total - summary.within, 0)
    freedom = (classes - 1, np.maximum(n - classes, 0))
    with np.errstate(divide="ignore", invalid="ignore"):
        among = between / freedom[0] if classes > 1 else np.full(len(n), np.nan)
        ratio = among / (summary.within / freedom[1])
        effect = among / (total / (n - 1))
        chance = stats.f.sf(ratio, *freedom)
    alike = (chance < CHANCE / max(len(n), 1)) & (effect > ALIKE)
    return Design(summary.names, summary.n_rows, summary.weight, classes, effect, np.asarray(alike))
