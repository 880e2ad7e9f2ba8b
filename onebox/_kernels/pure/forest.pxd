"""What the kernels of trees share, inlined: union-find, and a heap with four children a node."""

from libc.stdint cimport int32_t


cdef inline int32_t find(int32_t *above, int32_t x) noexcept nogil:
    """Root of `x`; halves the path to it on the way."""
    while above[x] != x:
        above[x] = above[above[x]]
        x = above[x]
    return x


cdef inline bint before(double key, int32_t item, double other_key, int32_t other) noexcept nogil:
    """Whether an entry comes first: the smaller key, of equal ones the smaller item."""
    return key < other_key or (key == other_key and item < other)


cdef inline void sink(
    double *keys, int32_t *items, Py_ssize_t size, Py_ssize_t at, double key, int32_t item
) noexcept nogil:
    """Put an entry in place of the one at `at`, which came no later, and restore the order."""
    cdef Py_ssize_t child, best, stop
    while 4 * at + 1 < size:
        best = 4 * at + 1
        stop = min(4 * at + 5, size)
        for child in range(best + 1, stop):
            if before(keys[child], items[child], keys[best], items[best]):
                best = child
        if not before(keys[best], items[best], key, item):
            break
        keys[at] = keys[best]
        items[at] = items[best]
        at = best
    keys[at] = key
    items[at] = item


cdef inline void heapify(double *keys, int32_t *items, Py_ssize_t size) noexcept nogil:
    cdef Py_ssize_t at
    for at in range((size - 2) // 4, -1, -1):
        sink(keys, items, size, at, keys[at], items[at])
