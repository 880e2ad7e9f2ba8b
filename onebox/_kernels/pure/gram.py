"""Centred Gram matrices: column means, centred rows, sums of their products, and how they merge.

Centred rows lie in panels of 12 columns where the loops of ``panels.h`` were built: shape (panels,
rows, 12), the last panel filled up with zeros. Elsewhere there is one panel as wide as the matrix,
which is a row-major matrix, and BLAS adds the products.
"""
# ruff: noqa: F821 (HAS_PANELS, add_products and the constants are declared in gram.pxd)

import cython
from cython.cimports.onebox._kernels.pure.blas_calls import add_gram, gemm


def panel_width(n_columns: cython.Py_ssize_t):
    """Tell how many columns lie side by side in the panels of a matrix."""
    return PANEL if HAS_PANELS else n_columns


def column_means(
    X: cython.const[cython.floating][:, ::1],
    w: cython.const[cython.double][::1],
    out: cython.double[::1],
):
    """Write the (weighted, unless `w` is empty) column means of `X`; return the total weight.

    Without weight the means are zero.
    """
    n_rows: cython.Py_ssize_t = X.shape[0]
    n_columns: cython.Py_ssize_t = X.shape[1]
    weighted: cython.bint = w.shape[0] > 0
    if out.shape[0] != n_columns or (weighted and w.shape[0] != n_rows):
        raise ValueError("column_means: one mean a column and one weight, or none at all, a row")
    total: cython.double = 0
    weight: cython.double
    i: cython.Py_ssize_t
    j: cython.Py_ssize_t
    with cython.nogil:
        for j in range(n_columns):
            out[j] = 0
        for i in range(n_rows):
            if weighted:
                weight = w[i]
                total += weight
                for j in range(n_columns):
                    out[j] += weight * X[i, j]
            else:
                for j in range(n_columns):
                    out[j] += X[i, j]
        if not weighted:
            total = n_rows
        if total != 0:
            for j in range(n_columns):
                out[j] /= total
    return total


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def center_values(
    values: cython.pointer(cython.const[cython.floating]),
    mean: cython.pointer(cython.const[cython.double]),
    scale: cython.double,
    count: cython.Py_ssize_t,
    out: cython.p_double,
) -> cython.void:
    j: cython.Py_ssize_t
    if count == PANEL:  # a constant trip count: the compiler unrolls it
        for j in range(PANEL):
            out[j] = (values[j] - mean[j]) * scale
    else:
        for j in range(count):
            out[j] = (values[j] - mean[j]) * scale


