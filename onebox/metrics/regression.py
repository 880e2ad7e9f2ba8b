"""How far predictions of numbers are off: mean squared error and r2, in one pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from onebox._kernels import gram
from onebox.aggregates.aggregate import Aggregate
from onebox.data.block import Block
from onebox.data.schema import Schema

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
class SquaredErrors(Aggregate[ErrorSums]):
    """Squared differences between the target and predictions, which stand in the place of X."""

    refuses_missing: ClassVar[bool] = True

    def empty(self, schema: Schema) -> ErrorSums:
        q = schema.n_features
        return ErrorSums(0, 0.0, np.zeros(q), np.zeros(q), np.zeros(q))

    def nbytes(self, schema: Schema) -> int:
        return 24 * schema.n_features + 16

    def work_nbytes(self, schema: Schema, n_rows: int) -> int:
        return 16 * n_rows * schema.n_features

    def update(self, summary: ErrorSums, block: Block) -> None:
        y, w = block.y_matrix, block.weight
        mean = np.zeros(y.shape[1])
        weight = gram.column_means(y, w, mean)
        weights = w if len(w) else np.ones(len(y))
        squares = weights @ (y - block.finite_X) ** 2
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
        """``1 - squares / spread``; for a constant target 1 when it is hit exactly, else 0."""
        with np.errstate(divide="ignore", invalid="ignore"):
            r2 = 1 - self.squares / self.spread
        if force_finite:
            constant = self.spread == 0
            r2 = np.where(constant, np.where(self.squares == 0, 1.0, 0.0), r2)
        return np.asarray(r2)
