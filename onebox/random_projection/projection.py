"""What the random projections share: a matrix that data do not change, and what it is applied with."""

from __future__ import annotations

import time
import warnings
from abc import abstractmethod
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
import scipy.linalg
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.exceptions import DataDimensionalityWarning
from sklearn.random_projection import johnson_lindenstrauss_min_dim
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from onebox.base import Estimator
from onebox.base.inputs import is_lazy
from onebox.config import memory_budget
from onebox.data.scratch import FreshMemory
from onebox.data.view import View
from onebox.dataset import Dataset
from onebox.engine.report import FitReport
from onebox.errors import BadInput

Float64 = NDArray[np.float64]


class RandomProjection(
    ClassNamePrefixFeaturesOutMixin,  # type: ignore[misc]
    TransformerMixin,  # type: ignore[misc]
    Estimator,
):
    """Rows times a random matrix, which is known as soon as the number of columns is."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_components": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "eps": [Interval(Real, 0, None, closed="neither")],
        "compute_inverse_components": ["boolean"],
        "random_state": ["random_state"],
    }

    n_components: int | str
    eps: float
    compute_inverse_components: bool
    random_state: Any
    n_components_: int
    inverse_components_: Float64
    seed_: int

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    @property
    @abstractmethod
    def components_(self) -> Any:
        """The matrix, of shape (n_components, n_features): made when it is asked for."""

    @abstractmethod
    def _function(self) -> Callable[[Any], Any]:
        """From a matrix of rows to their projections."""

    def _settle(self) -> None:
        """Settle what depends on the number of columns."""

    def fit(self, X: Any, y: Any = None) -> Self:
        """Take note of the columns, and of the number of rows if `n_components` depends on it.

        Parameters
        ----------
        X : array, sparse matrix, table, path or Dataset, of shape (n_samples, n_features)
            Values of a Dataset are not read.
        y : ignored

        Returns
        -------
        self
        """
        self._validate()
        start = time.perf_counter()
        view, settings = self._training_view(X)
        data = Dataset(view, settings)
        if sp.issparse(X):
            self._checked_sparse(X)
        elif not is_lazy(X):
            _require_finite(view)
        n_features = self.n_features_in_
        if self.n_components == "auto":
            self.n_components_ = self._enough(data.n_rows, n_features)
        else:
            self.n_components_ = int(self.n_components)
            if self.n_components_ > n_features:
                warnings.warn(
                    f"n_components={self.n_components_:,} is more than the {n_features:,} columns "
                    "of X: what comes out is no smaller.",
                    DataDimensionalityWarning,
                    stacklevel=2,
                )
        self.seed_ = int(check_random_state(self.random_state).randint(2**31 - 1))
        self._settle()
        if self.compute_inverse_components:
            self.inverse_components_ = self._inverse()
        self.fit_report_ = FitReport(
            rows=data.known_n_rows or 0, seconds=time.perf_counter() - start,
            budget=memory_budget(settings),
        )  # fmt: skip
        return self

    def transform(self, X: Any) -> Any:
        """Project the rows.

        Parameters
        ----------
        X : array, sparse matrix, table, path or Dataset, of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_components), a sparse matrix where the class makes one of a
        sparse one, or a lazy Dataset
        """
        check_is_fitted(self)
        if sp.issparse(X):
            return self._project_sparse(self._checked_sparse(X))
        names = self.get_feature_names_out()
        fields = [(name, None) for name in names]
        return self._apply(X, self._function(), fields, takes_sparse=True)

    def inverse_transform(self, X: Any) -> Any:
        """Rows that have the projections given, and are shortest.

        Parameters
        ----------
        X : array, table, path or Dataset, of shape (n_samples, n_components)

        Returns
        -------
        ndarray of shape (n_samples, n_features), or a lazy Dataset

        Notes
        -----
        The pseudo-inverse is computed at each call unless ``compute_inverse_components=True``.
        """
        check_is_fitted(self)
        inverse = vars(self).get("inverse_components_")
        if inverse is None:
            inverse = self._inverse()
        return self._apply_back(X, Back(inverse))

    @property
    def _n_features_out(self) -> int:
        return self.n_components_

    def _enough(self, n_rows: int, n_features: int) -> int:
        """Components that keep the distances of so many rows within `eps`."""
        enough = int(johnson_lindenstrauss_min_dim(n_samples=n_rows, eps=self.eps))
        if enough > n_features:
            raise BadInput(
                f"eps={self.eps:g} and {n_rows:,} rows need {enough:,} components, but X has only "
                f"{n_features:,} columns: a projection would not make it smaller. Raise eps, or set "
                "n_components."
            )
        return enough

    def _checked_sparse(self, X: Any) -> Any:
        return validate_data(
            self, X, accept_sparse=["csr", "csc"], reset=False, dtype=[np.float64, np.float32]
        )

    def _project_sparse(self, X: Any) -> Any:
        return X @ self.components_.T.astype(X.dtype)

    def _inverse(self) -> Float64:
        components = self.components_
        dense = components.toarray() if sp.issparse(components) else components
        inverse: Float64 = scipy.linalg.pinv(dense, check_finite=False)
        return inverse


def _require_finite(view: View) -> None:
    """Refuse a NaN or an infinity in data that are in memory, naming its place."""
    for unit in view.layout.units:
        for block in view.blocks(unit, FreshMemory()):
            block.finite_X  # noqa: B018 (raises)


class Back:
    """Rows from their projections.

    Parameters
    ----------
    inverse : ndarray of shape (n_features, n_components)
    """

    def __init__(self, inverse: Float64) -> None:
        self.inverse = inverse

    def __call__(self, X: Any) -> Any:
        return X @ self.inverse.T.astype(X.dtype, copy=False)
