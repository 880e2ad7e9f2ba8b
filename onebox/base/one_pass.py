"""Estimators that learn from one summary: a scan, and a closed form."""

from __future__ import annotations

import copy
from abc import abstractmethod
from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from onebox.aggregates.aggregate import Aggregate
from onebox.base.estimator import Estimator
from onebox.config import Settings, format_bytes, memory_budget
from onebox.data.schema import Schema
from onebox.engine.run import scan
from onebox.errors import EmptyData, NotEnoughMemory, NotMergeable

CHECKED_BYTES = 16 * 2**20  # what takes less is solved without asking for the budget


class OnePass(Estimator):
    """An aggregate and a closed form: ``fit`` is a scan and a solve.

    Attributes
    ----------
    summary_ : object
        What has been seen; `partial_fit` and `merge` go on from here.
    """

    summary_: Any
    _schema_: Schema

    @abstractmethod
    def _aggregate(self, schema: Schema) -> Aggregate[Any]:
        """What to scan for."""

    @abstractmethod
    def _solve(self, summary: Any, schema: Schema) -> None:
        """From the summary to the fitted attributes. Leaves the summary as it was."""

    def _solve_nbytes(self, schema: Schema) -> int:
        """Bytes that `_solve` takes beside the summary, at the most."""
        return 0

    def _learn(
        self, X: Any, y: Any = None, sample_weight: Any = None, *, go_on: bool = False,
        needs_y: bool = False, labels: bool = False,
    ) -> None:  # fmt: skip
        """Scan and solve, anew or on top of what has been seen."""
        self._validate()
        go_on = go_on and hasattr(self, "summary_")
        view, settings = self._training_view(
            X, y, sample_weight, reset=not go_on, needs_y=needs_y, labels=labels
        )
        schema = self._schema_ if go_on else view.schema
        recipe = self._aggregate(schema)
        self._refuse_large_solve(recipe, schema, settings)
        summary, report = scan(view, recipe, settings=settings, job=type(self).__name__)
        if not report.rows:
            raise EmptyData(
                f"{type(self).__name__} was given 0 rows: {view.source.describe()} holds none, or "
                "its filters leave none. It needs at least one (a minimum of 1 is required)."
            )
        if go_on:
            recipe.merge(self.summary_, summary)
            summary = self.summary_
        self._solve(summary, schema)
        self.summary_, self._schema_, self.fit_report_ = summary, schema, report

    def _refuse_large_solve(
        self, recipe: Aggregate[Any], schema: Schema, settings: Settings
    ) -> None:
        solving = self._solve_nbytes(schema)
        needed = recipe.nbytes(schema) + solving
        if needed > CHECKED_BYTES and needed > (budget := memory_budget(settings)):
            raise NotEnoughMemory(
                f"{type(self).__name__} needs {format_bytes(needed)} for {schema.n_features:,} "
                f"columns ({format_bytes(solving)} of it to solve); the budget is "
                f"{format_bytes(budget)}. Select columns, reduce them (.map with scikit-learn's "
                "SparseRandomProjection), or raise `memory`."
            )

    def merge(self, other: Self) -> Self:
        """Go on as if this model had also seen the rows of another; changes this one.

        Parameters
        ----------
        other : estimator
            Fitted, of the same class, parameters and columns. Stays as it was.

        Returns
        -------
        self

        Raises
        ------
        NotMergeable
            When the other is of another kind, configuration or schema.
        """
        check_is_fitted(self)
        if type(other) is not type(self):
            raise NotMergeable(f"{type(self).__name__} cannot merge a {type(other).__name__}.")
        check_is_fitted(other)
        mine, theirs = self.get_params(deep=False), other.get_params(deep=False)
        differing = [name for name in mine if not _equal(mine[name], theirs[name])]
        if differing:
            name = differing[0]
            raise NotMergeable(
                f"Models with different parameters cannot be merged: {name}={mine[name]!r} here, "
                f"{theirs[name]!r} there."
            )
        here, there = self._schema_, other._schema_
        if here.names != there.names or here.n_targets != there.n_targets:
            raise NotMergeable(
                f"Models of different columns cannot be merged: {_shape(here)} here, "
                f"{_shape(there)} there."
            )
        recipe = self._aggregate(here)
        recipe.merge(self.summary_, copy.deepcopy(other.summary_))
        self._solve(self.summary_, here)
        return self


def _shape(schema: Schema) -> str:
    shown = ", ".join(map(repr, schema.names[:4])) + (" ..." if schema.n_features > 4 else "")
    return f"{schema.n_features} columns ({shown}), {schema.n_targets} targets"


def _equal(one: Any, other: Any) -> bool:
    if one is other:
        return True
    try:
        return bool(np.array_equal(one, other, equal_nan=True))
    except TypeError:
        return bool(one == other)
