"""What models of directions share: coordinates of rows along them, and rows from coordinates."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from onebox.base import Estimator
from onebox.decomposition.spectrum import project, restore


class Components(ClassNamePrefixFeaturesOutMixin, TransformerMixin, Estimator):  # type: ignore[misc]
    """A model whose ``components_`` are directions in the space of the rows."""

    components_: NDArray[np.float64]
    n_features_in_: int

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    @abstractmethod
    def _mapping(self, function: Callable[..., Any]) -> Callable[[Any], Any]:
        """`project` or `restore`, of this model's origin, axes and scale."""

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
        fields = [(name, None) for name in self.get_feature_names_out()]
        return self._apply(X, self._mapping(project), fields, takes_sparse=True)

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
        return self._apply_back(X, self._mapping(restore))

    @property
    def _n_features_out(self) -> int:
        return len(self.components_)
