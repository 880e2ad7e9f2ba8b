"""The nearest of some centres for every row: what k-means spends its time on.

The squared distance to a centre is ``||x||^2 + 2 * (||c||^2 / 2 - x.c)``, so the nearest centre
needs products of rows and centres only. Rows of up to 256 columns take the loops of ``nearest.h``
where they were built; else BLAS computes the scores of a tile of rows, laid out one centre a row,
so that the comparison of centres runs over many data rows in one vector instruction.

Rows of float64 are compared in float32 first, which is twice as fast, and looked at again in float64
where rounding may have decided. The bound: a score of float32 is off by at most
``e (||c||^2 / 2 + ||x|| ||c||)``, which is at most ``e (||c||^2 + ||x||^2 / 2)``, where e is
``(p + 4) 2^-24`` and a tenth of that for terms of second order. So scores made with
``(1 - 2 e) ||c||^2 / 2`` are at most ``e ||x||^2 / 2`` above the true ones; and if the least of them is
further than ``e (2 ||c||^2 + ||x||^2)`` below the next, of whatever centre, its centre is the nearest.
"""
# ruff: noqa: F821 (the loops over one row or 16 of them, and the constants, are in nearest.pxd)

import cython
from cython.cimports.libc.math import sqrtf
from cython.cimports.libc.stdint import int32_t
from cython.cimports.onebox._kernels.pure.blas_calls import gemm


def served(n_columns: cython.Py_ssize_t) -> cython.bint:
    """Tell whether rows of so many columns take the loops of ``nearest.h`` here."""
    return HAS_DIRECT and n_columns <= MAX_DIRECT


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
    start: cython.Py_ssize_t
    count: cython.Py_ssize_t
    i: cython.Py_ssize_t
    for start in range(0, X.shape[0], 16):
        count = min(X.shape[0] - start, LANES)
        to_columns(cython.address(X[start, 0]), count, X.shape[1], cython.address(columns[0]))
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
        if cython.floating is cython.float and HAS_DIRECT and X.shape[1] <= MAX_DIRECT:
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


def coarseness(n_columns: cython.Py_ssize_t) -> cython.double:
    """Tell by how much a score of float32 may be off, relative to the numbers it is made of."""
    return 1.1 * (n_columns + 4) / 16777216.0


@cython.cfunc
def check_rows(
    X_rows: cython.Py_ssize_t,
    rows: cython.const[int32_t][::1],
    bounds: cython.const[cython.float][::1],
):
    if bounds.shape[0] not in (0, X_rows) or rows.shape[0] > X_rows:
        raise ValueError("bounds or chosen rows do not fit the rows")


def assign_with_bounds(
    X: cython.const[cython.float][:, ::1],
    centers: cython.const[cython.float][:, ::1],
    half_norms: cython.const[cython.float][::1],
    middle: cython.const[cython.float][::1],
    scores: cython.float[:, ::1],
    rows: cython.const[int32_t][::1],
    labels: int32_t[::1],
    bounds: cython.float[::1],
    offset: cython.float,
    constant: cython.float,
    slope: cython.float,
):
    """Do as `assign` does, for some rows only, and bound their distances to all other centres.

    `centers` and `half_norms` are relative to `middle`. Without `rows` it does all. A score of x is
    off by at most half of ``constant + slope ||x - middle||``. The bounds are kept plus `offset`.
    Serves where `served` says so.
    """
    p: cython.Py_ssize_t = X.shape[1]
    n: cython.Py_ssize_t = rows.shape[0] or X.shape[0]
    chosen: cython.bint = rows.shape[0] > 0
    check_centers(X.shape[0], p, centers, half_norms, scores, labels)
    check_rows(X.shape[0], rows, bounds)
    if not served(p) or middle.shape[0] != p or bounds.shape[0] != X.shape[0]:
        raise ValueError("bounds need few columns, AVX2, a middle, and a place each")
    columns: cython.float[4096]
    gathered: cython.float[4096]
    norms: cython.float[16]
    best: cython.float[16]
    second: cython.float[16]
    label: int32_t[16]
    row: cython.Py_ssize_t[16]
    kept: cython.float = 1 - 2.0 * (p + 8) / 16777216.0
    start: cython.Py_ssize_t
    count: cython.Py_ssize_t
    i: cython.Py_ssize_t
    j: cython.Py_ssize_t
    with cython.nogil:
        for start in range(0, n, 16):
            count = min(n - start, LANES)
            for i in range(count):
                row[i] = rows[start + i] if chosen else start + i
                if chosen:
                    for j in range(p):
                        gathered[i * p + j] = X[row[i], j]
            to_columns(
                cython.address(gathered[0]) if chosen else cython.address(X[start, 0]),
                count,
                p,
                cython.address(columns[0]),
            )
            nearest_two(
                cython.address(columns[0]),
                cython.address(centers[0, 0]),
                cython.address(half_norms[0]),
                p,
                centers.shape[0],
                cython.address(best[0]),
                cython.address(second[0]),
                cython.address(label[0]),
            )
            squared_norms(
                cython.address(columns[0]),
                cython.address(middle[0]),
                p,
                cython.address(norms[0]),
            )
            for i in range(LANES):
                second[i] = 2 * second[i] + norms[i] * kept - constant - slope * sqrtf(norms[i])
            to_bounds(cython.address(second[0]), cython.address(norms[0]), offset)
            for i in range(count):
                labels[row[i]] = label[i]
                bounds[row[i]] = second[i]


