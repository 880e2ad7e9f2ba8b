"""Average and complete linkage of all pairs, by chains of nearest neighbours in their distances.

From any cluster, go to its nearest, and on from there: distances fall, so that the way ends at two
clusters that are nearest to each other, and these are merged. A merge brings no two clusters nearer, so
what is left of the way stays right. Reading distances takes the time: they lie in bands (`bands.pxd`),
nearest neighbours are noted while distances are written anyway, and gaps are closed once half of the
clusters are gone. The order in which clusters are looked at, and each operation, is that of
scipy.cluster.hierarchy: built without relaxations, so that the bits are the same.

Source: Müllner, "Modern hierarchical, agglomerative clustering algorithms", arXiv 1109.2378, section 3.2.
"""
# ruff: noqa: F821 (Pairs is declared in pair_chain.pxd)

import cython
from cython.cimports.libc.math import INFINITY
from cython.cimports.libc.stdint import int32_t
from cython.cimports.onebox._kernels.pure.ahead import fetch
from cython.cimports.onebox._kernels.pure.bands import place_in, size_of


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def consider(
    c: cython.pointer(Pairs), x: cython.Py_ssize_t, i: cython.Py_ssize_t, distance: cython.double
) -> cython.void:
    if distance < c.least[x]:
        c.least[x] = distance
        c.nearest[x] = cython.cast(int32_t, i)


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def look(c: cython.pointer(Pairs), x: cython.Py_ssize_t) -> cython.void:
    """Find the nearest of `x`, the first of equal ones."""
    line: cython.p_double
    low: cython.double[4]
    band: cython.Py_ssize_t
    i: cython.Py_ssize_t
    c.least[x] = INFINITY
    c.nearest[x] = -1
    for band in range(x >> 3):
        line = c.distances + place_in(band, x, c.n)
        fetch(c.distances + place_in(band + 8, x, c.n))
        for i in range(4):
            low[i] = line[i] if line[i] < line[i + 4] else line[i + 4]
        low[0] = low[0] if low[0] < low[1] else low[1]
        low[2] = low[2] if low[2] < low[3] else low[3]
        if low[0] < c.least[x] or low[2] < c.least[x]:
            for i in range(8):
                consider(c, x, 8 * band + i, line[i])
    line = c.distances + place_in(x >> 3, x, c.n)
    for i in range(x & 7):
        consider(c, x, (x & ~7) + i, line[i])
    line += x & 7
    for i in range(x + 1, c.n):
        line += 8
        consider(c, x, i, line[0])


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def look_everywhere(c: cython.pointer(Pairs)) -> cython.void:
    """Find the nearest of every row in one walk over all distances."""
    line: cython.p_double = c.distances
    band: cython.Py_ssize_t
    i: cython.Py_ssize_t
    j: cython.Py_ssize_t
    for i in range(c.n):
        c.least[i] = INFINITY
        c.nearest[i] = -1
    for band in range((c.n + 7) >> 3):
        for j in range(8 * band, c.n):
            for i in range(min(j - 8 * band, 8)):
                consider(c, 8 * band + i, j, line[i])
                consider(c, j, 8 * band + i, line[i])
            line += 8


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def settle(
    c: cython.pointer(Pairs),
    i: cython.Py_ssize_t,
    x: cython.Py_ssize_t,
    y: cython.Py_ssize_t,
    gone: cython.p_double,
    kept: cython.p_double,
) -> cython.void:
    """Make the distance of `i` to `y` that to the union with `x`; know the nearest of both."""
    distance: cython.double
    if c.average:
        distance = (c.sizes[x] * gone[0] + c.sizes[y] * kept[0]) / (c.sizes[x] + c.sizes[y])
    else:
        distance = gone[0] if gone[0] > kept[0] else kept[0]
    gone[0] = INFINITY
    kept[0] = distance
    if c.nearest[i] == x or c.nearest[i] == y:
        c.nearest[i] = -1
        c.least[i] = -1
    elif distance < c.least[i] or (distance == c.least[i] and y < c.nearest[i]):
        c.nearest[i] = cython.cast(int32_t, y)
        c.least[i] = distance
    consider(c, y, i, distance)


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def unite(c: cython.pointer(Pairs), x: cython.Py_ssize_t, y: cython.Py_ssize_t) -> cython.void:
    """Put the union of both in the place of `y`, which comes after `x`, and leave a gap there."""
    gone: cython.p_double
    kept: cython.p_double
    band: cython.Py_ssize_t
    i: cython.Py_ssize_t
    c.least[y] = INFINITY
    c.nearest[y] = -1
    for band in range((x + 7) >> 3):
        gone = c.distances + place_in(band, x, c.n)
        kept = c.distances + place_in(band, y, c.n)
        fetch(c.distances + place_in(band + 8, x, c.n))
        fetch(c.distances + place_in(band + 8, y, c.n))
        for i in range(min(x - 8 * band, 8)):
            settle(c, 8 * band + i, x, y, gone + i, kept + i)
    gone = c.distances + place_in(x >> 3, 0, c.n) + (x & 7)
    for band in range(x >> 3, (y + 7) >> 3):
        kept = c.distances + place_in(band, y, c.n) - 8 * band
        fetch(c.distances + place_in(band + 8, y, c.n))
        for i in range(max(x + 1, 8 * band), min(y, 8 * band + 8)):
            settle(c, i, x, y, gone + 8 * i, kept + i)
    gone[8 * y] = INFINITY
    kept = c.distances + place_in(y >> 3, 0, c.n) + (y & 7)
    for i in range(y + 1, c.n):
        settle(c, i, x, y, gone + 8 * i, kept + 8 * i)
    c.sizes[y] += c.sizes[x]
    c.origin[x] = -1
    c.n_left -= 1


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def close_gaps(c: cython.pointer(Pairs)) -> cython.void:
    """Move what is left to the front; no distance moves behind one that has yet to be read."""
    into: cython.Py_ssize_t = 0
    n_left: cython.Py_ssize_t = c.n_left
    band: cython.Py_ssize_t
    row: cython.Py_ssize_t
    i: cython.Py_ssize_t
    j: cython.Py_ssize_t
    for i in range(c.n):
        if c.origin[i] >= 0:
            c.moved[i] = cython.cast(int32_t, into)
            c.origin[into] = c.origin[i]
            c.sizes[into] = c.sizes[i]
            c.least[into] = c.least[i]
            c.nearest[into] = c.nearest[i]
            c.back[into] = cython.cast(int32_t, i)
            into += 1
    for i in range(n_left):
        if c.nearest[i] >= 0:
            c.nearest[i] = c.moved[c.nearest[i]]
    for i in range(c.length):
        c.way[i] = c.moved[c.way[i]]
    into = 0
    for band in range((n_left + 7) >> 3):
        for j in range(8 * band, n_left):
            for row in range(8):
                i = 8 * band + row
                if i < j:
                    i = c.back[i]
                    c.distances[into] = c.distances[place_in(i >> 3, c.back[j], c.n) + (i & 7)]
                into += 1
    c.n = n_left


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def go(c: cython.pointer(Pairs), x: cython.Py_ssize_t) -> cython.bint:
    """Go on from `x` to two clusters that are nearest to each other, the last of the way."""
    if c.length == 0:
        c.way[0] = cython.cast(int32_t, x)
        c.length = 1
    while True:
        x = c.way[c.length - 1]
        if c.nearest[x] < 0:
            look(c, x)
            if c.nearest[x] < 0:
                return False
        if c.length > 1 and c.heights[c.length - 1] <= c.least[x]:
            return True
        c.way[c.length] = c.nearest[x]
        c.heights[c.length] = c.least[x]
        c.length += 1


