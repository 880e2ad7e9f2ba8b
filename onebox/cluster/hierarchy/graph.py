"""Trees that grow along the edges of a connected graph."""

from __future__ import annotations

import numpy as np

from onebox._kernels import forest, graph_linkage, graph_ward
from onebox.cluster.hierarchy.connectivity import Graph
from onebox.cluster.hierarchy.metrics import Float64, Metric, along
from onebox.cluster.hierarchy.tree import Tree
from onebox.errors import BadInput


def ward(X: Float64, graph: Graph, n_clusters: int) -> Tree:
    """Ward's tree, until `n_clusters` are left; spoils `X`.

    Cost: O(m log n) steps and, for k neighbours of the clusters that are made, O(n k p) arithmetic;
    memory: X, 24 bytes an end of an edge, 96 a row.
    """
    n, m = len(X), graph.matrix.nnz
    n_merges = n - n_clusters
    cells = np.empty((2, m), np.int32)
    cells[0] = graph.matrix.indices
    children, costs = np.empty((n_merges, 2), np.int32), np.empty(n_merges)
    made = graph_ward.merge(
        X, graph.matrix.indptr.astype(np.int64), cells, np.empty(m),
        np.empty((4, n + n_merges), np.int32), np.empty(n, np.int32), np.empty(n), np.empty(n),
        np.empty(n, np.int32), children, costs,
    )  # fmt: skip
    _require_all(made, n_merges)
    return _tree(children, np.sqrt(2.0 * costs), graph, n_clusters)


def average_or_complete(
    X: Float64, graph: Graph, n_clusters: int, metric: Metric, linkage: str
) -> Tree:
    """The tree by average or complete linkage, until `n_clusters` are left.

    Cost: O(m log² n); memory: X, 100 to 150 bytes an edge, 24 a row.
    """
    n, ends = len(X), graph.ends
    m, n_merges = len(ends), n - n_clusters
    lengths = along(X, ends, metric)
    room = 1 << max(2 * m - 1, 1).bit_length()
    children, heights = np.empty((n_merges, 2), np.int32), np.empty(n_merges)
    _require_finite(lengths)
    made = graph_linkage.merge(
        ends, lengths, linkage == "average", np.empty((2, m, 2), np.int32),
        np.zeros(room, np.uint64), np.empty(room, np.int32), np.empty((4, n), np.int32),
        np.empty(m), np.empty(m, np.int32), children, heights,
    )  # fmt: skip
    _require_all(made, n_merges)
    return _tree(children, heights, graph, n_clusters)


def single(X: Float64, graph: Graph, n_clusters: int, metric: Metric) -> Tree:
    """The whole tree by single linkage, whatever `n_clusters`.

    Cost: O(m log m); memory: X, 32 bytes an edge, 24 a row.
    """
    n, ends = len(X), graph.ends
    lengths = along(X, ends, metric)
    _require_finite(lengths)
    children, used = np.empty((n - 1, 2), np.int32), np.empty(n - 1, np.int64)
    order = np.argsort(lengths, kind="stable")
    made = forest.join(ends, order, np.empty(2 * n - 1, np.int32), children, used)
    _require_all(made, n - 1)
    return _tree(np.sort(children, axis=1), lengths[used], graph, n_clusters)


def _tree(children: np.ndarray, distances: Float64, graph: Graph, n_clusters: int) -> Tree:
    n = graph.matrix.shape[0]
    return Tree(children.astype(np.int64), distances, n, graph.n_components, 2 * n - n_clusters)


def _require_finite(lengths: Float64) -> None:
    if not np.isfinite(lengths).all():
        raise BadInput(
            f"{int((~np.isfinite(lengths)).sum()):,} of {len(lengths):,} distances along the graph "
            "are not finite: they overflow float64, or the metric is not defined there. Scale X."
        )


def _require_all(made: int, wanted: int) -> None:
    if made < wanted:
        raise BadInput(
            f"Only {made:,} of {wanted:,} merges have a finite distance: it overflows float64. Scale X, "
            "by StandardScaler for one."
        )
