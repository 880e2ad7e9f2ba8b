"""Clusters as what is left of a tree once its last merges are undone."""

from __future__ import annotations

from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from sklearn.base import ClusterMixin
from sklearn.utils._param_validation import Interval, StrOptions

from onebox.base.inputs import is_lazy
from onebox.cluster.agglomeration import Agglomeration
from onebox.cluster.condensing import LabelsOfNearest, MicroClusters, condense, leaves_within
from onebox.cluster.hierarchy.rows import gather
from onebox.cluster.hierarchy.trees import require_rows
from onebox.config import Settings, memory_budget
from onebox.dataset import Dataset
from onebox.engine.report import FitReport
from onebox.errors import BadInput


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
    max_leaves : int, "auto" or None, default="auto"
        Of more rows, the tree is that of so many micro-clusters at most, each the mean of the rows near
        it. None takes all rows. "auto" condenses the rows of a Dataset or a path, without connectivity
        and by Euclidean distance, which micro-clusters need: to 16,384, or to the half, a quarter, ...
        of it that half the memory budget holds, at least 256. Set a number where the tree must not
        depend on a small budget.
    random_state : int, default=0
        Seed of the micro-clusters.

    Attributes
    ----------
    labels_ : ndarray of int64 of shape (n_samples,)
        A lazy Dataset where a Dataset or a path was condensed to micro-clusters: it reads the rows when
        it is asked for, and is not kept in files and copies.
    n_clusters_ : int
    n_leaves_ : int
        Rows, or micro-clusters.
    n_connected_components_ : int
        Of the graph as it was given; 1 without.
    children_ : ndarray of int64 of shape (n_merges, 2)
        Merge t makes node ``n_samples + t`` out of these two.
    distances_ : ndarray of float64 of shape (n_merges,)
        With a `distance_threshold`, or if asked for by `compute_distances`.
    micro_clusters_ : MicroClusters or None
        Centres and weights of the leaves, where rows were condensed.
    linkage_matrix_ : ndarray of float64 of shape (n_leaves - 1, 4)
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
    Cost: all rows in memory; see `ward_tree` and `linkage_tree` for time and memory of each linkage. With
    m micro-clusters 3 passes over the rows, the last of ``2 m n p`` operations, and one for the labels,
    of ``2 k n p`` with k clusters of Ward's, else ``2 m n p``.

    Exactness: the trees of scikit-learn and scipy, distances to rounding, where none are equal; equal
    ones by the rules of `ward_tree` and `linkage_tree`. The numbers of clusters are scikit-learn's. With
    `distance_threshold` and Ward along a graph, where a merge can be nearer than the one before it, as
    many of the last merges are undone as there are distances at the threshold or above.

    A tree of micro-clusters knows nothing of distances within them. Ward's and average linkage weigh each
    by its rows; complete and single linkage compare their centres. A row gets the label of the
    micro-cluster that is nearest, but with Ward that of the cluster whose mean is: a step of k-means,
    which can only lower the variance within clusters, and by which a cluster can lose all its rows.
    With a leaf for four rows, the variance within 5 to 20 of Ward's clusters was at most that of the
    full tree on pictures of digits, blobs, and rows of normal and uniform noise, where it was less
    (``CondensedNoise`` and the like in ``benchmarks/`` print by how much).

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

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **Agglomeration._parameter_constraints,
        "max_leaves": [Interval(Integral, 2, None, closed="left"), StrOptions({"auto"}), None],
        "random_state": [Interval(Integral, 0, None, closed="left")],
    }

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
        max_leaves: int | str | None = "auto",
        random_state: int = 0,
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
        self.max_leaves = max_leaves
        self.random_state = random_state

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
        data, most = Dataset(view, settings), self._most_leaves(settings, lazy=is_lazy(X))
        if most is None or data.n_rows <= most:
            rows, report = gather(view, settings, type(self).__name__)
            require_rows(len(rows), 2, type(self).__name__)
            self._cluster(rows, settings)
            self.micro_clusters_: MicroClusters | None = None
        else:
            micro, report = condense(data, most, self.random_state, type(self).__name__)
            self._cluster(micro.centers.copy(), settings, micro.weights)
            self.micro_clusters_ = micro
            self.labels_ = self._apply(X, self._labels_of_rows(micro), [("label", np.int64)])
        self.fit_report_: FitReport = report
        return self

    def _labels_of_rows(self, micro: MicroClusters) -> LabelsOfNearest:
        """From rows to clusters, of which `labels_` tells the micro-clusters so far."""
        if self.linkage != "ward":
            return LabelsOfNearest(micro.centers, self.labels_)
        # Not by micro-cluster: a row at the rim of one would follow it away from the nearer mean.
        means = micro.means(self.labels_, self.n_clusters_)
        return LabelsOfNearest(means, np.arange(self.n_clusters_))

    def _most_leaves(self, settings: Settings, *, lazy: bool) -> int | None:
        fits = self.connectivity is None and self.metric in ("euclidean", "l2")
        if self.max_leaves == "auto":
            if not (lazy and fits):
                return None
            return leaves_within(memory_budget(settings), self.n_features_in_, self.linkage)
        if self.max_leaves is not None and not fits:
            raise BadInput(
                f"max_leaves={self.max_leaves:,} condenses rows to means of those that are near by "
                "Euclidean distance, which goes with neither connectivity nor another metric. Pass "
                "max_leaves=None, or leave those out."
            )
        return None if self.max_leaves is None else int(self.max_leaves)

    def __getstate__(self) -> dict[str, Any]:
        """What copies and files hold: all but lazy labels, which would read the rows of the fit."""
        state = dict(super().__getstate__())
        if isinstance(state.get("labels_"), Dataset):
            del state["labels_"]
        return state
