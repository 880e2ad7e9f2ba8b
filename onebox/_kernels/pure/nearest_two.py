"""The nearest centre of every row, and how far away the next one is at least.

That makes a label sure beyond rounding, and spares later passes of k-means a look at rows whose centre
stays the nearest. For rows that take the loops of ``nearest.h``, where `nearest.served` says so.

Rows of float64 are compared in float32 first, which is twice as fast, and looked at again in float64
where rounding may have decided. The bound: a score of float32 is off by at most
``e (||c||^2 / 2 + ||x|| ||c||)``, which is at most ``e (||c||^2 + ||x||^2 / 2)``, where e is
``(p + 4) 2^-24`` and a tenth of that for terms of second order. So scores made with
``(1 - 2 e) ||c||^2 / 2`` are at most ``e ||x||^2 / 2`` above the true ones; and if the least of them is
further than ``e (2 ||c||^2 + ||x||^2)`` below the next, of whatever centre, its centre is the nearest.
"""
# ruff: noqa: F821 (Group, and what is done with either kind of rows, is in nearest_two.pxd)

import cython
from cython.cimports.libc.math import sqrtf
from cython.cimports.libc.stdint import int32_t, uintptr_t
from cython.cimports.onebox._kernels.pure.nearest import LANES, serves, to_columns


def coarseness(n_columns: cython.Py_ssize_t) -> cython.double:
    """Tell by how much a score of float32 may be off, relative to the numbers it is made of."""
    return 1.1 * (n_columns + 4) / 16777216.0


@cython.cfunc
def check(
    X_rows: cython.Py_ssize_t,
    p: cython.Py_ssize_t,
    centers: cython.const[cython.floating][:, ::1],
    half_norms: cython.const[cython.floating][::1],
    middle: cython.const[cython.floating][::1],
    rows: cython.const[int32_t][::1],
    labels: int32_t[::1],
    bounds: cython.const[cython.float][::1],
):
    if not (
        centers.shape[0] == half_norms.shape[0] > 0
        and centers.shape[1] == middle.shape[0] == p > 0
        and labels.shape[0] == X_rows
    ):
        raise ValueError("the shapes of rows, centres and labels do not fit together")
    if bounds.shape[0] not in (0, X_rows) or rows.shape[0] > X_rows:
        raise ValueError("bounds or chosen rows do not fit the rows")
    if not serves(p):
        raise ValueError(f"rows of {p} columns are not served here: use nearest.assign")


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def numbers(
    rows: cython.const[int32_t][::1],
) -> cython.pointer(cython.const[int32_t]):
    """The numbers of chosen rows; NULL, which stands for all, if there are none."""
    return cython.address(rows[0]) if rows.shape[0] > 0 else cython.NULL


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def load(g: cython.pointer(Group), X: cython.const[cython.float][:, ::1]) -> cython.void:
    """Put the rows side by side."""
    rows: uintptr_t[16]
    i: cython.Py_ssize_t
    for i in range(g.count):
        rows[i] = cython.cast(uintptr_t, cython.address(X[g.row[i], 0]))
    to_columns(cython.address(rows[0]), g.count, X.shape[1], cython.address(g.columns[0]))


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def load_coarsely(
    g: cython.pointer(Group),
    X: cython.const[cython.double][:, ::1],
    middle: cython.const[cython.double][::1],
) -> cython.void:
    """Put the rows, less `middle` and rounded to float32, side by side."""
    moved: cython.float[4096]
    rows: uintptr_t[16]
    p: cython.Py_ssize_t = X.shape[1]
    i: cython.Py_ssize_t
    j: cython.Py_ssize_t
    for i in range(g.count):
        rows[i] = cython.cast(uintptr_t, cython.address(moved[i * p]))
        for j in range(p):
            moved[i * p + j] = cython.cast(cython.float, X[g.row[i], j] - middle[j])
    to_columns(cython.address(rows[0]), g.count, p, cython.address(g.columns[0]))


