"""From columns to the averages of clusters of columns, and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from onebox.base import Estimator

Labels = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Averages:
    """Averages the columns of each cluster.

    Attributes
    ----------
    labels : int64 array of shape (n_features,)
        The cluster of every column; none is empty.
    n_clusters : int
    """

    labels: Labels
    n_clusters: int

    def transposed(self, X: Any) -> NDArray[np.float64]:
        """Averages of shape (n_clusters, rows), each summed over the columns in their order."""
        p = len(self.labels)
        members = sp.csr_array(
            (np.ones(p), (self.labels, np.arange(p))), shape=(self.n_clusters, p)
        )
        made = members @ np.ascontiguousarray(X.T)
        made /= np.bincount(self.labels, minlength=self.n_clusters)[:, None]
        return np.asarray(made)

    def __call__(self, X: Any) -> Any:
        return np.ascontiguousarray(self.transposed(X).T, X.dtype)


@dataclass(frozen=True, eq=False)
class Copies:
    """Gives every column the value of its cluster."""

    labels: Labels

    def __call__(self, X: Any) -> Any:
        return X[:, self.labels]


class FeatureClusters(ClassNamePrefixFeaturesOutMixin, TransformerMixin, Estimator):  # type: ignore[misc]
    """Reduces rows to the averages of clusters of columns."""

    labels_: Labels
    n_clusters_: int

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = False
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def transform(self, X: Any) -> Any:
        """Average the columns of each cluster.

        Parameters
        ----------
        X : array, table, path or Dataset, of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_clusters), or a lazy Dataset
        """
        check_is_fitted(self)
        names = self.get_feature_names_out()
        averages = Averages(self.labels_, self.n_clusters_)
        return self._apply(X, averages, [(name, None) for name in names])

    def inverse_transform(self, X: Any) -> Any:
        """Give every column the value of its cluster.

        Parameters
        ----------
        X : array, table, path or Dataset, of shape (n_samples, n_clusters)

        Returns
        -------
        ndarray of shape (n_samples, n_features), or a lazy Dataset
        """
        check_is_fitted(self)
        return self._apply_back(X, Copies(self.labels_))

    @property
    def _n_features_out(self) -> int:
        return self.n_clusters_
