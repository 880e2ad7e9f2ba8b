"""What linear classifiers scan for: weights, means and second moments by class.

Classes are discovered on the way, up to a stated number, and kept in the order of their labels.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from onebox._kernels import gram, kmeans
from onebox.aggregates.aggregate import Aggregate
from onebox.aggregates.gram import Gram, GramSummary
from onebox.base.labels import MAX_CLASSES, Labels, coded, united
from onebox.data.block import NO_WEIGHTS, Block
from onebox.data.schema import Schema
from onebox.errors import BadInput

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]

GRAM_BYTES = 64 * 2**20  # for the moments of all classes together, where each has its own


@dataclass
class ClassSums:
    """Sums by class."""

    labels: Labels  # (k,), ascending
    n_rows: Int64  # (k,)
    weights: Float64  # (k,)
    means: Float64  # (k, p)


@dataclass(frozen=True)
class ClassMeans(Aggregate[ClassSums]):
    """Rows, weight and mean of the features of every class that occurs in the target.

    Notes
    -----
    Cost: 1 pass; summary 8 (p + 3) bytes a class, of which there may be 1,000.

    Exactness: exact up to rounding.
    """

    grouped: ClassVar[bool] = False
    refuses_missing: ClassVar[bool] = True

    def empty(self, schema: Schema) -> ClassSums:
        p = schema.n_features
        return ClassSums(np.empty(0), np.zeros(0, np.int64), np.zeros(0), np.zeros((0, p)))

    def nbytes(self, schema: Schema) -> int:
        return 8 * (schema.n_features + 3) * MAX_CLASSES

    def work_nbytes(self, schema: Schema, n_rows: int) -> int:
        return 8 * n_rows * (schema.n_features + 2)

    def update(self, summary: ClassSums, block: Block) -> None:
        labels, codes = coded(block.y, block.place)
        X, w = block.finite_X, block.weight
        middle = np.zeros(X.shape[1])
        gram.column_means(X, w, middle)
        # Sums about the block's mean: a large common offset would cost the classes their digits.
        centred = block.scratch.take("class.rows", X.shape, np.float64)
        gram.center(X, middle, NO_WEIGHTS, centred[None], 0)
        sums, weights = np.zeros((len(labels), X.shape[1])), np.zeros(len(labels))
        kmeans.accumulate(centred, w, codes, sums, weights)
        means = middle + sums / np.where(weights > 0, weights, 1)[:, None]
        n_rows = np.bincount(codes, minlength=len(labels))
        self.merge(summary, ClassSums(labels, n_rows, weights, means))

    def merge(self, into: ClassSums, other: ClassSums) -> None:
        _make_room(into, other.labels)
        at = np.searchsorted(into.labels, other.labels)
        total = into.weights[at] + other.weights
        share = other.weights / np.where(total > 0, total, 1)
        into.means[at] += (other.means - into.means[at]) * share[:, None]
        into.weights[at] = total
        into.n_rows[at] += other.n_rows

    def result(self, summary: ClassSums) -> ClassSums:
        """A copy of the sums."""
        return ClassSums(
            summary.labels.copy(), summary.n_rows.copy(), summary.weights.copy(),
            summary.means.copy(),
        )  # fmt: skip


class GroupedClassMeans(ClassMeans):
    """The same with a summary a group, from which standard errors are computed."""

    grouped: ClassVar[bool] = True


def _make_room(sums: ClassSums, labels: Labels) -> None:
    both = united(sums.labels, labels)
    if len(both) == len(sums.labels):
        return
    at = np.searchsorted(both, sums.labels) if len(sums.labels) else np.zeros(0, np.int64)
    n_rows, weights = np.zeros(len(both), np.int64), np.zeros(len(both))
    means = np.zeros((len(both), sums.means.shape[1]))
    n_rows[at], weights[at], means[at] = sums.n_rows, sums.weights, sums.means
    sums.labels, sums.n_rows, sums.weights, sums.means = both, n_rows, weights, means


@dataclass
class ClassGramSums:
    """Second moments by class."""

    labels: Labels  # (k,), ascending
    grams: list[GramSummary]


@dataclass(frozen=True)
class ClassGrams(Aggregate[ClassGramSums]):
    """Second moments of the features within every class, on which any weights can be put later.

    Parameters
    ----------
    max_classes : int

    Notes
    -----
    Cost: 1 pass; summary 8 p² bytes a class. Exactness: as `Gram`.
    """

    max_classes: int
    grouped: ClassVar[bool] = False
    refuses_missing: ClassVar[bool] = True

    @classmethod
    def within_bounds(cls, schema: Schema) -> ClassGrams:
        """For as many classes as take 64 MB, and two at the least."""
        room = GRAM_BYTES // Gram(target=False).nbytes(schema)
        return cls(min(max(room, 2), MAX_CLASSES))

    def empty(self, schema: Schema) -> ClassGramSums:
        return ClassGramSums(np.empty(0), [])

    def nbytes(self, schema: Schema) -> int:
        return self.max_classes * Gram(target=False).nbytes(schema)

    def work_nbytes(self, schema: Schema, n_rows: int) -> int:
        rows = 2 * n_rows * schema.n_features * schema.dtype.itemsize
        return rows + Gram(target=False).work_nbytes(schema, n_rows)

    def update(self, summary: ClassGramSums, block: Block) -> None:
        labels, codes = coded(block.y, block.place)
        self._make_room(summary, labels, block.names)
        for code, at in enumerate(np.searchsorted(summary.labels, labels)):
            rows = block if len(labels) == 1 else block.take(codes == code)
            Gram(target=False).update(summary.grams[at], rows)

    def merge(self, into: ClassGramSums, other: ClassGramSums) -> None:
        if not other.grams:
            return
        self._make_room(into, other.labels, other.grams[0].names)
        for at, gram_ in zip(np.searchsorted(into.labels, other.labels), other.grams, strict=True):
            Gram(target=False).merge(into.grams[at], gram_)

    def result(self, summary: ClassGramSums) -> ClassGramSums:
        """A copy of the sums."""
        return copy.deepcopy(summary)

    def _make_room(self, summary: ClassGramSums, labels: Labels, names: Sequence[str]) -> None:
        both = united(summary.labels, labels)
        if len(both) == len(summary.labels):
            return
        if len(both) > self.max_classes:
            raise BadInput(
                f"The target has more than {self.max_classes} classes, and with {len(names):,} "
                "columns and class_weight no more have room for their second moments. Leave "
                "class_weight=None and hand over sample_weight, or select columns."
            )
        p, known = len(names), dict(zip(summary.labels, summary.grams, strict=True))
        fresh = (GramSummary(tuple(names), 0, 0.0, np.zeros(p), np.zeros((p, p))) for _ in both)
        summary.grams = [known.get(label) or next(fresh) for label in both]
        summary.labels = both


class GroupedClassGrams(ClassGrams):
    """The same with a summary a group, from which standard errors are computed."""

    grouped: ClassVar[bool] = True
