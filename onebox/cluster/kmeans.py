"""k-means by exact Lloyd iterations, one scan each."""

from __future__ import annotations

from typing import Any

from onebox.cluster.lloyd_model import LloydModel
from onebox.errors import BadInput


class KMeans(LloydModel):
    """k-means clustering.

    Parameters
    ----------
    n_clusters : int, default=8
    init : {"k-means||", "k-means++", "random"} or array of shape (n_clusters, n_features)
        How to start. The named ones pick among a sample of the rows, drawn in one pass: "k-means||"
        goes on to swap rows that are missed least for rows that are missed most, "k-means++" is
        scikit-learn's greedy one.
    n_init : int or "auto", default="auto"
        Starts to try; the one with the least inertia stays. "auto" is 1.
    max_iter : int, default=300
        Passes of one start, at the most.
    tol : float, default=1e-4
        Centres that move less than this, relative to the columns' mean variance, have converged.
    verbose : int, default=0
    random_state : int, RandomState or None, default=None
        An int makes it deterministic: the sample depends on the seed and the rows' places only.
    copy_x : bool, default=True
        For scikit-learn's sake: data are never changed.
    algorithm : {"lloyd"}, default="lloyd"

    Attributes
    ----------
    cluster_centers_ : ndarray of shape (n_clusters, n_features)
    labels_ : ndarray of shape (n_samples,), or a lazy Dataset when fitted on one
    inertia_ : float
        Weighted sum of squared distances to the nearest centre.
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

    Notes
    -----
    Cost: 1 pass to draw the start (none when `init` is an array), 1 an iteration, 1 for inertia and
    labels. Blocks stay decoded in memory between passes when they fit the budget,
    else they are spilled once to the cache folder. Row state: 4 bytes a row, and 4 for a bound on the
    distance to other centres where they fit the budget: once few rows change their cluster, most
    are then left alone, the more the better rows fall into clusters. Sparse rows stay sparse, but for
    the sample, and have no bounds.

    Exactness: exact Lloyd iterations, labels to rounding in the dtype of X, sums in float64. The
    same bits for any number of workers and any budget, with bounds and without.

    Sources: Lloyd, IEEE Trans. Information Theory 28 (1982); Bahmani et al., "Scalable K-Means++",
    PVLDB 5 (2012); Lattanzi & Sohler, "A Better k-means++ Algorithm via Local Search", ICML 2019;
    bounds: Hamerly, "Making k-means even faster", SDM 2010.

    Examples
    --------
    >>> import numpy as np
    >>> from onebox.cluster import KMeans
    >>> X = np.array([[1, 2], [1, 4], [1, 0], [10, 2], [10, 4], [10, 0]])
    >>> model = KMeans(n_clusters=2, random_state=0).fit(X)
    >>> sorted(model.cluster_centers_.tolist())
    [[1.0, 2.0], [10.0, 2.0]]
    >>> len(set(model.predict([[0, 0], [12, 3]]).tolist()))
    2
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
        copy_x: bool = True,
        algorithm: str = "lloyd",
    ) -> None:
        self.n_clusters = n_clusters
        self.init = init
        self.n_init = n_init
        self.max_iter = max_iter
        self.tol = tol
        self.verbose = verbose
        self.random_state = random_state
        self.copy_x = copy_x
        self.algorithm = algorithm

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> KMeans:
        """Find the centres.

        Parameters
        ----------
        X : array, sparse matrix, table, path or Dataset, of shape (n_samples, n_features)
        y : ignored
        sample_weight : array of shape (n_samples,) or Dataset of the same rows, optional

        Returns
        -------
        KMeans
        """
        self._check_parameters()
        self._learn(X, sample_weight)
        return self

    def _check_parameters(self) -> None:
        super()._check_parameters()
        if self.algorithm != "lloyd":
            raise BadInput(f"algorithm={self.algorithm!r} is not known; use 'lloyd'.")
