"""Rows side by side, 16 at a time, and the loops of ``nearest.h`` over them."""

from libc.stdint cimport int32_t, uintptr_t

from onebox._kernels.pure.transpose cimport transpose

cdef extern from *:
    """
    #include <math.h>
    #include <stddef.h>
    #include <stdint.h>
    #if defined(__GNUC__) && defined(__AVX2__) && defined(__FMA__)
    #define ONEBOX_DIRECT 1
    #include "nearest.h"
    #else
    #define ONEBOX_DIRECT 0
    #define onebox_nearest(...) ((void) 0)
    #define onebox_nearest_two(...) ((void) 0)
    #define onebox_squared_norms(...) ((void) 0)
    #endif
    """
    # Whether nearest.h serves this processor; elsewhere BLAS computes the scores.
    bint HAS_DIRECT "ONEBOX_DIRECT"
    void nearest_one "onebox_nearest"(
        const float *columns, const float *centers, const float *half_norms,
        Py_ssize_t n_columns, Py_ssize_t n_clusters, int32_t *label,
    ) noexcept nogil
    void nearest_two "onebox_nearest_two"(
        const float *columns, const float *centers, const float *half_norms,
        Py_ssize_t n_columns, Py_ssize_t n_clusters, float *best, float *second, int32_t *label,
    ) noexcept nogil
    void squared_norms "onebox_squared_norms"(
        const float *columns, const float *middle, Py_ssize_t n_columns, float *norms
    ) noexcept nogil

cdef enum:
    LANES = 16  # rows at a time
    MAX_DIRECT = 256  # columns up to which they are compared without BLAS


cdef inline bint serves(Py_ssize_t n_columns) noexcept nogil:
    """Whether rows of so many columns take the loops of ``nearest.h`` here."""
    return HAS_DIRECT and n_columns <= MAX_DIRECT


cdef inline void to_columns(
    const uintptr_t *rows, Py_ssize_t n_rows, Py_ssize_t n_columns, float *columns
) noexcept nogil:
    """Transpose up to 16 rows, given by their addresses; what is missing of 16 becomes zero."""
    cdef Py_ssize_t first, i
    if n_rows < LANES:
        for i in range(LANES * n_columns):
            columns[i] = 0
    for first in range(0, n_rows, 8):
        transpose(rows + first, n_columns, min(n_rows - first, 8), columns + first, LANES)
