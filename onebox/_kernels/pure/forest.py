"""Trees of clusters as arrays: joined from edges, cut into clusters, counted.

A tree over n leaves is an array of merges. Merge t makes node n + t out of the two nodes in its row;
leaves are nodes 0 to n - 1. A forest, where merging stopped early, is one with fewer rows.
"""

import cython
from cython.cimports.libc.stdint import int32_t, int64_t
from cython.cimports.onebox._kernels.pure.forest import find


def join(
    ends: cython.const[int32_t][:, ::1],
    order: cython.const[int64_t][::1],
    above: int32_t[::1],
    children: int32_t[:, ::1],
    used: int64_t[::1],
):
    """Merge along edges in the given order, each where it joins two clusters (Kruskal).

    `ends` are leaves; their clusters are written to `children` in the order of the ends, the
    numbers of edges that were used to `used`. Returns how many merges there are, at most as many as
    `children` has rows. `above`, of one entry a node, is for work.
    """
    n_merges: cython.Py_ssize_t = children.shape[0]
    n_leaves: cython.Py_ssize_t = above.shape[0] - n_merges
    if not (
        children.shape[1] == ends.shape[1] == 2
        and used.shape[0] == n_merges
        and n_leaves > 0
        and ends.shape[0] >= order.shape[0]
    ):
        raise ValueError("join: two ends an edge, one entry of above a leaf and a merge")
    at: cython.Py_ssize_t
    e: int64_t
    a: int32_t
    b: int32_t
    made: cython.Py_ssize_t = 0
    with cython.nogil:
        for at in range(above.shape[0]):
            above[at] = cython.cast(int32_t, at)
        for at in range(order.shape[0]):
            if made == n_merges:
                break
            e = order[at]
            a = find(cython.address(above[0]), ends[e, 0])
            b = find(cython.address(above[0]), ends[e, 1])
            if a != b:
                children[made, 0] = a
                children[made, 1] = b
                used[made] = e
                above[a] = above[b] = cython.cast(int32_t, n_leaves + made)
                made += 1
    return made


def count(children: cython.const[int32_t][:, ::1], n_leaves: cython.Py_ssize_t, out: int64_t[::1]):
    """Write how many leaves each merge holds."""
    if children.shape[1] != 2 or out.shape[0] != children.shape[0]:
        raise ValueError("count: two children and one number a merge")
    t: cython.Py_ssize_t
    side: cython.Py_ssize_t
    with cython.nogil:
        for t in range(children.shape[0]):
            out[t] = 0
            for side in range(2):
                out[t] += 1 if children[t, side] < n_leaves else out[children[t, side] - n_leaves]


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def rise(
    heap: cython.pointer(int32_t), start: cython.Py_ssize_t, at: cython.Py_ssize_t
) -> cython.void:
    """Move an entry towards the top, at most to `start`, past those that are larger."""
    item: int32_t = heap[at]
    while at > start and heap[(at - 1) >> 1] > item:
        heap[at] = heap[(at - 1) >> 1]
        at = (at - 1) >> 1
    heap[at] = item


def split(children: cython.const[int32_t][:, ::1], n_leaves: cython.Py_ssize_t, heap: int32_t[::1]):
    """Undo the last merges of a whole tree until as many clusters are left as `heap` has entries.

    Their nodes come out negative, in the order in which Python's heapq would hold them: scikit-learn
    numbers clusters by it.
    """
    n_clusters: cython.Py_ssize_t = heap.shape[0]
    if not (
        children.shape[1] == 2 and children.shape[0] == n_leaves - 1 and 0 < n_clusters <= n_leaves
    ):
        raise ValueError("split: a whole tree, and one to as many clusters as leaves")
    top: cython.pointer(int32_t) = cython.address(heap[0])
    size: cython.Py_ssize_t
    at: cython.Py_ssize_t
    child: cython.Py_ssize_t
    node: cython.Py_ssize_t
    item: int32_t
    with cython.nogil:
        top[0] = cython.cast(int32_t, -(2 * n_leaves - 2))
        for size in range(1, n_clusters):
            node = -top[0] - n_leaves
            top[size] = -children[node, 0]
            rise(top, 0, size)
            # The parent, which is still the least, makes room for the other child.
            item = -children[node, 1]
            at = 0
            while 2 * at + 1 <= size:
                child = 2 * at + 1
                if child + 1 <= size and not top[child] < top[child + 1]:
                    child += 1
                top[at] = top[child]
                at = child
            top[at] = item
            rise(top, 0, at)


def spread(
    children: cython.const[int32_t][:, ::1], n_leaves: cython.Py_ssize_t, labels: int32_t[::1]
):
    """Hand labels of nodes down to their leaves; a negative label is none."""
    if children.shape[1] != 2 or labels.shape[0] != n_leaves + children.shape[0]:
        raise ValueError("spread: two children a merge, one label a node")
    t: cython.Py_ssize_t
    label: int32_t
    with cython.nogil:
        for t in range(children.shape[0] - 1, -1, -1):
            label = labels[n_leaves + t]
            if label >= 0:
                labels[children[t, 0]] = label
                labels[children[t, 1]] = label
