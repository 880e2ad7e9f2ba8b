"""How far predictions of numbers are off: mean squared error and r2, in one pass."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import UndefinedMetricWarning

from onebox._kernels import gram
from onebox.aggregates.aggregate import Aggregate
from onebox.data.block import Block
from onebox.data.schema import Schema
from onebox.errors import BadInput
from onebox.metrics.pairing import Pairs

Float64 = NDArray[np.float64]


@dataclass
class ErrorSums:
    """Sums over the rows seen, one entry a target."""

    n_rows: int
    weight: float
    squares: Float64  # sum(w (y - predicted)²)
    mean: Float64  # of y
    spread: Float64  # sum(w (y - mean)²)


@dataclass(frozen=True)
class SquaredErrorsResult:
    """Squared errors, one entry a target.

    Attributes
    ----------
    n_rows : int
    weight : float
    squares : ndarray
        ``sum(w (y - predicted)²)``.
    spread : ndarray
        ``sum(w (y - mean)²)``.
    """

    n_rows: int
    weight: float
    squares: Float64
    spread: Float64

    def mean(self) -> Float64:
        """Mean squared error."""
        return np.asarray(self.squares / self.weight)

    def r2(self, force_finite: bool = True) -> Float64:
        """``1 - squares / spread``; of a constant target 1 where it is hit exactly, else 0."""
        with np.errstate(divide="ignore", invalid="ignore"):
            r2 = 1 - self.squares / self.spread
        if force_finite:
            constant = self.spread == 0
            r2 = np.where(constant, np.where(self.squares == 0, 1.0, 0.0), r2)
        return np.asarray(r2)


@dataclass(frozen=True)
class SquaredErrors(Aggregate[ErrorSums]):
    """Squared differences between the target and predictions, which stand in the place of X.

    Parameters
    ----------
    swapped : bool, default=False
        Whether the target stands in the place of X, and predictions in its.

    Notes
    -----
    Cost: 1 pass; summary 24 bytes a target. Exactness: exact up to rounding.
    """

    swapped: bool = False
    refuses_missing: ClassVar[bool] = True

    def empty(self, schema: Schema) -> ErrorSums:
        q = schema.n_features
        return ErrorSums(0, 0.0, np.zeros(q), np.zeros(q), np.zeros(q))

    def nbytes(self, schema: Schema) -> int:
        return 24 * schema.n_features + 16

    def work_nbytes(self, schema: Schema, n_rows: int) -> int:
        return 32 * n_rows * schema.n_features

    def update(self, summary: ErrorSums, block: Block) -> None:
        y, predicted = block.y_matrix, block.finite_X.astype(np.float64, copy=False)
        if self.swapped:
            y, predicted = predicted, y
        w = block.weight
        mean = np.zeros(y.shape[1])
        weight = gram.column_means(y, w, mean)
        weights = w if len(w) else np.ones(len(y))
        squares = weights @ (y - predicted) ** 2
        spread = weights @ (y - mean) ** 2
        self.merge(summary, ErrorSums(len(y), weight, squares, mean, spread))

    def merge(self, into: ErrorSums, other: ErrorSums) -> None:
        into.n_rows += other.n_rows
        total = into.weight + other.weight
        if not total > 0:
            return
        difference = other.mean - into.mean
        into.squares += other.squares
        into.spread += other.spread + difference**2 * (into.weight * (other.weight / total))
        into.mean += difference * (other.weight / total)
        into.weight = total

    def result(self, summary: ErrorSums) -> SquaredErrorsResult:
        return SquaredErrorsResult(
            summary.n_rows, summary.weight, summary.squares.copy(), summary.spread.copy()
        )

    def smooth(self, summary: ErrorSums) -> dict[str, Any]:
        result = self.result(summary)
        return {"mean_squared_error": result.mean(), "r2": result.r2()}


def mean_squared_error(
    y_true: Any, y_pred: Any, *, sample_weight: Any = None, multioutput: Any = "uniform_average",
    standard_error: bool = False,
) -> Any:  # fmt: skip
    """Mean of the squared differences, in one pass.

    Parameters
    ----------
    y_true, y_pred : array or Dataset, of shape (n_samples,) or (n_samples, n_targets)
        Datasets of one identity are read together.
    sample_weight : array of shape (n_samples,) or Dataset of the same rows, optional
    multioutput : {"raw_values", "uniform_average"} or array of shape (n_targets,)
        One number a target, their mean, or their mean with these weights.
    standard_error : bool, default=False
        Whether to tell how far off it can be as an estimate for other rows.

    Returns
    -------
    float or ndarray of shape (n_targets,); with `standard_error` an `Estimate`

    Raises
    ------
    MismatchedRows
        When the two do not belong together.

    Notes
    -----
    Cost: 1 pass; no predictions are held. Exactness: exact up to rounding.

    Examples
    --------
    >>> from onebox.metrics import mean_squared_error
    >>> mean_squared_error([3, -0.5, 2, 7], [2.5, 0.0, 2, 8])
    0.375
    """
    pairs = Pairs.of(y_true, y_pred, sample_weight)

    def answer(errors: SquaredErrorsResult) -> Any:
        return averaged(errors.mean(), multioutput)

    if standard_error:
        return pairs.estimate(SquaredErrors(), "mean_squared_error", answer)
    return answer(pairs.measure(SquaredErrors()))


def r2_score(
    y_true: Any, y_pred: Any, *, sample_weight: Any = None, multioutput: Any = "uniform_average",
    force_finite: bool = True, standard_error: bool = False,
) -> Any:  # fmt: skip
    """Share of the variance that predictions explain, in one pass.

    Parameters
    ----------
    y_true, y_pred : array or Dataset, of shape (n_samples,) or (n_samples, n_targets)
        Datasets of one identity are read together.
    sample_weight : array of shape (n_samples,) or Dataset of the same rows, optional
    multioutput : {"raw_values", "uniform_average", "variance_weighted"} or array
        One number a target, their mean, their mean weighted with the targets' variances, or with
        the weights given. None stands for "uniform_average".
    force_finite : bool, default=True
        Whether a constant target scores 1 when it is hit exactly and else 0, instead of NaN and
        minus infinity.
    standard_error : bool, default=False
        Whether to tell how far off it can be as an estimate for other rows.

    Returns
    -------
    float or ndarray of shape (n_targets,); with `standard_error` an `Estimate`

    Raises
    ------
    MismatchedRows
        When the two do not belong together.

    Notes
    -----
    Cost: 1 pass; no predictions are held. Exactness: exact up to rounding.

    Examples
    --------
    >>> from onebox.metrics import r2_score
    >>> round(r2_score([3, -0.5, 2, 7], [2.5, 0.0, 2, 8]), 6)
    0.948608
    """
    pairs = Pairs.of(y_true, y_pred, sample_weight)

    def answer(errors: SquaredErrorsResult) -> Any:
        return r2_of(errors, multioutput, force_finite)

    if standard_error:
        return pairs.estimate(SquaredErrors(), "r2", answer)
    return answer(pairs.measure(SquaredErrors()))


def r2_of(errors: SquaredErrorsResult, multioutput: Any = None, force_finite: bool = True) -> Any:
    """r2 from squared errors; NaN and a warning for fewer than two rows."""
    if errors.n_rows < 2:
        message = "R^2 score is not well-defined with less than two samples."
        warnings.warn(message, UndefinedMetricWarning, stacklevel=3)
        return float("nan")
    r2 = errors.r2(force_finite)
    if isinstance(multioutput, str) and multioutput == "variance_weighted":
        constant = not errors.spread.any()
        return averaged(r2, "uniform_average" if constant else errors.spread)
    return averaged(r2, multioutput)


def averaged(scores: Float64, multioutput: Any) -> Any:
    """One number a target, or their mean."""
    if multioutput is None:
        return float(scores.mean())
    if isinstance(multioutput, str):
        if multioutput == "raw_values":
            return scores
        if multioutput == "uniform_average":
            return float(scores.mean())
        raise BadInput(
            f"multioutput={multioutput!r} must be 'raw_values', 'uniform_average' or weights, for "
            "r2_score also 'variance_weighted'."
        )
    weights = np.asarray(multioutput, dtype=np.float64)
    if weights.shape != scores.shape:
        raise BadInput(
            f"multioutput gives {weights.size} weights for {scores.size} targets; give one a "
            "target."
        )
    return float(np.average(scores, weights=weights))
