"""Ridge regression in one pass."""

from __future__ import annotations

from numbers import Real
from typing import Any, ClassVar

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions

from onebox.aggregates.gram import GramSummary
from onebox.data.schema import Schema
from onebox.errors import BadInput
from onebox.linear_model.regressor import LinearRegressor, normal_equations

SOLVERS = ("auto", "cholesky", "svd", "lsqr", "sparse_cg", "sag", "saga")


class Ridge(LinearRegressor):
    """Linear regression with a penalty on the squares of the coefficients.

    Minimises ``sum(w (y - X coef - intercept)²) + alpha sum(coef²)``.

    Parameters
    ----------
    alpha : float or array of shape (n_targets,), default=1.0
        Strength of the penalty, for all targets or for each.
    fit_intercept : bool, default=True
        Whether to learn an intercept, which carries no penalty.
    copy_X : bool, default=True
        For scikit-learn's sake: data are never changed.
    max_iter, tol, solver, random_state
        For scikit-learn's sake: all its solvers seek the one solution that is computed here
        directly.
    positive : bool, default=False
        Only False: coefficients of a given sign have no closed form.

    Attributes
    ----------
    coef_ : ndarray of float64 of shape (n_features,) or (n_targets, n_features)
    intercept_ : float or ndarray of shape (n_targets,)
    n_iter_ : None
    solver_ : {"cholesky"}
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
    Cost: 1 pass; summary 8 (p + q)² bytes for p features and q targets, solved in p³/3 operations.

    Exactness: exact up to rounding, which grows with the square of the condition number of the
    scaled, centred columns. Sums and coefficients are float64, also for float32 data.

    Source: Hoerl & Kennard, "Ridge regression", Technometrics 12 (1970).

    Examples
    --------
    >>> import numpy as np
    >>> from onebox.linear_model import Ridge
    >>> X = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 2.0], [3.0, 1.0]])
    >>> model = Ridge(alpha=1.0).fit(X, 2 * X[:, 0] + X[:, 1])
    >>> model.coef_.round(3)
    array([1.706, 0.765])
    >>> model.predict([[1, 1]]).round(3)
    array([3.147])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "alpha": [Interval(Real, 0, None, closed="left"), "array-like"],
        "fit_intercept": ["boolean"],
        "copy_X": ["boolean"],
        "max_iter": [Interval(Real, 1, None, closed="left"), None],
        "tol": [Interval(Real, 0, None, closed="left")],
        "solver": [StrOptions(set(SOLVERS))],
        "positive": ["boolean"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        alpha: Any = 1.0,
        *,
        fit_intercept: bool = True,
        copy_X: bool = True,
        max_iter: int | None = None,
        tol: float = 1e-4,
        solver: str = "auto",
        positive: bool = False,
        random_state: Any = None,
    ) -> None:
        self.alpha = alpha
        self.fit_intercept = fit_intercept
        self.copy_X = copy_X
        self.max_iter = max_iter
        self.tol = tol
        self.solver = solver
        self.positive = positive
        self.random_state = random_state

    def _solve_nbytes(self, schema: Schema) -> int:
        return 16 * schema.n_features**2

    def _solve(self, summary: GramSummary, schema: Schema) -> None:
        if self.positive:
            raise BadInput(
                "Ridge(positive=True) has no closed form and is not offered. Leave positive=False."
            )
        equations = normal_equations(summary, self.fit_intercept)
        alpha = self._alphas(schema.n_targets)
        coef = np.empty(equations.moment.shape)
        for strength in np.unique(alpha):
            some = alpha == strength
            coef[:, some] = equations.of_targets(some).solve(float(strength))[0]
        self._set(coef, summary, schema)
        if schema.n_targets == 1:  # scikit-learn gives a table of one target the shape of a column
            self.coef_ = self.coef_.ravel()
        self.n_iter_, self.solver_ = None, "cholesky"

    def _alphas(self, n_targets: int) -> Any:
        alpha = np.asarray(self.alpha, dtype=np.float64)
        if alpha.ndim > 1 or alpha.size not in (1, n_targets):
            raise BadInput(
                "Number of targets and number of penalties do not correspond: alpha has "
                f"{alpha.size} values for {n_targets} targets. Give one, or one a target."
            )
        if not (alpha >= 0).all():
            raise BadInput(f"alpha={self.alpha!r} must be zero or more everywhere.")
        return np.broadcast_to(alpha, (n_targets,))
