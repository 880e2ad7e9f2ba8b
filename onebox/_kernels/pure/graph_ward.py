"""Ward's clustering along the edges of a graph.

Every step merges the two neighbouring clusters whose union adds the least to the sum of squares
within clusters. A pair of neighbours belongs to the newer of the two. The heap has one entry a
cluster: the nearest of the neighbours that are older. Older ones only vanish, so an entry that is out
of date is a lower bound, and is put right when it comes to the top; it never has to be looked for.

The neighbours of a cluster are a chain of cells. It names the clusters of the time when it was made;
whom they have become is looked up by union-find when the chain is walked, once for each merge. A merge
strings two chains together and drops the cells that name a cluster twice, so that nothing is ever
allocated: there are as many cells as the graph has ends of edges.

Nearest-neighbour chains, which need no heap, are wrong here: without all edges, a merge can make two
clusters nearer than any two were.
"""
# ruff: noqa: F821 (Clusters is declared in graph_ward.pxd)

import cython
from cython.cimports.libc.math import INFINITY
from cython.cimports.libc.stdint import int32_t, int64_t
from cython.cimports.onebox._kernels.pure.ahead import fetch
from cython.cimports.onebox._kernels.pure.forest import before, find, heapify, sink


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def cost(c: cython.pointer(Clusters), a: int32_t, b: int32_t) -> cython.double:
    """What merging two nodes adds to the sum of squares."""
    one: cython.p_double = c.centers + c.home[a] * c.p
    other: cython.p_double = c.centers + c.home[b] * c.p
    weight: cython.double = c.weights[c.home[a]]
    total: cython.double = 0
    difference: cython.double
    j: cython.Py_ssize_t
    for j in range(c.p):
        difference = one[j] - other[j]
        total += difference * difference
    return weight * c.weights[c.home[b]] / (weight + c.weights[c.home[b]]) * total


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def look(c: cython.pointer(Clusters), node: int32_t) -> cython.double:
    """Find the nearest of the older neighbours that are left; infinity if there is none."""
    least: cython.double = INFINITY
    other: int32_t
    cell: int32_t = c.head[node]
    c.nearest[node] = -1
    while cell >= 0:
        other = c.cell_node[cell]
        if (
            other < node
            and c.above[other] == other
            and before(c.cell_distance[cell], other, least, c.nearest[node])
        ):
            least = c.cell_distance[cell]
            c.nearest[node] = other
        cell = c.cell_next[cell]
    return least


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def absorb(c: cython.pointer(Clusters), node: int32_t, cell: int32_t, last: int32_t) -> int32_t:
    """String a chain of cells to that of `node`, each neighbour once; returns the last cell."""
    other: int32_t
    while cell >= 0:
        other = find(c.above, c.cell_node[cell])
        if other != node and c.seen[c.home[other]] != node:
            c.seen[c.home[other]] = node
            c.cell_node[cell] = other
            fetch(c.centers + c.home[other] * c.p)
            if last < 0:
                c.head[node] = cell
            else:
                c.cell_next[last] = cell
            last = cell
        cell = c.cell_next[cell]
    return last


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def unite(
    c: cython.pointer(Clusters), one: int32_t, other: int32_t, node: int32_t
) -> cython.double:
    """Make `node` out of two others; returns the distance to its nearest neighbour."""
    kept: cython.Py_ssize_t = c.home[one]
    gone: cython.Py_ssize_t = c.home[other]
    share: cython.double = c.weights[gone] / (c.weights[kept] + c.weights[gone])
    least: cython.double = INFINITY
    cell: int32_t
    last: int32_t
    j: cython.Py_ssize_t
    for j in range(kept * c.p, kept * c.p + c.p):
        c.centers[j] += share * (c.centers[j + (gone - kept) * c.p] - c.centers[j])
    c.weights[kept] += c.weights[gone]
    c.above[one] = c.above[other] = c.above[node] = node
    c.home[node] = c.home[one]
    c.head[node] = c.nearest[node] = -1
    last = absorb(c, node, c.head[one], -1)
    last = absorb(c, node, c.head[other], last)
    if last >= 0:
        c.cell_next[last] = -1
    cell = c.head[node]
    while cell >= 0:
        c.cell_distance[cell] = cost(c, node, c.cell_node[cell])
        if before(c.cell_distance[cell], c.cell_node[cell], least, c.nearest[node]):
            least = c.cell_distance[cell]
            c.nearest[node] = c.cell_node[cell]
        cell = c.cell_next[cell]
    return least


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def start_leaf(
    c: cython.pointer(Clusters), leaf: int32_t, first: int64_t, stop: int64_t
) -> cython.double:
    """String the cells of a leaf together; returns the distance to its nearest older neighbour."""
    cell: int32_t
    c.above[leaf] = c.home[leaf] = leaf
    c.seen[leaf] = -1
    c.weights[leaf] = 1
    c.head[leaf] = cython.cast(int32_t, first) if first < stop else -1
    for cell in range(cython.cast(int32_t, first), cython.cast(int32_t, stop)):
        c.cell_next[cell] = cell + 1 if cell + 1 < stop else -1
        if c.cell_node[cell] < leaf:
            c.cell_distance[cell] = cost(c, leaf, c.cell_node[cell])
    return look(c, leaf)


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def run(
    c: cython.pointer(Clusters),
    n: cython.Py_ssize_t,
    n_merges: cython.Py_ssize_t,
    start: cython.pointer(cython.const[int64_t]),
    keys: cython.p_double,
    items: cython.pointer(int32_t),
    children: cython.pointer(int32_t),
    costs: cython.p_double,
) -> cython.Py_ssize_t:
    size: cython.Py_ssize_t = 0
    made: cython.Py_ssize_t = 0
    node: int32_t
    key: cython.double
    for node in range(cython.cast(int32_t, n)):
        keys[size] = start_leaf(c, node, start[node], start[node + 1])
        items[size] = node
        size += keys[size] < INFINITY
    heapify(keys, items, size)
    while made < n_merges and size > 0:
        node = items[0]
        if c.above[node] != node:
            key = INFINITY
        elif c.above[c.nearest[node]] != c.nearest[node]:
            key = look(c, node)
        else:
            children[2 * made] = c.nearest[node]
            children[2 * made + 1] = node
            costs[made] = keys[0]
            key = unite(c, node, c.nearest[node], cython.cast(int32_t, n + made))
            node = cython.cast(int32_t, n + made)
            made += 1
        if not key < INFINITY:
            size -= 1
            key = keys[size]
            node = items[size]
        sink(keys, items, size, 0, key, node)
    return made


