"""One k-means iteration: nearest centres, sums by cluster, inertia.

The squared distance to a centre is ``||x||^2 + 2 * (||c||^2 / 2 - x.c)``, so the nearest centre
needs products of rows and centres only. Rows of up to 256 columns take the loops of ``nearest.h``
where they were built; else BLAS computes the scores of a tile of rows, laid out one centre a row,
so that the comparison of centres runs over many data rows in one vector instruction.
"""
# ruff: noqa: F821 (HAS_DIRECT and nearest_direct are declared in kmeans.pxd)

import cython
from cython.cimports.libc.stdint import int32_t
from cython.cimports.onebox._kernels.pure.blas_calls import gemm


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def assign_direct(
    rows: cython.pointer(cython.const[cython.floating]),
    n_rows: cython.Py_ssize_t,
    n_columns: cython.Py_ssize_t,
    centers: cython.pointer(cython.const[cython.floating]),
    half_norms: cython.pointer(cython.const[cython.floating]),
    n_clusters: cython.Py_ssize_t,
    labels: cython.pointer(int32_t),
    distances: cython.pointer(cython.floating),
) -> cython.void:
    columns: cython.floating[4096]
    norms: cython.floating[16]
    best: cython.floating[16]
    label: int32_t[16]
    lanes: cython.Py_ssize_t = 64 // cython.sizeof(rows[0])
    start: cython.Py_ssize_t = 0
    count: cython.Py_ssize_t
    i: cython.Py_ssize_t
    j: cython.Py_ssize_t
    value: cython.floating
    while start < n_rows:
        count = min(n_rows - start, lanes)
        for i in range(lanes):
            norms[i] = 0
        if count < lanes:
            for i in range(lanes * n_columns):
                columns[i] = 0
        for j in range(n_columns):
            for i in range(count):
                columns[j * lanes + i] = rows[(start + i) * n_columns + j]
        for j in range(n_columns):
            for i in range(lanes):
                norms[i] += columns[j * lanes + i] * columns[j * lanes + i]
        nearest_direct(
            cython.address(columns[0]),
            centers,
            half_norms,
            n_columns,
            n_clusters,
            cython.address(best[0]),
            cython.address(label[0]),
        )
        for i in range(count):
            value = norms[i] + best[i] + best[i]
            distances[start + i] = 0 if value < 0 else value
            labels[start + i] = label[i]
        start += lanes


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def assign_tile(
    rows: cython.pointer(cython.const[cython.floating]),
    n_rows: cython.Py_ssize_t,
    n_columns: cython.Py_ssize_t,
    scores: cython.pointer(cython.const[cython.floating]),
    stride: cython.Py_ssize_t,
    half_norms: cython.pointer(cython.const[cython.floating]),
    n_clusters: cython.Py_ssize_t,
    labels: cython.pointer(int32_t),
    distances: cython.pointer(cython.floating),
) -> cython.void:
    """Find the least of ``half_norms[c] - scores[c, i]`` over c, and its first c, for every i."""
    # Two buffers in turns: in one, the compiler drops the stores that change nothing and guards
    # the others by branches that nobody can predict. Labels are floats, so that values and
    # labels of one width move in the same vectors.
    best: cython.floating[2048]
    label: cython.floating[2048]
    from_: cython.Py_ssize_t = 0
    to: cython.Py_ssize_t = 1024
    i: cython.Py_ssize_t
    c: cython.Py_ssize_t
    j: cython.Py_ssize_t
    value: cython.floating
    number: cython.floating
    old: cython.floating
    old_label: cython.floating
    for i in range(n_rows):
        best[i] = half_norms[0] - scores[i]
        label[i] = 0
    for c in range(1, n_clusters):
        number = c
        for i in range(n_rows):
            value = half_norms[c] - scores[c * stride + i]
            old = best[from_ + i]
            old_label = label[from_ + i]
            label[to + i] = number if value < old else old_label
            # Not the same condition again: sharing it makes one branch of both.
            best[to + i] = old if old <= value else value
        from_, to = to, from_
    for i in range(n_rows):
        value = 0
        for j in range(n_columns):
            value += rows[i * n_columns + j] * rows[i * n_columns + j]
        value += best[from_ + i] + best[from_ + i]
        distances[i] = 0 if value < 0 else value
        labels[i] = cython.cast(int32_t, label[from_ + i])


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
    if n_rows == 0:
        return
    row: cython.Py_ssize_t = 0
    count: cython.Py_ssize_t
    zero: cython.floating = 0
    with cython.nogil:
        if HAS_DIRECT and n_columns <= 256:
            assign_direct(
                cython.address(X[0, 0]),
                n_rows,
                n_columns,
                cython.address(centers[0, 0]),
                cython.address(half_norms[0]),
                n_clusters,
                cython.address(labels[0]),
                cython.address(distances[0]),
            )
            row = n_rows
        while row < n_rows:
            count = min(n_rows - row, tile)
            gemm(
                True,
                False,
                count,
                n_clusters,
                n_columns,
                cython.address(X[row, 0]),
                n_columns,
                cython.address(centers[0, 0]),
                n_columns,
                zero,
                cython.address(scores[0, 0]),
                tile,
            )
            assign_tile(
                cython.address(X[row, 0]),
                count,
                n_columns,
                cython.address(scores[0, 0]),
                tile,
                cython.address(half_norms[0]),
                n_clusters,
                cython.address(labels[row]),
                cython.address(distances[row]),
            )
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
