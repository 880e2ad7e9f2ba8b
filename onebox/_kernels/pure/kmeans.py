"""What k-means sums by cluster: rows, inertia, and how many labels changed."""

import cython
from cython.cimports.libc.stdint import int32_t


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
