"""Distances of all pairs of rows, and the shortest tree in them; built without relaxations.

Distances lie in bands, as `bands.pxd` says.
"""
# ruff: noqa: F821 (arrays of C are declared, not assigned)

import cython
from cython.cimports.libc.math import INFINITY, sqrt
from cython.cimports.libc.stdint import int32_t
from cython.cimports.onebox._kernels.pure.bands import place_in, size_of
from cython.cimports.onebox._kernels.pure.lanes import add_distances, copy_row


def room(n: cython.Py_ssize_t):
    """Entries that the distances of `n` rows take."""
    return size_of(n)


def fill(
    lanes: cython.const[cython.double][:, :, ::1],
    absolute: cython.bint,
    rows: cython.double[:, ::1],
    out: cython.double[::1],
    n: cython.Py_ssize_t,
):
    """Write the distances of all pairs of the `n` rows in lanes (see `lanes.pxd`).

    Sums of absolute differences, or roots of sums of squares; `rows`, of shape (8, p), is for work.
    """
    p: cython.Py_ssize_t = lanes.shape[1]
    if not (
        lanes.shape[2] == 16
        and 16 * lanes.shape[0] >= n > 1
        and rows.shape[0] == 8
        and rows.shape[1] == p > 0
        and out.shape[0] == size_of(n)
    ):
        raise ValueError("fill: rows in lanes of 16, and room for the distances of all pairs")
    sums: cython.double[16]
    band: cython.Py_ssize_t
    block: cython.Py_ssize_t
    row: cython.Py_ssize_t
    lane: cython.Py_ssize_t
    first: cython.Py_ssize_t
    at: cython.Py_ssize_t
    with cython.nogil:
        for band in range((n + 7) >> 3):
            for row in range(8):
                if 8 * band + row < n:
                    copy_row(
                        cython.address(lanes[0, 0, 0]),
                        8 * band + row,
                        p,
                        cython.address(rows[row, 0]),
                    )
            for block in range(band >> 1, (n + 15) >> 4):
                first = max(8 * band - 16 * block, 0)
                at = place_in(band, 16 * block + first, n)
                for row in range(8):
                    add_distances(
                        cython.address(lanes[block, 0, 0]),
                        cython.address(rows[row, 0]),
                        p,
                        absolute,
                        cython.address(sums[0]),
                    )
                    if not absolute:
                        for lane in range(16):
                            sums[lane] = sqrt(sums[lane])
                    for lane in range(first, min(n - 16 * block, 16)):
                        out[at + 8 * (lane - first) + row] = sums[lane]


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def come_nearer(
    distances: cython.pointer(cython.const[cython.double]),
    n: cython.Py_ssize_t,
    current: cython.Py_ssize_t,
    nearest: cython.p_double,
) -> cython.void:
    """Note where `current`, which joined the tree, is nearer than what was in it."""
    at: cython.Py_ssize_t
    i: cython.Py_ssize_t
    for i in range(current):
        at = place_in(i >> 3, current, n) + (i & 7)
        if distances[at] < nearest[i]:
            nearest[i] = distances[at]
    at = place_in(current >> 3, 0, n) + (current & 7)
    for i in range(current + 1, n):
        if distances[at + 8 * i] < nearest[i]:
            nearest[i] = distances[at + 8 * i]


def grow(
    distances: cython.const[cython.double][::1],
    nearest: cython.double[::1],
    ends: int32_t[:, ::1],
    heights: cython.double[::1],
):
    """Write the edges of the shortest tree in the order in which it grows from row 0; returns how many.

    As `prim.grow`, from the distances of all pairs; none is negative. `nearest`, of one entry a row,
    is for work.
    """
    n: cython.Py_ssize_t = nearest.shape[0]
    if not (
        n > 1
        and distances.shape[0] == size_of(n)
        and ends.shape[0] == heights.shape[0] == n - 1
        and ends.shape[1] == 2
    ):
        raise ValueError("grow: the shapes of distances, edges and room do not fit together")
    made: cython.Py_ssize_t = 0
    current: cython.Py_ssize_t = 0
    found: cython.Py_ssize_t
    i: cython.Py_ssize_t
    with cython.nogil:
        for i in range(n):
            nearest[i] = INFINITY
        while made < n - 1:
            nearest[current] = -1  # in the tree
            come_nearer(cython.address(distances[0]), n, current, cython.address(nearest[0]))
            found = -1
            for i in range(n):
                if nearest[i] >= 0 and (found < 0 or nearest[i] < nearest[found]):
                    found = i
            if not nearest[found] < INFINITY:
                break
            ends[made, 0] = cython.cast(int32_t, current)
            ends[made, 1] = cython.cast(int32_t, found)
            heights[made] = nearest[found]
            current = found
            made += 1
    return made
