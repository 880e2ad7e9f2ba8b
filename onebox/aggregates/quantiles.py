"""Quantiles of numeric columns from counts in logarithmic buckets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from onebox._kernels import octaves
from onebox.aggregates.aggregate import Aggregate, OwnError
from onebox.aggregates.results import ColumnResult
from onebox.aggregates.selection import ColumnNames, as_names, chosen_columns
from onebox.data.block import Block
from onebox.data.schema import Schema, is_numeric
from onebox.errors import BadInput

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]

SIGNED = octaves.BUCKETS // 2
BIAS = 1023


@dataclass
class QuantilesSummary:
    """Counts of the values seen, as onebox._kernels.octaves keeps them."""

    names: tuple[str, ...]
    slots: NDArray[np.uint8]  # (columns, 2048): where the octave of each exponent is counted
    counts: Int64  # (octaves of all columns, 128); of narrow columns one number after the other
    first: Int64  # (columns + 1,): whose counts these are
    totals: Int64  # (columns, 5): zero, NaN, -inf, inf; slots in use
    extremes: Float64  # (columns, 2)
    kinds: NDArray[np.uint8]  # (columns,): what was seen, and how it is therefore counted


@dataclass(frozen=True, repr=False, eq=False)
class QuantilesResult(ColumnResult):
    """Quantiles, one row a column.

    Attributes
    ----------
    names : tuple of str
    q : ndarray of float64
        The ranks that were asked for, from 0 to 1.
    values : ndarray of float64 of shape (columns, len(q))
        NaN for a column without values.
    """

    q: Float64
    values: Float64

    def _series(self) -> Iterator[tuple[str, Any]]:
        for q, column in zip(self.q, self.values.T, strict=True):
            yield f"{q:g}", column


@dataclass(frozen=True)
class Quantiles(Aggregate[QuantilesSummary]):
    """Quantiles of numeric columns, with a bound on their relative error.

    Values are counted in buckets that are 1/64 wide relative to their lower end; a quantile is
    looked up in the counts and interpolated within its bucket. Missing values are left out;
    infinities stand at the ends.

    Parameters
    ----------
    q : float or tuple of float, default=(0.5,)
        Ranks from 0 to 1.
    columns : str or tuple of str, default=None
        The columns to look at; None for every numeric one.
    octaves : int, default=64
        How many powers of two are told apart in a column: the highest ones that occur in it. Values
        below them count as zero. Fewer take less memory.

    Notes
    -----
    Cost: 1 pass; summary 2 kB a column, and 1 kB for every power of two that occurs, at most
    `octaves`.

    Exactness: exact for columns of whole numbers that span fewer than ``128 * octaves`` (no more
    than 8,192), and for q = 0 and 1. Otherwise a quantile is off by at most 1/64 of itself, by far
    less where values are spread evenly within a bucket. It is the same for any order of the rows
    and any split. Between two rows it is interpolated linearly, as ``numpy.quantile`` does. Rows
    count once, whatever weights they carry.

    Source: the buckets of Masson, Rim & Lee, "DDSketch", VLDB 12 (2019), taken from the bits of the
    floats instead of a logarithm.

    Examples
    --------
    >>> import numpy as np, onebox as ob
    >>> from onebox.aggregates import Quantiles
    >>> ob.aggregate(np.arange(101.0), Quantiles([0.25, 0.5, 1])).values
    array([[ 25.,  50., 100.]])
    """

    q: float | tuple[float, ...] = (0.5,)
    columns: ColumnNames = None
    octaves: int = 64

    grouped: ClassVar[bool] = False

    def __post_init__(self) -> None:
        q = tuple(float(q) for q in np.atleast_1d(np.asarray(self.q, float)))
        if not all(0 <= one <= 1 for one in q):
            raise BadInput(f"q={q} has ranks outside 0 to 1; the median is 0.5.")
        if not 1 <= self.octaves <= octaves.MAX_SLOTS:
            raise BadInput(f"octaves={self.octaves} must lie in 1 to {octaves.MAX_SLOTS}.")
        object.__setattr__(self, "q", q)
        object.__setattr__(self, "columns", as_names(self.columns))

    def reads(self, schema: Schema) -> tuple[str, ...]:
        return chosen_columns(schema, self.columns, is_numeric, "Quantiles")

    def _first(self, schema: Schema) -> Int64:
        kinds = dict(zip(schema.columns.names, schema.columns.types, strict=True))
        widths = [min(self.octaves, _octaves_of(kinds[name])) for name in self.reads(schema)]
        return np.cumsum([0, *widths], dtype=np.int64)

    def empty(self, schema: Schema) -> QuantilesSummary:
        names, first = self.reads(schema), self._first(schema)
        slots = np.empty((len(names), octaves.EXPONENTS), np.uint8)
        extremes = np.empty((len(names), 2))
        octaves.start(slots, extremes)
        # Zeros from the system's page of zeros: octaves that never occur take no memory.
        counts = np.zeros((first[-1], octaves.BUCKETS), np.int64)
        totals = np.zeros((len(names), octaves.N_TOTALS), np.int64)
        kinds = np.full(len(names), octaves.NARROW, np.uint8)
        return QuantilesSummary(names, slots, counts, first, totals, extremes, kinds)

    def nbytes(self, schema: Schema) -> int:
        first = self._first(schema)
        a_column = octaves.EXPONENTS + 8 * octaves.N_TOTALS + 16 + 1 + 8
        return int(8 * octaves.BUCKETS * first[-1] + a_column * (len(first) - 1) + 8)

    def work_nbytes(self, schema: Schema, n_rows: int) -> int:
        return schema.dtype.itemsize * n_rows * len(self.reads(schema))

    def update(self, summary: QuantilesSummary, block: Block) -> None:
        at = 0
        for numbers in block.numbers(summary.names):
            to = at + len(numbers)
            octaves.count(
                numbers, summary.slots[at:to], summary.counts, summary.first[at : to + 1],
                summary.totals[at:to], summary.extremes[at:to], summary.kinds[at:to],
            )  # fmt: skip
            at = to

    def merge(self, into: QuantilesSummary, other: QuantilesSummary) -> None:
        octaves.merge(
            into.slots, into.counts, into.first, into.totals, into.extremes, into.kinds,
            other.slots, other.counts, other.totals, other.extremes, other.kinds,
        )  # fmt: skip

    def result(self, summary: QuantilesSummary) -> QuantilesResult:
        q = np.array(self.q)
        values = [Buckets(summary, j).quantiles(q) for j in range(len(summary.names))]
        return QuantilesResult(summary.names, q, np.array(values).reshape(-1, len(q)))

    def own_errors(
        self, summary: QuantilesSummary, effect: Callable[[str], float]
    ) -> dict[str, OwnError]:
        """Woodruff's: the error of a share of rows, read off where the quantiles of it lie.

        Source: Woodruff, "Confidence intervals for medians and other position measures", JASA 47
        (1952), with the design effect of the column's mean for that of the share.
        """
        q, z = np.array(self.q), 1.96
        errors = np.empty((len(summary.names), len(q)))
        for j, name in enumerate(summary.names):
            buckets = Buckets(summary, j)
            n = max(int(buckets.counts.sum()), 1)
            reach = z * np.sqrt(q * (1 - q) / n * effect(name))
            ends = buckets.quantiles(np.clip(np.concatenate([q - reach, q + reach]), 0, 1))
            with np.errstate(invalid="ignore"):
                errors[j] = (ends[len(q) :] - ends[: len(q)]) / (2 * z)
        errors[:, (q == 0) | (q == 1)] = np.nan  # extremes have none
        values = self.result(summary).values
        return {
            f"{one:g}": OwnError(values[:, i], errors[:, i], summary.names)
            for i, one in enumerate(q)
        }


class Buckets:
    """The buckets of one column that may hold values, in ascending order.

    For those who want more of a summary than quantiles: how many values lie between given edges.

    Parameters
    ----------
    summary : QuantilesSummary
    column : int
        Position of the column in the summary.

    Attributes
    ----------
    exact : bool
        Whether every bucket is one number: whole numbers in a narrow window.
    whole : bool
        Whether the values are whole numbers in buckets of several.
    """

    def __init__(self, summary: QuantilesSummary, column: int) -> None:
        first = summary.first[column : column + 2]
        counts = summary.counts[first[0] : first[1]]
        self.extremes = summary.extremes[column] + 0.0  # which zero came last tells nothing
        self.whole = bool(summary.kinds[column] == octaves.WHOLE)
        self.exact = bool(summary.kinds[column] == octaves.NARROW)
        if self.exact:
            self._one_by_one(counts)
        else:
            self._by_octave(counts, summary.slots[column], summary.totals[column])
        self.ends = np.cumsum(self.counts)

    def _one_by_one(self, counts: Int64) -> None:
        low, high = self.extremes if self.extremes[0] <= self.extremes[1] else (0, -1)
        numbers = np.arange(int(low), int(high) + 1)
        self.counts = counts.ravel()[numbers & (octaves.window_width(len(counts)) - 1)]
        self.low = self.high = numbers / 2

    def _by_octave(self, counts: Int64, slots: NDArray[np.uint8], totals: Int64) -> None:
        exponents = np.flatnonzero((slots > 0) & (slots <= len(counts)))
        counts = counts[slots[exponents].astype(np.int64) - 1]
        # The largest double has no upper neighbour: halves do not overflow.
        half = np.ldexp(0.5, exponents - BIAS)[:, None]
        steps = np.arange(SIGNED + 1) / SIGNED
        inner, outer = half * (1 + steps[:-1]), half * (1 + steps[1:])
        inner, outer = inner.ravel(), outer.ravel()
        zero, _, below, above, _ = totals[:, None]
        plus, minus = counts[:, :SIGNED].ravel(), counts[:, SIGNED:].ravel()
        infinity = np.array([np.inf])
        self.counts = np.concatenate([below, minus[::-1], zero, plus, above])
        self.low = np.concatenate([-infinity, -outer[::-1], [0], inner, infinity])
        self.high = np.concatenate([-infinity, -inner[::-1], [0], outer, infinity])

    def quantiles(self, q: Float64) -> Float64:
        """Values at the ranks q, interpolated between rows as numpy does."""
        n = int(self.counts.sum())
        if not n:
            return np.full(len(q), np.nan)
        rank = q * (n - 1)
        before = np.floor(rank).astype(np.int64)
        low, high = self._value_at(before), self._value_at(np.minimum(before + 1, n - 1))
        part = rank - before
        with np.errstate(invalid="ignore"):
            # Not low + part * (high - low): between infinities that is NaN.
            between = np.where(part > 0, low * (1 - part) + high * part, low)
        return np.where(low == high, low, between)

    def counts_between(self, edges: Float64) -> Int64:
        """How many finite values lie between ascending edges, of which the outer may be infinite.

        A value on an edge belongs to the interval on its right. Within a bucket values are taken to
        be spread evenly, so that an edge is off by 1/64 of itself at the most; where buckets are
        single numbers, counts are exact.
        """
        below = np.rint(self._counts_below(edges)).astype(np.int64)
        return np.asarray(below[1:] - below[:-1])

    def _counts_below(self, edges: Float64) -> Float64:
        """Finite values less than each edge, as if spread evenly within their buckets."""
        if not len(self.low):
            return np.zeros(len(edges))
        at = np.searchsorted(self.low, edges / 2) - 1  # the last bucket that begins below it
        bucket = np.maximum(at, 0)
        low, high, count = self.low[bucket], self.high[bucket], self.counts[bucket]
        # A bucket of the least or the greatest value reaches no farther than they do.
        least, greatest = self.extremes / 2
        start, stop = np.maximum(low, least), np.minimum(high, greatest)
        with np.errstate(invalid="ignore", divide="ignore"):
            part = np.where(stop > start, (edges / 2 - start) / (stop - start), edges / 2 > start)
            if self.whole:
                first, last = self._whole_ends(2 * low, 2 * high)
                reached = (np.ceil(edges) - first) / np.maximum(last - first + 1, 1)
                part = np.where(low < high, reached, part)
        infinite = self.counts[0] if np.isneginf(self.low[0]) else 0
        below = self.ends[bucket] - count - infinite + count * np.clip(part, 0, 1)
        return np.where((at >= 0) & np.isfinite(low), below, 0)

    def _value_at(self, position: Int64) -> Float64:
        """The value of rows counted from the smallest."""
        bucket = np.searchsorted(self.ends, position, side="right")
        count = self.counts[bucket]
        share = (position - (self.ends[bucket] - count) + 0.5) / count
        low, high = self.low[bucket], self.high[bucket]
        with np.errstate(invalid="ignore", over="ignore"):
            value = np.where(np.isinf(low), low, 2 * (low + share * (high - low)))
        if self.whole:
            value = self._whole(value, 2 * low, 2 * high, share)
        least, greatest = self.extremes
        at_end = position == self.ends[-1] - 1
        return np.where(
            at_end, greatest, np.where(position == 0, least, np.clip(value, least, greatest))
        )

    def _whole(self, value: Float64, low: Float64, high: Float64, share: Float64) -> Float64:
        """Move to a whole number of the bucket: there is no other value in the column."""
        with np.errstate(invalid="ignore"):
            first, last = self._whole_ends(low, high)
            whole = np.minimum(first + np.floor(share * (last - first + 1)), last)
        return np.where((value == 0) | np.isinf(value), value, whole)

    @staticmethod
    def _whole_ends(low: Float64, high: Float64) -> tuple[Float64, Float64]:
        """The least and the greatest whole number of buckets, which hold the end nearer to zero."""
        first = np.where(low < 0, np.floor(low) + 1, np.ceil(low))
        return first, np.where(high > 0, np.ceil(high) - 1, np.floor(high))


def _octaves_of(kind: pa.DataType) -> int:
    """As many as leave room for every number of a narrow type, or as there can be."""
    if pa.types.is_null(kind):
        return 0
    if pa.types.is_boolean(kind):
        return 1
    return 8 if kind in (pa.int8(), pa.uint8()) else octaves.MAX_SLOTS
