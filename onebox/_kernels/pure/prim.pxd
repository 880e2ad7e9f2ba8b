from libc.stdint cimport int32_t

cdef struct Rows:
    bint absolute
    Py_ssize_t p
    Py_ssize_t n_slots  # those that are left, and gaps that others left
    Py_ssize_t n_left
    double *lanes
    double *row  # what joined the tree last
    double *distances  # to the tree
    int32_t *origin  # which row it is; -1 for a gap
