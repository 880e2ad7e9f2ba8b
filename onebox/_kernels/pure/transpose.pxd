"""Up to eight columns side by side, for both float types."""

from cython cimport floating
from libc.stdint cimport uintptr_t

cdef extern from *:
    """
    #include <stddef.h>
    #include <stdint.h>
    #define REAL float
    #define INDEX int32_t
    #define NAME onebox_transpose_float
    #include "transpose.h"
    #define REAL double
    #define INDEX int64_t
    #define NAME onebox_transpose_double
    #include "transpose.h"
    """
    void onebox_transpose_float(
        const uintptr_t *columns, Py_ssize_t n_rows, Py_ssize_t width, float *out, Py_ssize_t stride
    ) noexcept nogil
    void onebox_transpose_double(
        const uintptr_t *columns, Py_ssize_t n_rows, Py_ssize_t width, double *out,
        Py_ssize_t stride,
    ) noexcept nogil


cdef inline void transpose(
    const uintptr_t *columns, Py_ssize_t n_rows, Py_ssize_t width, floating *out, Py_ssize_t stride
) noexcept nogil:
    """Write rows of up to eight columns, given by their addresses, to `out`."""
    if floating is float:
        onebox_transpose_float(columns, n_rows, width, out, stride)
    else:
        onebox_transpose_double(columns, n_rows, width, out, stride)
