"""Products with rows of which only some entries are there: CSR, added in place."""

import cython
from cython.cimports.libc.stdint import int32_t, int64_t


def add_transposed(
    starts: cython.const[int64_t][::1],
    columns: cython.const[int32_t][::1],
    values: cython.const[cython.floating][::1],
    factor: cython.const[cython.double][:, ::1],
    out: cython.double[:, ::1],
):
    """Add the transpose of some rows times `factor` to `out`.

    Row i has the entries ``starts[i]`` to ``starts[i + 1]`` of `columns` and `values`.
    """
    n_rows: cython.Py_ssize_t = starts.shape[0] - 1
    width: cython.Py_ssize_t = factor.shape[1]
    if n_rows != factor.shape[0] or width != out.shape[1] or values.shape[0] != columns.shape[0]:
        raise ValueError("add_transposed: a row of factor for each row, a column for each of out's")
    if n_rows < 0 or starts[n_rows] > columns.shape[0]:
        raise ValueError("add_transposed: starts end beyond the entries")
    i: cython.Py_ssize_t
    j: cython.Py_ssize_t
    k: int64_t
    value: cython.double
    row: cython.pointer(cython.double)
    if width == 0:
        return
    with cython.nogil:
        for i in range(n_rows):
            for k in range(starts[i], starts[i + 1]):
                value = values[k]
                row = cython.address(out[columns[k], 0])
                for j in range(width):
                    row[j] += value * factor[i, j]
