from cython cimport floating
from libc.stdint cimport (
    int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t,
    uintptr_t,
)

cpdef enum:
    FLOAT32 = 0
    FLOAT64 = 1
    INT8 = 2
    INT16 = 3
    INT32 = 4
    INT64 = 5
    UINT8 = 6
    UINT16 = 7
    UINT32 = 8
    UINT64 = 9

ctypedef fused number:
    float
    double
    int8_t
    int16_t
    int32_t
    int64_t
    uint8_t
    uint16_t
    uint32_t
    uint64_t

cdef enum:
    TILE_ROWS = 64
    TILE_COLUMNS = 8

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