def merge(
    centers: cython.double[:, ::1],
    start: cython.const[int64_t][::1],
    cells: int32_t[:, ::1],
    cell_costs: cython.double[::1],
    nodes: int32_t[:, ::1],
    seen: int32_t[::1],
    weights: cython.double[::1],
    heap_keys: cython.double[::1],
    heap_nodes: int32_t[::1],
    children: int32_t[:, ::1],
    costs: cython.double[::1],
):
    """Merge neighbours until `children` is full or no neighbours are left; returns how many merges.

    Parameters
    ----------
    centers : double array of shape (n, p)
        The rows; the centres of clusters on return. Finite.
    start : int64 array of shape (n + 1,)
        Neighbours of leaf i are ``cells[0, start[i]:start[i + 1]]``: symmetric, without itself.
    cells : int32 array of shape (2, m)
        Neighbours, and room for links.
    cell_costs, nodes, seen, weights, heap_keys, heap_nodes
        Room for work: m; (4, n + merges); n each.
    children : int32 array of shape (merges, 2)
        What is merged, the older node first. Equal costs: the pair whose newer node is oldest, then
        the one whose older node is.
    costs : double array of shape (merges,)
        What the merge adds to the sum of squared distances to the centres.
    """
    n: cython.Py_ssize_t = centers.shape[0]
    m: cython.Py_ssize_t = cells.shape[1]
    if not (
        centers.shape[1] > 0
        and start.shape[0] == n + 1 > 1
        and cells.shape[0] == children.shape[1] == 2
        and m == start[n] == cell_costs.shape[0]
        and nodes.shape[0] == 4
        and nodes.shape[1] == n + children.shape[0]
        and seen.shape[0] == weights.shape[0] == heap_keys.shape[0] == heap_nodes.shape[0] == n
        and costs.shape[0] == children.shape[0] < n
    ):
        raise ValueError("merge: the shapes of rows, neighbours and room do not fit together")
    if m == 0 or children.shape[0] == 0:
        return 0
    c: Clusters
    c.p = centers.shape[1]
    c.above = cython.address(nodes[0, 0])
    c.home = cython.address(nodes[1, 0])
    c.head = cython.address(nodes[2, 0])
    c.nearest = cython.address(nodes[3, 0])
    c.centers = cython.address(centers[0, 0])
    c.weights = cython.address(weights[0])
    c.seen = cython.address(seen[0])
    c.cell_node = cython.address(cells[0, 0])
    c.cell_next = cython.address(cells[1, 0])
    c.cell_distance = cython.address(cell_costs[0])
    with cython.nogil:
        n = run(
            cython.address(c),
            n,
            children.shape[0],
            cython.address(start[0]),
            cython.address(heap_keys[0]),
            cython.address(heap_nodes[0]),
            cython.address(children[0, 0]),
            cython.address(costs[0]),
        )
    return n
