"""The shortest tree that joins all rows (Prim), from which single linkage is read off.

The tree grows from row 0 by the row that is nearest to it, the first of equal ones. A step looks at
the distances of the row that came last only, and computes them on the way; nothing of the size of all
pairs is kept. Built without relaxations.

Source: Müllner, "Modern hierarchical, agglomerative clustering algorithms", arXiv 1109.2378, figure 6.
"""
# ruff: noqa: F821 (Rows is declared in prim.pxd)

import cython
from cython.cimports.libc.math import INFINITY, sqrt
from cython.cimports.libc.stdint import int32_t
from cython.cimports.onebox._kernels.pure.lanes import (
    add_distances,
    clear_row,
    copy_row,
    least_of,
    move_row,
)


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def take(r: cython.pointer(Rows), slot: cython.Py_ssize_t) -> int32_t:
    """Take a row out; returns which it is. Once half are gone, close the gaps."""
    taken: int32_t = r.origin[slot]
    into: cython.Py_ssize_t = 0
    copy_row(r.lanes, slot, r.p, r.row)
    clear_row(r.lanes, slot, r.p)
    r.origin[slot] = -1
    r.distances[slot] = INFINITY
    r.n_left -= 1
    if 2 * r.n_left > r.n_slots or r.n_slots <= 64:
        return taken
    for slot in range(r.n_slots):
        if r.origin[slot] >= 0:
            r.origin[into] = r.origin[slot]
            r.distances[into] = r.distances[slot]
            move_row(r.lanes, slot, into, r.p)
            into += 1
    r.n_slots = into
    while into & 15:
        r.distances[into] = INFINITY
        clear_row(r.lanes, into, r.p)
        into += 1
    return taken


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def nearest(r: cython.pointer(Rows), best: cython.p_double) -> cython.Py_ssize_t:
    """The slot nearest to the tree, after its newest row has been looked at; its distance."""
    sums: cython.double[16]
    distances: cython.p_double
    # In squares two distances can differ that are one when the root is rounded: the first counts.
    squared: cython.double = INFINITY
    distance: cython.double
    found: cython.Py_ssize_t = -1
    block: cython.Py_ssize_t
    lane: cython.Py_ssize_t
    best[0] = INFINITY
    for block in range((r.n_slots + 15) >> 4):
        add_distances(r.lanes + 16 * block * r.p, r.row, r.p, r.absolute, cython.address(sums[0]))
        distances = r.distances + 16 * block
        for lane in range(16):
            distances[lane] = sums[lane] if sums[lane] < distances[lane] else distances[lane]
        if not least_of(distances) < squared:
            continue
        for lane in range(16):
            distance = distances[lane] if r.absolute else sqrt(distances[lane])
            if distance < best[0]:
                best[0] = distance
                squared = distances[lane]
                found = 16 * block + lane
    return found


def grow(
    lanes: cython.double[:, :, ::1],
    absolute: cython.bint,
    row: cython.double[::1],
    distances: cython.double[::1],
    origin: int32_t[::1],
    ends: int32_t[:, ::1],
    heights: cython.double[::1],
):
    """Write the edges of the tree in the order in which it grew; returns how many.

    Fewer than ``len(ends)`` if distances are not finite.

    Parameters
    ----------
    lanes : double array of shape (blocks, p, 16)
        The rows as `lanes.pxd` says; spoiled.
    absolute : bool
        Sums of absolute differences; else roots of sums of squares.
    row, distances : double array of shape (p,) and (16 * blocks,)
        Room for work, as is `origin`, an int32 array of shape (16 * blocks,).
    ends : int32 array of shape (n - 1, 2)
        The row that came last, and the one that joins. Not the two that are nearest to each other:
        they lie in the same clusters as those, and single linkage asks for nothing else.
    heights : double array of shape (n - 1,)
        Distance of the joining row to the tree.
    """
    n_blocks: cython.Py_ssize_t = lanes.shape[0]
    n: cython.Py_ssize_t = ends.shape[0] + 1
    if not (
        lanes.shape[2] == 16
        and 16 * n_blocks >= n > 1
        and row.shape[0] == lanes.shape[1] > 0
        and distances.shape[0] == origin.shape[0] == 16 * n_blocks
        and ends.shape[1] == 2
        and heights.shape[0] == n - 1
    ):
        raise ValueError("grow: the shapes of rows, edges and room do not fit together")
    r: Rows
    slot: cython.Py_ssize_t
    made: cython.Py_ssize_t = 0
    r.absolute = absolute
    r.p = lanes.shape[1]
    r.n_slots = r.n_left = n
    r.lanes = cython.address(lanes[0, 0, 0])
    r.row = cython.address(row[0])
    r.distances = cython.address(distances[0])
    r.origin = cython.address(origin[0])
    with cython.nogil:
        for slot in range(16 * n_blocks):
            r.distances[slot] = INFINITY
            r.origin[slot] = cython.cast(int32_t, slot)
        slot = 0
        while made < n - 1:
            ends[made, 0] = take(cython.address(r), slot)
            slot = nearest(cython.address(r), cython.address(heights[made]))
            if slot < 0:
                break
            ends[made, 1] = r.origin[slot]
            made += 1
    return made
