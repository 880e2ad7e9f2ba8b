"""What nearest does with one row, or with 16 that stand side by side."""

from libc.math cimport sqrtf
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


cdef inline void to_columns(
    const float *rows, Py_ssize_t n_rows, Py_ssize_t n_columns, float *columns
) noexcept nogil:
    """Transpose up to 16 rows; what is missing of 16 becomes zero."""
    cdef uintptr_t[8] sources
    cdef Py_ssize_t first, i
    if n_rows < LANES:
        for i in range(LANES * n_columns):
            columns[i] = 0
    for first in range(0, n_rows, 8):
        for i in range(min(n_rows - first, 8)):
            sources[i] = <uintptr_t> (rows + (first + i) * n_columns)
        transpose(&sources[0], n_columns, min(n_rows - first, 8), columns + first, LANES)


cdef inline void to_bounds(float *squares, const float *norms, float offset) noexcept nogil:
    """Turn 16 squared distances, each at most the true one, into bounds to keep."""
    cdef float down = 1 - 2.0**-21  # more than some roundings take
    cdef float most = 1e36  # above that, what overflows may have decided
    cdef float square
    cdef Py_ssize_t i
    for i in range(LANES):
        square = squares[i] * down
        square = square if square > 0 else 0
        square = square if norms[i] < most else 0
        square = square if square < most else most
        squares[i] = (sqrtf(square) * down + offset) * down


cdef inline int32_t look_again(
    const double *row, const double *centers, const double *half_norms, Py_ssize_t n_columns,
    Py_ssize_t n_clusters,
) noexcept nogil:
    """Find the nearest centre of one row in float64, the first of equals."""
    # Not BLAS, whose sums may depend on which rows stand beside this one.
    cdef int32_t label = 0
    cdef double best = 0
    cdef double score
    cdef Py_ssize_t c, j
    for c in range(n_clusters):
        score = 0
        for j in range(n_columns):
            score += row[j] * centers[c * n_columns + j]
        score = half_norms[c] - score
        if c == 0 or score < best:
            best = score
            label = <int32_t> c
    return label
