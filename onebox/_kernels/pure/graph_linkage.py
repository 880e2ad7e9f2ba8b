"""Average and complete linkage along the edges of a graph; built without relaxations.

Two clusters become one. An edge that both have to a third becomes one too, as long as the longer
(complete) or as the mean of both by size (average); the other edges keep their length. So of the two
only that with fewer edges hands its own over, and asks a hash table whether the other has one to the
same cluster: an edge changes hands at most log2(edges) times, however large clusters grow.

What two edges become is no shorter than the shorter one. That one lives on, so its place in the heap
is a lower bound; the length is put right when it comes to the top.
"""
# ruff: noqa: F821 (Edges is declared in graph_linkage.pxd)

import cython
from cython.cimports.libc.stdint import int32_t, uint64_t
from cython.cimports.onebox._kernels.pure.forest import before, heapify, sink


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def pair_of(a: int32_t, b: int32_t) -> uint64_t:
    low: uint64_t = min(a, b)
    high: uint64_t = max(a, b)
    return high << 32 | low


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def place_of(g: cython.pointer(Edges), pair: uint64_t) -> uint64_t:
    """Where a pair is looked for first (Knuth's multiplicative hashing)."""
    return (pair * cython.cast(uint64_t, 0x9E3779B97F4A7C15)) >> g.shift


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def look_up(g: cython.pointer(Edges), pair: uint64_t) -> uint64_t:
    """Place of a pair in the table, or the free place where it would stand."""
    at: uint64_t = place_of(g, pair)
    while g.pairs[at] != 0 and g.pairs[at] != pair:
        at = (at + 1) & g.mask
    return at


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def take_out(g: cython.pointer(Edges), pair: uint64_t) -> cython.void:
    """Free the place of a pair; those behind that it kept from their own place move up."""
    gap: uint64_t = look_up(g, pair)
    at: uint64_t = (gap + 1) & g.mask
    while g.pairs[at] != 0:
        if ((at - place_of(g, g.pairs[at])) & g.mask) >= ((at - gap) & g.mask):
            g.pairs[gap] = g.pairs[at]
            g.edges[gap] = g.edges[at]
            gap = at
        at = (at + 1) & g.mask
    g.pairs[gap] = 0


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def give(g: cython.pointer(Edges), half: int32_t, cluster: int32_t) -> cython.void:
    """Put a half edge into the hands of a cluster."""
    g.end[half] = cluster
    g.following[half] = g.first[cluster]
    g.first[cluster] = half


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def joined_length(
    g: cython.pointer(Edges), small: int32_t, large: int32_t, one: int32_t, other: int32_t
) -> cython.double:
    total: cython.double = cython.cast(cython.double, g.size[small]) + g.size[large]
    if g.average:
        return (g.size[small] * g.length[one] + g.size[large] * g.length[other]) / total
    return g.length[one] if g.length[one] > g.length[other] else g.length[other]


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def hand_over(
    g: cython.pointer(Edges), half: int32_t, small: int32_t, large: int32_t
) -> cython.void:
    """Hand one edge of `small` to `large`, or merge it with the one that `large` has already."""
    edge: int32_t = half >> 1
    other: int32_t
    third: int32_t = g.end[half ^ 1]
    at: uint64_t
    length: cython.double
    take_out(g, pair_of(small, third))
    at = look_up(g, pair_of(large, third))
    if g.pairs[at] == 0:
        give(g, half, large)
        g.degree[large] += 1
        g.pairs[at] = pair_of(large, third)
        g.edges[at] = edge
        return
    other = g.edges[at]
    length = joined_length(g, small, large, edge, other)
    g.degree[third] -= 1
    if before(g.length[edge], edge, g.length[other], other):
        g.end[2 * other] = -1
        give(g, half, large)
        g.edges[at] = edge
        g.length[edge] = length
    else:
        g.end[2 * edge] = -1
        g.length[other] = length


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def unite(g: cython.pointer(Edges), small: int32_t, large: int32_t) -> cython.void:
    """Hand all that is left of the edges of `small` to `large`."""
    half: int32_t = g.first[small]
    following: int32_t
    while half >= 0:
        following = g.following[half]
        if g.end[half & ~1] >= 0:
            hand_over(g, half, small, large)
        half = following
    g.size[large] += g.size[small]


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def start(
    g: cython.pointer(Edges),
    ends: cython.pointer(cython.const[int32_t]),
    n: cython.Py_ssize_t,
    m: cython.Py_ssize_t,
) -> cython.void:
    """Give every leaf its edges, and note all pairs."""
    cluster: int32_t
    edge: int32_t
    half: int32_t
    at: uint64_t
    for cluster in range(cython.cast(int32_t, n)):
        g.first[cluster] = -1
        g.degree[cluster] = 0
        g.size[cluster] = 1
    for edge in range(cython.cast(int32_t, m)):
        for half in range(2 * edge, 2 * edge + 2):
            give(g, half, ends[half])
            g.degree[ends[half]] += 1
        at = look_up(g, pair_of(ends[2 * edge], ends[2 * edge + 1]))
        g.pairs[at] = pair_of(ends[2 * edge], ends[2 * edge + 1])
        g.edges[at] = edge


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def run(
    g: cython.pointer(Edges),
    n: cython.Py_ssize_t,
    m: cython.Py_ssize_t,
    n_merges: cython.Py_ssize_t,
    keys: cython.p_double,
    items: cython.pointer(int32_t),
    name: cython.pointer(int32_t),
    children: cython.pointer(int32_t),
    heights: cython.p_double,
) -> cython.Py_ssize_t:
    edge: int32_t
    small: int32_t
    large: int32_t
    made: cython.Py_ssize_t = 0
    for small in range(cython.cast(int32_t, n)):
        name[small] = small
    for edge in range(cython.cast(int32_t, m)):
        keys[edge] = g.length[edge]
        items[edge] = edge
    heapify(keys, items, m)
    while made < n_merges and m > 0:
        edge = items[0]
        if g.end[2 * edge] >= 0 and g.length[edge] > keys[0]:
            sink(keys, items, m, 0, g.length[edge], edge)
            continue
        if g.end[2 * edge] >= 0:
            small = g.end[2 * edge]
            large = g.end[2 * edge + 1]
            if g.degree[small] > g.degree[large]:
                small = g.end[2 * edge + 1]
                large = g.end[2 * edge]
            children[2 * made] = min(name[small], name[large])
            children[2 * made + 1] = max(name[small], name[large])
            heights[made] = g.length[edge]
            take_out(g, pair_of(small, large))
            g.end[2 * edge] = -1
            g.degree[large] -= 1
            unite(g, small, large)
            name[large] = cython.cast(int32_t, n + made)
            made += 1
        m -= 1
        sink(keys, items, m, 0, keys[m], items[m])
    return made


