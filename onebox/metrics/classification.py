"""How often predicted labels are right: accuracy and the confusion matrix, in one pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from onebox.aggregates.aggregate import Aggregate
from onebox.base.labels import MAX_CLASSES, Labels, coded, united
from onebox.data.block import Block
from onebox.data.schema import Schema

Float64 = NDArray[np.float64]


@dataclass
class ConfusionSums:
    """Weight of the rows by true and by predicted label."""

    n_rows: int
    labels: Labels  # (k,), ascending
    weights: Float64  # (k, k)


@dataclass(frozen=True)
class Confusion(Aggregate[ConfusionSums]):
    """Rows by true label and by predicted label, which stands in the place of X.

    Labels are discovered on the way, up to 1,000 of them.
    """

    grouped: ClassVar[bool] = False

    def empty(self, schema: Schema) -> ConfusionSums:
        return ConfusionSums(0, np.empty(0), np.zeros((0, 0)))

    def nbytes(self, schema: Schema) -> int:
        return 8 * MAX_CLASSES * (MAX_CLASSES + 4)

    def work_nbytes(self, schema: Schema, n_rows: int) -> int:
        return 64 * n_rows

    def update(self, summary: ConfusionSums, block: Block) -> None:
        actual, rows = coded(block.y, block.place, "y_true")
        predicted, columns = coded(block[block.names[0]], block.place, "y_pred")
        labels = united(actual, predicted)
        rows, columns = np.searchsorted(labels, actual)[rows], np.searchsorted(labels, predicted)[columns]
        k, w = len(labels), block.weight
        cells = np.bincount(rows * k + columns, w if len(w) else None, k * k)
        self.merge(summary, ConfusionSums(block.n_rows, labels, cells.reshape(k, k).astype(float)))

    def merge(self, into: ConfusionSums, other: ConfusionSums) -> None:
        labels = united(into.labels, other.labels)
        if len(labels) > len(into.labels):
            weights = np.zeros((len(labels), len(labels)))
            if len(into.labels):
                at = np.searchsorted(labels, into.labels)
                weights[np.ix_(at, at)] = into.weights
            into.labels, into.weights = labels, weights
        if len(other.labels):
            at = np.searchsorted(into.labels, other.labels)
            into.weights[np.ix_(at, at)] += other.weights
        into.n_rows += other.n_rows

    def result(self, summary: ConfusionSums) -> ConfusionSums:
        """A copy of the sums."""
        return ConfusionSums(summary.n_rows, summary.labels.copy(), summary.weights.copy())


@dataclass
class HitSums:
    """Weight of all rows, and of those predicted rightly."""

    n_rows: int
    weight: float
    hits: float


@dataclass(frozen=True)
class Accuracy(Aggregate[HitSums]):
    """Share of the rows whose predicted label, which stands in the place of X, is the true one."""

    def empty(self, schema: Schema) -> HitSums:
        return HitSums(0, 0.0, 0.0)

    def nbytes(self, schema: Schema) -> int:
        return 24

    def work_nbytes(self, schema: Schema, n_rows: int) -> int:
        return 32 * n_rows

    def update(self, summary: HitSums, block: Block) -> None:
        w = block.weight
        actual = block.y.reshape(block.n_rows)
        hit = np.asarray(actual == block[block.names[0]], np.bool_)
        summary.n_rows += block.n_rows
        summary.weight += float(w.sum()) if len(w) else block.n_rows
        summary.hits += float(w[hit].sum()) if len(w) else int(hit.sum())

    def merge(self, into: HitSums, other: HitSums) -> None:
        into.n_rows += other.n_rows
        into.weight += other.weight
        into.hits += other.hits

    def result(self, summary: HitSums) -> float:
        return summary.hits / summary.weight if summary.weight else float("nan")
