"""Hierarchical clustering of the columns, to reduce them to averages."""

from __future__ import annotations

from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from sklearn.utils._param_validation import Interval

from onebox.cluster.agglomeration import Agglomeration
from onebox.cluster.averaging import FeatureClusters
from onebox.cluster.hierarchy.rows import Float64, gather, require_room
from onebox.cluster.hierarchy.trees import require_rows
from onebox.config import Settings
from onebox.data.view import View
from onebox.dataset import Dataset
from onebox.engine.report import FitReport
from onebox.errors import BadInput


class FeatureAgglomeration(FeatureClusters, Agglomeration):
    """Merge the two nearest clusters of columns, again and again, and average what is merged.

    Parameters
    ----------
    n_clusters : int or None, default=2
        Columns that come out; None if there is a `distance_threshold`.
    metric, memory, connectivity, compute_full_tree, linkage, distance_threshold, compute_distances,
    disconnected
        As for `AgglomerativeClustering`, of columns in place of rows: `connectivity` says which columns
        are neighbours, of shape (n_features, n_features).
    max_samples : int or None, default=10,000
        Of more rows, the tree is that of a uniform sample of so many; None takes all.
    random_state : int, default=0
        Seed of that sample. Which rows it has depends on their files and places, not on the workers.

    Attributes
    ----------
    labels_ : ndarray of int64 of shape (n_features,)
        The cluster of every column.
    n_clusters_, n_leaves_, n_connected_components_, children_, distances_, linkage_matrix_
        As of `AgglomerativeClustering`.
    n_features_in_ : int
    feature_names_in_ : ndarray of str, where the columns have names
    fit_report_ : FitReport

    Raises
    ------
    BadInput
        When there are fewer columns than clusters, or parameters, graph and columns do not fit
        together.
    BadValue
        For a NaN or an infinity, naming its place, among the rows that are used.
    NotEnoughMemory
        When the rows that are used, twice, or the tree do not fit the budget.

    Notes
    -----
    Cost: 1 pass, 2 to draw a sample; 16 bytes a column and row that is used, and the tree, see
    `ward_tree` and `linkage_tree`. `transform` takes one addition a value, whatever `n_clusters`.

    Exactness: of up to `max_samples` rows, the tree of scikit-learn. Of more, squared distances between
    columns, and what Ward's merges add to the sum of squares, are those of a sample: n rows give each
    to a relative standard error of about ``sqrt(2 / n)`` where differences are normal, 1.4 % for
    10,000; merges that differ by less can go another way. Clusters are averaged: other ways of pooling
    are not offered.

    Source: Michel et al., "A supervised clustering approach for fMRI-based inference of brain
    states", Pattern Recognition 45 (2012).

    Examples
    --------
    >>> import numpy as np
    >>> from onebox.cluster import FeatureAgglomeration
    >>> X = np.array([[0, 1, 10, 11], [5, 5, 0, 1], [2, 3, 7, 7]])
    >>> model = FeatureAgglomeration(n_clusters=2).fit(X)
    >>> model.labels_
    array([1, 1, 0, 0])
    >>> model.transform(X)
    array([[10.5,  0.5],
           [ 0.5,  5. ],
           [ 7. ,  2.5]])
    """

    _clustered: ClassVar[str] = "columns"
    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **Agglomeration._parameter_constraints,
        "max_samples": [Interval(Integral, 1, None, closed="left"), None],
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
        max_samples: int | None = 10_000,
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
        self.max_samples = max_samples
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> FeatureAgglomeration:
        """Grow the tree of the columns and cut it into clusters.

        Parameters
        ----------
        X : array, table, path or Dataset, of shape (n_samples, n_features)
        y : ignored

        Returns
        -------
        FeatureAgglomeration
        """
        view, settings = self._view(X)
        rows, report = self._rows(view, settings)
        n, p = rows.shape
        if p < 2:
            raise BadInput(
                f"n_features={p}: FeatureAgglomeration clusters columns, and there has to be a minimum "
                "of 2."
            )
        require_room(16 * n * p, settings, f"FeatureAgglomeration of {p:,} columns, {n:,} rows,")
        self._cluster(np.ascontiguousarray(rows.T), settings)
        self.fit_report_: FitReport = report
        return self

    def _rows(self, view: View, settings: Settings) -> tuple[Float64, FitReport]:
        data = Dataset(view, settings)
        known, most = data.known_n_rows, self.max_samples
        if most is not None and (known is None or known > most):
            data = data.sample(most, random_state=self.random_state)
        rows, report = gather(data.view, settings, type(self).__name__)
        require_rows(len(rows), 1, type(self).__name__)
        return rows, report
