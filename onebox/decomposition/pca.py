"""Principal components from the covariance, in one pass."""

from __future__ import annotations

import copy
from functools import partial
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from onebox.aggregates.aggregate import Aggregate
from onebox.aggregates.gram import Gram, GramSummary
from onebox.aggregates.mean import Mean
from onebox.base import OnePass
from onebox.data.schema import Schema
from onebox.decomposition.spectrum import (
    Spectrum,
    aligned,
    log_likelihood,
    project,
    require_density,
    restore,
)
from onebox.errors import BadInput

Float64 = NDArray[np.float64]

MAX_FEATURES = 5_000


class PCA(ClassNamePrefixFeaturesOutMixin, TransformerMixin, OnePass):  # type: ignore[misc]
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
    svd_solver, tol, iterated_power, n_oversamples, power_iteration_normalizer, random_state
        For scikit-learn's sake: the covariance is decomposed exactly, without a draw.

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
        For more than 5,000 columns, fewer than two rows, more components than there can be, or a
        share of no variance.
    BadValue
        For a NaN or an infinity, naming its place.
    WrongType
        For a column that is not numeric.
    NotEnoughMemory
        Before reading, when the covariance and its decomposition do not fit the budget.

    Notes
    -----
    Cost: 1 pass; summary 8 p² bytes for p features, decomposed in some 4 p³ operations, 9 p³ for
    all components.

    Exactness: exact up to rounding; variances below 1e-15 of the largest are rounding themselves.
    Sums and components are float64; what is transformed keeps its canonical dtype: float32 where
    that holds every column exactly, else float64.

    Source: Jolliffe, "Principal Component Analysis", 2nd ed. (2002), chapter 3; Tipping & Bishop,
    "Probabilistic principal component analysis", J. R. Statist. Soc. B 61 (1999) for the
    likelihood.

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

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

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

    def transform(self, X: Any) -> Any:
        """Coordinates along the components.

        Parameters
        ----------
        X : array, sparse matrix, table, path or Dataset, of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_components), or a lazy Dataset
        """
        check_is_fitted(self)
        names = self.get_feature_names_out()
        return self._apply(X, self._mapping(project), [(name, None) for name in names])

    def inverse_transform(self, X: Any) -> Any:
        """Rows from their coordinates along the components.

        Parameters
        ----------
        X : array, table, path or Dataset, of shape (n_samples, n_components)

        Returns
        -------
        ndarray of shape (n_samples, n_features), or a lazy Dataset
        """
        check_is_fitted(self)
        names = getattr(self, "feature_names_in_", [f"x{j}" for j in range(self.n_features_in_)])
        fields = [(name, None) for name in names]
        return self._apply(X, self._mapping(restore), fields, columns=self.get_feature_names_out())

    def score_samples(self, X: Any) -> Any:
        """Log-likelihood of every row under the probabilistic model.

        Parameters
        ----------
        X : array, sparse matrix, table, path or Dataset, of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,), or a lazy Dataset
        """
        check_is_fitted(self)
        return self._apply(X, self._likelihood(), [("prediction", np.float64)])

    def score(self, X: Any, y: Any = None) -> float:
        """Mean log-likelihood; one pass.

        Parameters
        ----------
        X : array, sparse matrix, table, path or Dataset, of shape (n_samples, n_features)
        y : ignored

        Returns
        -------
        float
        """
        check_is_fitted(self)
        view, settings = self._training_view(X, reset=False)
        fields = [("prediction", np.float64)]
        return float(self._measure(view, settings, Mean("prediction"), self._likelihood(), fields))

    def get_covariance(self) -> Float64:
        """Covariance of the probabilistic model: components, and noise in all other directions.

        Returns
        -------
        ndarray of shape (n_features, n_features)
        """
        check_is_fitted(self)
        extra = np.maximum(self.explained_variance_ - self.noise_variance_, 0)
        covariance = (self.components_.T * extra) @ self.components_
        np.einsum("ii->i", covariance)[:] += self.noise_variance_
        return np.asarray(covariance)

    @property
    def _n_features_out(self) -> int:
        return len(self.components_)

    def _aggregate(self, schema: Schema) -> Aggregate[Any]:
        p = schema.n_features
        if p > MAX_FEATURES:
            raise BadInput(
                f"PCA decomposes a covariance of up to {MAX_FEATURES:,} columns; these are {p:,}. "
                "Reduce them first (.map with scikit-learn's SparseRandomProjection), or select "
                "columns."
            )
        return Gram()

    def _solve_nbytes(self, schema: Schema) -> int:
        return 16 * schema.n_features**2

    def _solve(self, summary: GramSummary, schema: Schema) -> None:
        n, p = summary.n_rows, schema.n_features
        if n < 2:
            raise BadInput(f"PCA needs at least 2 rows to see a variance; it was given {n} sample.")
        most = min(n, p)
        asked = most if self.n_components is None else self.n_components
        share = None if asked == 0 or asked >= 1 else float(asked)
        if asked > most:
            raise BadInput(
                f"n_components={asked} must be between 0 and min(n_samples, n_features)={most}."
            )
        spectrum = Spectrum.of(summary.scatter, n - 1, most if share else int(asked))
        if share and not spectrum.total > 0:
            raise BadInput(
                f"n_components={asked} asks for a share of the variance, and none of the {p:,} columns "
                f"varies in {n:,} rows. Ask for a number of components, or leave such columns out."
            )
        k = min(spectrum.reaching(share), most) if share else int(asked)
        variances = spectrum.variances[:k]
        self.components_, self.explained_variance_ = spectrum.axes[:k].copy(), variances.copy()
        with np.errstate(invalid="ignore"):  # of no variance there is no share
            self.explained_variance_ratio_ = variances / spectrum.total
        self.singular_values_ = np.sqrt(variances * (n - 1))
        left = max(spectrum.total - float(variances.sum()), 0.0)
        self.noise_variance_ = left / (most - k) if k < most else 0.0
        self.mean_, self.n_components_, self.n_samples_ = summary.mean.copy(), k, n

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

    def _likelihood(self) -> partial[Float64]:
        variances, noise = self.explained_variance_, float(self.noise_variance_)
        require_density(variances, noise, self.n_features_in_)
        return partial(
            log_likelihood, mean=self.mean_, axes=self.components_,
            variances=np.maximum(variances, noise), noise=noise,
        )  # fmt: skip
