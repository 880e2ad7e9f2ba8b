"""k-means on rows of which only some entries are there: CSR, with no zero touched.

Row i has the entries ``starts[i]`` to ``starts[i + 1]`` of `columns` and `values`. Centres come column
by column, (p, k), so that an entry meets all of them in one run of numbers.
"""

import cython
from cython.cimports.libc.stdint import int32_t, int64_t


def assign(
    starts: cython.const[int64_t][::1],
    columns: cython.const[int32_t][::1],
    values: cython.const[cython.floating][::1],
    centers: cython.const[cython.double][:, ::1],
    half_norms: cython.const[cython.double][::1],
    scores: cython.double[::1],
    labels: int32_t[::1],
):
    """Find the least of ``half_norms[c] - <row, centre c>``, the first of equals, for every row."""
    n: cython.Py_ssize_t = labels.shape[0]
    k: cython.Py_ssize_t = centers.shape[1]
    if starts.shape[0] != n + 1 or values.shape[0] != columns.shape[0]:
        raise ValueError("assign: a label a row, a value an entry")
    if half_norms.shape[0] != k or scores.shape[0] != k or k == 0:
        raise ValueError("assign: a norm and a place for a score a centre")
    value: cython.double
    row: cython.pointer(cython.const[cython.double])
    i: cython.Py_ssize_t
    c: cython.Py_ssize_t
    e: int64_t
    best: cython.Py_ssize_t
    with cython.nogil:
        for i in range(n):
            for c in range(k):
                scores[c] = half_norms[c]
            for e in range(starts[i], starts[i + 1]):
                value = values[e]
                row = cython.address(centers[columns[e], 0])
                for c in range(k):
                    scores[c] -= value * row[c]
            best = 0
            for c in range(1, k):
                if scores[c] < scores[best]:
                    best = c
            labels[i] = cython.cast(int32_t, best)


def accumulate(
    starts: cython.const[int64_t][::1],
    columns: cython.const[int32_t][::1],
    values: cython.const[cython.floating][::1],
    w: cython.const[cython.double][::1],
    labels: cython.const[int32_t][::1],
    sums: cython.double[:, ::1],
    counts: cython.double[::1],
):
    """Add every row, times its weight (1 if `w` is empty), to the sums of its cluster."""
    n: cython.Py_ssize_t = labels.shape[0]
    weighted: cython.bint = w.shape[0] > 0
    if starts.shape[0] != n + 1 or values.shape[0] != columns.shape[0]:
        raise ValueError("accumulate: a label a row, a value an entry")
    if (weighted and w.shape[0] != n) or counts.shape[0] != sums.shape[0]:
        raise ValueError("accumulate: a weight a row, a count a cluster")
    weight: cython.double = 1
    i: cython.Py_ssize_t
    e: int64_t
    with cython.nogil:
        for i in range(n):
            if weighted:
                weight = w[i]
            for e in range(starts[i], starts[i + 1]):
                sums[labels[i], columns[e]] += weight * values[e]
            counts[labels[i]] += weight


def distances(
    starts: cython.const[int64_t][::1],
    columns: cython.const[int32_t][::1],
    values: cython.const[cython.floating][::1],
    labels: cython.const[int32_t][::1],
    centers: cython.const[cython.double][:, ::1],
    norms: cython.const[cython.double][::1],
    out: cython.double[::1],
):
    """Write the squared distance of every row to its centre; `norms` are those of the centres."""
    n: cython.Py_ssize_t = labels.shape[0]
    if starts.shape[0] != n + 1 or values.shape[0] != columns.shape[0] or out.shape[0] != n:
        raise ValueError("distances: a label and a distance a row, a value an entry")
    if norms.shape[0] != centers.shape[1]:
        raise ValueError("distances: a norm a centre")
    value: cython.double
    own: cython.double
    total: cython.double
    i: cython.Py_ssize_t
    e: int64_t
    with cython.nogil:
        for i in range(n):
            total = norms[labels[i]]
            for e in range(starts[i], starts[i + 1]):
                value = values[e]
                own = centers[columns[e], labels[i]]
                total += value * (value - 2 * own)
            out[i] = total if total > 0 else 0
