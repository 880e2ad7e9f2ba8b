"""Counts in equal bins, with numpy.histogram's edges to the last bit; built without relaxations."""

import cython
from cython.cimports.libc.math import isfinite
from cython.cimports.libc.stdint import int64_t


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def edge(
    index: int64_t, low: cython.double, high: cython.double, step: cython.double, n_bins: int64_t
) -> cython.double:
    """Compute edge number `index` as numpy.linspace does."""
    return high if index == n_bins else index * step + low


def count_uniform(
    x: cython.const[cython.floating][::1],
    low: cython.double,
    high: cython.double,
    counts: int64_t[::1],
    outside: int64_t[::1],
):
    """Add every value, as a float64, to its bin of the equal ones between `low` and `high`.

    Bins contain their lower edge, the last one its upper edge too. ``outside`` counts the values
    below, above, and NaN.
    """
    n_bins: int64_t = counts.shape[0]
    if n_bins == 0 or outside.shape[0] != 3:
        raise ValueError("count_uniform: at least one bin, and 3 entries in outside")
    if not low < high or not isfinite(high - low):
        raise ValueError(f"count_uniform: the range {low} .. {high} is empty or not finite")
    span: cython.double = high - low
    step: cython.double = span / n_bins
    value: cython.double
    index: int64_t
    i: cython.Py_ssize_t
    with cython.nogil:
        for i in range(x.shape[0]):
            value = x[i]
            if value >= low and value <= high:
                index = cython.cast(int64_t, (value - low) / span * n_bins)
                if index == n_bins:
                    index -= 1
                # The quotient is rounded: the edges decide.
                if value < edge(index, low, high, step, n_bins):
                    index -= 1
                elif index != n_bins - 1 and value >= edge(index + 1, low, high, step, n_bins):
                    index += 1
                counts[index] += 1
            elif value < low:
                outside[0] += 1
            elif value > high:
                outside[1] += 1
            else:
                outside[2] += 1
