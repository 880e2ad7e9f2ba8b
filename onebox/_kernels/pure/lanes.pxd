"""Distances of one row to 16 others that lie side by side.

Rows in lanes: an array of shape (ceil(n / 16), p, 16) whose entry (b, j, l) is column j of row
16 b + l. So 16 distances are summed at once, each over the columns in their order: the same bits
from either end of a pair. Lanes without a row hold infinity, and are infinitely far from any row.
"""

from libc.math cimport INFINITY

cdef extern from *:
    """
    #include <math.h>
    #include <stddef.h>
    #include "lanes.h"
    """
    void add_squares "onebox_add_squares"(
        const double *block, const double *row, Py_ssize_t n_columns, double *sums
    ) noexcept nogil
    void add_absolute "onebox_add_absolute"(
        const double *block, const double *row, Py_ssize_t n_columns, double *sums
    ) noexcept nogil
    double least_of "onebox_least"(const double *values) noexcept nogil


cdef inline Py_ssize_t column_of(Py_ssize_t row, Py_ssize_t column, Py_ssize_t p) noexcept nogil:
    return ((row >> 4) * p + column) * 16 + (row & 15)


cdef inline void copy_row(
    const double *lanes, Py_ssize_t row, Py_ssize_t p, double *out
) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(p):
        out[j] = lanes[column_of(row, j, p)]


cdef inline void clear_row(double *lanes, Py_ssize_t row, Py_ssize_t p) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(p):
        lanes[column_of(row, j, p)] = INFINITY


cdef inline void move_row(
    double *lanes, Py_ssize_t row, Py_ssize_t into, Py_ssize_t p
) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(p):
        lanes[column_of(into, j, p)] = lanes[column_of(row, j, p)]


cdef inline void add_distances(
    const double *block, const double *row, Py_ssize_t p, bint absolute, double *sums
) noexcept nogil:
    """Distances of a row to those in a block: sums of squared or of absolute differences."""
    cdef int lane
    for lane in range(16):
        sums[lane] = 0
    if absolute:
        add_absolute(block, row, p, sums)
    else:
        add_squares(block, row, p, sums)
