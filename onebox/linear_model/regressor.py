"""What linear and ridge regression share: one Gram matrix, predictions, and their score."""

from __future__ import annotations

from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import MultiOutputMixin, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from onebox.aggregates.aggregate import Aggregate
from onebox.aggregates.gram import Gram, GramSummary
from onebox.base import OnePass
from onebox.data.schema import Schema
from onebox.errors import BadInput
from onebox.linear_model.solve import NormalEquations, constant_columns
from onebox.metrics.regression import SquaredErrors, r2_of

Float64 = NDArray[np.float64]


class LinearRegressor(MultiOutputMixin, RegressorMixin, OnePass):  # type: ignore[misc]
    """A linear model of one or more targets, from the second moments of X and y."""

    fit_intercept: bool
    coef_: Float64
    intercept_: Any

    def _aggregate(self, schema: Schema) -> Aggregate[Any]:
        return Gram()

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Learn the coefficients.

        Parameters
        ----------
        X : array, sparse matrix, table, path or Dataset, of shape (n_samples, n_features)
        y : array of shape (n_samples,) or (n_samples, n_targets), or Dataset of the same rows
        sample_weight : array of shape (n_samples,), number, or Dataset of the same rows, optional

        Returns
        -------
        self
        """
        self._learn(X, y, sample_weight, needs_y=True)
        return self

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Learn from further rows, as if all had been there from the start.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`.

        Returns
        -------
        self
        """
        self._learn(X, y, sample_weight, needs_y=True, go_on=True)
        return self

    def predict(self, X: Any) -> Any:
        """Predict the targets.

        Parameters
        ----------
        X : array, sparse matrix, table, path or Dataset, of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_targets), or a lazy Dataset
        """
        check_is_fitted(self)
        return self._apply(X, self._prediction(), self._fields())

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Share of the variance that is explained (r2), averaged over targets; one pass.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`.

        Returns
        -------
        float
        """
        check_is_fitted(self)
        view, settings = self._training_view(X, y, sample_weight, reset=False, needs_y=True)
        errors = self._measure(view, settings, SquaredErrors(), self._prediction(), self._fields())
        return float(r2_of(errors))

    def _smooth_attributes(self) -> tuple[str, ...]:
        return "coef_", "intercept_"

    def _prediction(self) -> partial[Float64]:
        return partial(affine, coef=self.coef_, intercept=self.intercept_)

    def _fields(self) -> list[tuple[str, Any]]:
        if self.coef_.ndim == 1:
            return [("prediction", np.float64)]
        return [(f"prediction{j}", np.float64) for j in range(len(self.coef_))]

    def _set(self, coef: Float64, summary: GramSummary, schema: Schema) -> None:
        """Give coefficients of shape (p, q) the shape that the target asks for; the intercept."""
        p = len(coef)
        one = schema.target_ndim == 1
        self.coef_ = coef[:, 0].copy() if one else np.ascontiguousarray(coef.T)
        if not self.fit_intercept:
            self.intercept_: Any = 0.0
            return
        intercept = summary.mean[p:] - summary.mean[:p] @ coef
        self.intercept_ = float(intercept[0]) if one else intercept


def normal_equations(summary: GramSummary, fit_intercept: bool) -> NormalEquations:
    """The equations for what has been seen, about the mean or about zero.

    Raises
    ------
    BadInput
        When all weights are zero.
    """
    p = len(summary.names)
    refuse_no_weight(summary.weight, summary.n_rows)
    gram, moment = summary.scatter[:p, :p], summary.scatter[p:, :p].T
    if not fit_intercept:
        mean = summary.mean
        gram = gram + summary.weight * np.outer(mean[:p], mean[:p])
        moment = moment + summary.weight * np.outer(mean[:p], mean[p:])
        return NormalEquations(gram, moment, gram.diagonal() == 0, summary.n_rows < p)
    constant = constant_columns(gram, summary.mean[:p], summary.weight, summary.n_rows)
    return NormalEquations(gram, moment, constant, summary.n_rows <= p)


def refuse_no_weight(weight: float, n_rows: int) -> None:
    """Refuse rows none of which counts."""
    if not weight > 0:
        raise BadInput(
            f"The weights of all {n_rows:,} rows are zero. Sample weights must contain at least "
            "one non-zero number."
        )


def affine(X: Any, *, coef: Float64, intercept: Any) -> Float64:
    """``X @ coef.T + intercept`` in float64."""
    out = X.astype(np.float64, copy=False) @ coef.T
    out += intercept
    return np.asarray(out)
