from cython cimport floating
from libc.stdint cimport int32_t

cdef extern from *:
    """
    #include <math.h>
    #include <stddef.h>
    #include <stdint.h>
    #if defined(__GNUC__) && defined(__AVX2__) && defined(__FMA__)
    #define ONEBOX_DIRECT 1
    #define REAL float
    #define INDEX int32_t
    #define NAME onebox_nearest_float
    #include "nearest.h"
    #define REAL double
    #define INDEX int64_t
    #define NAME onebox_nearest_double
    #include "nearest.h"
    #else
    #define ONEBOX_DIRECT 0
    #define onebox_nearest_float(...) ((void) 0)
    #define onebox_nearest_double(...) ((void) 0)
    #endif
    """
    # Whether nearest.h serves this processor; elsewhere BLAS computes the scores.
    bint HAS_DIRECT "ONEBOX_DIRECT"
    void onebox_nearest_float(
        const float *columns, const float *centers, const float *half_norms,
        Py_ssize_t n_columns, Py_ssize_t n_clusters, float *best, int32_t *label,
    ) noexcept nogil
    void onebox_nearest_double(
        const double *columns, const double *centers, const double *half_norms,
        Py_ssize_t n_columns, Py_ssize_t n_clusters, double *best, int32_t *label,
    ) noexcept nogil


cdef inline void nearest_direct(
    const floating *columns, const floating *centers, const floating *half_norms,
    Py_ssize_t n_columns, Py_ssize_t n_clusters, floating *best, int32_t *label,
) noexcept nogil:
    if floating is float:
        onebox_nearest_float(columns, centers, half_norms, n_columns, n_clusters, best, label)
    else:
        onebox_nearest_double(columns, centers, half_norms, n_columns, n_clusters, best, label)
