"""Least squares in one pass."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import scipy.linalg
from numpy.typing import NDArray
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted

from onebox.aggregates.gram import GramSummary
from onebox.data.schema import Schema
from onebox.errors import BadInput
from onebox.linear_model.regressor import LinearRegressor, normal_equations


class LinearRegression(LinearRegressor):
    """Ordinary least squares.

    Minimises ``sum(w (y - X coef - intercept)²)``. Where columns depend on each other, or there are
    fewer rows than columns, many coefficients do: those of the least norm are taken, as
    scikit-learn does.

    Parameters
    ----------
    fit_intercept : bool, default=True
    copy_X : bool, default=True
        For scikit-learn's sake: data are never changed.
    tol : float, default=1e-6
        Singular values of the scaled columns below this share of the largest count as zero.
    n_jobs : int, default=None
        For scikit-learn's sake: ``onebox.config(n_jobs=...)`` says how many workers scan.
    positive : bool, default=False
        Only False: coefficients of a given sign have no closed form.

    Attributes
    ----------
    coef_ : ndarray of float64 of shape (n_features,) or (n_targets, n_features)
    intercept_ : float or ndarray of shape (n_targets,)
    rank_ : int
        Of the centred columns (of the columns themselves without an intercept).
    singular_ : ndarray of float64
        Their singular values, largest first; computed when asked for.
    n_features_in_ : int
    feature_names_in_ : ndarray of str, where the columns have names
    fit_report_ : FitReport

    Raises
    ------
    BadValue
        For a NaN or an infinity, naming its place.
    WrongType
        For a column that is not numeric.
    NotEnoughMemory
        Before reading, when the Gram matrix and its solution do not fit the budget.

    Notes
    -----
    Cost: 1 pass; summary 8 (p + q)² bytes for p features and q targets, solved in p³/3 operations,
    where columns depend on each other in some 10 p³.

    Exactness: exact up to rounding, which grows with the square of the condition number of the
    scaled, centred columns. Sums and coefficients are float64, also for float32 data.

    Source: Golub & Van Loan, "Matrix Computations", 4th ed. (2013), sections 5.3.2 and 5.5.

    Examples
    --------
    >>> import numpy as np
    >>> from onebox.linear_model import LinearRegression
    >>> X = np.array([[1.0, 1.0], [1.0, 2.0], [2.0, 2.0], [2.0, 3.0]])
    >>> model = LinearRegression().fit(X, X @ [1, 2] + 3)
    >>> model.coef_.round(6), round(model.intercept_, 6)
    (array([1., 2.]), 3.0)
    >>> model.predict([[3, 5]]).round(6)
    array([16.])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "fit_intercept": ["boolean"],
        "copy_X": ["boolean"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "n_jobs": [None, Integral],
        "positive": ["boolean"],
    }

    def __init__(
        self,
        *,
        fit_intercept: bool = True,
        copy_X: bool = True,
        tol: float = 1e-6,
        n_jobs: int | None = None,
        positive: bool = False,
    ) -> None:
        self.fit_intercept = fit_intercept
        self.copy_X = copy_X
        self.tol = tol
        self.n_jobs = n_jobs
        self.positive = positive

    @property
    def singular_(self) -> NDArray[np.float64]:
        check_is_fitted(self)
        gram = normal_equations(self.summary_, self.fit_intercept).gram
        squares = scipy.linalg.eigvalsh(gram.T, lower=False)[::-1]
        count = min(self.summary_.n_rows, len(gram))
        return np.asarray(np.sqrt(np.maximum(squares[:count], 0)))

    def _solve_nbytes(self, schema: Schema) -> int:
        return 32 * schema.n_features**2

    def _solve(self, summary: GramSummary, schema: Schema) -> None:
        if self.positive:
            raise BadInput(
                "LinearRegression(positive=True) has no closed form and is not offered. Leave "
                "positive=False."
            )
        equations = normal_equations(summary, self.fit_intercept)
        coef, self.rank_ = equations.solve(tolerance=self.tol**2)
        self._set(coef, summary, schema)
