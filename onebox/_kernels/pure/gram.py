"""Centred second moments: column means, centred rows, sums of their products, and how they merge.

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


def add_squares(
    X: cython.const[cython.floating][:, ::1],
    w: cython.const[cython.double][::1],
    mean: cython.const[cython.double][::1],
    out: cython.double[::1],
):
    """Add the (weighted, unless `w` is empty) squares of ``X - mean`` to `out`, column by column."""
    n_columns: cython.Py_ssize_t = X.shape[1]
    weighted: cython.bint = w.shape[0] > 0
    if not (mean.shape[0] == out.shape[0] == n_columns) or w.shape[0] not in (0, X.shape[0]):
        raise ValueError(
            "add_squares: one mean and sum a column, one weight, or none at all, a row"
        )
    difference: cython.double
    weight: cython.double = 1
    i: cython.Py_ssize_t
    j: cython.Py_ssize_t
    with cython.nogil:
        for i in range(X.shape[0]):
            if weighted:
                weight = w[i]
            for j in range(n_columns):
                difference = X[i, j] - mean[j]
                out[j] += weight * difference * difference


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


@cython.cfunc
def check_rows(
    n_rows: cython.Py_ssize_t,
    n_columns: cython.Py_ssize_t,
    mean: cython.const[cython.double][::1],
    sqrt_w: cython.const[cython.double][::1],
):
    if mean.shape[0] != n_columns or sqrt_w.shape[0] not in (0, n_rows):
        raise ValueError("center: one mean a column and one weight, or none at all, a row")


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def center_rows(
    X: cython.const[cython.floating][:, ::1],
    first: cython.Py_ssize_t,
    stop: cython.Py_ssize_t,
    mean: cython.const[cython.double][::1],
    sqrt_w: cython.const[cython.double][::1],
    out: cython.double[:, :, ::1],
    column: cython.Py_ssize_t,
) -> cython.void:
    """Centre the rows of `X` from `first` to `stop` into the first rows of panels."""
    n_columns: cython.Py_ssize_t = X.shape[1]
    width: cython.Py_ssize_t = out.shape[2]
    weighted: cython.bint = sqrt_w.shape[0] > 0
    target: cython.p_double
    row: cython.Py_ssize_t
    i: cython.Py_ssize_t
    start: cython.Py_ssize_t
    count: cython.Py_ssize_t
    for row in range(first, stop, 8):  # a few rows at a time: a cache line is read once
        start = 0
        while start < n_columns:
            count = min(n_columns - start, width - (column + start) % width)
            target = cython.address(
                out[(column + start) // width, row - first, (column + start) % width]
            )
            for i in range(row, min(row + 8, stop)):
                center_values(
                    cython.address(X[i, start]),
                    cython.address(mean[start]),
                    sqrt_w[i] if weighted else 1.0,
                    count,
                    target,
                )
                target += width
            start += count


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
    check_rows(X.shape[0], X.shape[1], mean, sqrt_w)
    if out.shape[1] < X.shape[0] or not 0 <= column <= out.shape[0] * out.shape[2] - X.shape[1]:
        raise ValueError("center: out lacks the rows or the columns")
    with cython.nogil:
        center_rows(X, 0, X.shape[0], mean, sqrt_w, out, column)


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def add_panels(
    panels: cython.double[:, :, ::1],
    n_rows: cython.Py_ssize_t,
    scatter: cython.double[:, ::1],
    start: cython.Py_ssize_t,
    stop: cython.Py_ssize_t,
) -> cython.void:
    """Add the products to lines start .. stop of the lower triangle; `start` begins a panel."""
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
    n_rows: cython.int,
    scatter: cython.double[:, ::1],
    start: cython.int,
    stop: cython.int,
) -> cython.void:
    """Do as `add_panels` does, for one panel as wide as the matrix."""
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


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def add_products_of(
    panels: cython.double[:, :, ::1],
    n_rows: cython.Py_ssize_t,
    scatter: cython.double[:, ::1],
    start: cython.Py_ssize_t,
    stop: cython.Py_ssize_t,
) -> cython.void:
    if n_rows == 0 or start == stop:
        return
    if HAS_PANELS:
        add_panels(panels, n_rows, scatter, start, stop)
    else:
        add_by_blas(panels, n_rows, scatter, start, stop)


@cython.cfunc
def check_panels(panels: cython.double[:, :, ::1], scatter: cython.double[:, ::1]):
    n_columns: cython.Py_ssize_t = scatter.shape[0]
    width: cython.Py_ssize_t = PANEL if HAS_PANELS else n_columns
    if scatter.shape[1] != n_columns:
        raise ValueError("a Gram matrix is square")
    if n_columns > 0 and (
        panels.shape[2] != width or panels.shape[0] != (n_columns + width - 1) // width
    ):
        raise ValueError(f"panels of another shape than {n_columns} columns have")


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
    check_panels(panels, scatter)
    if not 0 <= start <= stop <= scatter.shape[0] or start % PANEL:
        raise ValueError(f"lines {start} .. {stop} of a matrix with {scatter.shape[0]}")
    with cython.nogil:
        add_products_of(panels, panels.shape[1], scatter, start, stop)


def add_centered(
    X: cython.const[cython.floating][:, ::1],
    x_mean: cython.const[cython.double][::1],
    Y: cython.const[cython.double][:, ::1],
    y_mean: cython.const[cython.double][::1],
    sqrt_w: cython.const[cython.double][::1],
    more: cython.const[cython.double][::1],
    panels: cython.double[:, :, ::1],
    scatter: cython.double[:, ::1],
):
    """Centre `X` and, to the right of it, `Y`, and add their products to `scatter`.

    What `center` and `add` do, as many rows at a time as `panels` has but for one: they stay in the
    fast levels of memory. `more` is one further row, which is centred and weighted already. Behind
    the last column `panels` holds zeros; the rest of it is scratch.
    """
    n_columns: cython.Py_ssize_t = scatter.shape[0]
    n_rows: cython.Py_ssize_t = X.shape[0]
    height: cython.Py_ssize_t = panels.shape[1] - 1
    check_panels(panels, scatter)
    check_rows(n_rows, X.shape[1], x_mean, sqrt_w)
    check_rows(n_rows, Y.shape[1], y_mean, sqrt_w)
    if X.shape[1] + Y.shape[1] != n_columns or more.shape[0] != n_columns:
        raise ValueError("add_centered: X, Y and the further row lack columns of the matrix")
    if Y.shape[0] != n_rows or height < 1:
        raise ValueError("add_centered: Y lacks the rows of X, or panels have no room for two")
    first: cython.Py_ssize_t = 0
    count: cython.Py_ssize_t
    j: cython.Py_ssize_t
    with cython.nogil:
        while True:
            count = min(height, n_rows - first)
            center_rows(X, first, first + count, x_mean, sqrt_w, panels, 0)
            center_rows(Y, first, first + count, y_mean, sqrt_w, panels, X.shape[1])
            first += count
            if first == n_rows:
                for j in range(n_columns):
                    panels[j // panels.shape[2], count, j % panels.shape[2]] = more[j]
                count += 1
            add_products_of(panels, count, scatter, 0, n_columns)
            if first == n_rows:
                break


def merge(
    into: cython.double[:, ::1],
    other: cython.const[cython.double][:, ::1],
    change: cython.const[cython.double][::1],
):
    """Add ``other + change change'`` to the lower triangle of `into`."""
    n_columns: cython.Py_ssize_t = change.shape[0]
    if not (into.shape[0] == into.shape[1] == other.shape[0] == other.shape[1] == n_columns):
        raise ValueError("two square matrices of one size, and a change of each column")
    i: cython.Py_ssize_t
    j: cython.Py_ssize_t
    with cython.nogil:
        for i in range(n_columns):
            for j in range(i + 1):
                into[i, j] += other[i, j] + change[i] * change[j]
