"""Tiles of rows, and the loop over the entries of a column, for both float types."""

from cython cimport floating
from libc.stdint cimport int32_t

cdef extern from *:
    """
    #include <stddef.h>
    #include <stdint.h>
    #define ONEBOX_TILE 32
    #if defined(_MSC_VER) && !defined(__clang__)
    #define restrict __restrict
    #endif
    #if defined(__GNUC__) || defined(__clang__)
    #define onebox_expect(address) __builtin_prefetch(address)
    #else
    #define onebox_expect(address) ((void) (address))
    #endif
    #define REAL float
    #define NAME onebox_add_column_float
    #include "signs.h"
    #define REAL double
    #define NAME onebox_add_column_double
    #include "signs.h"
    """
    enum:
        TILE "ONEBOX_TILE"
    void onebox_expect(const void *address) noexcept nogil
    void onebox_add_column_float(
        const float *column, const int32_t *rows, Py_ssize_t n_plus, Py_ssize_t n_all, float *sums
    ) noexcept nogil
    void onebox_add_column_double(
        const double *column, const int32_t *rows, Py_ssize_t n_plus, Py_ssize_t n_all, double *sums
    ) noexcept nogil


cdef inline void add_column(
    const floating *column, const int32_t *rows, Py_ssize_t n_plus, Py_ssize_t n_all, floating *sums
) noexcept nogil:
    """Add a column of the tile to the sums of its plus ones, and take it from those of its minus ones."""
    if floating is float:
        onebox_add_column_float(column, rows, n_plus, n_all, sums)
    else:
        onebox_add_column_double(column, rows, n_plus, n_all, sums)
