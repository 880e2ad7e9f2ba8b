"""Principal components from the covariance, in one pass, or from products with it, in a few."""

from __future__ import annotations

import copy
from functools import partial
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.metaestimators import available_if

from onebox.aggregates.aggregate import Aggregate
from onebox.aggregates.gram import Gram, GramSummary
from onebox.base import OnePass
from onebox.base.accuracy import asked
from onebox.config import Settings
from onebox.data.schema import Schema
from onebox.data.view import View
from onebox.decomposition.gaussian import Gaussian
from onebox.decomposition.krylov import Search
from onebox.decomposition.randomized import find, passes_of, prefers_passes, require_rank
from onebox.decomposition.spectrum import Spectrum, aligned
from onebox.errors import BadInput, NotMergeable

Float64 = NDArray[np.float64]

MAX_FEATURES = 5_000


class PCA(Gaussian, OnePass):
    """Principal component analysis: the directions of the largest variance.

    Parameters
    ----------
    n_components : int, float or None, default=None
        How many to keep; a float between 0 and 1 keeps as many as explain more than that share of
        the variance; None keeps ``min(n_samples, n_features)``.
    copy : bool, default=True
        For scikit-learn's sake: data are never changed.
    whiten : bool, default=False
        Whether to divide what comes out by its standard deviation.
    svd_solver : {"auto", "full", "covariance_eigh", "arpack", "randomized"}, default="auto"
        "randomized" multiplies the rows by a few directions in each of a few passes, and never makes
        the covariance. "auto" does that for more than 1,000 columns, when they are at least 16 times
        ``n_components + n_oversamples`` and the rows can be read again. All others decompose the
        covariance exactly, after one pass.
    iterated_power : int or "auto", default="auto"
        With "randomized": passes after the first, at the most; "auto" is 7 for fewer components than
        a tenth of the columns, else 4. No more are made once half a step adds less than 1e-4 of the
        variance found.
    n_oversamples : int, default=10
        With "randomized": directions of a pass beyond `n_components`.
    random_state : int, RandomState or None, default=None
        With "randomized": what the first directions are drawn with; an int makes it deterministic.
    tol, power_iteration_normalizer
        For scikit-learn's sake.

    Attributes
    ----------
    components_ : ndarray of float64 of shape (n_components, n_features)
        Largest variance first; the entry of the largest magnitude is positive.
    explained_variance_ : ndarray of float64 of shape (n_components,)
    explained_variance_ratio_ : ndarray of float64 of shape (n_components,)
        NaN when no column varies.
    singular_values_ : ndarray of float64 of shape (n_components,)
    mean_ : ndarray of float64 of shape (n_features,)
    n_components_ : int
    n_samples_ : int
    noise_variance_ : float
        Mean variance of the directions left out.
    n_features_in_ : int
    feature_names_in_ : ndarray of str, where the columns have names
    fit_report_ : FitReport

    Raises
    ------
    BadInput
        For more than 5,000 columns and no "randomized", fewer than two rows, more components than
        there can be, or a share of no variance.
    BadValue
        For a NaN or an infinity, naming its place.
    WrongType
        For a column that is not numeric.
    NotEnoughMemory
        Before reading, when the covariance and its decomposition do not fit the budget.

    Notes
    -----
    Cost: 1 pass; summary 8 p² bytes for p features, decomposed in some 4 p³ operations, 9 p³ for
    all components. "randomized": 1 to 8 passes of 4 p l operations a row, for l directions; summary
    8 p l bytes, and 48 p l bytes a pass to decompose it.

    Exactness: exact up to rounding; variances below 1e-15 of the largest are rounding themselves.
    "randomized": variances are those of the best directions found, never more than the true ones up
    to rounding; below 1e-13 of the largest they are zero. Such a model does not merge.
    Sums and components are float64; what is transformed keeps its canonical dtype: float32 where
    that holds every column exactly, else float64.

    Source: Jolliffe, "Principal Component Analysis", 2nd ed. (2002), chapter 3; Tipping & Bishop,
    "Probabilistic principal component analysis", J. R. Statist. Soc. B 61 (1999) for the
    likelihood; Musco & Musco, "Randomized block Krylov methods", NIPS 2015, algorithm 2, and Halko,
    Martinsson & Tropp, "Finding structure with randomness", SIAM Review 53 (2011), section 5.4.

    Examples
    --------
    >>> import numpy as np
    >>> from onebox.decomposition import PCA
    >>> X = np.array([[-1, -1], [-2, -1], [-3, -2], [1, 1], [2, 1], [3, 2]])
    >>> pca = PCA(n_components=1).fit(X)
    >>> pca.explained_variance_ratio_.round(4)
    array([0.9924])
    >>> pca.transform([[1, 1]]).round(4)
    array([[1.3834]])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_components": [
            Interval(Integral, 0, None, closed="left"),
            Interval(Real, 0, 1, closed="neither"),
            None,
        ],
        "copy": ["boolean"],
        "whiten": ["boolean"],
        "svd_solver": [StrOptions({"auto", "full", "covariance_eigh", "arpack", "randomized"})],
        "tol": [Interval(Real, 0, None, closed="left")],
        "iterated_power": [StrOptions({"auto"}), Interval(Integral, 0, None, closed="left")],
        "n_oversamples": [Interval(Integral, 1, None, closed="left")],
        "power_iteration_normalizer": [StrOptions({"auto", "QR", "LU", "none"})],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        n_components: float | None = None,
        *,
        copy: bool = True,
        whiten: bool = False,
        svd_solver: str = "auto",
        tol: float = 0.0,
        iterated_power: int | str = "auto",
        n_oversamples: int = 10,
        power_iteration_normalizer: str = "auto",
        random_state: Any = None,
    ) -> None:
        self.n_components = n_components
        self.copy = copy
        self.whiten = whiten
        self.svd_solver = svd_solver
        self.tol = tol
        self.iterated_power = iterated_power
        self.n_oversamples = n_oversamples
        self.power_iteration_normalizer = power_iteration_normalizer
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn the components.

        Parameters
        ----------
        X : array, sparse matrix, table, path or Dataset, of shape (n_samples, n_features)
        y : ignored

        Returns
        -------
        self
        """
        self._learn(X)
        return self

    @available_if(lambda self: self.keeps_summary)  # type: ignore[untyped-decorator]
    def partial_fit(self, X: Any, y: Any = None) -> Self:
        """Learn from further rows, as if all had been there from the start.

        Parameters
        ----------
        X, y
            As in `fit`.

        Returns
        -------
        self
        """
        self._learn(X, go_on=True)
        return self

    def _aggregate(self, schema: Schema) -> Aggregate[Any]:
        p = schema.n_features
        if p > MAX_FEATURES:
            raise BadInput(
                f"PCA decomposes a covariance of up to {MAX_FEATURES:,} columns; these are {p:,}. "
                "Ask for few components (n_components=50, svd_solver='randomized'), reduce the columns "
                "first (SparseRandomProjection), or select some."
            )
        return Gram()

    def _solve_nbytes(self, schema: Schema) -> int:
        return 16 * schema.n_features**2

    def _solve(self, summary: GramSummary, schema: Schema) -> None:
        n, p = summary.n_rows, schema.n_features
        _require_two(n)
        most = min(n, p)
        wanted = most if self.n_components is None else self.n_components
        share = None if wanted == 0 or wanted >= 1 else float(wanted)
        require_rank(wanted, most)
        spectrum = Spectrum.of(summary.scatter, n - 1, most if share else int(wanted))
        if share and not spectrum.total > 0:
            raise BadInput(
                f"n_components={wanted} asks for a share of the variance, and none of the {p:,} columns "
                f"varies in {n:,} rows. Ask for a number of components, or leave such columns out."
            )
        self._take(spectrum, k=min(spectrum.reaching(share), most) if share else int(wanted), n=n)
        self.mean_ = summary.mean.copy()

    def _take(self, spectrum: Spectrum, *, k: int, n: int) -> None:
        """Set what follows from the variances and axes of n rows."""
        variances, most = spectrum.variances[:k], min(n, spectrum.axes.shape[1])
        self.components_, self.explained_variance_ = spectrum.axes[:k].copy(), variances.copy()
        with np.errstate(invalid="ignore"):  # of no variance there is no share
            self.explained_variance_ratio_ = variances / spectrum.total
        self.singular_values_ = np.sqrt(variances * (n - 1))
        left = max(spectrum.total - float(variances.sum()), 0.0)
        self.noise_variance_ = left / (most - k) if k < most else 0.0
        self.n_components_, self.n_samples_ = k, n

    def _learns_in_passes(self, view: View, settings: Settings) -> bool:
        p, solver = view.schema.n_features, self.svd_solver
        if solver == "auto" and (
            view.source.single_pass
            or asked() is not None
            or not prefers_passes(self.n_components, self.n_oversamples, p)
        ):
            return False
        if solver not in ("auto", "randomized"):
            return False
        k = self._n_looked_for(p, view.layout.n_rows)
        search = Search(
            k, self.n_oversamples, passes_of(self.iterated_power, k, p), centered=True,
            seed=int(check_random_state(self.random_state).randint(2**31 - 1)),
        )  # fmt: skip
        found, self.fit_report_ = find(view, search, settings, type(self).__name__)
        n = found.n_rows
        _require_two(n)
        self._take(Spectrum(found.squares / (n - 1), found.axes, found.total / (n - 1)), k=k, n=n)
        self.mean_ = found.mean
        for name in ("summary_", "_schema_", "accuracy_"):  # of an earlier fit
            self.__dict__.pop(name, None)
        return True

    def _n_looked_for(self, n_features: int, n_rows: int | None) -> int:
        """How many components "randomized" is asked for."""
        if asked() is not None:
            raise BadInput(
                "svd_solver='randomized' keeps no groups of rows, and has no standard errors. Use "
                "svd_solver='covariance_eigh', or call fit without standard_error= and error=."
            )
        wanted = self.n_components
        if wanted is None:
            return n_features if n_rows is None else min(n_features, n_rows)
        if wanted != int(wanted):
            raise BadInput(
                f"svd_solver='randomized' looks for a number of components, and n_components={wanted} "
                "is a share of the variance. Give a number, or use svd_solver='covariance_eigh'."
            )
        return int(wanted)

    @property
    def keeps_summary(self) -> bool:
        """Whether a fit leaves a summary, from which `partial_fit` and `merge` go on."""
        return self.svd_solver != "randomized"

    def _require_summary(self) -> None:
        if "components_" in vars(self) and "summary_" not in vars(self):
            raise NotMergeable(
                "This PCA was looked for in several passes (svd_solver='randomized'), which leave no "
                "sums that further rows could be added to. Fit all rows at once, or use "
                "svd_solver='covariance_eigh'."
            )

    def _smooth_attributes(self) -> tuple[str, ...]:
        variances = ("explained_variance_", "explained_variance_ratio_", "noise_variance_")
        return (*variances, "components_", "mean_")

    def _answers(self, summary: GramSummary, schema: Schema) -> dict[str, Any]:
        """As many components as here, in this order and with these signs."""
        same = copy.copy(self)
        same.n_components = self.n_components_
        answers = super(PCA, same)._answers(summary, schema)
        order, signs = aligned(answers["components_"], self.components_)
        for name in ("explained_variance_", "explained_variance_ratio_", "components_"):
            answers[name] = answers[name][order]
        answers["components_"] *= signs[:, None]
        return answers

    def _mapping(self, function: Any) -> partial[Any]:
        scale = None
        if self.whiten:
            smallest = np.finfo(np.float64).eps
            scale = np.maximum(np.sqrt(self.explained_variance_), smallest)
        return partial(function, mean=self.mean_, axes=self.components_, scale=scale)


def _require_two(n_rows: int) -> None:
    if n_rows < 2:
        raise BadInput(
            f"PCA needs at least 2 rows to see a variance; it was given {n_rows} sample."
        )
