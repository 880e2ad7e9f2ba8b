"""How often predicted labels are right: accuracy and the confusion matrix, in one pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from onebox.aggregates.aggregate import Aggregate
from onebox.base.labels import MAX_CLASSES, Codes, Labels, coded, united
from onebox.data.block import Block
from onebox.data.schema import Schema
from onebox.errors import BadInput
from onebox.metrics.pairing import Pairs

Float64 = NDArray[np.float64]


@dataclass
class ConfusionSums:
    """Weight of the rows by true and by predicted label."""

    labels: Labels  # (k,), ascending
    weights: Float64  # (k, k)


@dataclass(frozen=True)
class Confusion(Aggregate[ConfusionSums]):
    """Rows by true label and by predicted label, which stands in the place of X.

    Labels are discovered on the way, up to 1,000 of them.

    Parameters
    ----------
    swapped : bool, default=False
        Whether the true label stands in the place of X.

    Notes
    -----
    Cost: 1 pass; summary 8 k² bytes for k labels. Exactness: exact, with weights up to rounding.
    """

    swapped: bool = False
    grouped: ClassVar[bool] = False

    def empty(self, schema: Schema) -> ConfusionSums:
        return ConfusionSums(np.empty(0), np.zeros((0, 0)))

    def nbytes(self, schema: Schema) -> int:
        return 8 * MAX_CLASSES * (MAX_CLASSES + 4)

    def work_nbytes(self, schema: Schema, n_rows: int) -> int:
        return 64 * n_rows

    def update(self, summary: ConfusionSums, block: Block) -> None:
        target = coded(block.y, block.place, "y_pred" if self.swapped else "y_true")
        column = block[block.names[0]]
        features = coded(column, block.place, "y_true" if self.swapped else "y_pred")
        actual, predicted = (features, target) if self.swapped else (target, features)
        labels = united(actual[0], predicted[0])
        k, w = len(labels), block.weight
        cells = _moved(labels, *actual) * k + _moved(labels, *predicted)
        weights = np.bincount(cells, w if len(w) else None, k * k).astype(np.float64)
        self.merge(summary, ConfusionSums(labels, weights.reshape(k, k)))

    def merge(self, into: ConfusionSums, other: ConfusionSums) -> None:
        labels = united(into.labels, other.labels)
        weights = np.zeros((len(labels), len(labels)))
        for part in (into, other):
            if len(part.labels):
                at = np.searchsorted(labels, part.labels)
                weights[np.ix_(at, at)] += part.weights
        into.labels, into.weights = labels, weights

    def result(self, summary: ConfusionSums) -> ConfusionSums:
        """A copy of the sums."""
        return ConfusionSums(summary.labels.copy(), summary.weights.copy())


@dataclass
class HitSums:
    """Weight of all rows, and of those predicted rightly."""

    weight: float
    hits: float


@dataclass(frozen=True)
class Accuracy(Aggregate[HitSums]):
    """Rows whose predicted label, which stands in the place of X, is the true one.

    Parameters
    ----------
    swapped : bool, default=False
        Makes no difference.

    Notes
    -----
    Cost: 1 pass; summary 16 bytes. Exactness: exact, with weights up to rounding.
    """

    swapped: bool = False

    def empty(self, schema: Schema) -> HitSums:
        return HitSums(0.0, 0.0)

    def nbytes(self, schema: Schema) -> int:
        return 16

    def work_nbytes(self, schema: Schema, n_rows: int) -> int:
        return 32 * n_rows

    def update(self, summary: HitSums, block: Block) -> None:
        w = block.weight
        hit = np.asarray(block.y.reshape(block.n_rows) == block[block.names[0]], np.bool_)
        summary.weight += float(w.sum()) if len(w) else block.n_rows
        summary.hits += float(w[hit].sum()) if len(w) else int(hit.sum())

    def merge(self, into: HitSums, other: HitSums) -> None:
        into.weight += other.weight
        into.hits += other.hits

    def result(self, summary: HitSums) -> HitSums:
        """A copy of the sums."""
        return HitSums(summary.weight, summary.hits)

    def smooth(self, summary: HitSums) -> dict[str, Any]:
        return {"accuracy": share_of(summary)}


def accuracy_score(
    y_true: Any, y_pred: Any, *, normalize: bool = True, sample_weight: Any = None,
    standard_error: bool = False,
) -> Any:  # fmt: skip
    """Share of the rows whose label is predicted rightly, in one pass.

    Parameters
    ----------
    y_true, y_pred : array or Dataset, of shape (n_samples,)
        Datasets of one identity are read together.
    normalize : bool, default=True
        Whether to return the share instead of the number (the weight) of such rows.
    sample_weight : array of shape (n_samples,) or Dataset of the same rows, optional
    standard_error : bool, default=False
        Whether to tell how far off the share can be as an estimate for other rows.

    Returns
    -------
    float; with `standard_error` an `Estimate`

    Raises
    ------
    MismatchedRows
        When the two do not belong together.
    BadInput
        For the standard error of a number of rows, which is no share.

    Notes
    -----
    Cost: 1 pass; no predictions are held. Exactness: exact, with weights up to rounding.

    Examples
    --------
    >>> from onebox.metrics import accuracy_score
    >>> accuracy_score(["a", "b", "b", "a"], ["a", "b", "a", "a"])
    0.75
    """
    pairs = Pairs.of(y_true, y_pred, sample_weight, labels=True)
    if standard_error:
        if not normalize:
            raise BadInput(
                "accuracy_score(normalize=False) counts rows; a standard error is that of the "
                "share. Leave normalize=True."
            )
        return pairs.estimate(Accuracy(), "accuracy", share_of)
    sums = pairs.measure(Accuracy())
    return share_of(sums) if normalize else float(sums.hits)


def share_of(sums: HitSums) -> float:
    """Accuracy; NaN when no row counts."""
    return float(sums.hits / sums.weight) if sums.weight else float("nan")


def confusion_matrix(
    y_true: Any, y_pred: Any, *, labels: Any = None, sample_weight: Any = None,
    normalize: str | None = None,
) -> NDArray[Any]:  # fmt: skip
    """Count the rows of every true label by predicted label, in one pass.

    Parameters
    ----------
    y_true, y_pred : array or Dataset, of shape (n_samples,)
        Datasets of one identity are read together. Up to 1,000 different labels.
    labels : array of shape (n_classes,), optional
        The labels to show, in this order; all that occur, ascending, when None.
    sample_weight : array of shape (n_samples,) or Dataset of the same rows, optional
    normalize : {"true", "pred", "all"} or None, default=None
        Divide by the sums of rows, of columns, or of all.

    Returns
    -------
    ndarray of shape (n_classes, n_classes)
        Rows are true labels, columns predicted ones; integers unless weighted or normalised.

    Raises
    ------
    MismatchedRows
        When the two do not belong together.
    BadInput
        When none of `labels` occurs in `y_true`.

    Notes
    -----
    Cost: 1 pass; no predictions are held. Exactness: exact, with weights up to rounding.

    Examples
    --------
    >>> from onebox.metrics import confusion_matrix
    >>> confusion_matrix(["a", "b", "b", "a"], ["a", "b", "a", "a"])
    array([[2, 0],
           [1, 1]])
    """
    if normalize not in (None, "true", "pred", "all"):
        raise BadInput(f"normalize={normalize!r} must be 'true', 'pred', 'all' or None.")
    sums = Pairs.of(y_true, y_pred, sample_weight, labels=True).measure(Confusion())
    matrix = sums.weights if labels is None else _selected(sums, np.asarray(labels))
    if normalize is not None:
        axis = {"true": 1, "pred": 0, "all": None}[normalize]
        total = matrix.sum(axis=axis, keepdims=True)
        return np.asarray(np.divide(matrix, total, where=total > 0, out=np.zeros_like(matrix)))
    return matrix if sample_weight is not None else matrix.astype(np.int64)


def _selected(sums: ConfusionSums, labels: Labels) -> Float64:
    """The matrix for these labels, zero for those that do not occur."""
    at = {label: i for i, label in enumerate(sums.labels.tolist())}
    where = [at.get(label, -1) for label in labels.tolist()]
    if not any(i >= 0 and sums.weights[i].any() for i in where):
        raise BadInput(
            f"labels={labels.tolist()}: At least one label specified must be in y_true, which has "
            f"{sums.labels.tolist()[:10]}."
        )
    padded = np.pad(sums.weights, (0, 1))
    return np.asarray(padded[np.ix_(where, where)])


def _moved(labels: Labels, own: Labels, codes: Codes) -> NDArray[np.int64]:
    """Positions among all labels, from those among one's own."""
    return np.asarray(np.searchsorted(labels, own)[codes], np.int64)
