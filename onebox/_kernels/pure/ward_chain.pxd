from libc.stdint cimport int32_t

cdef struct Means:
    Py_ssize_t p
    Py_ssize_t n_slots  # clusters that are left, and gaps that others left
    Py_ssize_t n_left
    double *lanes  # centres
    double *weights
    double *row  # the centre whose nearest is looked for
    int32_t *origin  # a leaf of the cluster; -1 for a gap
    int32_t *moved
    # The way from cluster to nearest cluster
    int32_t *way
    double *costs  # of each to the one before
    Py_ssize_t length
