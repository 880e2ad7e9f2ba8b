"""Products with a matrix of few entries, all of them plus or minus one, kept by columns.

Column j of the matrix has its plus ones in the places ``rows[starts[2 j]:starts[2 j + 1]]`` and its
minus ones in ``rows[starts[2 j + 1]:starts[2 j + 2]]``. Rows of the dense operand are taken in tiles
and stand side by side in the caches, so that each entry of the matrix is one addition of
vectors. Every sum runs over the columns in their order, so that its bits do not depend on the tiles.
"""
# ruff: noqa: F821 (TILE_BYTES, add_column and are_finite are declared in signs.pxd)

import cython
from cython.cimports.libc.stdint import int32_t, int64_t, uintptr_t
from cython.cimports.onebox._kernels.pure.ahead import fetch
from cython.cimports.onebox._kernels.pure.transpose import transpose


def room(n_sums: cython.Py_ssize_t, itemsize: cython.Py_ssize_t):
    """Tell the shape of the room that `project` works in, for numbers of so many bytes."""
    return n_sums + 32, TILE_BYTES // itemsize


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def load_columns(
    X: cython.pointer(cython.const[cython.floating]),
    n_rows: cython.Py_ssize_t,
    stride: cython.Py_ssize_t,
    width: cython.Py_ssize_t,
    columns: cython.pointer(cython.floating),
) -> cython.void:
    """Stand some columns of a tile of rows side by side."""
    tile: cython.Py_ssize_t = TILE_BYTES // cython.sizeof(columns[0])
    addresses: uintptr_t[8]
    first: cython.Py_ssize_t
    r: cython.Py_ssize_t
    row: cython.Py_ssize_t
    ahead: cython.Py_ssize_t
    for first in range(0, tile, 8):
        for r in range(8):
            row = min(first + r, n_rows - 1)  # again the last one: nobody reads what comes of it
            addresses[r] = cython.cast(uintptr_t, X + row * stride)
            for ahead in range(width, 2 * width, 8):  # what is wanted next comes in the meantime
                fetch(X + row * stride + ahead)
        transpose(cython.address(addresses[0]), width, 8, columns + first, tile)


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def store_rows(
    sums: cython.pointer(cython.const[cython.floating]),
    n_sums: cython.Py_ssize_t,
    n_rows: cython.Py_ssize_t,
    scale: cython.double,
    add: cython.bint,
    out: cython.pointer(cython.floating),
) -> cython.void:
    """Write the sums of a tile of rows, times `scale`, as rows."""
    tile: cython.Py_ssize_t = TILE_BYTES // cython.sizeof(out[0])
    addresses: uintptr_t[8]
    turned: cython.floating[256]
    first: cython.Py_ssize_t
    width: cython.Py_ssize_t
    r: cython.Py_ssize_t
    i: cython.Py_ssize_t
    for first in range(0, n_sums, 8):
        width = min(n_sums - first, 8)
        for i in range(width):
            addresses[i] = cython.cast(uintptr_t, sums + (first + i) * tile)
        transpose(cython.address(addresses[0]), n_rows, width, cython.address(turned[0]), 8)
        for r in range(n_rows):
            if add:
                for i in range(width):
                    out[r * n_sums + first + i] += scale * turned[8 * r + i]
            else:
                for i in range(width):
                    out[r * n_sums + first + i] = scale * turned[8 * r + i]


def project(
    X: cython.const[cython.floating][:, ::1],
    first_column: cython.Py_ssize_t,
    starts: cython.const[int64_t][::1],
    rows: cython.const[int32_t][::1],
    scale: cython.double,
    room: cython.floating[:, ::1],
    add: cython.bint,
    out: cython.floating[:, ::1],
):
    """Compute ``scale * X[:, first_column:] @ matrix.T``, for as many columns as the matrix has.

    It is added to what is in `out` where `add` says so. `room` is best aligned to cache lines. Returns
    whether these columns of `X` are finite; if not, `out` is half done.
    """
    n_columns: cython.Py_ssize_t = (starts.shape[0] - 1) // 2
    n_sums: cython.Py_ssize_t = out.shape[1]
    tile: cython.Py_ssize_t = TILE_BYTES // cython.sizeof(room[0, 0])
    if (
        starts.shape[0] != 2 * n_columns + 1
        or starts[2 * n_columns] != rows.shape[0]
        or not 0 <= first_column <= X.shape[1] - n_columns
    ):
        raise ValueError("project: two starts for each column of X, and where the last one ends")
    if room.shape[0] != n_sums + 32 or room.shape[1] != tile or out.shape[0] != X.shape[0]:
        raise ValueError("project: room of room(components, itemsize), out of (rows, components)")
    sums: cython.pointer(cython.floating) = cython.address(room[0, 0])
    columns: cython.pointer(cython.floating) = cython.address(room[n_sums, 0])
    at: cython.Py_ssize_t
    first: cython.Py_ssize_t
    n_rows: cython.Py_ssize_t
    j: cython.Py_ssize_t
    k: cython.Py_ssize_t
    i: cython.Py_ssize_t
    width: cython.Py_ssize_t
    start: int64_t
    finite: cython.bint = True
    with cython.nogil:
        for at in range((X.shape[0] + tile - 1) // tile):
            first = at * tile
            n_rows = min(X.shape[0] - first, tile)
            for i in range(n_sums * tile):
                sums[i] = 0
            for j in range(0, n_columns, 32):
                width = min(n_columns - j, 32)
                load_columns(
                    cython.address(X[first, first_column + j]), n_rows, X.shape[1], width, columns
                )
                finite = finite and are_finite(columns, width)
                for k in range(width):
                    start = starts[2 * (j + k)]
                    if starts[2 * (j + k) + 2] > start:
                        add_column(
                            columns + k * tile,
                            cython.address(rows[start]),
                            starts[2 * (j + k) + 1] - start,
                            starts[2 * (j + k) + 2] - start,
                            sums,
                        )
            if not finite:
                break
            if n_sums:
                store_rows(sums, n_sums, n_rows, scale, add, cython.address(out[first, 0]))
    return finite
