"""How numeric columns go together: correlations within a sample of the rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from onebox.aggregates.aggregate import Aggregate
from onebox.aggregates.selection import ColumnNames, as_names, chosen_columns
from onebox.data.block import Block
from onebox.data.schema import Schema, is_numeric
from onebox.data.steps import draw_hashes

Float64 = NDArray[np.float64]

# As many as tell 0.1 from 0.15; every unit in flight holds such a sample.
SAMPLE_ROWS = 3_000
SAMPLE_BYTES = 4 * 2**20
SLACK = 8  # one row more for so many, before those with the greatest draws are let go
SHOWN = 200
AT_ONCE = 100  # columns that are held against all others at a time


@dataclass
class NumberSampleSummary:
    """Rows that may be in the sample, with their draws; zeros behind the first `size`."""

    names: tuple[str, ...]
    draws: NDArray[np.uint64]  # (rows,)
    values: Float64  # (columns, rows)
    size: int = 0
    limit: int = 2**64 - 1  # no row with a greater draw can be in the sample


@dataclass(frozen=True)
class NumberSample(Aggregate[NumberSampleSummary]):
    """A uniform sample of the rows of numeric columns, as a (columns, rows) matrix.

    Drawn as `Sample` draws, without Arrow in between: in a scan that packs the numbers anyway it
    costs next to nothing.

    Parameters
    ----------
    n : int
        Rows of the sample; all there are when there are fewer.
    columns : str or tuple of str, default=None
        The columns to look at; None for every numeric one.
    among : int, default=None
        How many rows there are, when that is known: those whose draws are too high to be among the
        n lowest are then passed over from the first row on. Where rows turn out to be fewer, so is
        the sample.

    Notes
    -----
    Cost: 1 pass; summary 1.125 n rows of float64.

    Exactness: exact; the same rows for any order of reading and any split. Missing values are NaN.

    Examples
    --------
    >>> import numpy as np, onebox as ob
    >>> from onebox.describe.correlations import NumberSample
    >>> ob.aggregate(np.arange(1000), NumberSample(3))
    array([[ 79., 868., 253.]])
    """

    n: int
    columns: ColumnNames = None
    among: int | None = None

    grouped: ClassVar[bool] = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "columns", as_names(self.columns))

    def reads(self, schema: Schema) -> tuple[str, ...]:
        return chosen_columns(schema, self.columns, is_numeric, "NumberSample")

    @property
    def _capacity(self) -> int:
        return self.n + self.n // SLACK + 1

    def empty(self, schema: Schema) -> NumberSampleSummary:
        names = self.reads(schema)
        draws = np.zeros(self._capacity, np.uint64)
        # From the system's page of zeros: few rows take little memory.
        values = np.zeros((len(names), self._capacity))
        # More than n draws lie below this, but once in 10^20 times.
        share = (self.n + 10 * self.n**0.5) / max(self.among or 0, 1)
        limit = int(share * 2**64) if self.among and share < 1 else 2**64 - 1
        return NumberSampleSummary(names, draws, values, limit=limit)

    def nbytes(self, schema: Schema) -> int:
        return 8 * self._capacity * (len(self.reads(schema)) + 1) + 16

    def update(self, summary: NumberSampleSummary, block: Block) -> None:
        draws = draw_hashes(block, 0, purpose="describe")
        if (draws <= np.uint64(summary.limit)).any():
            self._add(summary, draws, block.numbers(summary.names))

    def merge(self, into: NumberSampleSummary, other: NumberSampleSummary) -> None:
        into.limit = min(into.limit, other.limit)
        self._add(into, other.draws[: other.size], [other.values[:, : other.size]])

    def _add(
        self,
        summary: NumberSampleSummary,
        draws: NDArray[np.uint64],
        matrices: list[NDArray[np.floating]],
    ) -> None:
        chosen = np.flatnonzero(draws <= np.uint64(summary.limit))
        while len(chosen):
            start = summary.size
            some = chosen[: self._capacity - start]
            stop = summary.size = start + len(some)
            summary.draws[start:stop] = draws[some]
            at = 0
            for matrix in matrices:
                summary.values[at : at + len(matrix), start:stop] = matrix.take(some, axis=1)
                at += len(matrix)
            chosen = chosen[len(some) :]
            if stop == self._capacity:
                self._let_go(summary)
                chosen = chosen[draws[chosen] <= np.uint64(summary.limit)]

    def _let_go(self, summary: NumberSampleSummary) -> None:
        """Keep the n lowest draws; what lies behind them moves into the gaps."""
        n, draws = self.n, summary.draws
        lowest = np.argpartition(draws, n - 1)[:n]
        keep = np.zeros(len(draws), np.bool_)
        keep[lowest] = True
        gaps, behind = np.flatnonzero(~keep[:n]), n + np.flatnonzero(keep[n:])
        draws[gaps], summary.values[:, gaps] = draws[behind], summary.values[:, behind]
        draws[n:], summary.values[:, n:] = 0, 0
        summary.size, summary.limit = n, int(draws[:n].max())

    def result(self, summary: NumberSampleSummary) -> Float64:
        lowest = np.argsort(summary.draws[: summary.size], kind="stable")[: self.n]
        return summary.values[:, lowest]


def sample_of(names: tuple[str, ...], among: int | None = None) -> NumberSample:
    """3,000 rows of some columns, fewer of many: some 4 MB."""
    row_bytes = 8 * (len(names) + 1) * (SLACK + 1) // SLACK
    return NumberSample(max(100, min(SAMPLE_ROWS, SAMPLE_BYTES // row_bytes)), names, among)


@dataclass(frozen=True, eq=False)
class Correlations:
    """Pearson correlations of numeric columns, from a sample of the rows.

    Attributes
    ----------
    names : tuple of str
        The columns that correlations are given of, in the order of the data.
    values : ndarray of float64 of shape (columns, columns)
        Over the rows in which both columns have a finite value; NaN where one is constant there.
    n_rows : int
        Rows of the sample.
    n_candidates : int
        Columns that vary within the sample; of more than 200, those with the strongest
        correlations are given.
    """

    names: tuple[str, ...]
    values: Float64
    n_rows: int
    n_candidates: int

    def strongest(self, k: int) -> list[tuple[str, str, float]]:
        """The pairs with the strongest correlations, strongest first."""
        rows, columns = np.tril_indices(len(self.names), -1)
        values = self.values[rows, columns]
        order = np.argsort(-np.abs(values), kind="stable")  # NaN last
        order = order[~np.isnan(values[order])][:k]
        return [(self.names[columns[i]], self.names[rows[i]], float(values[i])) for i in order]


def correlations_of(
    names: tuple[str, ...], sample: Float64, shown: int = SHOWN
) -> Correlations | None:
    """Correlate the columns of a (columns, rows) sample; None when fewer than two vary."""
    there = np.isfinite(sample)
    centred = _standardised(sample, there)
    varies = np.flatnonzero(np.abs(centred).max(axis=1, initial=0) > 0)
    n_candidates = len(varies)
    if n_candidates < 2:
        return None
    centred, there = centred[varies], there[varies]
    if n_candidates > shown:
        strongest = np.concatenate(
            [_strengths(centred, there, at) for at in range(0, n_candidates, AT_ONCE)]
        )
        chosen = np.sort(np.argsort(-strongest, kind="stable")[:shown])
        varies, centred, there = varies[chosen], centred[chosen], there[chosen]
    values = _pairwise(centred, there, centred, there)
    np.fill_diagonal(values, 1.0)
    return Correlations(tuple(names[j] for j in varies), values, sample.shape[1], n_candidates)


def _standardised(sample: Float64, there: NDArray[np.bool_]) -> Float64:
    """Columns of mean 0 and standard deviation 1, with 0 for what is missing or constant."""
    n = np.maximum(there.sum(axis=1, keepdims=True), 1)
    # Scaled before anything else: the largest doubles can neither be added up nor squared.
    scale = np.max(np.abs(sample), axis=1, keepdims=True, where=there, initial=0)
    values = np.where(there, sample, 0) / np.where(scale > 0, scale, 1)
    values -= np.where(there, values.sum(axis=1, keepdims=True) / n, values)
    spread = np.sqrt((values**2).sum(axis=1, keepdims=True) / n)
    # What remains of a constant column is rounding.
    return values / np.where(spread > 1e-14, spread, np.inf)


def _pairwise(
    x: Float64, x_there: NDArray[np.bool_], y: Float64, y_there: NDArray[np.bool_]
) -> Float64:
    """Correlations of the rows of x with those of y, each over what both have."""
    with np.errstate(divide="ignore", invalid="ignore"):
        if x_there.all() and y_there.all():
            return np.asarray((x @ y.T / x.shape[1]).clip(-1, 1))
        x_has, y_has = x_there.astype(np.float64), y_there.astype(np.float64)
        n = x_has @ y_has.T
        x_sum, y_sum = x @ y_has.T, x_has @ y.T
        x_spread = x**2 @ y_has.T - x_sum**2 / n
        y_spread = x_has @ (y**2).T - y_sum**2 / n
        known = (n > 2) & (x_spread > 1e-9 * n) & (y_spread > 1e-9 * n)
        values = (x @ y.T - x_sum * y_sum / n) / np.sqrt(x_spread * y_spread)
        return np.asarray(np.where(known, values.clip(-1, 1), np.nan))


def _strengths(centred: Float64, there: NDArray[np.bool_], at: int) -> Float64:
    """The strongest correlation of some columns with any other."""
    some = slice(at, at + AT_ONCE)
    values = np.abs(_pairwise(centred[some], there[some], centred, there))
    own = np.arange(len(values))
    values[own, at + own] = 0
    return np.asarray(np.nan_to_num(values).max(axis=1))
