"""Counts by logarithmic bucket, read off the bits of the floats: the quantile sketch's loops.

A bucket is a sign, an exponent and the first 6 bits of the mantissa: 64 buckets an octave, so that
a bucket is at most 1/64 wider than its lower end. Octaves get a slot when a value first falls into
them; when the slots of a column are all taken, its lowest octave gives way and counts as zero. So
what is kept, the highest octaves in use, depends on the set of values and not on their order.
"""
# ruff: noqa: F821 (positions in totals and slot marks are declared in octaves.pxd)

import cython
from cython.cimports.libc.math import INFINITY, trunc
from cython.cimports.libc.stdint import int64_t, uint8_t, uint64_t
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


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def slot_for(
    exponent: cython.Py_ssize_t,
    slots: cython.pointer(uint8_t),
    counts: cython.pointer(int64_t),
    n_slots: cython.Py_ssize_t,
    totals: cython.pointer(int64_t),
) -> uint8_t:
    """Give an octave that has none a slot, or mark it as low."""
    used: cython.Py_ssize_t = 0
    lowest: cython.Py_ssize_t = 0
    e: cython.Py_ssize_t
    b: cython.Py_ssize_t
    old: cython.pointer(int64_t)
    for e in range(EXPONENTS - 2, 0, -1):
        if FREE < slots[e] < LOW:
            used += 1
            lowest = e
    if used < n_slots:
        slots[exponent] = used + 1
        if used + 1 < n_slots:
            return slots[exponent]
        lowest = min(lowest, exponent) if used > 0 else exponent
    else:
        if n_slots == 0 or exponent < lowest:
            slots[exponent] = LOW
            return LOW
        slots[exponent] = slots[lowest]
        old = counts + (slots[lowest] - 1) * BUCKETS
        for b in range(BUCKETS):
            totals[ZERO] += old[b]
            old[b] = 0
        slots[lowest] = LOW
        while not FREE < slots[lowest] < LOW:
            lowest += 1
    for e in range(lowest):
        slots[e] = LOW
    return slots[exponent]


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
) -> cython.void:
    low: cython.double = extremes[0]
    high: cython.double = extremes[1]
    value: cython.double
    raw: uint64_t
    slot: uint8_t
    i: cython.Py_ssize_t
    for i in range(size):
        value = x[i]
        low = value if value < low else low
        high = value if value > high else high
        memcpy(cython.address(raw), cython.address(value), 8)
        slot = slots[(raw >> 52) & 2047]
        if slot == FREE:
            slot = slot_for((raw >> 52) & 2047, slots, counts, n_slots, totals)
        if slot < LOW:
            counts[
                (slot - 1) * BUCKETS + ((raw >> 46) & 63) + ((raw >> 57) & 64)
            ] += 1
        elif slot == LOW:
            totals[ZERO] += 1
        elif value != value:
            totals[NAN] += 1
        elif value < 0:
            totals[NEGINF] += 1
        else:
            totals[POSINF] += 1
    extremes[0] = low
    extremes[1] = high


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def has_fraction(
    x: cython.pointer(cython.const[cython.floating]), size: cython.Py_ssize_t
) -> uint8_t:
    """Whether a finite value is no whole number."""
    i: cython.Py_ssize_t
    for i in range(size):
        if trunc(x[i]) != x[i] and x[i] == x[i]:
            return 1
    return 0


@cython.cfunc
def check_shapes(
    n_columns: cython.Py_ssize_t,
    slots: uint8_t[:, ::1],
    counts: int64_t[:, ::1],
    first: cython.const[int64_t][::1],
    totals: int64_t[:, ::1],
    extremes: cython.double[:, ::1],
    fractions: uint8_t[::1],
):
    j: cython.Py_ssize_t
    if not (
        slots.shape[0] == totals.shape[0] == extremes.shape[0] == fractions.shape[0] == n_columns
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
    fractions: uint8_t[::1],
):
    """Add the rows of `Xt`, each a column, to their states.

    Column j owns the slots ``counts[first[j] : first[j + 1]]``; ``slots[j, e]`` says which of them,
    counted from 1, holds the octave of biased exponent e. Zeros and what is too small count in
    ``totals[j, ZERO]``, NaN and the infinities in the other totals. ``extremes[j]`` are the least
    and the greatest value but NaN; ``fractions[j]`` is set once a value is no whole number.
    """
    check_shapes(Xt.shape[0], slots, counts, first, totals, extremes, fractions)
    n: cython.Py_ssize_t = Xt.shape[1]
    if n == 0:
        return
    j: cython.Py_ssize_t
    with cython.nogil:
        for j in range(Xt.shape[0]):
            if fractions[j] == 0:
                fractions[j] = has_fraction(cython.address(Xt[j, 0]), n)
            count_column(
                cython.address(Xt[j, 0]),
                n,
                cython.address(slots[j, 0]),
                cython.address(counts[0, 0]) + first[j] * BUCKETS,
                first[j + 1] - first[j],
                cython.address(totals[j, 0]),
                cython.address(extremes[j, 0]),
            )


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def merge_column(
    slots: cython.pointer(uint8_t),
    counts: cython.pointer(int64_t),
    n_slots: cython.Py_ssize_t,
    totals: cython.pointer(int64_t),
    other_slots: cython.pointer(cython.const[uint8_t]),
    other_counts: cython.pointer(cython.const[int64_t]),
) -> cython.void:
    own: cython.pointer(int64_t)
    others: cython.pointer(cython.const[int64_t])
    e: cython.Py_ssize_t
    b: cython.Py_ssize_t
    slot: uint8_t
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


def merge(
    slots: uint8_t[:, ::1],
    counts: int64_t[:, ::1],
    first: cython.const[int64_t][::1],
    totals: int64_t[:, ::1],
    extremes: cython.double[:, ::1],
    fractions: uint8_t[::1],
    other_slots: cython.const[uint8_t][:, ::1],
    other_counts: cython.const[int64_t][:, ::1],
    other_totals: cython.const[int64_t][:, ::1],
    other_extremes: cython.const[cython.double][:, ::1],
    other_fractions: cython.const[uint8_t][::1],
):
    """Add the states of the same columns over other rows; slots are cut alike on both sides."""
    check_shapes(slots.shape[0], slots, counts, first, totals, extremes, fractions)
    if not (
        other_slots.shape[0] == slots.shape[0]
        and other_slots.shape[1] == EXPONENTS
        and other_counts.shape[0] == counts.shape[0]
        and other_counts.shape[1] == BUCKETS
        and other_totals.shape[0] == other_extremes.shape[0] == slots.shape[0]
        and other_fractions.shape[0] == slots.shape[0]
        and other_totals.shape[1] == N_TOTALS
        and other_extremes.shape[1] == 2
    ):
        raise ValueError("octaves: both sides need states of the same shapes")
    j: cython.Py_ssize_t
    k: cython.Py_ssize_t
    with cython.nogil:
        for j in range(slots.shape[0]):
            for k in range(N_TOTALS):
                totals[j, k] += other_totals[j, k]
            extremes[j, 0] = min(extremes[j, 0], other_extremes[j, 0])
            extremes[j, 1] = max(extremes[j, 1], other_extremes[j, 1])
            fractions[j] |= other_fractions[j]
            if first[j] == first[j + 1]:
                continue
            merge_column(
                cython.address(slots[j, 0]),
                cython.address(counts[first[j], 0]),
                first[j + 1] - first[j],
                cython.address(totals[j, 0]),
                cython.address(other_slots[j, 0]),
                cython.address(other_counts[first[j], 0]),
            )