def assign_coarsely_first(
    X: cython.const[cython.double][:, ::1],
    centers: cython.const[cython.double][:, ::1],
    half_norms: cython.const[cython.double][::1],
    middle: cython.const[cython.double][::1],
    coarse: cython.const[cython.float][:, ::1],
    coarse_norms: cython.const[cython.float][::1],
    scores: cython.double[:, ::1],
    rows: cython.const[int32_t][::1],
    labels: int32_t[::1],
    bounds: cython.float[::1],
    offset: cython.float,
):
    """Do as `assign` does, with float32 where that decides beyond doubt.

    ``coarse[c]`` is centre c minus `middle`, ``coarse_norms[c]`` half its squared norm, times
    ``1 - 2 * coarseness(p)``. Where `served` says so, it does `rows` only unless there are none, and
    writes `bounds` unless there are none: lower bounds on the distance to all centres but the nearest,
    plus `offset`. A row's label does not depend on the rows beside it then. Returns how many rows
    had to be looked at again.
    """
    n_rows: cython.Py_ssize_t = X.shape[0]
    p: cython.Py_ssize_t = X.shape[1]
    n: cython.Py_ssize_t = rows.shape[0] or n_rows
    chosen: cython.bint = rows.shape[0] > 0
    bounded: cython.bint = bounds.shape[0] > 0
    check_centers(n_rows, p, centers, half_norms, scores, labels)
    if coarse.shape[0] != centers.shape[0] or coarse_norms.shape[0] != centers.shape[0]:
        raise ValueError("coarse centres are others than the centres")
    if not coarse.shape[1] == middle.shape[0] == p:
        raise ValueError("coarse centres or their middle lack columns")
    check_rows(n_rows, rows, bounds)
    if not served(p):
        if chosen or bounded:
            raise ValueError("bounds need few columns and AVX2")
        assign(X, centers, half_norms, scores, labels)
        return n_rows
    moved: cython.float[4096]
    columns: cython.float[4096]
    norms: cython.float[16]
    best: cython.float[16]
    second: cython.float[16]
    label: int32_t[16]
    row: cython.Py_ssize_t[16]
    n_again: cython.Py_ssize_t = 0
    margin: cython.float
    e: cython.float = coarseness(p)
    least: cython.float = 1e-36  # below that, what underflows may decide
    most: cython.float = 1e36
    held: cython.bint = (
        True  # whether float32 holds all centres: else the nearest may be too large for it
    )
    start: cython.Py_ssize_t
    count: cython.Py_ssize_t
    i: cython.Py_ssize_t
    j: cython.Py_ssize_t
    with cython.nogil:
        for i in range(coarse.shape[0]):
            held = held and coarse_norms[i] < most
        for start in range(0, n, 16):
            count = min(n - start, LANES)
            for i in range(count):
                row[i] = rows[start + i] if chosen else start + i
                for j in range(p):
                    moved[i * p + j] = cython.cast(cython.float, X[row[i], j] - middle[j])
            to_columns(cython.address(moved[0]), count, p, cython.address(columns[0]))
            squared_norms(cython.address(columns[0]), cython.NULL, p, cython.address(norms[0]))
            nearest_two(
                cython.address(columns[0]),
                cython.address(coarse[0, 0]),
                cython.address(coarse_norms[0]),
                p,
                coarse.shape[0],
                cython.address(best[0]),
                cython.address(second[0]),
                cython.address(label[0]),
            )
            for i in range(count):
                labels[row[i]] = label[i]
                margin = e * (4 * coarse_norms[label[i]] + norms[i]) + least
                if not (held and second[i] - best[i] > margin):
                    labels[row[i]] = look_again(
                        cython.address(X[row[i], 0]),
                        cython.address(centers[0, 0]),
                        cython.address(half_norms[0]),
                        p,
                        centers.shape[0],
                    )
                    # Whichever it is, the other is not nearer than that, if both are known.
                    second[i] = best[i] if held else -most
                    n_again += 1
            if bounded:
                # Scores are at most e / 2 of the norm too large, the norm by a share of e.
                for i in range(LANES):
                    second[i] = 2 * second[i] + (1 - 3 * e) * norms[i] - least
                to_bounds(cython.address(second[0]), cython.address(norms[0]), offset)
                for i in range(count):
                    bounds[row[i]] = second[i]
    return n_again
