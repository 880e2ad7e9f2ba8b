"""One k-means iteration: nearest centres by blocked BLAS, sums by cluster, inertia.

The squared distance to a centre is ``||x||^2 + 2 * (||c||^2 / 2 - x.c)``, so the nearest centre
needs matrix products only. Scores are laid out one centre a row, so that the comparison of
centres runs over many data rows in one vector instruction.
"""

import cython
from cython.cimports.libc.stdint import int32_t
from cython.cimports.onebox._kernels.pure.blas_calls import gemm


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def nearest(
    scores: cython.pointer(cython.const[cython.floating]),
    stride: cython.Py_ssize_t,
    half_norms: cython.const[cython.floating][::1],
    count: cython.Py_ssize_t,
    best: cython.pointer(cython.floating),
    label: cython.pointer(cython.floating),
) -> cython.void:
    """Write the least of ``half_norms[c] - scores[c, i]`` over c, and its first c, for every i.

    Labels are kept as floats here: values and labels of one width move in the same vectors.
    """
    i: cython.Py_ssize_t
    c: cython.Py_ssize_t
    row: cython.pointer(cython.const[cython.floating])
    half_norm: cython.floating
    value: cython.floating
    number: cython.floating
    for i in range(count):
        best[i] = half_norms[0] - scores[i]
        label[i] = 0
    for c in range(1, half_norms.shape[0]):
        row = scores + c * stride
        half_norm = half_norms[c]
        number = c
        for i in range(count):
            value = half_norm - row[i]
            label[i] = number if value < best[i] else label[i]
            best[i] = value if value < best[i] else best[i]


def assign(
    X: cython.const[cython.floating][:, ::1],
    centers: cython.const[cython.floating][:, ::1],
    half_norms: cython.const[cython.floating][::1],
    scores: cython.floating[:, ::1],
    labels: int32_t[::1],
    distances: cython.floating[::1],
):
    """Write every row's nearest centre, the first of equals, and the squared distance to it.

    ``half_norms[c]`` is half the squared norm of centre c; `scores` is scratch of shape
    (n_clusters, rows a tile), at most 1,024 rows a tile.
    """
    n_rows: cython.Py_ssize_t = X.shape[0]
    n_columns: cython.Py_ssize_t = X.shape[1]
    n_clusters: cython.Py_ssize_t = centers.shape[0]
    tile: cython.Py_ssize_t = scores.shape[1]
    if not (
        n_clusters > 0
        and n_columns > 0
        and centers.shape[1] == n_columns
        and half_norms.shape[0] == scores.shape[0] == n_clusters
        and labels.shape[0] == distances.shape[0] == n_rows
        and 0 < tile <= 1024
    ):
        raise ValueError("assign: the shapes of the arguments do not fit together")
    label: cython.floating[1024]
    row: cython.Py_ssize_t = 0
    count: cython.Py_ssize_t
    i: cython.Py_ssize_t
    j: cython.Py_ssize_t
    norm: cython.floating
    zero: cython.floating = 0
    with cython.nogil:
        while row < n_rows:
            count = min(n_rows - row, tile)
            gemm(True, False, count, n_clusters, n_columns, cython.address(X[row, 0]), n_columns,
                 cython.address(centers[0, 0]), n_columns, zero,
                 cython.address(scores[0, 0]), tile)
            nearest(cython.address(scores[0, 0]), tile, half_norms, count,
                    cython.address(distances[row]), cython.address(label[0]))
            for i in range(count):
                norm = 0
                for j in range(n_columns):
                    norm += X[row + i, j] * X[row + i, j]
                norm += 2 * distances[row + i]
                distances[row + i] = 0 if norm < 0 else norm
                labels[row + i] = cython.cast(int32_t, label[i])
            row += tile


def accumulate(
    X: cython.const[cython.floating][:, ::1],
    w: cython.const[cython.double][::1],
    labels: cython.const[int32_t][::1],
    sums: cython.double[:, ::1],
    counts: cython.double[::1],
):
    """Add every row of `X`, times its weight (1 if `w` is empty), to the sums of its cluster."""
    n_rows: cython.Py_ssize_t = X.shape[0]
    n_columns: cython.Py_ssize_t = X.shape[1]
    weighted: cython.bint = w.shape[0] > 0
    if (
        labels.shape[0] != n_rows
        or (weighted and w.shape[0] != n_rows)
        or sums.shape[1] != n_columns
        or counts.shape[0] != sums.shape[0]
    ):
        raise ValueError("accumulate: the shapes of the arguments do not fit together")
    weight: cython.double = 1
    i: cython.Py_ssize_t
    j: cython.Py_ssize_t
    c: cython.Py_ssize_t
    with cython.nogil:
        for i in range(n_rows):
            c = labels[i]
            if weighted:
                weight = w[i]
                for j in range(n_columns):
                    sums[c, j] += weight * X[i, j]
            else:
                for j in range(n_columns):
                    sums[c, j] += X[i, j]
            counts[c] += weight


def inertia(
    X: cython.const[cython.floating][:, ::1],
    w: cython.const[cython.double][::1],
    labels: cython.const[int32_t][::1],
    centers: cython.const[cython.double][:, ::1],
):
    """Sum the weighted squared distances of rows to their centres, by differences."""
    n_rows: cython.Py_ssize_t = X.shape[0]
    n_columns: cython.Py_ssize_t = X.shape[1]
    weighted: cython.bint = w.shape[0] > 0
    if (
        labels.shape[0] != n_rows
        or (weighted and w.shape[0] != n_rows)
        or centers.shape[1] != n_columns
    ):
        raise ValueError("inertia: the shapes of the arguments do not fit together")
    total: cython.double = 0
    distance: cython.double
    difference: cython.double
    i: cython.Py_ssize_t
    j: cython.Py_ssize_t
    c: cython.Py_ssize_t
    with cython.nogil:
        for i in range(n_rows):
            c = labels[i]
            distance = 0
            for j in range(n_columns):
                difference = X[i, j] - centers[c, j]
                distance += difference * difference
            total += w[i] * distance if weighted else distance
    return total


def changed(labels: cython.const[int32_t][::1], old: int32_t[::1]):
    """Count the entries of `old` that differ from `labels`, and copy `labels` over it."""
    if labels.shape[0] != old.shape[0]:
        raise ValueError("changed: both need the same length")
    count: cython.Py_ssize_t = 0
    i: cython.Py_ssize_t
    with cython.nogil:
        for i in range(labels.shape[0]):
            count += labels[i] != old[i]
            old[i] = labels[i]
    return count
