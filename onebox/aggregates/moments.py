"""Count, mean, variance, skewness, kurtosis and extremes of every numeric column."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from onebox._kernels import moments
from onebox.aggregates.aggregate import Aggregate
from onebox.aggregates.results import ColumnResult
from onebox.aggregates.selection import ColumnNames, as_names, chosen_columns
from onebox.data.block import Block
from onebox.data.schema import Schema, is_numeric

Float64 = NDArray[np.float64]

SMOOTH = ("mean", "variance", "std", "skewness", "kurtosis")


@dataclass
class MomentsSummary:
    """Sums over the values seen."""

    names: tuple[str, ...]
    sums: Float64  # (columns, 11), as onebox._kernels.moments lays them out


@dataclass(frozen=True, repr=False, eq=False)
class MomentsResult(ColumnResult):
    """Moments of columns, one entry a column.

    Attributes
    ----------
    names : tuple of str
    count : ndarray
        Finite values: those that all below but `missing` and `infinite` are about. With weights,
        this and the next two are sums of weights.
    missing : ndarray
        Nulls and NaN.
    infinite : ndarray
    mean, variance, std : ndarray of float64
    skewness : ndarray of float64
        Third standardised moment, as ``scipy.stats.skew``; NaN for constant columns.
    kurtosis : ndarray of float64
        Fourth standardised moment less 3, as ``scipy.stats.kurtosis``; NaN for constant columns.
    min, max : ndarray of float64
        Extremes of the finite values.
    """

    count: NDArray[Any]
    missing: NDArray[Any]
    infinite: NDArray[Any]
    mean: Float64
    variance: Float64
    std: Float64
    skewness: Float64
    kurtosis: Float64
    min: Float64
    max: Float64


@dataclass(frozen=True)
class Moments(Aggregate[MomentsSummary]):
    """Count, missing, infinite, mean, variance, skewness, kurtosis, min and max of numeric columns.

    Missing and infinite values are counted and left out of everything else. Rows that carry weights
    count as often as their weight says.

    Parameters
    ----------
    columns : str or tuple of str, default=None
        The columns to look at; None for every numeric one.
    ddof : float, default=1
        The variance is divided by ``count - ddof``: 1 for the sample variance, as in pandas, 0 for
        the variance of the rows themselves, as in ``StandardScaler``.

    Raises
    ------
    WrongType
        For a column that was asked for and is not numeric.
    EmptyData
        When no column is numeric.

    Notes
    -----
    Cost: 1 pass; summary 88 bytes a column.

    Exactness: exact up to rounding, about 1e-15 relative for the mean and the variance at any
    offset (values are centred before they are squared). Integers beyond 2^53 and decimals are
    rounded to float64 first.

    Source: Pébay, "Formulas for robust, one-pass parallel computation of covariances and
    arbitrary-order statistical moments", Sandia report SAND2008-6212 (2008), section 2.

    Examples
    --------
    >>> import numpy as np, onebox as ob
    >>> from onebox.aggregates import Moments
    >>> X = np.array([[1.0, 10.0], [2.0, np.nan], [6.0, 30.0]])
    >>> moments = ob.aggregate(X, Moments())
    >>> moments.mean, moments.variance
    (array([ 3., 20.]), array([  7., 200.]))
    >>> moments.missing
    array([0, 1])
    """

    columns: ColumnNames = None
    ddof: float = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "columns", as_names(self.columns))

    def reads(self, schema: Schema) -> tuple[str, ...]:
        return chosen_columns(schema, self.columns, is_numeric, "Moments")

    def empty(self, schema: Schema) -> MomentsSummary:
        names = self.reads(schema)
        return MomentsSummary(names, empty_sums(len(names)))

    def nbytes(self, schema: Schema) -> int:
        return 8 * moments.WIDTH * len(self.reads(schema))

    def work_nbytes(self, schema: Schema, n_rows: int) -> int:
        return schema.dtype.itemsize * n_rows * len(self.reads(schema))

    def update(self, summary: MomentsSummary, block: Block) -> None:
        add_numbers(summary.sums, summary.names, block)

    def merge(self, into: MomentsSummary, other: MomentsSummary) -> None:
        moments.merge(into.sums, other.sums)

    def result(self, summary: MomentsSummary) -> MomentsResult:
        sums = summary.sums
        count, mean = sums[:, moments.COUNT], means(sums)
        with np.errstate(divide="ignore", invalid="ignore"):
            freedom = np.where(count > self.ddof, count - self.ddof, np.nan)
            variance = sums[:, moments.M2] / freedom
            spread = sums[:, moments.M2] / count
            # What remains of a constant column is rounding.
            spread = np.where(spread > (np.finfo(float).eps * mean) ** 2, spread, np.nan)
            skewness = sums[:, moments.M3] / count / spread**1.5
            kurtosis = sums[:, moments.M4] / count / spread**2 - 3
        infinite = sums[:, moments.N_POSINF] + sums[:, moments.N_NEGINF]
        return MomentsResult(
            names=summary.names,
            count=_whole(count),
            missing=_whole(sums[:, moments.N_NAN]),
            infinite=_whole(infinite),
            mean=mean,
            variance=variance,
            std=np.sqrt(variance),
            skewness=skewness,
            kurtosis=kurtosis,
            min=np.where(count > 0, sums[:, moments.MINIMUM], np.nan),
            max=np.where(count > 0, sums[:, moments.MAXIMUM], np.nan),
        )

    def smooth(self, summary: MomentsSummary) -> dict[str, Any]:
        result = self.result(summary)
        return {name: getattr(result, name) for name in SMOOTH}


def empty_sums(n_columns: int) -> Float64:
    """The sums of no values."""
    sums = np.zeros((n_columns, moments.WIDTH))
    sums[:, moments.MINIMUM], sums[:, moments.MAXIMUM] = np.inf, -np.inf
    return sums


def add_numbers(sums: Float64, names: tuple[str, ...], block: Block) -> None:
    """Add the values of numeric columns to their sums, with the weights that the rows carry."""
    weight, at = block.weight, 0
    for numbers in block.numbers(names):
        into = sums[at : at + len(numbers)]
        if len(weight):
            moments.update_weighted_columns(numbers, weight, into)
        else:
            moments.update_columns(numbers, into)
        at += len(numbers)


def means(sums: Float64) -> Float64:
    """Means of the columns, NaN for those without a finite value."""
    mean = sums[:, moments.MEAN] + sums[:, moments.MEAN_REST]
    return np.where(sums[:, moments.COUNT] > 0, mean, np.nan)


def _whole(counts: Float64) -> NDArray[Any]:
    """Counts as integers where they are: without weights, or with whole ones."""
    whole = counts.astype(np.int64)
    return whole if np.array_equal(whole, counts) else counts.copy()
