"""The shape of a numeric column: a histogram over round edges, tails told apart."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from onebox.aggregates.quantiles import Buckets

Float64 = NDArray[np.float64]

BINS = 30  # about as many
ENDS = (0.005, 0.995)  # ranks of the values between which long tails are cut off
LONG_TAIL = 1.0  # times the distance of those values: a tail that reaches farther is cut off
BUCKET_SHARE = 64  # a bucket is at most 1/64 as wide as its values are large
COARSE = 2  # bins to a bucket: from then on a shape is that of the buckets
LUMP = 0.6  # of the values in one bin: if they are positive, their logarithms tell more


@dataclass(frozen=True)
class Histogram:
    """Counts between edges.

    Attributes
    ----------
    edges : tuple of float
        Ends of the bins; one more than there are bins.
    counts : tuple of int
    below, above : int
        Finite values in the tails, outside of the edges.
    whole : bool
        Whether values are whole numbers: then edges lie halfway between two of them.
    logarithmic : bool
        Whether bins are as wide as their values are large.
    sampled : int
        Rows of the sample that was counted instead of all; 0 when all were.
    """

    edges: tuple[float, ...]
    counts: tuple[int, ...]
    below: int
    above: int
    whole: bool = False
    logarithmic: bool = False
    sampled: int = 0

    def place(self, value: float) -> float:
        """Where a value lies between the first edge, 0, and the last, 1."""
        first, last = self.edges[0], self.edges[-1]
        value = min(max(value, first), last)
        if self.logarithmic:
            return math.log(value / first) / math.log(last / first)
        return (value - first) / (last - first)


def histogram_of(
    buckets: Buckets,
    extremes: tuple[float, float],
    ends: tuple[float, float],
    sample: Float64 | None,
) -> Histogram | None:
    """The histogram of a column; None when it has no two different finite values.

    Parameters
    ----------
    buckets : Buckets
    extremes : (float, float)
        The least and the greatest finite value.
    ends : (float, float)
        The quantiles of rank `ENDS`.
    sample : ndarray or None
        Some values of the column, to be counted instead of the buckets.
    """
    whole = buckets.exact or buckets.whole
    few = whole and extremes[1] - extremes[0] <= BINS
    edges = edges_for(*(extremes if few else shown_range(*extremes, ends)), whole)
    if edges is None:
        return None
    counts = _counts(buckets, extremes, edges, sample)
    spans_powers = 0 < 10 * extremes[0] < extremes[1]
    logarithmic = not few and spans_powers and bool(counts.max() > LUMP * counts.sum())
    if logarithmic:
        least, greatest, *logarithms = map(math.log, (*extremes, *ends))
        low, high = shown_range(least, greatest, (logarithms[0], logarithms[1]))
        edges, whole = logarithmic_edges(math.exp(low), math.exp(high)), False
        counts = _counts(buckets, extremes, edges, sample)
    below, *between, above = counts.tolist()
    sampled = 0 if sample is None else len(sample)
    return Histogram(
        tuple(edges.tolist()), tuple(between), below, above, whole, logarithmic, sampled
    )


def is_coarse(buckets: Buckets, low: float, high: float) -> bool:
    """Whether buckets are too wide for the shape of what lies between two values."""
    width = max(abs(low), abs(high)) / BUCKET_SHARE
    return not buckets.exact and width > COARSE * (high / BINS - low / BINS)


def _counts(
    buckets: Buckets, extremes: tuple[float, float], edges: Float64, sample: Float64 | None
) -> NDArray[np.int64]:
    """How many values lie below the edges, between each two, and above."""
    outer = np.array([-np.inf, *edges, np.inf])
    if sample is None:
        counts = buckets.counts_between(outer)
    else:
        counts = np.diff([*np.searchsorted(np.sort(sample), outer[:-1]), len(sample)])
    # Where a bucket reaches over an edge that no value does.
    if extremes[0] >= edges[0]:
        counts[1], counts[0] = counts[0] + counts[1], 0
    if extremes[1] <= edges[-1]:
        counts[-2], counts[-1] = counts[-2] + counts[-1], 0
    return counts


def shown_range(least: float, greatest: float, ends: tuple[float, float]) -> tuple[float, float]:
    """Where to begin and end: at the extremes, or short of a long tail.

    >>> shown_range(0.0, 9.0, (1.0, 8.0)), shown_range(0.0, 900.0, (1.0, 8.0))
    ((0.0, 9.0), (0.0, 8.0))
    """
    low, high = ends
    if not low < high:
        return least, greatest
    far = LONG_TAIL * (high - low)
    return low if low - least > far else least, high if greatest - high > far else greatest


def edges_for(low: float, high: float, whole: bool) -> Float64 | None:
    """Round edges around a range; None when there is none, or floats cannot tell them apart.

    >>> edges_for(0.03, 0.97, False)[[0, 1, -1]], edges_for(1, 6, True)
    (array([0.  , 0.05, 1.  ]), array([0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5]))
    """
    if not 0 < high - low < math.inf:
        return None
    step = _round_up((high - low) / BINS)
    if whole:
        step = max(1.0, 2.0 if step == 2.5 else float(round(step)))
    first, last = math.floor(low / step), math.ceil((high + whole) / step)
    edges = np.arange(first, last + 1, dtype=np.float64) * step
    if 1e-300 < step < 1:  # 0.3, not 0.30000000000000004
        edges = np.round(edges, 2 - math.floor(math.log10(step)))
    edges -= 0.5 if whole else 0
    return edges if np.isfinite(edges).all() and (np.diff(edges) > 0).all() else None


def logarithmic_edges(low: float, high: float) -> Float64:
    """Edges around a positive range, at a whole number of bins to a power of ten, or of powers.

    >>> logarithmic_edges(0.3, 2000.0)[[0, 5, -1]].round(3).tolist()
    [0.251, 2.512, 2511.886]
    """
    powers = math.log10(high) - math.log10(low)
    step = next((s for s in (0.05, 0.1, 0.2, 0.5) if powers <= BINS * s), _round_up(powers / BINS))
    first, last = math.floor(math.log10(low) / step), math.ceil(math.log10(high) / step)
    steps = np.arange(first, max(last, first + 1) + 1, dtype=np.float64)
    with np.errstate(over="ignore"):
        edges = np.power(10.0, step * steps)
    return np.clip(edges, np.nextafter(0.0, 1.0), np.finfo(np.float64).max)


def _round_up(step: float) -> float:
    """The next of 1, 2, 2.5, 5 times a power of ten.

    >>> _round_up(0.03), _round_up(1.3), _round_up(5.1)
    (0.05, 2.0, 10.0)
    """
    power = 10.0 ** math.floor(math.log10(step))
    return next((m * power for m in (1, 2, 2.5, 5) if step <= m * power), 10 * power)
