"""The nearest of some centres for every row: what k-means spends its time on.

The squared distance to a centre is ``||x||^2 + 2 * (||c||^2 / 2 - x.c)``, so the nearest centre
needs products of rows and centres only. Rows of up to 256 columns take the loops of ``nearest.h``
where they were built; else BLAS computes the scores of a tile of rows, laid out one centre a row,
so that the comparison of centres runs over many data rows in one vector instruction.
"""
# ruff: noqa: F821 (the loops over 16 rows, and the constants, are in nearest.pxd)

import cython
from cython.cimports.libc.stdint import int32_t, uintptr_t
from cython.cimports.onebox._kernels.pure.blas_calls import gemm


def served(n_columns: cython.Py_ssize_t) -> cython.bint:
    """Tell whether rows of so many columns take the loops of ``nearest.h`` here."""
    return serves(n_columns)


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def assign_direct(
    X: cython.const[cython.float][:, ::1],
    centers: cython.const[cython.float][:, ::1],
    half_norms: cython.const[cython.float][::1],
    labels: int32_t[::1],
) -> cython.void:
    columns: cython.float[4096]
    label: int32_t[16]
    rows: uintptr_t[16]
    start: cython.Py_ssize_t
    count: cython.Py_ssize_t
    i: cython.Py_ssize_t
    for start in range(0, X.shape[0], 16):
        count = min(X.shape[0] - start, LANES)
        for i in range(count):
            rows[i] = cython.cast(uintptr_t, cython.address(X[start + i, 0]))
        to_columns(cython.address(rows[0]), count, X.shape[1], cython.address(columns[0]))
        nearest_one(
            cython.address(columns[0]),
            cython.address(centers[0, 0]),
            cython.address(half_norms[0]),
            X.shape[1],
            centers.shape[0],
            cython.address(label[0]),
        )
        for i in range(count):
            labels[start + i] = label[i]


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def least_scores(
    scores: cython.pointer(cython.const[cython.floating]),
    stride: cython.Py_ssize_t,
    half_norms: cython.pointer(cython.const[cython.floating]),
    n_rows: cython.Py_ssize_t,
    n_clusters: cython.Py_ssize_t,
    labels: cython.pointer(int32_t),
) -> cython.void:
    """Find the least of ``half_norms[c] - scores[c, i]`` over c, the first of equals, for every i."""
    # Two buffers in turns: in one, the compiler drops the stores that change nothing and guards
    # the others by branches that nobody can predict. Labels are floats, so that values and
    # labels of one width move in the same vectors.
    best: cython.floating[2048]
    label: cython.floating[2048]
    from_: cython.Py_ssize_t = 0
    to: cython.Py_ssize_t = 1024
    i: cython.Py_ssize_t
    c: cython.Py_ssize_t
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
        labels[i] = cython.cast(int32_t, label[from_ + i])


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def assign_by_blas(
    rows: cython.pointer(cython.const[cython.floating]),
    n_rows: cython.Py_ssize_t,
    centers: cython.const[cython.floating][:, ::1],
    half_norms: cython.const[cython.floating][::1],
    scores: cython.floating[:, ::1],
    labels: cython.pointer(int32_t),
) -> cython.void:
    n_columns: cython.Py_ssize_t = centers.shape[1]
    n_clusters: cython.Py_ssize_t = centers.shape[0]
    tile: cython.Py_ssize_t = scores.shape[1]
    row: cython.Py_ssize_t = 0
    count: cython.Py_ssize_t
    zero: cython.floating = 0
    while row < n_rows:
        count = min(n_rows - row, tile)
        gemm(
            True,
            False,
            count,
            n_clusters,
            n_columns,
            rows + row * n_columns,
            n_columns,
            cython.address(centers[0, 0]),
            n_columns,
            zero,
            cython.address(scores[0, 0]),
            tile,
        )
        least_scores(
            cython.address(scores[0, 0]),
            tile,
            cython.address(half_norms[0]),
            count,
            n_clusters,
            labels + row,
        )
        row += tile


@cython.cfunc
def check_centers(
    n_rows: cython.Py_ssize_t,
    n_columns: cython.Py_ssize_t,
    centers: cython.const[cython.floating][:, ::1],
    half_norms: cython.const[cython.floating][::1],
    scores: cython.floating[:, ::1],
    labels: int32_t[::1],
):
    n_clusters: cython.Py_ssize_t = centers.shape[0]
    if not (
        n_clusters > 0
        and n_columns > 0
        and centers.shape[1] == n_columns
        and half_norms.shape[0] == scores.shape[0] == n_clusters
        and labels.shape[0] == n_rows
        and 0 < scores.shape[1] <= 1024
    ):
        raise ValueError("the shapes of rows, centres and scratch do not fit together")


def assign(
    X: cython.const[cython.floating][:, ::1],
    centers: cython.const[cython.floating][:, ::1],
    half_norms: cython.const[cython.floating][::1],
    scores: cython.floating[:, ::1],
    labels: int32_t[::1],
):
    """Write every row's nearest centre, the first of equals.

    ``half_norms[c]`` is half the squared norm of centre c; `scores` is scratch of shape
    (n_clusters, rows a tile), at most 1,024 rows a tile.
    """
    n_rows: cython.Py_ssize_t = X.shape[0]
    check_centers(n_rows, X.shape[1], centers, half_norms, scores, labels)
    if n_rows == 0:
        return
    with cython.nogil:
        if cython.floating is cython.float and serves(X.shape[1]):
            assign_direct(X, centers, half_norms, labels)
        else:
            assign_by_blas(
                cython.address(X[0, 0]),
                n_rows,
                centers,
                half_norms,
                scores,
                cython.address(labels[0]),
            )
