"""Questions about rows that a Dataset asks itself: how many remain, and where a sample's bound lies."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from onebox.aggregates.aggregate import Aggregate
from onebox.data.block import Block
from onebox.data.schema import Schema
from onebox.data.steps import draw_hashes
from onebox.data.steps.chain import Chain
from onebox.engine.run import scan

if TYPE_CHECKING:
    from onebox.dataset.dataset import Dataset


@dataclass(frozen=True)
class _Count(Aggregate[NDArray[np.int64]]):
    """Rows that remain after filters."""

    grouped: ClassVar[bool] = False

    def empty(self, schema: Schema) -> NDArray[np.int64]:
        return np.zeros(1, np.int64)

    def update(self, summary: NDArray[np.int64], block: Block) -> None:
        summary += block.n_rows

    def merge(self, into: NDArray[np.int64], other: NDArray[np.int64]) -> None:
        into += other

    def result(self, summary: NDArray[np.int64]) -> int:
        return int(summary[0])

    def nbytes(self, schema: Schema) -> int:
        return 8


@dataclass
class _Numbers:
    """The smallest draw numbers seen."""

    smallest: NDArray[np.uint64]


@dataclass(frozen=True)
class _Smallest(Aggregate[_Numbers]):
    """The `n` smallest draw numbers: the last of them bounds an exact sample of `n` rows."""

    n: int
    seed: int
    purpose: str
    grouped: ClassVar[bool] = False

    def empty(self, schema: Schema) -> _Numbers:
        return _Numbers(np.empty(0, np.uint64))

    def update(self, summary: _Numbers, block: Block) -> None:
        drawn = draw_hashes(block, self.seed, None, self.purpose) >> np.uint64(11)
        self.merge(summary, _Numbers(drawn))

    def merge(self, into: _Numbers, other: _Numbers) -> None:
        both = np.concatenate([into.smallest, other.smallest])
        if len(both) > self.n:
            both = np.partition(both, self.n - 1)[: self.n].copy()
        into.smallest = both

    def result(self, summary: _Numbers) -> float:
        """Give the bound below which exactly the n smallest lie."""
        if len(summary.smallest) < self.n:
            return 1.0
        return (int(summary.smallest.max()) + 1) * 2.0**-53

    def nbytes(self, schema: Schema) -> int:
        return 8 * self.n

    def work_nbytes(self, schema: Schema, n_rows: int) -> int:
        return 2 * 8 * (self.n + n_rows)


def count_rows(data: Dataset) -> int:
    """Count the rows that remain after filters, in one pass over the columns that these need."""
    few = replace(data.view.without_roles(), features=_only_rows(data))
    summary, _ = scan(few, _Count(), settings=data.settings, job="count")
    return _Count().result(summary)


def draw_limit(data: Dataset, n: int, seed: int, purpose: str) -> float:
    """Find the bound on draw numbers that leaves exactly `n` rows; one pass."""
    if n == 0:
        return 0.0
    few = replace(data.view.without_roles(), features=_only_rows(data))
    recipe = _Smallest(n, seed, purpose)
    summary, _ = scan(few, recipe, settings=data.settings, job="sample")
    return recipe.result(summary)


def _only_rows(data: Dataset) -> Chain:
    """The steps up to the last one that drops rows: later ones change columns only."""
    steps: tuple[Any, ...] = data.view.features
    if data.view.drop_missing:
        return steps
    last = max((i for i, step in enumerate(steps) if step.drops_rows), default=-1)
    return steps[: last + 1]
