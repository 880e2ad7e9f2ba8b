"""Estimators that learn from one summary: a scan, and a closed form."""

from __future__ import annotations

import copy
from abc import abstractmethod
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from onebox.aggregates.aggregate import Aggregate
from onebox.base.accuracy import Accuracy, Asked, asked
from onebox.base.estimator import Estimator
from onebox.base.recipe import Recipe
from onebox.config import Settings, format_bytes, memory_budget
from onebox.data.schema import Schema, is_numeric
from onebox.data.view import View
from onebox.engine.accuracy import Estimate, GroupStates, joined, scan_with_errors
from onebox.engine.accuracy.anytime import scan_until
from onebox.engine.report import FitReport
from onebox.engine.run import scan
from onebox.errors import BadInput, EmptyData, NotEnoughMemory, NotMergeable

STANDARD_ERROR = "standard_error_"
CHECKED_BYTES = 16 * 2**20  # what takes less is solved without asking for the budget


class OnePass(Estimator):
    """An aggregate and a closed form: ``fit`` is a scan and a solve.

    Attributes
    ----------
    summary_ : object
        What has been seen; `partial_fit` and `merge` go on from here.
    accuracy_ : Accuracy
        After ``ob.fit(..., standard_error=True)``: how far off the fitted attributes can be.
        ``coef_standard_error_`` and the like are taken from it.
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

    def _learns_in_passes(self, view: View, settings: Settings) -> bool:
        """Fit in several passes, where that suits these rows better; whether it has."""
        return False

    @property
    def keeps_summary(self) -> bool:
        """Whether a fit leaves a summary, from which `partial_fit` and `merge` go on."""
        return True

    def _require_summary(self) -> None:
        """Refuse to go on from a model that has kept no summary."""

    def _learn(
        self, X: Any, y: Any = None, sample_weight: Any = None, *, go_on: bool = False,
        needs_y: bool = False, labels: bool = False,
    ) -> None:  # fmt: skip
        """Scan and solve, anew or on top of what has been seen."""
        self._validate()
        if go_on:
            self._require_summary()
        go_on = go_on and hasattr(self, "summary_")
        view, settings = self._training_view(
            X, y, sample_weight, reset=not go_on, needs_y=needs_y, labels=labels
        )
        if not go_on and self._learns_in_passes(view, settings):
            return
        schema = self._schema_ if go_on else view.schema
        recipe = self._aggregate(schema)
        self._refuse_large_solve(recipe, schema, settings)
        want = asked()
        if want is None:
            summary, report = scan(view, recipe, settings=settings, job=type(self).__name__)
        else:
            self._refuse_no_errors(go_on=go_on)
            summary, state, report = self._scan_with_errors(view, recipe, want, settings)
        if not report.rows:
            raise EmptyData(
                f"{type(self).__name__} was given 0 rows: {view.source.describe()} holds none, or "
                "its filters leave none. It needs at least one (a minimum of 1 is required)."
            )
        if go_on:
            recipe.merge(self.summary_, summary)
            summary = self.summary_
            self._note_more(Recipe.of(view), "partial_fit")
        self._solve(summary, schema)
        self.summary_, self._schema_, self.fit_report_ = summary, schema, report
        self.__dict__.pop("accuracy_", None)
        if want is not None:
            self.accuracy_ = Accuracy(copy.copy(self), schema, summary, state)

    # How far off: what `ob.fit` asks for

    _by_column: ClassVar[bool] = False
    """Whether an entry of a fitted attribute depends on its own column only."""

    def _aggregate_by_group(self, schema: Schema) -> Aggregate[Any] | None:
        """What to scan for when groups of rows are asked for, where `_aggregate` keeps none."""
        return None

    def _smooth_attributes(self) -> tuple[str, ...]:
        """Fitted attributes that change smoothly with the rows; first what ``error=`` is about."""
        return ()

    def _answers(self, summary: Any, schema: Schema) -> dict[str, Any]:
        """The smooth attributes that a summary leads to, laid out as those of this model."""
        other = copy.copy(self)
        other._solve(summary, schema)
        values = ((name, getattr(other, name)) for name in self._smooth_attributes())
        return {name: value for name, value in values if value is not None}

    def _refuse_no_errors(self, *, go_on: bool) -> None:
        name = type(self).__name__
        if go_on:
            raise BadInput(
                f"{name}.partial_fit goes on from a summary, not from groups of rows. Fit all rows "
                "at once: ob.fit(model, X, y, standard_error=True)."
            )
        if not self._smooth_attributes():
            raise BadInput(
                f"{self!r} has no standard errors: what it learns does not change smoothly with the "
                "rows, or is not kept by group. Fit it without standard_error= and error=."
            )

    def _scan_with_errors(
        self, view: View, recipe: Aggregate[Any], want: Asked, settings: Settings
    ) -> tuple[Any, GroupStates, FitReport]:
        job, schema = type(self).__name__, view.schema
        if want.stop is None:
            by_group = self._aggregate_by_group(schema)
            summary, states, report = scan_with_errors(
                view, recipe, settings=settings, job=job, by_group=by_group
            )
            return summary, joined(by_group or recipe, states), report

        stop, recipe = want.stop, self._aggregate_by_group(schema) or recipe

        def judge(summaries: list[Any], states: list[GroupStates]) -> list[tuple[Estimate, ...]]:
            summary = tuple(summaries) if len(summaries) > 1 else summaries[0]
            model = copy.copy(self)
            model._solve(summary, schema)
            found = Accuracy(model, schema, summary, joined(recipe, states)).estimates()
            stop.target.require_known(one.name for one in found)
            return [found]

        found = scan_until(view, recipe, stop, judge, settings=settings, job=job)
        summary = tuple(found.summaries) if len(found.summaries) > 1 else found.summaries[0]
        return summary, joined(recipe, found.states), found.report

    def __getattr__(self, name: str) -> Any:
        if name.endswith(STANDARD_ERROR):
            accuracy = self.__dict__.get("accuracy_")
            attribute = name.removesuffix(STANDARD_ERROR)
            if accuracy is not None and attribute in accuracy:
                return accuracy[attribute].standard_error
            raise AttributeError(
                f"{type(self).__name__} has no {name}. Standard errors are kept by "
                "ob.fit(model, X, y, standard_error=True), of attributes that change smoothly with "
                "the rows."
            )
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

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
        for one in (self, other):
            one._require_summary()
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
        self._refuse_other_types(here, there)
        self._refuse_other_versions(other)
        self.__dict__.pop("accuracy_", None)
        recipe = self._aggregate(here)
        recipe.merge(self.summary_, copy.deepcopy(other.summary_))
        self._solve(self.summary_, here)
        if "_recipe" in vars(other):
            self._note_more(other._recipe, "merge")
        return self

    def _note_more(self, other: Recipe, how: str) -> None:
        """Write down that this model has also seen the rows of another recipe."""
        if "_recipe" in vars(self):  # not of models that an older onebox has saved
            self._recipe = self._recipe.joined(other, how)

    def _refuse_other_types(self, here: Schema, there: Schema) -> None:
        """Refuse sums that were computed from other types of the same columns."""
        for one, other in zip(here.columns, there.columns, strict=True):
            if is_numeric(one.type) != is_numeric(other.type):
                raise NotMergeable(
                    f"Models of different columns cannot be merged: {one.name!r} is {one.type} "
                    f"here, {other.type} there. Cast one of them and fit again."
                )
        if here.weighted != there.weighted:
            raise NotMergeable(
                "Models of rows with and without weights cannot be merged: "
                f"{'weights' if here.weighted else 'none'} here, "
                f"{'weights' if there.weighted else 'none'} there. Give all rows a weight."
            )

    def _refuse_other_versions(self, other: Self) -> None:
        """Refuse summaries of another onebox, whose sums may mean something else."""
        mine, theirs = (dict(one._recipe.versions)["onebox"] if "_recipe" in vars(one) else None
                        for one in (self, other))  # fmt: skip
        if mine != theirs and None not in (mine, theirs):
            raise NotMergeable(
                f"Models of different versions cannot be merged: onebox {mine} here, {theirs} "
                "there. Fit both with one version."
            )


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
