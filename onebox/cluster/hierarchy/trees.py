"""The door: what is asked for is checked, its memory is projected, and the right kernels are called."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import scipy.sparse as sp

from onebox.cluster.hierarchy import graph, pairs
from onebox.cluster.hierarchy.connectivity import checked, connected
from onebox.cluster.hierarchy.metrics import Float64, Metric, is_compiled
from onebox.cluster.hierarchy.rows import gather, require_room
from onebox.cluster.hierarchy.tree import Tree
from onebox.config import Settings, settings_in_force
from onebox.data.sources.array import ArraySource
from onebox.data.view import View
from onebox.dataset import Dataset, as_dataset
from onebox.errors import BadInput, EmptyData

LINKAGES = ("ward", "complete", "average", "single")


def grow(
    X: Float64, matrix: sp.csr_array | None, n_clusters: int, linkage: str, metric: Metric,
    disconnected: str, weights: Float64 | None = None,
) -> Tree:  # fmt: skip
    """Grow a tree over rows that have been checked; spoils `X`.

    Parameters
    ----------
    X : float64 array of shape (n, p), or (n, n) for precomputed distances
        Finite, n at least 1.
    matrix : csr_array or None
        What `connectivity.checked` gave.
    n_clusters : int
        How many are left when merging along a graph stops; 1 for the whole tree.
    linkage : {"ward", "complete", "average", "single"}
    metric : str or callable
    disconnected : {"join", "refuse"}
    weights : float64 array of shape (n,), optional
        How many rows each stands for, 1 or more; without a graph.
    """
    if len(X) == 1:
        return Tree(np.empty((0, 2), np.int64), np.empty(0), 1, 1, 1)
    if matrix is None:
        if linkage == "ward":
            return pairs.ward(X, weights)
        if linkage == "single":
            return pairs.single(X, metric)
        return pairs.average_or_complete(X, metric, linkage, weights)
    whole = connected(matrix, X, metric, disconnected)
    if linkage == "ward":
        return graph.ward(X, whole, n_clusters)
    if linkage == "single":
        return graph.single(X, whole, n_clusters, metric)
    return graph.average_or_complete(X, whole, n_clusters, metric, linkage)


def require_memory(
    shape: tuple[int, int], matrix: sp.csr_array | None, linkage: str, metric: Metric, settings: Settings,
    job: str,
) -> None:  # fmt: skip
    """Refuse what does not fit the budget before it is begun.

    Raises
    ------
    NotEnoughMemory
    """
    n, p = shape
    if matrix is not None:
        needed = 8 * n * p + 96 * n + 85 * matrix.nnz
        require_room(needed, settings, f"{job} of {n:,} rows with {matrix.nnz // 2:,} edges")
    elif _is_lean(linkage, metric):
        require_room(needed_without_graph(shape, linkage, metric), settings, f"{job} of {n:,} rows")
    else:
        require_room(
            needed_without_graph(shape, linkage, metric), settings,
            f"{job} of {n:,} rows by {linkage} linkage without connectivity, from the distances of all "
            "pairs,",
            "Give connectivity (kneighbors_graph for one), use linkage='ward' or 'single', whose "
            "memory grows with n instead of n², take fewer rows, or raise `memory`.",
        )  # fmt: skip


def needed_without_graph(shape: tuple[int, int], linkage: str, metric: Metric) -> int:
    """Bytes that a tree takes without connectivity, the rows included."""
    n, p = shape
    rows = 16 * n * p
    return rows + (60 * n if _is_lean(linkage, metric) else 4 * n * (n + 8) + 100 * n)


def _is_lean(linkage: str, metric: Metric) -> bool:
    """Whether distances are computed as they are asked for, and not held."""
    return linkage == "ward" or (linkage == "single" and is_compiled(metric))


def ward_tree(
    X: Any, *, connectivity: Any = None, n_clusters: int | None = None, return_distance: bool = False,
    disconnected: str = "join",
) -> tuple[Any, ...]:  # fmt: skip
    """Ward's tree of clusters: each step merges the two whose union adds the least variance.

    Parameters
    ----------
    X : array, table, path or Dataset, of shape (n_samples, n_features)
    connectivity : sparse matrix or array of shape (n_samples, n_samples), optional
        Rows are neighbours where either entry of the two is not zero; clusters are merged with
        neighbours only. Without it, with any.
    n_clusters : int, optional
        Stop when so many are left. With connectivity only.
    return_distance : bool, default=False
    disconnected : {"join", "refuse"}, default="join"
        A graph in several components is completed by an edge between the closest rows of every two
        of them, with a warning, as scikit-learn does; or refused.

    Returns
    -------
    children : int64 array of shape (n_merges, 2)
        Merge t makes node ``n_samples + t`` out of these two.
    n_connected_components : int
    n_leaves : int
    parents : int64 array of shape (n_nodes,), or None without connectivity
        The node that each was merged into, itself where there is none.
    distances : float64 array of shape (n_merges,)
        If `return_distance`: the root of twice what the merge adds to the sum of squared distances
        to centres, which is their distance for two single rows.

    Raises
    ------
    BadInput
        When arguments do not fit together, BadValue for a NaN or an infinity.
    NotEnoughMemory
        When it does not fit the budget.

    Notes
    -----
    Cost: without connectivity O(n² p) by chains of nearest neighbours, with it O(n log n) for a graph
    whose clusters have boundedly many neighbours; memory O(n p) either way, and 85 bytes an end of an
    edge.

    Exactness: the trees of scipy and scikit-learn, distances to rounding. With connectivity a merge
    can be nearer than the one before it. Equal distances: without connectivity, chains start at the
    first row and prefer the first; with it, the pair whose newer node is oldest goes first, then the
    one whose older node is: scikit-learn's order.

    Sources: Ward, JASA 58 (1963); Müllner, arXiv 1109.2378, section 3.2; with connectivity,
    Michel et al., Pattern Recognition 45 (2012), section 3.2.

    Examples
    --------
    >>> import numpy as np
    >>> from onebox.cluster import ward_tree
    >>> X = np.array([[1, 2], [1, 4], [1, 0], [4, 2], [4, 4], [4, 0]])
    >>> children, n_components, n_leaves, parents = ward_tree(X)
    >>> children.tolist()
    [[0, 1], [3, 5], [2, 6], [4, 7], [8, 9]]
    """
    return _tree_of(X, connectivity, n_clusters, "ward", "euclidean", return_distance, disconnected)


def linkage_tree(
    X: Any, connectivity: Any = None, n_clusters: int | None = None, linkage: str = "complete",
    affinity: Metric = "euclidean", return_distance: bool = False, *, disconnected: str = "join",
) -> tuple[Any, ...]:  # fmt: skip
    """Tree of clusters by average, complete or single linkage.

    Parameters
    ----------
    X : array, table, path or Dataset, of shape (n_samples, n_features)
        Or distances, of shape (n_samples, n_samples).
    connectivity : sparse matrix or array of shape (n_samples, n_samples), optional
        As for `ward_tree`.
    n_clusters : int, optional
        Stop when so many are left. With connectivity only; single linkage gives the whole tree.
    linkage : {"complete", "average", "single"}, default="complete"
        The distance between clusters: the largest, mean or least of the distances between their
        rows. With connectivity, of those that are known: see Notes.
    affinity : str or callable, default="euclidean"
        "euclidean", "l2", "manhattan", "l1", "cityblock", "cosine" or "precomputed". Without
        connectivity also what `scipy.spatial.distance.cdist` takes, or a function of X that gives
        all distances; with it a function of two rows that gives their distance.
    return_distance : bool, default=False
    disconnected : {"join", "refuse"}, default="join"
        As for `ward_tree`.

    Returns
    -------
    children, n_connected_components, n_leaves, parents, distances
        As for `ward_tree`.

    Raises
    ------
    BadInput
        When arguments do not fit together, BadValue for a NaN, an infinity, or a row of zeros that
        cosine cannot compare.
    NotEnoughMemory
        When it does not fit the budget.

    Notes
    -----
    Cost: without connectivity O(n² p), memory O(n p) for single linkage, 4 n² bytes else; with m
    edges O(m log² m), memory O(n p + m).

    Exactness: the trees of scipy and scikit-learn, distances to rounding. With connectivity only
    neighbours have a distance, and what it is between clusters depends on the order of the merges, as
    in scikit-learn: when i and j become one, and both have a neighbour c, the distance to c becomes
    the larger of the two (complete) or their mean weighted by the numbers of rows in i and j
    (average); when only one of them has it, it stays. Equal distances: without connectivity, in
    scipy's order; with it, the edge of which the later row comes first, then that of which the
    earlier does; the edge that two became stands where the shorter stood.

    Source: Müllner, arXiv 1109.2378, sections 3.1 and 3.2.

    Examples
    --------
    >>> import numpy as np
    >>> from onebox.cluster import linkage_tree
    >>> X = np.array([[0.0], [1.0], [3.0], [7.0]])
    >>> children, _, _, _, distances = linkage_tree(X, linkage="average", return_distance=True)
    >>> children.tolist(), distances.tolist()
    ([[0, 1], [2, 4], [3, 5]], [1.0, 2.5, 5.666666666666667])
    """
    if linkage not in LINKAGES[1:]:
        raise BadInput(
            f"Unknown linkage option, linkage should be one of {LINKAGES[1:]}, but {linkage!r} was "
            "given. Ward's is ward_tree."
        )
    return _tree_of(X, connectivity, n_clusters, linkage, affinity, return_distance, disconnected)


def _tree_of(
    X: Any, connectivity: Any, n_clusters: int | None, linkage: str, metric: Metric,
    return_distance: bool, disconnected: str,
) -> tuple[Any, ...]:  # fmt: skip
    job = "ward_tree" if linkage == "ward" else "linkage_tree"
    data = opened(X)
    rows, _ = gather(data.view, data.settings, job)
    require_rows(len(rows), 1, job)
    matrix = None if connectivity is None else checked(connectivity, len(rows))
    require_choice("disconnected", disconnected, ("join", "refuse"))
    require_n_clusters(n_clusters, len(rows))
    if matrix is None and n_clusters is not None:
        warnings.warn(
            f"n_clusters={n_clusters} stops merging early with connectivity only. Partial build of the "
            "tree is implemented only for structured clustering: this is the whole tree.",
            stacklevel=3,
        )
        n_clusters = None
    require_memory(rows.shape, matrix, linkage, metric, data.settings, job)
    tree = grow(rows, matrix, n_clusters or 1, linkage, metric, disconnected)
    parents = None if matrix is None else tree.parents
    told = (tree.children, tree.n_components, tree.n_leaves, parents)
    return (*told, tree.distances) if return_distance else told


def opened(X: Any) -> Dataset:
    """Rows as a Dataset: an array of numbers, or what has a Dataset made of it."""
    if isinstance(X, list | tuple) and not (X and isinstance(X[0], str)):
        X = np.asarray(X)
    if isinstance(X, np.ndarray):
        return Dataset(View(ArraySource(X)), settings_in_force())
    return as_dataset(X)


def require_rows(n: int, least: int, job: str) -> None:
    """Refuse too few rows."""
    if n < least:
        raise EmptyData(
            f"Found array with {n} sample(s), while a minimum of {least} is required by {job}."
        )


def require_choice(name: str, value: Any, choices: tuple[str, ...]) -> None:
    """Refuse what is not among the choices."""
    if value not in choices:
        raise BadInput(f"{name}={value!r} must be one of {choices}.")


def require_n_clusters(n_clusters: Any, n: int) -> None:
    """Refuse a number of clusters that `n` rows cannot have."""
    if n_clusters is None:
        return
    if not (isinstance(n_clusters, int | np.integer) and n_clusters >= 1):
        raise BadInput(f"n_clusters={n_clusters!r} must be an integer of 1 or more, or None.")
    if n_clusters > n:
        raise BadInput(
            f"Cannot provide more clusters than samples. {n_clusters:,} n_clusters was asked, and there "
            f"are {n:,} samples. Ask for at most {n:,}."
        )
