"""What a centred Gram matrix needs beside BLAS: column means, and centred, weighted rows."""

import cython

TILE_ROWS = cython.declare(cython.Py_ssize_t, 64)


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


def center(
    X: cython.const[cython.floating][:, ::1],
    mean: cython.const[cython.double][::1],
    sqrt_w: cython.const[cython.double][::1],
    out: cython.double[:, :],
    column: cython.Py_ssize_t,
):
    """Write ``(X - mean) * sqrt_w`` to the columns of `out` from `column` on.

    An empty `sqrt_w` stands for ones. Rows of `out` may be wider than those of `X`.
    """
    n_rows: cython.Py_ssize_t = X.shape[0]
    n_columns: cython.Py_ssize_t = X.shape[1]
    weighted: cython.bint = sqrt_w.shape[0] > 0
    if mean.shape[0] != n_columns or (weighted and sqrt_w.shape[0] != n_rows):
        raise ValueError("center: one mean a column and one weight, or none at all, a row of X")
    if out.shape[0] != n_rows or column < 0 or column + n_columns > out.shape[1]:
        raise ValueError("center: out lacks the rows or the columns")
    if out.shape[1] > 1 and out.strides[1] != cython.sizeof(cython.double):
        raise ValueError("center: the entries of a row of out lie side by side")
    if n_rows == 0 or n_columns == 0:
        return
    target: cython.p_double
    scale: cython.double
    i: cython.Py_ssize_t
    j: cython.Py_ssize_t
    with cython.nogil:
        for i in range(n_rows):
            target = cython.address(out[i, column])
            if weighted:
                scale = sqrt_w[i]
                for j in range(n_columns):
                    target[j] = (X[i, j] - mean[j]) * scale
            else:
                for j in range(n_columns):
                    target[j] = X[i, j] - mean[j]
