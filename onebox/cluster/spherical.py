"""k-means of directions: rows and centres of length one."""

from __future__ import annotations

from typing import Any

import numpy as np

from onebox.cluster.centers import Float64
from onebox.cluster.lloyd_model import LloydModel
from onebox.data.steps import UnitRows
from onebox.dataset import Dataset


class SphericalKMeans(LloydModel):
    """k-means by the angle between rows: for counts of words and the like, whose length says little.

    Every row is divided by its Euclidean norm, and so is every centre after each iteration: the
    nearest centre is the one with the largest cosine.

    Parameters
    ----------
    n_clusters : int, default=8
    init : {"k-means||", "k-means++", "random"} or array of shape (n_clusters, n_features)
        How to start. The named ones pick among a sample of the rows, drawn in one pass.
    n_init : int or "auto", default="auto"
        Starts to try; the one with the least inertia stays. "auto" is 1.
    max_iter : int, default=300
        Passes of one start, at the most.
    tol : float, default=1e-4
        Centres that move less than this, relative to the mean variance of the columns of the rows
        of length one, have converged.
    verbose : int, default=0
    random_state : int, RandomState or None, default=None
        An int makes it deterministic: the sample depends on the seed and the rows' places only.

    Attributes
    ----------
    cluster_centers_ : ndarray of shape (n_clusters, n_features)
        Of length one.
    labels_ : ndarray of shape (n_samples,), or a lazy Dataset when fitted on one
    inertia_ : float
        Weighted sum of squared distances of the rows, made of length one, to their centres: twice
        the sum of one minus the cosine.
    n_iter_ : int
    n_features_in_ : int
    feature_names_in_ : ndarray of str, where the columns have names
    fit_report_ : FitReport

    Raises
    ------
    BadInput
        When there are fewer rows than clusters, or parameters do not fit.
    BadValue
        For a NaN or an infinity, naming its place.
    NotEnoughMemory
        When one block and the sums do not fit the budget.

    See Also
    --------
    KMeans : By the distance between rows.

    Notes
    -----
    A class of its own, and not an option of `KMeans`: it is known by this name, its centres,
    inertia and distances are of other rows, and what `KMeans` takes stays what scikit-learn's takes.

    `transform` gives distances between rows of length one and centres, the roots of twice one minus
    the cosine.

    Cost: as `KMeans`. Sparse rows stay sparse.

    Exactness: as `KMeans`. A cluster whose rows cancel out keeps its centre. A row of zeros has no
    direction: it is as far from every centre as any row at a right angle, and moves none.

    Source: Dhillon & Modha, "Concept decompositions for large sparse text data using clustering",
    Machine Learning 42 (2001).

    Examples
    --------
    >>> import numpy as np
    >>> from onebox.cluster import SphericalKMeans
    >>> X = np.array([[1, 0.1], [50, 1], [0.1, 1], [2, 90]])
    >>> model = SphericalKMeans(2, random_state=0).fit(X)
    >>> len(set(model.labels_[:2].tolist())), len(set(model.labels_.tolist()))
    (1, 2)
    """

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        init: Any = "k-means||",
        n_init: int | str = "auto",
        max_iter: int = 300,
        tol: float = 1e-4,
        verbose: int = 0,
        random_state: Any = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.init = init
        self.n_init = n_init
        self.max_iter = max_iter
        self.tol = tol
        self.verbose = verbose
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> SphericalKMeans:
        """Find the centres.

        Parameters
        ----------
        X : array, sparse matrix, table, path or Dataset, of shape (n_samples, n_features)
        y : ignored
        sample_weight : array of shape (n_samples,) or Dataset of the same rows, optional

        Returns
        -------
        SphericalKMeans
        """
        self._check_parameters()
        self._learn(X, sample_weight)
        return self

    def _opened(self, X: Any, *, reset: bool) -> Dataset:
        data = super()._opened(X, reset=reset)
        self._require_columns(data.view.schema)
        return data._then(UnitRows())

    def _placed(self, means: Float64, before: Float64) -> Float64:
        norms = np.linalg.norm(means, axis=1, keepdims=True)
        placed: Float64 = np.divide(means, norms, out=before.copy(), where=norms > 0)
        return placed
