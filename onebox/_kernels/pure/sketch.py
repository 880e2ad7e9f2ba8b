"""Counts by logarithmic bucket, read off the bits of the floats: the quantile sketch's loops.

A bucket's key is the float64's exponent and first 6 bits of mantissa: 64 buckets an octave, so a
bucket is at most 1/64 wider than its lower end. No logarithm is taken.
"""
# ruff: noqa: F821 (positions in totals are declared in sketch.pxd)

import cython
from cython.cimports.libc.float import DBL_MAX
from cython.cimports.libc.math import fabs
from cython.cimports.libc.stdint import int64_t, uint64_t
from cython.cimports.libc.string import memcpy


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def magnitude_key(value: cython.double) -> int64_t:
    raw: uint64_t
    memcpy(cython.address(raw), cython.address(value), 8)
    return cython.cast(int64_t, (raw << 1) >> 47)  # without the sign


def largest_key(x: cython.const[cython.floating][::1]):
    """Find the greatest key of the finite values; 0 if all are zero, subnormal or not finite."""
    size: cython.Py_ssize_t = x.shape[0]
    lanes: cython.double[16]
    magnitude: cython.double
    key: int64_t
    i: cython.Py_ssize_t
    lane: cython.Py_ssize_t
    with cython.nogil:
        for lane in range(16):
            lanes[lane] = 0
        # In lanes, because a plain maximum does not vectorise.
        for i in range(0, size - 15, 16):
            for lane in range(16):
                magnitude = fabs(x[i + lane])
                lanes[lane] = (
                    magnitude
                    if (magnitude > lanes[lane]) & (magnitude <= DBL_MAX)
                    else lanes[lane]
                )
        for i in range(size - size % 16, size):
            magnitude = fabs(x[i])
            if magnitude > lanes[0] and magnitude <= DBL_MAX:
                lanes[0] = magnitude
        for lane in range(1, 16):
            lanes[0] = max(lanes[0], lanes[lane])
        key = magnitude_key(lanes[0])
    return key if key >= FIRST_NORMAL else 0


def count(
    x: cython.const[cython.floating][::1],
    base_key: int64_t,
    counts: int64_t[:, ::1],
    totals: int64_t[::1],
):
    """Add every value to its bucket: ``counts[value > 0, key - base_key]``.

    Values below the first bucket, and all subnormals and zeros, go to ``totals[ZERO]``, NaN to
    ``totals[NAN]``, infinities to ``totals[NEGINF]`` and ``totals[POSINF]``. The greatest finite
    value must fit, as after `largest_key`; a ValueError says that one did not.
    """
    if counts.shape[0] != 2 or totals.shape[0] != 4:
        raise ValueError("count: counts has 2 rows, totals 4 entries")
    n_buckets: cython.Py_ssize_t = counts.shape[1]
    n_lost: cython.Py_ssize_t = 0
    value: cython.double
    key: int64_t
    i: cython.Py_ssize_t
    with cython.nogil:
        for i in range(x.shape[0]):
            value = x[i]
            key = magnitude_key(value)
            if key < FIRST_NORMAL or key < base_key:
                totals[ZERO] += 1
            elif key >= FIRST_NONFINITE:
                if value != value:
                    totals[NAN] += 1
                elif value < 0:
                    totals[NEGINF] += 1
                else:
                    totals[POSINF] += 1
            elif key - base_key < n_buckets:
                counts[value > 0, key - base_key] += 1
            else:
                n_lost += 1
    if n_lost > 0:
        raise ValueError(f"count: {n_lost} values lie above the last bucket")
