"""Counts in equal bins between two given ends."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from onebox._kernels import histogram
from onebox.aggregates.aggregate import Aggregate
from onebox.aggregates.results import ColumnResult, text_table
from onebox.aggregates.selection import ColumnNames, as_names, chosen_columns
from onebox.data.block import Block
from onebox.data.schema import Schema, is_numeric
from onebox.errors import BadInput

Int64 = NDArray[np.int64]


@dataclass
class HistogramSummary:
    """Counts of the values seen."""

    names: tuple[str, ...]
    counts: Int64  # (columns, bins)
    outside: Int64  # (columns, 3): below, above, missing


@dataclass(frozen=True, repr=False, eq=False)
class HistogramResult(ColumnResult):
    """Counts in bins, one row a column.

    Attributes
    ----------
    names : tuple of str
    counts : ndarray of int64 of shape (columns, bins)
    edges : ndarray of float64 of shape (bins + 1,)
        The same for every column.
    below, above : ndarray of int64
        Values under the first and over the last edge, infinities among them.
    missing : ndarray of int64
        Nulls and NaN.
    """

    counts: Int64
    edges: NDArray[np.float64]
    below: Int64
    above: Int64
    missing: Int64

    def to_arrow(self) -> pa.Table:
        """One row a bin and column; the first and last of a column are what lies outside."""
        n_bins = self.counts.shape[1]
        low = np.concatenate([[-np.inf], self.edges])
        high = np.concatenate([self.edges, [np.inf]])
        counts = np.column_stack([self.below, self.counts, self.above])
        return pa.table(
            {
                "column": pa.array(
                    np.repeat(np.array(self.names, object), n_bins + 2), pa.string()
                ),
                "low": np.tile(low, len(self.names)),
                "high": np.tile(high, len(self.names)),
                "count": counts.ravel(),
            }
        )

    def __repr__(self) -> str:
        titles = [f"[{low:.6g}, {high:.6g})" for low, high in pairwise(self.edges)]
        titles[-1] = titles[-1][:-1] + "]"
        bins: list[tuple[str, Any]] = list(zip(titles, self.counts.T, strict=True))
        outside: list[tuple[str, Any]] = [("above", self.above), ("missing", self.missing)]
        return text_table([("", self.names), ("below", self.below), *bins, *outside])


@dataclass(frozen=True)
class Histogram(Aggregate[HistogramSummary]):
    """Counts of numeric values in equal bins, as ``numpy.histogram`` with an explicit range.

    Every bin contains its lower edge, the last one its upper edge too. Values outside are counted
    beside the bins.

    Parameters
    ----------
    bins : int, default=10
    range : tuple of two floats, default=(0.0, 1.0)
        The outer edges. They have to be known before the pass; `Moments` finds extremes in one.
    columns : str or tuple of str, default=None
        The columns to look at; None for every numeric one.

    Notes
    -----
    Cost: 1 pass; summary 8 bytes a bin and column.

    Exactness: exact, with numpy's edges to the last bit. Rows count once, whatever weights they
    carry.

    Examples
    --------
    >>> import numpy as np, onebox as ob
    >>> from onebox.aggregates import Histogram
    >>> histogram = ob.aggregate(np.array([0.0, 1.0, 2.5, 4.0, 9.0]), Histogram(2, range=(0, 4)))
    >>> histogram.counts, histogram.above
    (array([[2, 2]]), array([1]))
    """

    bins: int = 10
    range: tuple[float, float] = (0.0, 1.0)
    columns: ColumnNames = None

    def __post_init__(self) -> None:
        low, high = map(float, self.range)
        if not low < high or not math.isfinite(high - low):
            raise BadInput(
                f"range=({low:g}, {high:g}) is no range to put bins in; give two finite numbers, "
                "the smaller one first."
            )
        if self.bins < 1:
            raise BadInput(f"bins={self.bins} must be 1 or more.")
        object.__setattr__(self, "range", (low, high))
        object.__setattr__(self, "columns", as_names(self.columns))

    def reads(self, schema: Schema) -> tuple[str, ...]:
        return chosen_columns(schema, self.columns, is_numeric, "Histogram")

    def empty(self, schema: Schema) -> HistogramSummary:
        names = self.reads(schema)
        counts = np.zeros((len(names), self.bins), np.int64)
        return HistogramSummary(names, counts, np.zeros((len(names), 3), np.int64))

    def nbytes(self, schema: Schema) -> int:
        return 8 * (self.bins + 3) * len(self.reads(schema))

    def work_nbytes(self, schema: Schema, n_rows: int) -> int:
        return schema.dtype.itemsize * n_rows * len(self.reads(schema))

    def update(self, summary: HistogramSummary, block: Block) -> None:
        own = zip(summary.counts, summary.outside, strict=True)
        for numbers in block.numbers(summary.names):
            for values in numbers:
                histogram.count_uniform(values, *self.range, *next(own))

    def merge(self, into: HistogramSummary, other: HistogramSummary) -> None:
        into.counts += other.counts
        into.outside += other.outside

    def result(self, summary: HistogramSummary) -> HistogramResult:
        below, above, missing = summary.outside.T.copy()
        edges = np.linspace(*self.range, self.bins + 1)
        return HistogramResult(summary.names, summary.counts.copy(), edges, below, above, missing)

    def smooth(self, summary: HistogramSummary) -> dict[str, Any]:
        """The share of the values in each bin, of all that are not missing."""
        total = summary.counts.sum(axis=1) + summary.outside[:, :2].sum(axis=1)
        with np.errstate(invalid="ignore"):
            return {"share": summary.counts / total[:, None]}
