"""Up to 16 rows that stand side by side, and what is known of them."""

from libc.math cimport sqrtf
from libc.stdint cimport int32_t

from onebox._kernels.pure.nearest cimport LANES, nearest_two, squared_norms

cdef struct Group:
    float[4096] columns  # at most MAX_DIRECT of 16 numbers
    float[16] norms  # squared
    float[16] best  # the least score
    float[16] second  # the next; then a squared distance, then the bound that it makes
    int32_t[16] label
    Py_ssize_t[16] row  # their numbers
    Py_ssize_t count


cdef inline void number_rows(
    Group *g, Py_ssize_t start, Py_ssize_t n, const int32_t *rows
) noexcept nogil:
    """Let the group be the rows from place `start` on: of `rows`, or of all if that is NULL."""
    cdef Py_ssize_t i
    g.count = min(n - start, LANES)
    for i in range(g.count):
        g.row[i] = start + i if rows == NULL else rows[start + i]


cdef inline void compare(
    Group *g, const float *centers, const float *half_norms, Py_ssize_t n_columns,
    Py_ssize_t n_clusters, const float *middle,
) noexcept nogil:
    """Find the least two scores of every row, and its norm, less `middle` unless that is NULL."""
    nearest_two(
        g.columns, centers, half_norms, n_columns, n_clusters, g.best, g.second, g.label
    )
    squared_norms(g.columns, middle, n_columns, g.norms)


cdef inline void write_labels(const Group *g, int32_t *labels) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(g.count):
        labels[g.row[i]] = g.label[i]


cdef inline void write_bounds(Group *g, float offset, float *bounds) noexcept nogil:
    """Turn the squared distances in `second`, each at most the true one, into bounds to keep."""
    cdef float down = 1 - 2.0**-21  # more than some roundings take
    cdef float most = 1e36  # above that, what overflows may have decided
    cdef float square
    cdef Py_ssize_t i
    for i in range(LANES):
        square = g.second[i] * down
        square = square if square > 0 else 0
        square = square if g.norms[i] < most else 0
        square = square if square < most else most
        g.second[i] = (sqrtf(square) * down + offset) * down
    for i in range(g.count):
        bounds[g.row[i]] = g.second[i]
