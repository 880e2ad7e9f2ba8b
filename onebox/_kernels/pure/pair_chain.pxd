from libc.stdint cimport int32_t

cdef struct Pairs:
    bint average
    Py_ssize_t n  # clusters that are left, and gaps that others left
    Py_ssize_t n_left
    double *distances  # in bands
    double *sizes
    double *least  # distance to the nearest
    int32_t *nearest  # the first of equal ones; -1 where it is not known
    int32_t *origin  # a leaf of the cluster; -1 for a gap
    int32_t *moved  # where a cluster goes when gaps are closed
    int32_t *back  # and where it came from
    # The way from cluster to nearest cluster
    int32_t *way
    double *heights  # distance of each to the one before
    Py_ssize_t length
