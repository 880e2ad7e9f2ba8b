"""Clusters of columns by recursive nearest agglomeration: linear time, a few passes."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components
from sklearn.utils._param_validation import Interval

from onebox._kernels import edges
from onebox.aggregates.aggregate import Aggregate
from onebox.base import MultiPass
from onebox.cluster.averaging import Averages, FeatureClusters, Labels
from onebox.cluster.hierarchy.connectivity import Graph, checked
from onebox.cluster.hierarchy.trees import require_rows
from onebox.data.block import Block
from onebox.data.schema import Schema
from onebox.errors import BadInput, WrongType

Float64 = NDArray[np.float64]
Ends = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class EdgeSquares(Aggregate[Float64]):
    """Squared distances between neighbouring clusters of columns, each the average of its columns.

    Attributes
    ----------
    averages : Averages
    ends : int32 array of shape (m, 2)
        The two clusters that an edge joins.

    Notes
    -----
    Cost: 1 pass; summary 8 m bytes. Exactness: sums of squared differences, exact up to rounding.
    """

    averages: Averages
    ends: Ends
    grouped: ClassVar[bool] = False
    refuses_missing: ClassVar[bool] = True

    def empty(self, schema: Schema) -> Float64:
        return np.zeros(len(self.ends))

    def nbytes(self, schema: Schema) -> int:
        return 8 * len(self.ends)

    def work_nbytes(self, schema: Schema, n_rows: int) -> int:
        return 8 * n_rows * (2 * schema.n_features + self.averages.n_clusters) + 16 * len(self.ends)

    def update(self, summary: Float64, block: Block) -> None:
        lengths = np.empty(len(self.ends))
        edges.lengths(self.averages.transposed(block.finite_X), self.ends, False, lengths)
        lengths *= lengths
        summary += lengths

    def merge(self, into: Float64, other: Float64) -> None:
        into += other

    def result(self, summary: Float64) -> Float64:
        return summary.copy()


class ReNA(FeatureClusters, MultiPass):
    """Recursive nearest agglomeration: every column joins its nearest neighbour, round by round.

    Parameters
    ----------
    n_clusters : int, default=2
        Columns that come out.
    connectivity : array or sparse matrix of shape (n_features, n_features), or None, default=None
        Columns are neighbours where either of the two entries is not zero; None takes those that
        stand side by side, as in spectra and series.

    Attributes
    ----------
    labels_ : ndarray of int64 of shape (n_features,)
        The cluster of every column.
    n_clusters_ : int
    n_iter_ : int
        Rounds, each of them a pass.
    n_features_in_ : int
    feature_names_in_ : ndarray of str, where the columns have names
    fit_report_ : FitReport

    Raises
    ------
    BadInput
        For more clusters than columns, for fewer than the graph has components, and for what is not
        a graph of the columns.
    BadValue
        For a NaN or an infinity, naming its place.
    NotEnoughMemory
        Before reading, when edges and blocks do not fit the budget.

    Notes
    -----
    Cost: at most ``log2(n_features / n_clusters) + 1`` passes, as a round at least halves the clusters;
    summary 8 bytes an edge. Time is linear in the values that are read and the edges.

    Exactness: all rows are used, distances exact up to rounding. Of neighbours at the same distance the
    one whose edge comes first is nearest: in the order of the later column, then of the earlier one.
    The last round leaves out the longest of the edges to nearest neighbours, so that `n_clusters` are
    left. Clusters are of more even size than by single linkage, and less homogeneous than by Ward's
    (`FeatureAgglomeration`), which takes longer.

    Source: Hoyos-Idrobo, Varoquaux, Kahn & Thirion, "Recursive nearest agglomeration (ReNA)", IEEE
    Trans. Pattern Analysis and Machine Intelligence 41 (2019), algorithm 1.

    Examples
    --------
    >>> import numpy as np
    >>> from onebox.cluster import ReNA
    >>> X = np.array([[0, 1, 10, 11], [5, 5, 0, 1], [2, 3, 7, 7]])
    >>> model = ReNA(n_clusters=2).fit(X)
    >>> model.labels_
    array([0, 0, 1, 1])
    >>> model.inverse_transform(model.transform(X))
    array([[ 0.5,  0.5, 10.5, 10.5],
           [ 5. ,  5. ,  0.5,  0.5],
           [ 2.5,  2.5,  7. ,  7. ]])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_clusters": [Interval(Integral, 1, None, closed="left")],
        "connectivity": ["array-like", "sparse matrix", None],
    }

    def __init__(self, n_clusters: int = 2, *, connectivity: Any = None) -> None:
        self.n_clusters = n_clusters
        self.connectivity = connectivity

    def fit(self, X: Any, y: Any = None) -> ReNA:
        """Learn which columns are averaged.

        Parameters
        ----------
        X : array, table, path or Dataset, of shape (n_samples, n_features)
        y : ignored

        Returns
        -------
        ReNA
        """
        self._validate()
        if sp.issparse(X):
            raise WrongType(
                "Sparse data was passed, but dense data is required: ReNA averages all columns. Pass "
                "X.toarray() if it fits in memory."
            )
        view, settings = self._training_view(X)
        view = view.without_roles()
        graph = self._graph(view.schema.n_features)
        self.n_iter_, n_left = 0, self.n_features_in_
        labels: Labels = np.arange(n_left)
        with self._passes(
            view, [EdgeSquares(Averages(labels, n_left), graph.ends)], settings
        ) as run:
            while (
                n_left > self.n_clusters or self.n_iter_ == 0
            ):  # once at least: values are checked
                step = EdgeSquares(Averages(labels, n_left), graph.ends)
                squares = run.scan(step, job=f"ReNA round {self.n_iter_ + 1}")
                require_rows(run.report.rows, 1, "ReNA")
                self.n_iter_ += 1
                if n_left > self.n_clusters:
                    n_left, joined = nearest_joined(step.ends, squares, n_left, self.n_clusters)
                    labels, graph = joined[labels], contracted(graph, joined, n_left)
        self.labels_, self.n_clusters_, self.fit_report_ = labels, n_left, run.report
        return self

    def _graph(self, p: int) -> Graph:
        if self.n_clusters > p:
            raise BadInput(
                f"n_clusters={self.n_clusters:,} of n_features={p:,}: ReNA averages clusters of columns. "
                f"Ask for at most {p:,}."
            )
        given = self.connectivity
        if given is None:
            given = sp.diags_array([np.ones(p - 1)], offsets=[1], shape=(p, p))
        matrix = checked(given, p, "columns")
        n_components, _ = connected_components(matrix, directed=False)
        if n_components > self.n_clusters:
            raise BadInput(
                f"The number of connected components of the connectivity matrix is {n_components:,}, and "
                f"n_clusters={self.n_clusters:,}: only neighbours are joined. Ask for at least "
                f"{n_components:,} clusters, or give more neighbours."
            )
        return Graph(matrix, int(n_components))


