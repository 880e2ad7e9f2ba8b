"""Counts by logarithmic bucket, read off the bits of the floats: the quantile sketch's loops.

A bucket is a sign, an exponent and the first 6 bits of the mantissa: 64 buckets an octave, so that
a bucket is at most 1/64 wider than its lower end. Octaves get a slot when a value first falls into
them; when the slots of a column are all taken, its lowest octave gives way and counts as zero. So
what is kept, the highest octaves in use, depends on the set of values and not on their order.

As long as a column holds nothing but whole numbers in a narrow window, such as years, each number
has its own counter instead, in the same memory: value v at v modulo the width of the window.
"""
# ruff: noqa: F821 (what counts one value is in octaves.pxd)

import cython
from cython.cimports.libc.math import INFINITY, trunc
from cython.cimports.libc.stdint import int64_t, uint8_t
from cython.cimports.libc.string import memcpy


def start(slots: uint8_t[:, ::1], extremes: cython.double[:, ::1]):
    """Prepare the slots and extremes of columns that have seen nothing."""
    j: cython.Py_ssize_t
    if slots.shape[1] != EXPONENTS or extremes.shape[1] != 2:
        raise ValueError("octaves: 2048 slot numbers and 2 extremes a column")
    if slots.shape[0] != extremes.shape[0]:
        raise ValueError("octaves: slots and extremes are of as many columns")
    slots[:, :] = FREE
    for j in range(slots.shape[0]):
        slots[j, 0] = LOW
        slots[j, EXPONENTS - 1] = SPECIAL
        extremes[j, 0] = INFINITY
        extremes[j, 1] = -INFINITY


def window_width(n_slots: cython.Py_ssize_t):
    """Tell how many neighbouring whole numbers a column with so many slots counts one by one."""
    return window(n_slots)


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def count_narrow(
    x: cython.pointer(cython.const[cython.floating]),
    size: cython.Py_ssize_t,
    counts: cython.pointer(int64_t),
    n_slots: cython.Py_ssize_t,
    totals: cython.pointer(int64_t),
    extremes: cython.p_double,
) -> cython.bint:
    """Count number by number if all values allow it; say whether they did."""
    low: cython.double = extremes[0]
    high: cython.double = extremes[1]
    mask: int64_t = window(n_slots) - 1
    i: cython.Py_ssize_t
    for i in range(size):
        if trunc(x[i]) != x[i] and x[i] == x[i]:
            return False
        low = x[i] if x[i] < low else low
        high = x[i] if x[i] > high else high
    if not is_narrow(low, high, n_slots):
        return False
    extremes[0] = low
    extremes[1] = high
    for i in range(size):
        if x[i] == x[i]:
            counts[cython.cast(int64_t, x[i]) & mask] += 1
        else:
            totals[NAN] += 1
    return True


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def count_column(
    x: cython.pointer(cython.const[cython.floating]),
    size: cython.Py_ssize_t,
    slots: cython.pointer(uint8_t),
    counts: cython.pointer(int64_t),
    n_slots: cython.Py_ssize_t,
    totals: cython.pointer(int64_t),
    extremes: cython.p_double,
    kind: cython.pointer(uint8_t),
) -> cython.void:
    low: cython.double
    high: cython.double
    value: cython.double
    i: cython.Py_ssize_t
    if kind[0] == NARROW:
        if count_narrow(x, size, counts, n_slots, totals, extremes):
            return
        leave_window(slots, counts, n_slots, totals, extremes)
        kind[0] = WHOLE
    if kind[0] == WHOLE:
        for i in range(size):
            if trunc(x[i]) != x[i] and x[i] == x[i]:
                kind[0] = ANY
                break
    low = extremes[0]
    high = extremes[1]
    for i in range(size):
        value = x[i]
        low = value if value < low else low
        high = value if value > high else high
        add(value, 1, slots, counts, n_slots, totals)
    extremes[0] = low
    extremes[1] = high


@cython.cfunc
def check_shapes(
    n_columns: cython.Py_ssize_t,
    slots: uint8_t[:, ::1],
    counts: int64_t[:, ::1],
    first: cython.const[int64_t][::1],
    totals: int64_t[:, ::1],
    extremes: cython.double[:, ::1],
    kinds: uint8_t[::1],
):
    j: cython.Py_ssize_t
    if not (
        slots.shape[0] == totals.shape[0] == extremes.shape[0] == kinds.shape[0] == n_columns
        and first.shape[0] == n_columns + 1
        and slots.shape[1] == EXPONENTS
        and counts.shape[1] == BUCKETS
        and totals.shape[1] == N_TOTALS
        and extremes.shape[1] == 2
    ):
        raise ValueError("octaves: one state of the right shape a column")
    for j in range(n_columns):
        if not 0 <= first[j + 1] - first[j] <= MAX_SLOTS:
            raise ValueError(f"octaves: a column has 0 to {MAX_SLOTS} slots")
    if first[0] < 0 or first[n_columns] > counts.shape[0]:
        raise ValueError("octaves: the slots lead out of the counts")


