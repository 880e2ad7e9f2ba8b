from libc.stdint cimport int32_t, uint8_t

cdef extern from *:
    """
    static const double onebox_powers[] = {
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
        1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    """
    const double[23] POWERS "onebox_powers"  # of ten, the exact ones

cpdef enum:
    # What `parse` stops at.
    OK = 0
    NO_LABEL = 1
    NO_INDEX = 2
    NO_VALUE = 3
    NOT_RISING = 4

cdef struct Reader:
    const uint8_t *at  # what comes next
    const uint8_t *end  # where a zero stands
    int32_t *columns
    double *values
    Py_ssize_t n_entries
