"""Clusters as what is left of a tree once its last merges are undone."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.base import ClusterMixin
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from onebox.base import Estimator
from onebox.cluster.hierarchy.connectivity import checked
from onebox.cluster.hierarchy.rows import Float64, gather
from onebox.cluster.hierarchy.tree import (
    Tree,
    labels_of_forest,
    labels_of_whole,
    linkage_matrix,
)
from onebox.cluster.hierarchy.trees import LINKAGES, grow, require_memory, require_rows
from onebox.config import Settings
from onebox.data.view import View
from onebox.engine.report import FitReport
from onebox.errors import BadInput, WrongType
from onebox.memory import Memory


class Agglomeration(Estimator):
    """What clustering rows and clustering columns share: parameters, the tree, and how it is cut."""

    n_clusters: int | None
    metric: Any
    memory: Any
    connectivity: Any
    compute_full_tree: Any
    linkage: str
    distance_threshold: float | None
    compute_distances: bool
    disconnected: str
    children_: NDArray[np.int64]
    distances_: Float64
    labels_: NDArray[np.int64]
    n_clusters_: int
    n_leaves_: int
    n_connected_components_: int

    _clustered: ClassVar[str] = "rows"
    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "n_clusters": [Interval(Integral, 1, None, closed="left"), None],
        "metric": [str, callable],
        "memory": [str, HasMethods("cache"), None],
        "connectivity": ["array-like", "sparse matrix", callable, None],
        "compute_full_tree": [StrOptions({"auto"}), "boolean"],
        "linkage": [StrOptions(set(LINKAGES))],
        "distance_threshold": [Interval(Real, 0, None, closed="left"), None],
        "compute_distances": ["boolean"],
        "disconnected": [StrOptions({"join", "refuse"})],
    }

    @property
    def linkage_matrix_(self) -> Float64:
        """The tree in the format of ``scipy.cluster.hierarchy``, for its `dendrogram`."""
        check_is_fitted(self)
        if not hasattr(self, "distances_"):
            raise AttributeError(
                "linkage_matrix_ needs distances_, which this fit did not keep. Fit with "
                "compute_distances=True."
            )
        return linkage_matrix(self.children_, self.distances_)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = False
        return tags

    def _view(self, X: Any) -> tuple[View, Settings]:
        self._validate()
        if sp.issparse(X):
            raise WrongType(
                f"Sparse data was passed, but dense data is required: {type(self).__name__} compares "
                "whole rows. Pass X.toarray() if it fits in memory."
            )
        if (self.n_clusters is None) == (self.distance_threshold is None):
            raise BadInput(
                f"n_clusters={self.n_clusters} and distance_threshold={self.distance_threshold}: Exactly "
                "one of n_clusters and distance_threshold has to be set, and the other needs to be None."
            )
        if self.distance_threshold is not None and not self.compute_full_tree:
            raise BadInput(
                "distance_threshold cuts a whole tree: compute_full_tree must be True if it is set."
            )
        if self.linkage == "ward" and self.metric not in ("euclidean", "l2"):
            raise BadInput(
                f"{self.metric} was provided as metric. Ward can only work with euclidean distances "
                "(i.e. 'euclidean' and 'l2'). Choose another linkage for other metrics."
            )
        return self._training_view(X)

    def _cluster(self, rows: Float64, settings: Settings) -> None:
        """Grow the tree of `rows`, which are spoiled, and cut it."""
        n, name = len(rows), type(self).__name__
        if self.n_clusters is not None and self.n_clusters > n:
            raise BadInput(
                f"Cannot extract more clusters than samples: n_clusters={self.n_clusters:,}, but "
                f"{name} has {n:,} {self._clustered} to cluster. Ask for at most {n:,}."
            )
        matrix = None
        if self.connectivity is not None:
            given = self.connectivity(rows) if callable(self.connectivity) else self.connectivity
            matrix = checked(given, n, self._clustered)
        whole = matrix is None or self._wants_whole_tree(n)
        require_memory(rows.shape, matrix, self.linkage, self.metric, settings, name)
        tree: Tree = self._kept(grow)(
            rows,
            matrix,
            1 if whole else self.n_clusters,
            self.linkage,
            self.metric,
            self.disconnected,
        )
        self._take(tree, whole)

    def _wants_whole_tree(self, n: int) -> bool:
        if self.compute_full_tree != "auto":
            return bool(self.compute_full_tree)
        # scikit-learn's rule: stopping early saves little unless many clusters are left.
        return self.n_clusters is None or self.n_clusters < max(100, 0.02 * n)

    def _kept(self, function: Any) -> Any:
        if self.memory is None:
            return function
        memory = Memory(self.memory) if isinstance(self.memory, str) else self.memory
        return memory.cache(function)

    def _take(self, tree: Tree, whole: bool) -> None:
        self.children_, self.n_leaves_ = tree.children, tree.n_leaves
        self.n_connected_components_ = tree.n_components
        if hasattr(self, "distances_"):
            del self.distances_  # of an earlier fit
        if self.distance_threshold is not None or self.compute_distances:
            self.distances_ = tree.distances
        if self.distance_threshold is not None:
            self.n_clusters_ = int((tree.distances >= self.distance_threshold).sum()) + 1
        else:
            self.n_clusters_ = int(self.n_clusters or 1)
        if whole:
            self.labels_ = labels_of_whole(tree.children, tree.n_leaves, self.n_clusters_)
        else:
            made = tree.children[: tree.n_leaves - self.n_clusters_]
            self.labels_ = labels_of_forest(made, tree.n_leaves)


class AgglomerativeClustering(ClusterMixin, Agglomeration):  # type: ignore[misc]
    """Hierarchical clustering: merge the two nearest clusters, again and again.

    Parameters
    ----------
    n_clusters : int or None, default=2
        How many to find; None if there is a `distance_threshold`.
    metric : str or callable, default="euclidean"
        "euclidean", "l2", "manhattan", "l1", "cityblock", "cosine" or "precomputed" (X holds the
        distances); Ward knows the first two only. Without connectivity also what
        ``scipy.spatial.distance.cdist`` takes, or a function of X that gives all distances; with it
        a function of two rows that gives their distance.
    memory : str, Memory or None, default=None
        Where to keep trees, so that a fit with another number of clusters need not grow it again:
        a folder, or an object with a method `cache`.
    connectivity : array, sparse matrix, callable or None, default=None
        Who is whose neighbour, or a function of X that tells: clusters are merged with neighbours
        only. Rows are neighbours where either of the two entries is not zero.
    compute_full_tree : bool or "auto", default="auto"
        Whether to go on when `n_clusters` are left. With connectivity only. "auto" stops if there are
        more than 100 and more than one for 50 rows.
    linkage : {"ward", "complete", "average", "single"}, default="ward"
        What makes clusters near: the variance that a merge adds, or the largest, mean or least distance
        between their rows.
    distance_threshold : float or None, default=None
        Clusters at this distance or more are not merged.
    compute_distances : bool, default=False
        Whether to keep `distances_` without a threshold.
    disconnected : {"join", "refuse"}, default="join"
        What to do with a graph in several components: join the closest rows of every two of them, with
        a warning, as scikit-learn does, or refuse it.

    Attributes
    ----------
    labels_ : ndarray of int64 of shape (n_samples,)
    n_clusters_ : int
    n_leaves_ : int
    n_connected_components_ : int
        Of the graph as it was given; 1 without.
    children_ : ndarray of int64 of shape (n_merges, 2)
        Merge t makes node ``n_samples + t`` out of these two.
    distances_ : ndarray of float64 of shape (n_merges,)
        With a `distance_threshold`, or if asked for by `compute_distances`.
    linkage_matrix_ : ndarray of float64 of shape (n_samples - 1, 4)
        The tree in the format of ``scipy.cluster.hierarchy``, where distances are kept.
    n_features_in_ : int
    feature_names_in_ : ndarray of str, where the columns have names
    fit_report_ : FitReport

    Raises
    ------
    BadInput
        When there are fewer rows than clusters, or parameters, graph and rows do not fit together.
    BadValue
        For a NaN or an infinity, naming its place.
    NotEnoughMemory
        When it does not fit the budget, before it is begun. Average and complete linkage without
        connectivity need 4 n² bytes.

    Notes
    -----
    Cost: all rows in memory; see `ward_tree` and `linkage_tree` for time and memory of each linkage.

    Exactness: the trees of scikit-learn and scipy, distances to rounding, where none are equal; equal
    ones by the rules of `ward_tree` and `linkage_tree`. The numbers of clusters are scikit-learn's. With
    `distance_threshold` and Ward along a graph, where a merge can be nearer than the one before it, as
    many of the last merges are undone as there are distances at the threshold or above.

    Source: Müllner, "Modern hierarchical, agglomerative clustering algorithms", arXiv 1109.2378.

    Examples
    --------
    >>> import numpy as np
    >>> from onebox.cluster import AgglomerativeClustering
    >>> X = np.array([[1, 2], [1, 4], [1, 0], [4, 2], [4, 4], [4, 0]])
    >>> AgglomerativeClustering().fit(X).labels_.tolist()
    [1, 1, 1, 0, 0, 0]
    >>> model = AgglomerativeClustering(None, distance_threshold=3, linkage="single").fit(X)
    >>> model.n_clusters_, model.distances_.tolist()
    (2, [2.0, 2.0, 2.0, 2.0, 3.0])
    """

    def __init__(
        self,
        n_clusters: int | None = 2,
        *,
        metric: Any = "euclidean",
        memory: Any = None,
        connectivity: Any = None,
        compute_full_tree: Any = "auto",
        linkage: str = "ward",
        distance_threshold: float | None = None,
        compute_distances: bool = False,
        disconnected: str = "join",
    ) -> None:
        self.n_clusters = n_clusters
        self.metric = metric
        self.memory = memory
        self.connectivity = connectivity
        self.compute_full_tree = compute_full_tree
        self.linkage = linkage
        self.distance_threshold = distance_threshold
        self.compute_distances = compute_distances
        self.disconnected = disconnected

    def fit(self, X: Any, y: Any = None) -> AgglomerativeClustering:
        """Grow the tree of the rows and cut it into clusters.

        Parameters
        ----------
        X : array, table, path or Dataset, of shape (n_samples, n_features)
            Or distances, of shape (n_samples, n_samples).
        y : ignored

        Returns
        -------
        AgglomerativeClustering
        """
        view, settings = self._view(X)
        rows, report = gather(view, settings, type(self).__name__)
        require_rows(len(rows), 2, type(self).__name__)
        self._cluster(rows, settings)
        self.fit_report_: FitReport = report
        return self