def count(
    Xt: cython.const[cython.floating][:, ::1],
    slots: uint8_t[:, ::1],
    counts: int64_t[:, ::1],
    first: cython.const[int64_t][::1],
    totals: int64_t[:, ::1],
    extremes: cython.double[:, ::1],
    kinds: uint8_t[::1],
):
    """Add the rows of `Xt`, each a column, to their states.

    Column j owns the counters ``counts[first[j] : first[j + 1]]``. While ``kinds[j]`` is NARROW
    they are numbered on as one row, and value v counts in number v modulo `window_width`. After
    that ``slots[j, e]`` says which row, counted from 1, holds the octave of biased exponent e;
    zeros and what is too small count in ``totals[j, ZERO]``. NaN and the infinities are in the
    other totals, ``extremes[j]`` are the least and the greatest value but NaN.
    """
    check_shapes(Xt.shape[0], slots, counts, first, totals, extremes, kinds)
    n: cython.Py_ssize_t = Xt.shape[1]
    if n == 0:
        return
    j: cython.Py_ssize_t
    with cython.nogil:
        for j in range(Xt.shape[0]):
            count_column(
                cython.address(Xt[j, 0]),
                n,
                cython.address(slots[j, 0]),
                cython.address(counts[0, 0]) + first[j] * BUCKETS,
                first[j + 1] - first[j],
                cython.address(totals[j, 0]),
                cython.address(extremes[j, 0]),
                cython.address(kinds[j]),
            )


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def merge_octaves(
    slots: cython.pointer(uint8_t),
    counts: cython.pointer(int64_t),
    n_slots: cython.Py_ssize_t,
    totals: cython.pointer(int64_t),
    other_slots: cython.pointer(cython.const[uint8_t]),
    other_counts: cython.pointer(cython.const[int64_t]),
    n_used: int64_t,
) -> cython.void:
    own: cython.pointer(int64_t)
    others: cython.pointer(cython.const[int64_t])
    e: cython.Py_ssize_t
    b: cython.Py_ssize_t
    slot: uint8_t
    if totals[USED] == 0:  # the same octaves in the same slots: nothing tells the sides apart
        totals[USED] = n_used
        memcpy(slots, other_slots, EXPONENTS)
        memcpy(counts, other_counts, n_slots * BUCKETS * 8)
        return
    # Where `other` ran out of slots, so does the union: what it let go is let go here as well.
    for e in range(1, EXPONENTS - 1):
        if other_slots[e] == FREE or other_slots[e] == LOW:
            continue
        slot = slots[e]
        if slot == FREE:
            slot = slot_for(e, slots, counts, n_slots, totals)
        others = other_counts + (other_slots[e] - 1) * BUCKETS
        if slot == LOW:
            for b in range(BUCKETS):
                totals[ZERO] += others[b]
        else:
            own = counts + (slot - 1) * BUCKETS
            for b in range(BUCKETS):
                own[b] += others[b]


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def merge_column(
    slots: cython.pointer(uint8_t),
    counts: cython.pointer(int64_t),
    n_slots: cython.Py_ssize_t,
    totals: cython.pointer(int64_t),
    extremes: cython.p_double,
    kind: cython.pointer(uint8_t),
    other_slots: cython.pointer(cython.const[uint8_t]),
    other_counts: cython.pointer(cython.const[int64_t]),
    other_totals: cython.pointer(cython.const[int64_t]),
    other_extremes: cython.pointer(cython.const[cython.double]),
    other_kind: uint8_t,
) -> cython.void:
    low: cython.double = min(extremes[0], other_extremes[0])
    high: cython.double = max(extremes[1], other_extremes[1])
    width: int64_t = window(n_slots)
    i: int64_t
    for i in range(USED):
        totals[i] += other_totals[i]
    if kind[0] == NARROW and other_kind == NARROW and is_narrow(low, high, n_slots):
        for i in range(width):
            counts[i] += other_counts[i]
    else:
        if kind[0] == NARROW:
            leave_window(slots, counts, n_slots, totals, extremes)
            kind[0] = WHOLE
        if other_kind == NARROW:
            add_window(
                other_extremes[0], other_extremes[1], other_counts, width,
                slots, counts, n_slots, totals,
            )  # fmt: skip
        else:
            merge_octaves(
                slots, counts, n_slots, totals, other_slots, other_counts, other_totals[USED]
            )
            kind[0] = max(kind[0], other_kind)
    extremes[0] = low
    extremes[1] = high


def merge(
    slots: uint8_t[:, ::1],
    counts: int64_t[:, ::1],
    first: cython.const[int64_t][::1],
    totals: int64_t[:, ::1],
    extremes: cython.double[:, ::1],
    kinds: uint8_t[::1],
    other_slots: cython.const[uint8_t][:, ::1],
    other_counts: cython.const[int64_t][:, ::1],
    other_totals: cython.const[int64_t][:, ::1],
    other_extremes: cython.const[cython.double][:, ::1],
    other_kinds: cython.const[uint8_t][::1],
):
    """Add the states of the same columns over other rows; counters are cut alike on both sides."""
    check_shapes(slots.shape[0], slots, counts, first, totals, extremes, kinds)
    if not (
        other_slots.shape[0] == slots.shape[0]
        and other_slots.shape[1] == EXPONENTS
        and other_counts.shape[0] == counts.shape[0]
        and other_counts.shape[1] == BUCKETS
        and other_totals.shape[0] == other_extremes.shape[0] == slots.shape[0]
        and other_kinds.shape[0] == slots.shape[0]
        and other_totals.shape[1] == N_TOTALS
        and other_extremes.shape[1] == 2
    ):
        raise ValueError("octaves: both sides need states of the same shapes")
    j: cython.Py_ssize_t
    with cython.nogil:
        for j in range(slots.shape[0]):
            merge_column(
                cython.address(slots[j, 0]),
                cython.address(counts[0, 0]) + first[j] * BUCKETS,
                first[j + 1] - first[j],
                cython.address(totals[j, 0]),
                cython.address(extremes[j, 0]),
                cython.address(kinds[j]),
                cython.address(other_slots[j, 0]),
                cython.address(other_counts[0, 0]) + first[j] * BUCKETS,
                cython.address(other_totals[j, 0]),
                cython.address(other_extremes[j, 0]),
                other_kinds[j],
            )