def nearest_joined(ends: Ends, lengths: Float64, n: int, n_clusters: int) -> tuple[int, Labels]:
    """One round: join every node to its nearest neighbour, at most until `n_clusters` are left.

    Returns
    -------
    n_left : int
    labels : int64 array of shape (n,)
        In the order of the first node of each.
    """
    least, numbers = np.full(n, np.inf), np.arange(len(ends))
    nearest = np.full(n, len(ends))
    for side in ends.T:
        np.minimum.at(least, side, lengths)
    for side in ends.T:
        at = lengths == least[side]
        np.minimum.at(nearest, side[at], numbers[at])
    # A forest: edges are compared by length, then number, so that no circle of them can close.
    chosen = np.unique(nearest[nearest < len(ends)])
    if len(chosen) > n - n_clusters:
        order = np.argsort(lengths[chosen], kind="stable")
        chosen = chosen[order[: n - n_clusters]]
    a, b = ends[chosen].T
    joined = sp.coo_array((np.ones(len(chosen), bool), (a, b)), shape=(n, n))
    n_left, labels = connected_components(joined, directed=False)
    return int(n_left), labels.astype(np.int64)


def contracted(graph: Graph, labels: Labels, n_left: int) -> Graph:
    """The graph of clusters of nodes: neighbours where any of their nodes are."""
    pairs = graph.matrix.tocoo()
    a, b = labels[pairs.row], labels[pairs.col]
    apart = a != b
    matrix = sp.csr_array(
        (np.ones(int(apart.sum()), bool), (a[apart], b[apart])), shape=(n_left, n_left)
    )
    matrix.sum_duplicates()
    return Graph(matrix, graph.n_components)
