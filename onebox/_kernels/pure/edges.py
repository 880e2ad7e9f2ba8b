"""Distances along the edges of a graph, and the shortest edges that join its components."""
# ruff: noqa: F821 (arrays of C are declared, not assigned)

import cython
from cython.cimports.libc.math import INFINITY, fabs, sqrt
from cython.cimports.libc.stdint import int32_t, int64_t
from cython.cimports.onebox._kernels.pure.lanes import add_distances, copy_row


def lengths(
    X: cython.const[cython.floating][:, ::1],
    ends: cython.const[int32_t][:, ::1],
    absolute: cython.bint,
    out: cython.double[::1],
):
    """Write the distance between the two rows that each edge joins.

    Sums of absolute differences, or roots of sums of squares.
    """
    if ends.shape[1] != 2 or out.shape[0] != ends.shape[0]:
        raise ValueError("lengths: two ends and one distance an edge")
    total: cython.double
    difference: cython.double
    a: cython.Py_ssize_t
    b: cython.Py_ssize_t
    e: cython.Py_ssize_t
    j: cython.Py_ssize_t
    with cython.nogil:
        for e in range(ends.shape[0]):
            a = ends[e, 0]
            b = ends[e, 1]
            total = 0
            if absolute:
                for j in range(X.shape[1]):
                    total += fabs(cython.cast(cython.double, X[a, j]) - X[b, j])
                out[e] = total
            else:
                for j in range(X.shape[1]):
                    difference = cython.cast(cython.double, X[a, j]) - X[b, j]
                    total += difference * difference
                out[e] = sqrt(total)


def closest(
    lanes: cython.const[cython.double][:, :, ::1],
    start: cython.const[int64_t][::1],
    counts: cython.const[int64_t][::1],
    absolute: cython.bint,
    row: cython.double[::1],
    ends: int64_t[:, ::1],
):
    """Write the closest two slots of every two components; -1 where distances are not finite.

    Parameters
    ----------
    lanes : double array of shape (blocks, p, 16)
        Rows as `lanes.pxd` says. Component c has ``counts[c]`` rows from block ``start[c]`` on.
    start, counts : int64 arrays of one entry a component
    absolute : bool
        By sums of absolute differences; else of squares.
    row : double array of shape (p,)
        Room for work.
    ends : int64 array of shape (c (c - 1) / 2, 2)
        For component 1 and 0, 2 and 0, 2 and 1, and so on: a slot of the former and of the latter;
        of equally close ones the first, in the order of the former, then of the latter.
    """
    n: cython.Py_ssize_t = start.shape[0]
    p: cython.Py_ssize_t = lanes.shape[1]
    if not (
        lanes.shape[2] == 16
        and counts.shape[0] == n
        and row.shape[0] == p > 0
        and ends.shape[0] == n * (n - 1) // 2
        and ends.shape[1] == 2
    ):
        raise ValueError("closest: the shapes of rows, components and edges do not fit together")
    sums: cython.double[16]
    best: cython.double
    a: cython.Py_ssize_t
    b: cython.Py_ssize_t
    slot: cython.Py_ssize_t
    block: cython.Py_ssize_t
    lane: cython.Py_ssize_t
    pair: cython.Py_ssize_t = 0
    with cython.nogil:
        for a in range(n):
            for b in range(a):
                best = INFINITY
                ends[pair, 0] = ends[pair, 1] = -1
                for slot in range(16 * start[a], 16 * start[a] + counts[a]):
                    copy_row(cython.address(lanes[0, 0, 0]), slot, p, cython.address(row[0]))
                    for block in range(start[b], start[b] + (counts[b] + 15) // 16):
                        add_distances(
                            cython.address(lanes[block, 0, 0]),
                            cython.address(row[0]),
                            p,
                            absolute,
                            cython.address(sums[0]),
                        )
                        for lane in range(16):
                            if sums[lane] < best:
                                best = sums[lane]
                                ends[pair, 0] = slot
                                ends[pair, 1] = 16 * block + lane
                pair += 1
