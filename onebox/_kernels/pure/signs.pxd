"""Tiles of rows, and the loops over what stands in them, for both float types."""

from cython cimport floating
from libc.math cimport isfinite
from libc.stdint cimport int32_t

cdef extern from *:
    """
    #include <stddef.h>
    #include <stdint.h>
    /* So that the sums of 200 components stay in the first cache. */
    #define ONEBOX_TILE_BYTES 128
    #if defined(_MSC_VER) && !defined(__clang__)
    #define restrict __restrict
    #endif
    #define REAL float
    #define NAME onebox_float
    #include "signs.h"
    #define REAL double
    #define NAME onebox_double
    #include "signs.h"
    """
    enum:
        TILE_BYTES "ONEBOX_TILE_BYTES"
    void onebox_float_add_column(
        const float *column, const int32_t *rows, Py_ssize_t n_plus, Py_ssize_t n_all, float *sums
    ) noexcept nogil
    void onebox_double_add_column(
        const double *column, const int32_t *rows, Py_ssize_t n_plus, Py_ssize_t n_all, double *sums
    ) noexcept nogil
    float onebox_float_sum(const float *columns, Py_ssize_t n) noexcept nogil
    double onebox_double_sum(const double *columns, Py_ssize_t n) noexcept nogil


cdef inline void add_column(
    const floating *column, const int32_t *rows, Py_ssize_t n_plus, Py_ssize_t n_all, floating *sums
) noexcept nogil:
    """Add a column of the tile to the sums of its plus ones, and take it from those of its minus ones."""
    if floating is float:
        onebox_float_add_column(column, rows, n_plus, n_all, sums)
    else:
        onebox_double_add_column(column, rows, n_plus, n_all, sums)


cdef inline bint are_finite(const floating *columns, Py_ssize_t n) noexcept nogil:
    """Whether no value of some columns of a tile is infinite or a NaN."""
    cdef floating sum
    cdef Py_ssize_t i
    if floating is float:
        sum = onebox_float_sum(columns, n)
    else:
        sum = onebox_double_sum(columns, n)
    if isfinite(sum):
        return True
    for i in range(n * (TILE_BYTES // <Py_ssize_t>sizeof(floating))):
        if not isfinite(columns[i]):
            return False
    return True  # they are large