def center(
    X: cython.const[cython.floating][:, ::1],
    mean: cython.const[cython.double][::1],
    sqrt_w: cython.const[cython.double][::1],
    out: cython.double[:, :, ::1],
    column: cython.Py_ssize_t,
):
    """Write ``(X - mean) * sqrt_w`` to the columns of the panels `out` from `column` on.

    An empty `sqrt_w` stands for ones. `out` may have more rows than `X`.
    """
    n_rows: cython.Py_ssize_t = X.shape[0]
    n_columns: cython.Py_ssize_t = X.shape[1]
    width: cython.Py_ssize_t = out.shape[2]
    weighted: cython.bint = sqrt_w.shape[0] > 0
    if mean.shape[0] != n_columns or (weighted and sqrt_w.shape[0] != n_rows):
        raise ValueError("center: one mean a column and one weight, or none at all, a row of X")
    if out.shape[1] < n_rows or column < 0 or column + n_columns > out.shape[0] * width:
        raise ValueError("center: out lacks the rows or the columns")
    if n_rows == 0 or n_columns == 0:
        return
    target: cython.p_double
    row: cython.Py_ssize_t
    i: cython.Py_ssize_t
    start: cython.Py_ssize_t
    count: cython.Py_ssize_t
    with cython.nogil:
        for row in range(0, n_rows, 8):  # a tile of rows, so that a cache line is read once
            start = 0
            while start < n_columns:
                count = min(n_columns - start, width - (column + start) % width)
                target = cython.address(
                    out[(column + start) // width, row, (column + start) % width]
                )
                for i in range(row, min(row + 8, n_rows)):
                    center_values(
                        cython.address(X[i, start]),
                        cython.address(mean[start]),
                        sqrt_w[i] if weighted else 1.0,
                        count,
                        target,
                    )
                    target += width
                start += count


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def add_panels(
    panels: cython.double[:, :, ::1],
    scatter: cython.double[:, ::1],
    start: cython.Py_ssize_t,
    stop: cython.Py_ssize_t,
) -> cython.void:
    """Add the products to lines start .. stop of the lower triangle; `start` begins a panel."""
    n_rows: cython.Py_ssize_t = panels.shape[1]
    n_columns: cython.Py_ssize_t = scatter.shape[0]
    # Chunks of one length, so that the last is not a single row.
    n_chunks: cython.Py_ssize_t = max(1, n_rows // CHUNK)
    chunk: cython.Py_ssize_t
    first_row: cython.Py_ssize_t
    count: cython.Py_ssize_t
    left: cython.Py_ssize_t
    line: cython.Py_ssize_t
    on_diagonal: cython.bint
    for chunk in range(n_chunks):
        first_row = chunk * n_rows // n_chunks
        count = (chunk + 1) * n_rows // n_chunks - first_row
        for left in range((stop + PANEL - 1) // PANEL):
            line = max(start, left * PANEL)
            while line < stop:
                on_diagonal = line < (left + 1) * PANEL
                add_products(
                    cython.address(panels[line // PANEL, first_row, line % PANEL]),
                    cython.address(panels[left, first_row, 0]),
                    count,
                    cython.address(scatter[line, left * PANEL]),
                    n_columns,
                    min(LINES, stop - line),
                    line - left * PANEL + 1 if on_diagonal else PANEL,
                    on_diagonal,
                )
                line += LINES


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def add_by_blas(
    rows: cython.double[:, :, ::1],
    scatter: cython.double[:, ::1],
    start: cython.int,
    stop: cython.int,
) -> cython.void:
    """Do as `add_panels` does, for one panel as wide as the matrix."""
    n_rows: cython.int = rows.shape[1]
    n_columns: cython.int = rows.shape[2]
    one: cython.double = 1
    if start > 0:
        gemm(
            False,
            True,
            start,
            stop - start,
            n_rows,
            cython.address(rows[0, 0, 0]),
            n_columns,
            cython.address(rows[0, 0, start]),
            n_columns,
            one,
            cython.address(scatter[start, 0]),
            n_columns,
        )
    add_gram(
        n_rows,
        stop - start,
        cython.address(rows[0, 0, start]),
        n_columns,
        cython.address(scatter[start, start]),
        n_columns,
    )


def add(
    panels: cython.double[:, :, ::1],
    scatter: cython.double[:, ::1],
    start: cython.Py_ssize_t,
    stop: cython.Py_ssize_t,
):
    """Add ``Z.T @ Z``, for the rows Z that lie in `panels`, to lines start .. stop of `scatter`.

    Only entries ``scatter[i, j]`` with ``j <= i`` are touched. `start` is a multiple of 12. Parts
    that cover all lines, in any order or at once, give the bits of one call where panels are used.
    """
    n_columns: cython.Py_ssize_t = scatter.shape[0]
    if scatter.shape[1] != n_columns:
        raise ValueError("add: a Gram matrix is square")
    if not 0 <= start <= stop <= n_columns or start % PANEL:
        raise ValueError(f"add: lines {start} .. {stop} of a matrix with {n_columns}")
    width: cython.Py_ssize_t = PANEL if HAS_PANELS else n_columns
    if n_columns > 0 and (
        panels.shape[2] != width or panels.shape[0] != (n_columns + width - 1) // width
    ):
        raise ValueError(f"add: panels of another shape than {n_columns} columns have")
    if panels.shape[1] == 0 or start == stop:
        return
    with cython.nogil:
        if HAS_PANELS:
            add_panels(panels, scatter, start, stop)
        else:
            add_by_blas(panels, scatter, start, stop)


def merge(
    into: cython.double[:, ::1],
    other: cython.const[cython.double][:, ::1],
    change: cython.const[cython.double][::1],
):
    """Add ``other + change change'`` to the lower triangle of `into`."""
    n_columns: cython.Py_ssize_t = change.shape[0]
    if not (into.shape[0] == into.shape[1] == other.shape[0] == other.shape[1] == n_columns):
        raise ValueError("merge: two square matrices of one size, and a change of each column")
    i: cython.Py_ssize_t
    j: cython.Py_ssize_t
    with cython.nogil:
        for i in range(n_columns):
            for j in range(i + 1):
                into[i, j] += other[i, j] + change[i] * change[j]
