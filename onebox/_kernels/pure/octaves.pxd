"""The counters of one column, and how a value finds its own.

An octave that has a slot counts in its buckets. A column in a window counts whole numbers one by one in
the same memory, and leaves it once, for octaves.
"""

from libc.math cimport fabs
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memcpy, memset

cpdef enum:
    ZERO = 0
    NAN = 1
    NEGINF = 2
    POSINF = 3
    USED = 4  # slots, no total
    N_TOTALS = 5
    EXPONENTS = 2048
    BUCKETS = 128  # of one octave: 64 for positive values, then 64 for negative ones
    MAX_SLOTS = 250
    MAX_WINDOW = 8192

# What a column has held so far, and how it is therefore counted.
cpdef enum:
    NARROW = 0  # whole numbers in a narrow window: each by itself
    WHOLE = 1  # whole numbers: by octave
    ANY = 2  # numbers: by octave

cdef enum:
    FREE = 0
    LOW = 254  # counts as zero
    SPECIAL = 255  # the exponent of NaN and infinities


cdef inline int64_t window(Py_ssize_t n_slots) noexcept nogil:
    """Width of the window that fits into the counters: a power of two, or 0."""
    cdef int64_t width = MAX_WINDOW
    while width > n_slots * BUCKETS:
        width >>= 1
    return width


cdef inline bint is_narrow(double low, double high, Py_ssize_t n_slots) noexcept nogil:
    """Whether whole numbers from `low` to `high` fit the window; without any, low > high."""
    # Beyond 2^53 a float is no longer sure to be the number that was meant.
    return high < low or (
        high - low < window(n_slots) and fabs(low) < 2.0**53 and fabs(high) < 2.0**53
    )


cdef inline Py_ssize_t next_used(uint8_t *slots, Py_ssize_t exponent) noexcept nogil:
    """Find the first exponent from a given one on whose octave has a slot."""
    while exponent < EXPONENTS - 1 and not FREE < slots[exponent] < LOW:
        exponent += 1
    return exponent


cdef inline uint8_t slot_for(
    Py_ssize_t exponent, uint8_t *slots, int64_t *counts, Py_ssize_t n_slots, int64_t *totals
) noexcept nogil:
    """Give an octave that has none a slot, if need be that of the lowest octave."""
    cdef Py_ssize_t lowest = 1
    cdef Py_ssize_t e, b
    cdef int64_t *old
    if totals[USED] < n_slots:
        totals[USED] += 1
        slots[exponent] = <uint8_t> totals[USED]
        if totals[USED] < n_slots:
            return slots[exponent]
    elif n_slots == 0:
        slots[exponent] = LOW
    else:  # whatever is lower than the lowest octave has been marked as low before
        lowest = next_used(slots, lowest)
        slots[exponent] = slots[lowest]
        old = counts + (slots[lowest] - 1) * BUCKETS
        for b in range(BUCKETS):
            totals[ZERO] += old[b]
            old[b] = 0
        slots[lowest] = LOW
    for e in range(next_used(slots, lowest)):
        slots[e] = LOW
    return slots[exponent]


cdef inline void add(
    double value, int64_t times, uint8_t *slots, int64_t *counts, Py_ssize_t n_slots,
    int64_t *totals,
) noexcept nogil:
    """Count a value in its octave."""
    cdef uint64_t raw
    memcpy(&raw, &value, 8)
    cdef uint8_t slot = slots[(raw >> 52) & 2047]
    if slot == FREE:
        slot = slot_for((raw >> 52) & 2047, slots, counts, n_slots, totals)
    if slot < LOW:
        counts[(slot - 1) * BUCKETS + ((raw >> 46) & 63) + ((raw >> 57) & 64)] += times
    elif slot == LOW:
        totals[ZERO] += times
    elif value != value:
        totals[NAN] += times
    elif value < 0:
        totals[NEGINF] += times
    else:
        totals[POSINF] += times


cdef inline void add_window(
    double low, double high, const int64_t *numbers, int64_t width, uint8_t *slots,
    int64_t *counts, Py_ssize_t n_slots, int64_t *totals,
) noexcept nogil:
    """Count in octaves what was counted number by number from `low` to `high`."""
    cdef int64_t value
    if low > high:
        return
    for value in range(<int64_t> low, <int64_t> high + 1):
        if numbers[value & (width - 1)] > 0:
            add(<double> value, numbers[value & (width - 1)], slots, counts, n_slots, totals)


cdef inline void leave_window(
    uint8_t *slots, int64_t *counts, Py_ssize_t n_slots, int64_t *totals, double *extremes
) noexcept nogil:
    """Count in octaves from now on."""
    cdef int64_t[8192] numbers
    cdef int64_t width = window(n_slots)
    memcpy(&numbers[0], counts, width * 8)
    memset(counts, 0, width * 8)
    add_window(extremes[0], extremes[1], &numbers[0], width, slots, counts, n_slots, totals)