def merge(
    ends: cython.const[int32_t][:, ::1],
    lengths: cython.double[::1],
    average: cython.bint,
    halves: int32_t[:, :, ::1],
    pairs: uint64_t[::1],
    edges: int32_t[::1],
    clusters: int32_t[:, ::1],
    heap_keys: cython.double[::1],
    heap_edges: int32_t[::1],
    children: int32_t[:, ::1],
    heights: cython.double[::1],
):
    """Merge neighbours until `children` is full or no edges are left; returns how many merges.

    Parameters
    ----------
    ends : int32 array of shape (m, 2)
        The two leaves that an edge joins, another pair for each.
    lengths : double array of shape (m,)
        Not NaN; lengths as they became on return.
    average : bool
        Average linkage; else complete.
    halves : int32 array of shape (2, m, 2)
        Room for work, as are the next.
    pairs, edges : uint64 and int32 array of a power of two, at least 2 m
        `pairs` is zero.
    clusters : int32 array of shape (4, n)
    heap_keys, heap_edges : arrays of shape (m,)
    children : int32 array of shape (merges, 2)
        What is merged, the older node first. Equal distances: the edge that comes first; an edge
        that two became stands where the shorter of them stood.
    heights : double array of shape (merges,)
        The distance at which they merge.
    """
    n: cython.Py_ssize_t = clusters.shape[1]
    m: cython.Py_ssize_t = ends.shape[0]
    if not (
        ends.shape[1] == children.shape[1] == halves.shape[0] == halves.shape[2] == 2
        and m == lengths.shape[0] == halves.shape[1] == heap_keys.shape[0] == heap_edges.shape[0]
        and edges.shape[0] == pairs.shape[0] >= 2 * m
        and pairs.shape[0] & (pairs.shape[0] - 1) == 0
        and clusters.shape[0] == 4
        and heights.shape[0] == children.shape[0] < n
    ):
        raise ValueError("merge: the shapes of edges, clusters and room do not fit together")
    if m == 0 or children.shape[0] == 0:
        return 0
    g: Edges
    g.average = average
    g.end = cython.address(halves[0, 0, 0])
    g.following = cython.address(halves[1, 0, 0])
    g.length = cython.address(lengths[0])
    g.first = cython.address(clusters[0, 0])
    g.degree = cython.address(clusters[1, 0])
    g.size = cython.address(clusters[2, 0])
    g.pairs = cython.address(pairs[0])
    g.edges = cython.address(edges[0])
    g.mask = pairs.shape[0] - 1
    g.shift = 64
    while g.mask >> (64 - g.shift) != 0:
        g.shift -= 1
    with cython.nogil:
        start(cython.address(g), cython.address(ends[0, 0]), n, m)
        n = run(
            cython.address(g),
            n,
            m,
            children.shape[0],
            cython.address(heap_keys[0]),
            cython.address(heap_edges[0]),
            cython.address(clusters[3, 0]),
            cython.address(children[0, 0]),
            cython.address(heights[0]),
        )
    return n
