"""Columns brought to mean zero and variance one."""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.base import OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from onebox.aggregates.aggregate import Aggregate
from onebox.aggregates.moments import MomentsSummary
from onebox.base import OnePass
from onebox.data.schema import Schema
from onebox.errors import BadInput
from onebox.preprocessing.finite import FiniteMoments

Float64 = NDArray[np.float64]


class StandardScaler(OneToOneFeatureMixin, TransformerMixin, OnePass):  # type: ignore[misc]
    """Subtract the mean of every column and divide by its standard deviation.

    Missing values are left out of both and stay missing.

    Parameters
    ----------
    copy : bool, default=True
        For scikit-learn's sake: data are never changed.
    with_mean : bool, default=True
        Whether to subtract the mean. Sparse matrices need False, which keeps them sparse.
    with_std : bool, default=True
        Whether to divide by the standard deviation. Columns that do not vary are left undivided.

    Attributes
    ----------
    mean_ : ndarray of float64 of shape (n_features,), or None without mean and deviation
    var_ : ndarray of float64, or None without deviation
        Divided by the number of values, not by one less.
    scale_ : ndarray of float64, or None without deviation
    n_samples_seen_ : int, float (weights), or an array where columns miss values
    n_features_in_ : int
    feature_names_in_ : ndarray of str, where the columns have names
    fit_report_ : FitReport

    Raises
    ------
    BadValue
        For an infinity, naming its place.
    WrongType
        For a column that is not numeric.

    Notes
    -----
    Cost: 1 pass; summary 80 bytes a column.

    Exactness: exact up to rounding at any offset: values are centred before they are squared. What
    is transformed keeps its canonical dtype: float32 where that holds every column exactly, else
    float64.

    Source: Chan, Golub & LeVeque, The American Statistician 37 (1983).

    Examples
    --------
    >>> import numpy as np
    >>> from onebox.preprocessing import StandardScaler
    >>> X = np.array([[0.0, 0.0], [0.0, 0.0], [1.0, 1.0], [1.0, 1.0]])
    >>> scaler = StandardScaler().fit(X)
    >>> scaler.mean_, scaler.scale_
    (array([0.5, 0.5]), array([0.5, 0.5]))
    >>> scaler.transform([[2.0, 2.0]])
    array([[3., 3.]])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "copy": ["boolean"],
        "with_mean": ["boolean"],
        "with_std": ["boolean"],
    }

    def __init__(self, *, copy: bool = True, with_mean: bool = True, with_std: bool = True) -> None:
        self.copy = copy
        self.with_mean = with_mean
        self.with_std = with_std

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.sparse = not self.with_mean
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def _aggregate(self, schema: Schema) -> Aggregate[Any]:
        return FiniteMoments()

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Learn means and standard deviations.

        Parameters
        ----------
        X : array, sparse matrix, table, path or Dataset, of shape (n_samples, n_features)
        y : ignored
        sample_weight : array of shape (n_samples,), number, or Dataset of the same rows, optional

        Returns
        -------
        self
        """
        self._refuse_centred_sparse(X)
        self._learn(X, None, sample_weight)
        return self

    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Learn from further rows, as if all had been there from the start.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`.

        Returns
        -------
        self
        """
        self._refuse_centred_sparse(X)
        self._learn(X, None, sample_weight, go_on=True)
        return self

    def transform(self, X: Any, copy: bool | None = None) -> Any:
        """Scale the columns.

        Parameters
        ----------
        X : array, sparse matrix, table, path or Dataset, of shape (n_samples, n_features)
        copy : ignored

        Returns
        -------
        Array of the same shape, sparse for a sparse one, or a lazy Dataset with the same columns
        """
        check_is_fitted(self)
        self._refuse_centred_sparse(X)
        if sp.issparse(X):
            return self._scale_sparse(X, 1 / self._divisor())
        scale = partial(_scale, mean=self.mean_ if self.with_mean else None, scale=self.scale_)
        names = self.get_feature_names_out()
        return self._apply(X, scale, [(name, None) for name in names], allow_nan=True)

    def inverse_transform(self, X: Any, copy: bool | None = None) -> Any:
        """Scale the columns back.

        Parameters
        ----------
        X : array, sparse matrix, table, path or Dataset, of shape (n_samples, n_features)
        copy : ignored

        Returns
        -------
        Array of the same shape, sparse for a sparse one, or a lazy Dataset with the same columns
        """
        check_is_fitted(self)
        self._refuse_centred_sparse(X)
        if sp.issparse(X):
            return self._scale_sparse(X, self._divisor())
        unscale = partial(_unscale, mean=self.mean_ if self.with_mean else None, scale=self.scale_)
        names = self.get_feature_names_out()
        fields = [(name, None) for name in names]
        return self._apply(X, unscale, fields, allow_nan=True, columns=names)

    def _solve(self, summary: MomentsSummary, schema: Schema) -> None:
        moments = FiniteMoments().result(summary)
        if schema.weighted and not np.any(moments.count + moments.missing):
            raise BadInput(
                "The weights of all rows are zero. Sample weights must contain at least one "
                "non-zero number."
            )
        count = moments.count
        self.n_samples_seen_ = count[0] if (count == count[0]).all() else count
        self.mean_ = moments.mean if self.with_mean or self.with_std else None
        self.var_ = moments.variance if self.with_std else None
        self.scale_ = _scale_of(moments.variance, moments.mean, count) if self.with_std else None

    _by_column = True

    def _smooth_attributes(self) -> tuple[str, ...]:
        return "mean_", "var_", "scale_"

    def _divisor(self) -> Float64:
        return np.ones(self.n_features_in_) if self.scale_ is None else self.scale_

    def _scale_sparse(self, X: Any, factor: Float64) -> Any:
        X = validate_data(
            self, X, reset=False, accept_sparse="csr", dtype=(np.float64, np.float32), copy=True,
            ensure_all_finite="allow-nan",
        )  # fmt: skip
        X.data *= factor[X.indices].astype(X.dtype)
        return X

    def _refuse_centred_sparse(self, X: Any) -> None:
        if self.with_mean and sp.issparse(X):
            raise BadInput(
                "Cannot center sparse matrices: pass `with_mean=False` instead, or X.toarray() if "
                "it fits."
            )


def _scale_of(variance: Float64, mean: Float64, count: Any) -> Float64:
    """Standard deviations, 1 for columns whose variance is no more than rounding."""
    epsilon = np.finfo(np.float64).eps
    rounding = count * epsilon * variance + (count * mean * epsilon) ** 2
    return np.where(variance <= rounding, 1.0, np.sqrt(variance))


def _scale(X: Any, *, mean: Float64 | None, scale: Float64 | None) -> Any:
    # The difference is taken in float64 whatever X is: a large mean has no digits to spare.
    out = X.copy() if mean is None else np.subtract(X, mean, dtype=np.float64)
    if scale is not None:
        out /= scale
    return out


def _unscale(X: Any, *, mean: Float64 | None, scale: Float64 | None) -> Any:
    out = X.astype(np.float64)
    if scale is not None:
        out *= scale
    if mean is not None:
        out += mean
    return out
