from libc.stdint cimport int32_t

cdef struct Clusters:
    Py_ssize_t p
    # By node, leaves and merges alike
    int32_t *above  # what it was merged into; itself if it was not
    int32_t *home  # row of its centre and weight
    int32_t *head  # first cell of its list of neighbours, or -1
    int32_t *nearest  # of the older neighbours
    # By row
    double *centers
    double *weights
    int32_t *seen  # last node whose neighbours were listed with the one that lives here
    # By cell
    int32_t *cell_node
    int32_t *cell_next
    double *cell_distance
