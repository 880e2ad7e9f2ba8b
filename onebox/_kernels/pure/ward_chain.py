"""Ward's clustering of all pairs, by chains of nearest neighbours, from the clusters' centres alone.

From any cluster, go to its nearest, and on from there: distances fall, so that the way ends at two
clusters that are nearest to each other, and these are merged. A merge makes no two clusters nearer, so
what is left of the way stays right, and the merges are, but for their order, those of the nearest pair
each time. Distances come from centres and weights; nothing of the size of all pairs is kept.

Source: Müllner, "Modern hierarchical, agglomerative clustering algorithms", arXiv 1109.2378, section
3.2; the order of looking is that of scipy.cluster.hierarchy.
"""
# ruff: noqa: F821 (Means is declared in ward_chain.pxd)

import cython
from cython.cimports.libc.math import INFINITY
from cython.cimports.libc.stdint import int32_t
from cython.cimports.onebox._kernels.pure.lanes import (
    add_squares,
    clear_row,
    column_of,
    copy_row,
    least_of,
    move_row,
)


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def nearest(
    m: cython.pointer(Means), x: cython.Py_ssize_t, best: cython.p_double, found: cython.Py_ssize_t
) -> cython.Py_ssize_t:
    """The first cluster that is nearest to `x`, if nearer than ``best[0]``; else `found`."""
    sums: cython.double[16]
    block: cython.Py_ssize_t
    done: cython.Py_ssize_t
    step: cython.Py_ssize_t
    lane: cython.Py_ssize_t
    weight: cython.double = m.weights[x]
    # What a squared distance counts at least, as no cluster weighs less than 1.
    floor: cython.double = weight / (weight + 1) * (1 - 1e-15)
    cost: cython.double
    copy_row(m.lanes, x, m.p, m.row)
    for block in range((m.n_slots + 15) >> 4):
        for lane in range(16):
            sums[lane] = 0
        done = 0
        while done < m.p:
            step = min(m.p - done, 32)
            add_squares(
                m.lanes + (block * m.p + done) * 16, m.row + done, step, cython.address(sums[0])
            )
            done += step
            if least_of(cython.address(sums[0])) * floor >= best[0]:
                break
        else:
            for lane in range(16):
                cost = m.weights[16 * block + lane]
                cost = weight * cost / (weight + cost) * sums[lane]
                if cost < best[0] and 16 * block + lane != x:
                    best[0] = cost
                    found = 16 * block + lane
    return found


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def unite(m: cython.pointer(Means), x: cython.Py_ssize_t, y: cython.Py_ssize_t) -> cython.void:
    """Put the union of both in the place of `y`, and leave a gap in that of `x`."""
    share: cython.double = m.weights[x] / (m.weights[x] + m.weights[y])
    at: cython.Py_ssize_t
    j: cython.Py_ssize_t
    for j in range(m.p):
        at = column_of(y, j, m.p)
        m.lanes[at] += share * (m.lanes[column_of(x, j, m.p)] - m.lanes[at])
    clear_row(m.lanes, x, m.p)
    m.weights[y] += m.weights[x]
    m.origin[x] = -1
    m.n_left -= 1


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def close_gaps(m: cython.pointer(Means)) -> cython.void:
    slot: cython.Py_ssize_t
    into: cython.Py_ssize_t = 0
    for slot in range(m.n_slots):
        if m.origin[slot] >= 0:
            m.moved[slot] = cython.cast(int32_t, into)
            m.origin[into] = m.origin[slot]
            m.weights[into] = m.weights[slot]
            move_row(m.lanes, slot, into, m.p)
            into += 1
    for slot in range(m.length):
        m.way[slot] = m.moved[m.way[slot]]
    m.n_slots = into
    while into & 15:
        clear_row(m.lanes, into, m.p)
        into += 1


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def go(m: cython.pointer(Means), x: cython.Py_ssize_t) -> cython.bint:
    """Go on from `x` to two clusters that are nearest to each other, the last of the way."""
    y: cython.Py_ssize_t
    best: cython.double[1]
    if m.length == 0:
        m.way[0] = cython.cast(int32_t, x)
        m.length = 1
    while True:
        x = m.way[m.length - 1]
        best[0] = INFINITY
        y = -1
        if m.length > 1:
            best[0] = m.costs[m.length - 1]
            y = m.way[m.length - 2]
        y = nearest(m, x, best, y)
        if y < 0:
            return False
        if m.length > 1 and y == m.way[m.length - 2]:
            return True
        m.way[m.length] = cython.cast(int32_t, y)
        m.costs[m.length] = best[0]
        m.length += 1


def chain(
    lanes: cython.double[:, :, ::1],
    row: cython.double[::1],
    numbers: cython.double[:, ::1],
    slots: int32_t[:, ::1],
    ends: int32_t[:, ::1],
    costs: cython.double[::1],
):
    """Write the merges in the order in which they are found; returns how many.

    Fewer than ``len(ends)`` if distances are not finite.

    Parameters
    ----------
    lanes : double array of shape (blocks, p, 16)
        The rows as `lanes.pxd` says; spoiled.
    row, numbers, slots
        Room for work: (p,), and with room for one slot more than lanes, (2, 16 * blocks + 1), and
        (3, 16 * blocks + 1). ``numbers[0]`` holds the weights of the rows, 1 or more, and 1 where no row
        is.
    ends : int32 array of shape (n - 1, 2)
        A leaf of each of the two clusters.
    costs : double array of shape (n - 1,)
        What the merge adds to the sum of squared distances to the centres.
    """
    n: cython.Py_ssize_t = ends.shape[0] + 1
    room: cython.Py_ssize_t = 16 * lanes.shape[0] + 1
    if not (
        lanes.shape[2] == 16
        and room > n > 1
        and row.shape[0] == lanes.shape[1] > 0
        and numbers.shape[0] == 2
        and slots.shape[0] == 3
        and numbers.shape[1] == slots.shape[1] == room
        and ends.shape[1] == 2
        and costs.shape[0] == n - 1
    ):
        raise ValueError("chain: the shapes of rows, merges and room do not fit together")
    m: Means
    first: cython.Py_ssize_t = 0
    x: cython.Py_ssize_t
    y: cython.Py_ssize_t
    made: cython.Py_ssize_t = 0
    m.p = lanes.shape[1]
    m.n_slots = m.n_left = n
    m.lanes = cython.address(lanes[0, 0, 0])
    m.row = cython.address(row[0])
    m.weights = cython.address(numbers[0, 0])
    m.costs = cython.address(numbers[1, 0])
    m.origin = cython.address(slots[0, 0])
    m.moved = cython.address(slots[1, 0])
    m.way = cython.address(slots[2, 0])
    m.length = 0
    with cython.nogil:
        for x in range(room):
            m.origin[x] = cython.cast(int32_t, x)
        while made < n - 1:
            while m.origin[first] < 0:
                first += 1
            if not go(cython.address(m), first):
                break
            x = min(m.way[m.length - 1], m.way[m.length - 2])
            y = max(m.way[m.length - 1], m.way[m.length - 2])
            ends[made, 0] = m.origin[x]
            ends[made, 1] = m.origin[y]
            costs[made] = m.costs[m.length - 1]
            made += 1
            m.length -= 2
            unite(cython.address(m), x, y)
            if 2 * m.n_left <= m.n_slots and m.n_slots > 64:
                close_gaps(cython.address(m))
                first = 0
    return made
