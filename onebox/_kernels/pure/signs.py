"""Products with a matrix of few entries, all of them plus or minus one, kept by columns.

Column j of the matrix has its plus ones in the places ``rows[starts[2 j]:starts[2 j + 1]]`` and its
minus ones in ``rows[starts[2 j + 1]:starts[2 j + 2]]``. Rows of the dense operand are taken in tiles of
32 and stand side by side in the caches, so that each entry of the matrix is one addition of vectors.
Every sum runs over the columns in their order, so that its bits do not depend on the tiles.
"""
# ruff: noqa: F821 (TILE, add_column and onebox_expect are declared in signs.pxd)

import cython
from cython.cimports.libc.stdint import int32_t, int64_t, uintptr_t
from cython.cimports.onebox._kernels.pure.transpose import transpose


def tile_rows():
    """Tell how many rows `project` takes at once."""
    return TILE


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
    """Stand some columns of a tile of rows side by side, each TILE values long."""
    addresses: uintptr_t[8]
    first: cython.Py_ssize_t
    r: cython.Py_ssize_t
    row: cython.Py_ssize_t
    ahead: cython.Py_ssize_t
    for first in range(0, TILE, 8):
        for r in range(8):
            row = min(first + r, n_rows - 1)  # again the last one: nobody reads what comes of it
            addresses[r] = cython.cast(uintptr_t, X + row * stride)
            for ahead in range(width, 2 * width, 8):  # what is wanted next comes in the meantime
                onebox_expect(X + row * stride + ahead)
        transpose(cython.address(addresses[0]), width, 8, columns + first, TILE)


def project(
    X: cython.const[cython.floating][:, ::1],
    first_column: cython.Py_ssize_t,
    starts: cython.const[int64_t][::1],
    rows: cython.const[int32_t][::1],
    scale: cython.double,
    sums: cython.floating[:, ::1],
    out: cython.floating[:, ::1],
):
    """Add ``scale * X[:, first_column:] @ matrix.T``, for as many columns as the matrix has.

    `sums` is room to work in, of as many rows as the matrix has.
    """
    n_columns: cython.Py_ssize_t = (starts.shape[0] - 1) // 2
    n_sums: cython.Py_ssize_t = sums.shape[0]
    if (
        starts.shape[0] != 2 * n_columns + 1
        or starts[2 * n_columns] != rows.shape[0]
        or not 0 <= first_column <= X.shape[1] - n_columns
    ):
        raise ValueError("project: two starts for each column of X, and where the last one ends")
    if sums.shape[1] != TILE or out.shape[0] != X.shape[0] or out.shape[1] != n_sums:
        raise ValueError("project: sums of (components, tile_rows()), out of (rows, components)")
    columns: cython.floating[1024]
    first: cython.Py_ssize_t
    n_rows: cython.Py_ssize_t
    j: cython.Py_ssize_t
    k: cython.Py_ssize_t
    i: cython.Py_ssize_t
    r: cython.Py_ssize_t
    width: cython.Py_ssize_t
    start: int64_t
    if n_sums == 0 or n_columns == 0:
        return
    with cython.nogil:
        for first in range(0, X.shape[0], 32):
            n_rows = min(X.shape[0] - first, TILE)
            for i in range(n_sums):
                for r in range(TILE):
                    sums[i, r] = 0
            for j in range(0, n_columns, 32):
                width = min(n_columns - j, 32)
                load_columns(
                    cython.address(X[first, first_column + j]), n_rows, X.shape[1], width,
                    cython.address(columns[0]),
                )  # fmt: skip
                for k in range(width):
                    start = starts[2 * (j + k)]
                    if starts[2 * (j + k) + 2] > start:
                        add_column(
                            cython.address(columns[k * TILE]),
                            cython.address(rows[start]),
                            starts[2 * (j + k) + 1] - start,
                            starts[2 * (j + k) + 2] - start,
                            cython.address(sums[0, 0]),
                        )
            for r in range(n_rows):
                for i in range(n_sums):
                    out[first + r, i] += scale * sums[i, r]
