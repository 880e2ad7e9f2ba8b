"""A tree of clusters, and what is read off it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from onebox._kernels import forest
from onebox.errors import BadInput

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Tree:
    """The merges of a clustering, in their order.

    Attributes
    ----------
    children : int64 array of shape (n_merges, 2)
        Merge t makes node ``n_leaves + t`` out of these two; leaves are nodes 0 to n_leaves - 1.
    distances : float64 array of shape (n_merges,)
        At which they were merged.
    n_leaves : int
    n_components : int
        Of the connectivity graph as it was given; 1 without.
    n_nodes : int
        Nodes that were asked for: leaves and merges. There can be more merges than that.
    """

    children: Int64
    distances: Float64
    n_leaves: int
    n_components: int
    n_nodes: int

    @property
    def parents(self) -> Int64:
        """The node that each node was merged into; itself if into none of those asked for."""
        parents = np.arange(self.n_nodes)
        made = self.children[: self.n_nodes - self.n_leaves]
        parents[made.ravel()] = np.repeat(np.arange(self.n_leaves, self.n_nodes), 2)
        return parents


def labels_of_whole(children: Int64, n_leaves: int, n_clusters: int) -> Int64:
    """Label leaves by the cluster they are in once the last merges are undone.

    Parameters
    ----------
    children : int array of shape (n_leaves - 1, 2)
    n_leaves : int
    n_clusters : int

    Returns
    -------
    int64 array of shape (n_leaves,)
        Numbered as scikit-learn does.

    Raises
    ------
    BadInput
        When there are fewer leaves than clusters.
    """
    if n_clusters > n_leaves:
        raise BadInput(
            f"Cannot extract more clusters than samples: {n_clusters:,} clusters were asked of a "
            f"tree with {n_leaves:,} leaves. Ask for at most {n_leaves:,}."
        )
    merges = np.ascontiguousarray(children, np.int32).reshape(-1, 2)
    nodes = np.empty(n_clusters, np.int32)
    forest.split(merges, n_leaves, nodes)
    labels = np.full(n_leaves + len(merges), -1, np.int32)
    labels[-nodes] = np.arange(n_clusters, dtype=np.int32)
    forest.spread(merges, n_leaves, labels)
    return labels[:n_leaves].astype(np.int64)


def labels_of_forest(children: Int64, n_leaves: int) -> Int64:
    """Label leaves by the tree they are in, where merging stopped early; in the order of the roots."""
    merges = np.ascontiguousarray(children, np.int32).reshape(-1, 2)
    labels = np.full(n_leaves + len(merges), -1, np.int32)
    is_root = np.ones(len(labels), bool)
    is_root[merges.ravel()] = False
    labels[is_root] = np.arange(is_root.sum(), dtype=np.int32)
    forest.spread(merges, n_leaves, labels)
    return labels[:n_leaves].astype(np.int64)


def linkage_matrix(children: Any, distances: Any) -> Float64:
    """A whole tree in the format of ``scipy.cluster.hierarchy``, for its `dendrogram` and the like.

    Parameters
    ----------
    children : int array of shape (n_leaves - 1, 2)
        As `AgglomerativeClustering.children_` has it.
    distances : array of shape (n_leaves - 1,)

    Returns
    -------
    float64 array of shape (n_leaves - 1, 4)
        Two nodes, the smaller first, their distance, and the number of leaves of their union.

    Raises
    ------
    BadInput
        When the shapes do not fit together, or the tree is not whole.

    Notes
    -----
    Cost: linear in the number of leaves. Ward's distances along a graph need not grow from merge to
    merge; scipy's `fcluster` expects that they do.

    Examples
    --------
    >>> import numpy as np
    >>> from onebox.cluster import linkage_matrix, ward_tree
    >>> X = np.array([[0.0], [1.0], [5.0]])
    >>> children, _, _, _, distances = ward_tree(X, return_distance=True)
    >>> linkage_matrix(children, distances).round(2)
    array([[0. , 1. , 1. , 2. ],
           [2. , 3. , 5.2, 3. ]])
    """
    merges = np.ascontiguousarray(children, np.int32)
    heights = np.asarray(distances, np.float64)
    if merges.ndim != 2 or merges.shape[1] != 2 or heights.shape != merges.shape[:1]:
        raise BadInput(
            f"children has shape {merges.shape} and distances {heights.shape}; they need "
            "(n_merges, 2) and (n_merges,), as the trees of onebox.cluster have them."
        )
    n_leaves = len(merges) + 1
    if not np.array_equal(np.sort(merges, axis=None), np.arange(2 * len(merges))):
        raise BadInput(
            f"{len(merges):,} merges do not hold each of {2 * len(merges):,} nodes once: this is not "
            "a whole tree. Grow it without n_clusters (compute_full_tree=True)."
        )
    counts = np.empty(len(merges), np.int64)
    forest.count(merges, n_leaves, counts)
    return np.column_stack([np.sort(merges, axis=1), heights, counts])