def chain(
    distances: cython.double[::1],
    average: cython.bint,
    numbers: cython.double[:, ::1],
    slots: int32_t[:, ::1],
    ends: int32_t[:, ::1],
    heights: cython.double[::1],
):
    """Write the merges in the order in which they are found; returns how many.

    Fewer than ``len(ends)`` if distances are not finite.

    Parameters
    ----------
    distances : double array of as many entries as `all_pairs.room` says
        Of all pairs; spoiled.
    average : bool
        Average linkage; else complete.
    numbers, slots
        Room for work: (3, n + 1) and (5, n + 1). ``numbers[0]`` holds the weights of the rows.
    ends : int32 array of shape (n - 1, 2)
        A leaf of each of the two clusters.
    heights : double array of shape (n - 1,)
        The distance at which they merge.
    """
    n: cython.Py_ssize_t = ends.shape[0] + 1
    if not (
        n > 1
        and distances.shape[0] == size_of(n)
        and numbers.shape[0] == 3
        and slots.shape[0] == 5
        and numbers.shape[1] == slots.shape[1] == n + 1
        and ends.shape[1] == 2
        and heights.shape[0] == n - 1
    ):
        raise ValueError("chain: the shapes of distances, merges and room do not fit together")
    c: Pairs
    first: cython.Py_ssize_t = 0
    x: cython.Py_ssize_t
    y: cython.Py_ssize_t
    made: cython.Py_ssize_t = 0
    c.average = average
    c.n = c.n_left = n
    c.distances = cython.address(distances[0])
    c.sizes = cython.address(numbers[0, 0])
    c.least = cython.address(numbers[1, 0])
    c.heights = cython.address(numbers[2, 0])
    c.origin = cython.address(slots[0, 0])
    c.moved = cython.address(slots[1, 0])
    c.back = cython.address(slots[2, 0])
    c.way = cython.address(slots[3, 0])
    c.nearest = cython.address(slots[4, 0])
    c.length = 0
    with cython.nogil:
        for x in range(n):
            c.origin[x] = cython.cast(int32_t, x)
        look_everywhere(cython.address(c))
        while made < n - 1:
            while c.origin[first] < 0:
                first += 1
            if not go(cython.address(c), first):
                break
            x = min(c.way[c.length - 1], c.way[c.length - 2])
            y = max(c.way[c.length - 1], c.way[c.length - 2])
            ends[made, 0] = c.origin[x]
            ends[made, 1] = c.origin[y]
            heights[made] = c.heights[c.length - 1]
            made += 1
            c.length -= 2
            unite(cython.address(c), x, y)
            if 2 * c.n_left <= c.n and c.n > 64:
                close_gaps(cython.address(c))
                first = 0
    return made
