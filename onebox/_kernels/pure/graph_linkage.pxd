from libc.stdint cimport int32_t, uint64_t

cdef struct Edges:
    bint average
    # By half edge: edge e is the halves 2 e and 2 e + 1
    int32_t *end  # the cluster that has it; -1 when the edge is gone
    int32_t *following  # next half of the same cluster, or -1
    # By edge
    double *length
    # By cluster
    int32_t *first  # first half, or -1
    int32_t *degree
    int32_t *size
    # Hash table of the pairs of clusters that are joined
    uint64_t *pairs  # 0 where there is none
    int32_t *edges
    uint64_t mask
    int shift
