"""Classification by ridge regression on the classes, in one pass."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from numbers import Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from onebox.aggregates.aggregate import Aggregate, join
from onebox.aggregates.gram import Gram, GramSummary
from onebox.base import OnePass
from onebox.base.labels import Labels
from onebox.data.schema import Schema
from onebox.errors import BadInput
from onebox.linear_model.classes import (
    ClassGrams,
    ClassGramSums,
    ClassMeans,
    ClassSums,
    GroupedClassGrams,
    GroupedClassMeans,
)
from onebox.linear_model.regressor import affine, refuse_no_weight
from onebox.linear_model.ridge import SOLVERS
from onebox.linear_model.solve import NormalEquations, constant_columns
from onebox.metrics.classification import Accuracy, share_of

Float64 = NDArray[np.float64]


class RidgeClassifier(ClassifierMixin, OnePass):  # type: ignore[misc]
    """A linear classifier: ridge regression of 1 for a class and -1 for the others.

    Classes are discovered on the way. With two of them, one regression tells the second from the
    first.

    Parameters
    ----------
    alpha : float, default=1.0
        Strength of the penalty on the squares of the coefficients.
    fit_intercept : bool, default=True
        Whether to learn an intercept, which carries no penalty.
    copy_X : bool, default=True
        For scikit-learn's sake: data are never changed.
    max_iter, tol, solver, random_state
        For scikit-learn's sake: all its solvers seek the one solution that is computed here
        directly.
    class_weight : dict, "balanced" or None, default=None
        How often the rows of a class count: ``{label: weight}``, 1 for classes not named, or so
        that all classes count the same.
    positive : bool, default=False
        Only False: coefficients of a given sign have no closed form.

    Attributes
    ----------
    coef_ : ndarray of float64 of shape (n_features,) for two classes, else (n_classes, n_features)
    intercept_ : ndarray of float64 of shape (1,) or (n_classes,); 0.0 without an intercept
    classes_ : ndarray of shape (n_classes,)
        Labels in ascending order; text as objects.
    n_iter_ : None
    solver_ : {"cholesky"}
    n_features_in_ : int
    feature_names_in_ : ndarray of str, where the columns have names
    fit_report_ : FitReport

    Raises
    ------
    BadValue
        For a NaN, an infinity or a missing label, naming its place.
    BadInput
        For more than 1,000 classes, or a target that is no label.
    WrongType
        For a column that is not numeric.
    NotEnoughMemory
        Before reading, when the sums and the solution do not fit the budget.

    Notes
    -----
    Cost: 1 pass; summary 8 p² bytes for p features, and 8 (p + 3) a class. With `class_weight`
    every class has its own 8 p² bytes: up to 64 MB together, and two classes in any case.

    Exactness: exact up to rounding, as `Ridge`.

    Source: Hastie, Tibshirani & Friedman, "The Elements of Statistical Learning", 2nd ed. (2009),
    sections 3.4.1 and 4.2.

    Examples
    --------
    >>> import numpy as np
    >>> from onebox.linear_model import RidgeClassifier
    >>> X = np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 1.0], [3.0, 3.0]])
    >>> model = RidgeClassifier().fit(X, ["early", "early", "late", "late"])
    >>> model.predict([[0, 1], [3, 2]])
    array(['early', 'late'], dtype=object)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "alpha": [Interval(Real, 0, None, closed="left")],
        "fit_intercept": ["boolean"],
        "copy_X": ["boolean"],
        "max_iter": [Interval(Real, 1, None, closed="left"), None],
        "tol": [Interval(Real, 0, None, closed="left")],
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "solver": [StrOptions(set(SOLVERS))],
        "positive": ["boolean"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        alpha: float = 1.0,
        *,
        fit_intercept: bool = True,
        copy_X: bool = True,
        max_iter: int | None = None,
        tol: float = 1e-4,
        class_weight: dict[Any, float] | str | None = None,
        solver: str = "auto",
        positive: bool = False,
        random_state: Any = None,
    ) -> None:
        self.alpha = alpha
        self.fit_intercept = fit_intercept
        self.copy_X = copy_X
        self.max_iter = max_iter
        self.tol = tol
        self.class_weight = class_weight
        self.solver = solver
        self.positive = positive
        self.random_state = random_state

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Learn the classes and their coefficients.

        Parameters
        ----------
        X : array, sparse matrix, table, path or Dataset, of shape (n_samples, n_features)
        y : array of shape (n_samples,), or Dataset of the same rows
            Labels: text, whole numbers or booleans.
        sample_weight : array of shape (n_samples,), number, or Dataset of the same rows, optional

        Returns
        -------
        self
        """
        self._learn(X, y, sample_weight, needs_y=True, labels=True)
        return self

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Learn from further rows, as if all had been there from the start.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`.
        classes : ignored
            For scikit-learn's sake: classes are discovered.

        Returns
        -------
        self
        """
        self._learn(X, y, sample_weight, needs_y=True, labels=True, go_on=True)
        return self

    def decision_function(self, X: Any) -> Any:
        """Predicted regressions: of the second class for two, else one a class.

        Parameters
        ----------
        X : array, sparse matrix, table, path or Dataset, of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes), or a lazy Dataset
        """
        check_is_fitted(self)
        names = ["prediction"] if self.coef_.ndim == 1 else map(str, self.classes_)
        scores = partial(affine, coef=self.coef_, intercept=self.intercept_)
        return self._apply(X, scores, [(name, np.float64) for name in names])

    def predict(self, X: Any) -> Any:
        """Predict the labels.

        Parameters
        ----------
        X : array, sparse matrix, table, path or Dataset, of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,), or a lazy Dataset
        """
        check_is_fitted(self)
        return self._apply(X, self._labelling(), [("label", self.classes_.dtype)])

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Share of the rows whose label is predicted rightly; one pass.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`.

        Returns
        -------
        float
        """
        check_is_fitted(self)
        view, settings = self._training_view(
            X, y, sample_weight, reset=False, needs_y=True, labels=True
        )
        fields = [("label", self.classes_.dtype)]
        return share_of(self._measure(view, settings, Accuracy(), self._labelling(), fields))

    def _labelling(self) -> partial[Labels]:
        return partial(_label, coef=self.coef_, intercept=self.intercept_, classes=self.classes_)

    def _aggregate(self, schema: Schema) -> Aggregate[Any]:
        if self.class_weight is None:
            return join(Gram(target=False), ClassMeans())
        return ClassGrams.within_bounds(schema)

    def _aggregate_by_group(self, schema: Schema) -> Aggregate[Any]:
        if self.class_weight is None:
            return join(Gram(target=False), GroupedClassMeans())
        return GroupedClassGrams.within_bounds(schema)

    def _smooth_attributes(self) -> tuple[str, ...]:
        return "coef_", "intercept_"

    def _solve_nbytes(self, schema: Schema) -> int:
        return 24 * schema.n_features**2

    def _solve(self, summary: Any, schema: Schema) -> None:
        if self.positive:
            raise BadInput(
                "RidgeClassifier(positive=True) has no closed form and is not offered. Leave "
                "positive=False."
            )
        if self.class_weight is None:
            moments = _Moments.pooled(*summary)
        else:
            moments = _Moments.weighted(summary, self.class_weight)
        coef, _ = moments.equations(self.fit_intercept).solve(float(self.alpha))
        self.classes_ = moments.classes.labels
        self.coef_ = coef[:, 0].copy() if coef.shape[1] == 1 else np.ascontiguousarray(coef.T)
        centred = moments.target_means() - moments.mean @ coef
        self.intercept_: Any = centred if self.fit_intercept else 0.0
        self.n_iter_, self.solver_ = None, "cholesky"


@dataclass(frozen=True)
class _Moments:
    """Second moments of all rows together, and what is known of each class."""

    scatter: Float64  # lower triangle
    mean: Float64
    weight: float
    n_rows: int
    classes: ClassSums

    @classmethod
    def pooled(cls, gram: GramSummary, classes: ClassSums) -> _Moments:
        return cls(gram.scatter, gram.mean, gram.weight, gram.n_rows, classes)

    @classmethod
    def weighted(cls, summary: ClassGramSums, asked: dict[Any, float] | str) -> _Moments:
        """Every class with its own weight."""
        grams = summary.grams
        n_rows = np.array([one.n_rows for one in grams])
        if isinstance(asked, str):
            factors = n_rows.sum() / (len(grams) * n_rows)
        else:
            factors = np.array([float(asked.get(label, 1.0)) for label in summary.labels])
        weights = factors * np.array([one.weight for one in grams])
        means = np.array([one.mean for one in grams])
        total = float(weights.sum())
        mean = weights @ means / total if total > 0 else means[0]
        between = (means - mean) * np.sqrt(weights)[:, None]
        scatter = between.T @ between
        for factor, one in zip(factors, grams, strict=True):
            scatter += factor * one.scatter
        classes = ClassSums(summary.labels, n_rows, weights, means)
        return cls(scatter, mean, total, int(n_rows.sum()), classes)

    @property
    def coded(self) -> slice:
        """The classes that a regression is made for: of two, the second."""
        return slice(1, 2) if len(self.classes.labels) == 2 else slice(None)

    def target_means(self) -> Float64:
        """Means of 1 for a class and -1 for the others."""
        return np.asarray(2 * self.classes.weights[self.coded] / self.weight - 1)

    def equations(self, fit_intercept: bool) -> NormalEquations:
        refuse_no_weight(self.weight, self.n_rows)
        scatter, p = self.scatter, len(self.mean)
        weights = self.classes.weights[self.coded, None]
        moment = 2 * weights * (self.classes.means[self.coded] - self.mean)
        if fit_intercept:
            constant = constant_columns(scatter, self.mean, self.weight, self.n_rows)
            return NormalEquations(scatter, moment.T, constant, self.n_rows <= p)
        scatter = scatter + self.weight * np.outer(self.mean, self.mean)
        moment += self.weight * np.outer(self.target_means(), self.mean)
        return NormalEquations(scatter, moment.T, scatter.diagonal() == 0, self.n_rows < p)


def _label(X: Any, *, coef: Float64, intercept: Any, classes: Labels) -> Labels:
    scores = affine(X, coef=coef, intercept=intercept)
    if scores.ndim == 1:  # of two classes, or of the only one that there was
        codes = ((scores > 0) & (len(classes) > 1)).astype(np.intp)
    else:
        codes = scores.argmax(axis=1)
    return np.asarray(classes[codes])
