from libc.stdint cimport int32_t

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
