cdef extern from *:
    """
    #include <stddef.h>
    #if defined(__GNUC__) && defined(__AVX2__) && defined(__FMA__)
    #define ONEBOX_PANELS 1
    #include "panels.h"
    #else
    #define ONEBOX_PANELS 0
    #define onebox_add_products(...) ((void) 0)
    #endif
    """
    # Whether panels.h serves this processor; elsewhere BLAS adds the products.
    bint HAS_PANELS "ONEBOX_PANELS"
    void add_products "onebox_add_products"(
        const double *a, const double *b, Py_ssize_t n_rows, double *c, Py_ssize_t stride,
        Py_ssize_t n_lines, Py_ssize_t first, Py_ssize_t step,
    ) noexcept nogil

cdef enum:
    PANEL = 12
    LINES = 4  # of a Gram matrix at a time: a panel has three times as many columns
    CHUNK = 512  # rows whose panels stay in the fast levels of memory
