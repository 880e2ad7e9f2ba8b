"""The leading singular vectors of rows as they are, dense or sparse, in a few passes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions

from onebox.base import MultiPass
from onebox.decomposition.components import Components
from onebox.decomposition.krylov import Leading, Search
from onebox.decomposition.randomized import find

Float64 = NDArray[np.float64]


class TruncatedSVD(Components, MultiPass):
    """The leading directions of rows that are not centred, so that sparse ones stay sparse.

    Parameters
    ----------
    n_components : int, default=2
        How many to keep; at most ``min(n_samples, n_features)``.
    algorithm : {"randomized"}, default="randomized"
    n_iter : int, default=5
        Passes after the first, at the most. No more are made once half a step adds less than 1e-4 of
        the sum of squares found.
    n_oversamples : int, default=10
        Directions of a pass beyond `n_components`.
    power_iteration_normalizer : {"auto", "QR", "LU", "none"}, default="auto"
        For scikit-learn's sake: directions are always orthonormal.
    random_state : int, RandomState or None, default=None
        What the first directions are drawn with; an int makes it deterministic.
    tol : float, default=0.0
        For scikit-learn's sake.

    Attributes
    ----------
    components_ : ndarray of float64 of shape (n_components, n_features)
        Right singular vectors, largest singular value first; the entry of the largest magnitude is
        positive.
    singular_values_ : ndarray of float64 of shape (n_components,)
    explained_variance_ : ndarray of float64 of shape (n_components,)
        Variance of what `transform` gives, divided by the number of rows.
    explained_variance_ratio_ : ndarray of float64 of shape (n_components,)
        NaN when no column varies.
    n_features_in_ : int
    feature_names_in_ : ndarray of str, where the columns have names
    fit_report_ : FitReport

    Raises
    ------
    BadInput
        For more components than rows or columns.
    BadValue
        For a NaN or an infinity, naming its place.
    SinglePass
        When rows that can be read once need another pass; ``n_iter=0`` makes one.
    WrongType
        For a column that is not numeric.
    NotEnoughMemory
        Before reading, when the directions of all passes do not fit the budget.

    Notes
    -----
    Cost: 1 to ``n_iter + 1`` passes of 4 p l operations a row, for p features and l directions, or of
    4 l for each entry of a sparse row; summary 8 p l bytes, and 48 p l bytes a pass to decompose it.

    Exactness: singular values are those of the rows' projection on a subspace: never more than the
    true ones up to rounding, nor by more than `randomized_svd` tells less; below 3e-7 of the largest
    they are zero. Sums are float64.

    Source: Musco & Musco, "Randomized block Krylov methods", NIPS 2015, algorithm 2; Halko,
    Martinsson & Tropp, "Finding structure with randomness", SIAM Review 53 (2011), section 5.4.

    Examples
    --------
    >>> import numpy as np, scipy.sparse as sp
    >>> from onebox.decomposition import TruncatedSVD
    >>> X = sp.random_array((1000, 200), density=0.05, rng=np.random.default_rng(0)).tocsr()
    >>> svd = TruncatedSVD(n_components=3, random_state=0).fit(X)
    >>> svd.singular_values_.round(1)
    array([12.1,  5.9,  5.9])
    >>> svd.transform(X).shape
    (1000, 3)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "algorithm": [StrOptions({"randomized"})],
        "n_iter": [Interval(Integral, 0, None, closed="left")],
        "n_oversamples": [Interval(Integral, 1, None, closed="left")],
        "power_iteration_normalizer": [StrOptions({"auto", "QR", "LU", "none"})],
        "random_state": ["random_state"],
        "tol": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(
        self,
        n_components: int = 2,
        *,
        algorithm: str = "randomized",
        n_iter: int = 5,
        n_oversamples: int = 10,
        power_iteration_normalizer: str = "auto",
        random_state: Any = None,
        tol: float = 0.0,
    ) -> None:
        self.n_components = n_components
        self.algorithm = algorithm
        self.n_iter = n_iter
        self.n_oversamples = n_oversamples
        self.power_iteration_normalizer = power_iteration_normalizer
        self.random_state = random_state
        self.tol = tol

    def fit(self, X: Any, y: Any = None) -> Self:
        """Find the leading directions.

        Parameters
        ----------
        X : array, sparse matrix, table, path or Dataset, of shape (n_samples, n_features)
        y : ignored

        Returns
        -------
        self
        """
        self._find(X, probes=False)
        return self

    def _find(self, X: Any, *, probes: bool) -> Leading:
        self._validate()
        view, settings = self._training_view(X)
        k = int(self.n_components)
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        search = Search(k, self.n_oversamples, self.n_iter + 1, False, seed, probes)
        found, self.fit_report_ = find(view, search, settings, type(self).__name__)
        self.components_, self.singular_values_ = found.axes, np.sqrt(found.squares[:k])
        means = found.axes @ found.mean
        self.explained_variance_ = np.maximum(found.squares[:k] / found.n_rows - means**2, 0)
        with np.errstate(invalid="ignore"):  # of no variance there is no share
            self.explained_variance_ratio_ = self.explained_variance_ / found.variances.sum()
        return found

    def _mapping(self, function: Callable[..., Any]) -> partial[Any]:
        origin = np.zeros(self.n_features_in_)
        return partial(function, mean=origin, axes=self.components_, scale=None)
