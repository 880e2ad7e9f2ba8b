"""Directions with variances, and noise in all others: the Gaussian that principal components describe."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from onebox.aggregates.mean import Mean
from onebox.decomposition.components import Components
from onebox.decomposition.spectrum import log_likelihood, require_density

Float64 = NDArray[np.float64]


class Gaussian(Components):
    """A model of components, their variances and a noise."""

    explained_variance_: Float64
    mean_: Float64
    noise_variance_: float

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

    def _likelihood(self) -> partial[Float64]:
        variances, noise = self.explained_variance_, float(self.noise_variance_)
        require_density(variances, noise, self.n_features_in_)
        return partial(
            log_likelihood, mean=self.mean_, axes=self.components_,
            variances=np.maximum(variances, noise), noise=noise,
        )  # fmt: skip
