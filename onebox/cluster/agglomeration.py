"""What clustering rows and clustering columns share: a tree that is grown and cut."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from onebox.base import Estimator
from onebox.cluster.hierarchy.connectivity import checked
from onebox.cluster.hierarchy.rows import Float64
from onebox.cluster.hierarchy.tree import (
    Tree,
    labels_of_forest,
    labels_of_whole,
    linkage_matrix,
)
from onebox.cluster.hierarchy.trees import LINKAGES, grow, require_memory
from onebox.config import Settings
from onebox.data.view import View
from onebox.errors import BadInput, WrongType
from onebox.memory import Memory


class Agglomeration(Estimator):
    """Parameters, the tree, and how it is cut."""

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

    def _cluster(self, rows: Float64, settings: Settings, weights: Float64 | None = None) -> None:
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
            weights,
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