def assign_with_bounds(
    X: cython.const[cython.float][:, ::1],
    centers: cython.const[cython.float][:, ::1],
    half_norms: cython.const[cython.float][::1],
    middle: cython.const[cython.float][::1],
    rows: cython.const[int32_t][::1],
    labels: int32_t[::1],
    bounds: cython.float[::1],
    offset: cython.float,
    constant: cython.float,
    slope: cython.float,
):
    """Do as `nearest.assign` does, for some rows, and bound their distances to all other centres.

    `centers` and `half_norms` are relative to `middle`. Without `rows` it does all. A score of x is
    off by at most half of ``constant + slope ||x - middle||``. The bounds are kept plus `offset`.
    """
    p: cython.Py_ssize_t = X.shape[1]
    n: cython.Py_ssize_t = rows.shape[0] or X.shape[0]
    if bounds.shape[0] != X.shape[0]:
        raise ValueError("every row needs a place for its bound")
    check(X.shape[0], p, centers, half_norms, middle, rows, labels, bounds)
    chosen: cython.pointer(cython.const[int32_t]) = numbers(rows)
    g: Group
    kept: cython.float = 1 - 2.0 * (p + 8) / 16777216.0
    start: cython.Py_ssize_t
    i: cython.Py_ssize_t
    with cython.nogil:
        for start in range(0, n, 16):
            number_rows(cython.address(g), start, n, chosen)
            load(cython.address(g), X)
            compare(
                cython.address(g),
                cython.address(centers[0, 0]),
                cython.address(half_norms[0]),
                p,
                centers.shape[0],
                cython.address(middle[0]),
            )
            for i in range(LANES):
                g.second[i] = (
                    2 * g.second[i] + g.norms[i] * kept - constant - slope * sqrtf(g.norms[i])
                )
            write_labels(cython.address(g), cython.address(labels[0]))
            write_bounds(cython.address(g), offset, cython.address(bounds[0]))


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def look_again(
    row: cython.pointer(cython.const[cython.double]),
    centers: cython.const[cython.double][:, ::1],
    half_norms: cython.const[cython.double][::1],
) -> int32_t:
    """Find the nearest centre of one row in float64, the first of equals."""
    # Not BLAS, whose sums may depend on which rows stand beside this one.
    label: int32_t = 0
    best: cython.double = 0
    score: cython.double
    c: cython.Py_ssize_t
    j: cython.Py_ssize_t
    for c in range(centers.shape[0]):
        score = 0
        for j in range(centers.shape[1]):
            score += row[j] * centers[c, j]
        score = half_norms[c] - score
        if c == 0 or score < best:
            best = score
            label = cython.cast(int32_t, c)
    return label


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def holds(coarse_norms: cython.const[cython.float][::1]) -> cython.bint:
    """Whether float32 holds all centres: else the nearest may be too large for it."""
    most: cython.float = 1e36
    c: cython.Py_ssize_t
    for c in range(coarse_norms.shape[0]):
        if not coarse_norms[c] < most:
            return False
    return True


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def settle(
    g: cython.pointer(Group),
    X: cython.const[cython.double][:, ::1],
    centers: cython.const[cython.double][:, ::1],
    half_norms: cython.const[cython.double][::1],
    coarse_norms: cython.const[cython.float][::1],
    e: cython.float,
    held: cython.bint,
) -> cython.Py_ssize_t:
    """Look again at the rows that float32 leaves in doubt; returns how many."""
    n_again: cython.Py_ssize_t = 0
    margin: cython.float
    least: cython.float = 1e-36  # below that, what underflows may decide
    most: cython.float = 1e36
    i: cython.Py_ssize_t
    for i in range(g.count):
        margin = e * (4 * coarse_norms[g.label[i]] + g.norms[i]) + least
        if not (held and g.second[i] - g.best[i] > margin):
            g.label[i] = look_again(cython.address(X[g.row[i], 0]), centers, half_norms)
            # Whichever it is, the other is not nearer than that, if both are known.
            g.second[i] = g.best[i] if held else -most
            n_again += 1
    return n_again


def assign_coarsely_first(
    X: cython.const[cython.double][:, ::1],
    centers: cython.const[cython.double][:, ::1],
    half_norms: cython.const[cython.double][::1],
    middle: cython.const[cython.double][::1],
    coarse: cython.const[cython.float][:, ::1],
    coarse_norms: cython.const[cython.float][::1],
    rows: cython.const[int32_t][::1],
    labels: int32_t[::1],
    bounds: cython.float[::1],
    offset: cython.float,
):
    """Do as `nearest.assign` does, with float32 where that decides beyond doubt.

    ``coarse[c]`` is centre c minus `middle`, ``coarse_norms[c]`` half its squared norm, times
    ``1 - 2 * coarseness(p)``. It does `rows` only unless there are none, and writes `bounds` unless
    there are none: lower bounds on the distance to all centres but the nearest, plus `offset`. A row's
    label does not depend on the rows beside it. Returns how many rows had to be looked at again.
    """
    p: cython.Py_ssize_t = X.shape[1]
    n: cython.Py_ssize_t = rows.shape[0] or X.shape[0]
    if not coarse.shape[0] == coarse_norms.shape[0] == centers.shape[0] or coarse.shape[1] != p:
        raise ValueError("coarse centres are others than the centres")
    check(X.shape[0], p, centers, half_norms, middle, rows, labels, bounds)
    chosen: cython.pointer(cython.const[int32_t]) = numbers(rows)
    g: Group
    n_again: cython.Py_ssize_t = 0
    e: cython.float = coarseness(p)
    least: cython.float = 1e-36  # as in `settle`
    held: cython.bint = holds(coarse_norms)
    start: cython.Py_ssize_t
    i: cython.Py_ssize_t
    with cython.nogil:
        for start in range(0, n, 16):
            number_rows(cython.address(g), start, n, chosen)
            load_coarsely(cython.address(g), X, middle)
            compare(
                cython.address(g),
                cython.address(coarse[0, 0]),
                cython.address(coarse_norms[0]),
                p,
                coarse.shape[0],
                cython.NULL,
            )
            n_again += settle(cython.address(g), X, centers, half_norms, coarse_norms, e, held)
            write_labels(cython.address(g), cython.address(labels[0]))
            if bounds.shape[0] > 0:
                # Scores are at most e / 2 of the norm too large, the norm by a share of e.
                for i in range(LANES):
                    g.second[i] = 2 * g.second[i] + (1 - 3 * e) * g.norms[i] - least
                write_bounds(cython.address(g), offset, cython.address(bounds[0]))
    return n_again
