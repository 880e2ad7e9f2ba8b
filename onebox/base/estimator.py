"""What all estimators share: how data get into them, and answers out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from sklearn import get_config
from sklearn.base import BaseEstimator
from sklearn.utils import check_array
from sklearn.utils._set_output import _get_output_config
from sklearn.utils.validation import check_is_fitted, validate_data

from onebox.aggregates.aggregate import Aggregate
from onebox.base.inputs import checked_target, checked_weight, is_lazy, is_table
from onebox.base.outputs import SMALL_BYTES, Fields, Function, RowFunction, filled
from onebox.base.recipe import Recipe
from onebox.config import Settings, settings_in_force
from onebox.data.schema import Schema, is_numeric
from onebox.data.sources.array import ArraySource
from onebox.data.steps import Map
from onebox.data.view import View
from onebox.dataset import Dataset, as_dataset, dataset, pair
from onebox.engine.report import FitReport
from onebox.engine.run import scan
from onebox.errors import SchemaMismatch, WrongType


class Estimator(BaseEstimator):  # type: ignore[misc]
    """Configuration made without data; ``fit`` learns, fitted attributes end in ``_``.

    Attributes
    ----------
    accepts_datasets : bool
        Whether ``fit`` and the like take a Dataset; pipelines ask for it.
    """

    accepts_datasets: ClassVar[bool] = True
    fit_report_: FitReport
    _recipe: Recipe

    @property
    def recipe_(self) -> Recipe:
        """What the model was made of, beside its parameters: data, versions, build."""
        recipe = self.__dict__.get("_recipe")
        if recipe is None:
            raise AttributeError(f"This {type(self).__name__} has no recipe_: it is not fitted.")
        return recipe  # type: ignore[no-any-return]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    # Data in

    def _training_view(
        self, X: Any, y: Any = None, sample_weight: Any = None, *, reset: bool = True,
        needs_y: bool = False, labels: bool = False,
    ) -> tuple[View, Settings]:  # fmt: skip
        """Features, target and weights as one view, however they were handed over."""
        name = type(self).__name__
        if needs_y and y is None:
            raise ValueError(f"{name} requires y to be passed, but the target y is None.")
        data = self._opened(X, reset=reset)
        if y is not None and not isinstance(y, Dataset):
            y = checked_target(y, labels=labels)
        if sample_weight is not None and not isinstance(sample_weight, Dataset):
            sample_weight = checked_weight(sample_weight, data)
        view = pair(data, y, sample_weight)
        self._require_columns(view.schema)
        if y is not None and not labels:
            _require_numbers(view.schema, name)
        if reset:
            self._recipe = Recipe.of(view)
        return view, data.settings

    def _opened(self, X: Any, *, reset: bool) -> Dataset:
        """Features as a dataset; width and names learned from it, or held against those learned."""
        if is_lazy(X) or (is_table(X) and not hasattr(X, "iloc")):
            data = as_dataset(X)
            if data.ndim == 1:
                raise WrongType(
                    f"X is one column taken by its name, dataset[{data.columns[0]!r}], which has "
                    f"one dimension. X has two: take dataset[[{data.columns[0]!r}]]."
                )
            if reset:
                self._learn_columns(data)
            return data if reset else self._by_name(data)
        if is_table(X):
            validate_data(self, X, reset=reset, skip_check_array=True)
            return _opened_table(X)
        matrix = validate_data(
            self, X, reset=reset, accept_sparse="csr", dtype="numeric", ensure_all_finite=False
        )
        return Dataset(View(ArraySource(matrix)), settings_in_force())

    def _reopened(self, X: Any, columns: Sequence[str]) -> Dataset:
        """What `transform` made, on its way back."""
        if is_lazy(X):
            data = as_dataset(X)
            if data.named and set(columns) <= set(data.columns):
                data = data.select(*columns)
        elif is_table(X):
            data = dataset(X)
        else:
            matrix = check_array(X, accept_sparse="csr", ensure_all_finite=False, input_name="X")
            data = Dataset(View(ArraySource(matrix)), settings_in_force())
        if len(data.columns) != len(columns):
            raise SchemaMismatch(
                f"X has {len(data.columns)} columns, but {type(self).__name__}.inverse_transform "
                f"takes {len(columns)}: what transform gives."
            )
        return data

    def _require_columns(self, schema: Schema) -> None:
        """Refuse columns of types that do not suit."""
        schema.require_numeric(type(self).__name__)

    def _learn_columns(self, data: Dataset) -> None:
        self.n_features_in_ = len(data.columns)
        if data.named:
            self.feature_names_in_ = np.array(data.columns, dtype=object)
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_

    def _by_name(self, data: Dataset) -> Dataset:
        """The columns of the fit, in its order; further ones are left aside."""
        names = getattr(self, "feature_names_in_", None)
        if names is not None and data.named:
            return data if list(names) == data.columns else data.select(*names)
        if len(data.columns) != self.n_features_in_:
            raise SchemaMismatch(
                f"X has {len(data.columns)} features, but {type(self).__name__} is expecting "
                f"{self.n_features_in_} features as input."
            )
        return data

    def _validate(self) -> None:
        """Hold the parameters against ``_parameter_constraints``."""
        if not get_config()["skip_parameter_validation"]:
            self._validate_params()

    # Data out

    def _apply(
        self, X: Any, function: Function, fields: Fields, *, allow_nan: bool = False,
        takes_sparse: bool = False, columns: Sequence[str] | None = None,
    ) -> Any:  # fmt: skip
        """Rows out for rows in: an array for an array, a lazy Dataset for a Dataset.

        Parameters
        ----------
        X : array, table or Dataset
        function : callable
            From a finite matrix to as many rows; must not depend on which rows come together. It is
            kept by lazy results: it holds what it needs, and nothing of the estimator.
        fields : sequence of (name, dtype)
            What comes out: a column each; one field that is called "prediction" or "label" has one
            dimension. None stands for the canonical dtype of X.
        allow_nan : bool
            Whether a missing value is handed to the function instead of being refused.
        takes_sparse : bool
            Whether the function takes a CSR array too.
        columns : sequence of str, optional
            What X consists of, when these are not the columns of the fit but what `transform` made.
        """
        check_is_fitted(self)
        data = self._opened(X, reset=False) if columns is None else self._reopened(X, columns)
        self._require_columns(data.view.schema)
        step = RowFunction.of(
            function, fields, data.view.schema, allow_nan=allow_nan, takes_sparse=takes_sparse
        )
        if is_lazy(X):
            self._refuse_container()
            ndim = 1 if step.is_column else 2
            return data.mapped(step, step.schema, ndim=ndim, takes_sparse=takes_sparse)
        return filled(data, step)

    def _apply_back(self, X: Any, function: Function) -> Any:
        """As `_apply`, for rows of what `transform` made, which become rows of the fit's columns."""
        names = getattr(self, "feature_names_in_", [f"x{j}" for j in range(self.n_features_in_)])
        columns: Sequence[str] = self.get_feature_names_out()
        return self._apply(X, function, [(name, None) for name in names], columns=columns)

    def _refuse_container(self) -> None:
        container = _get_output_config("transform", self)["dense"]
        if container != "default":
            raise WrongType(
                f"set_output(transform={container!r}) makes a data frame of what transform gives, "
                "but what it makes of a Dataset is lazy. Use set_output(transform='default'), and "
                ".to_arrow() on the parts that fit in memory."
            )

    def _measure(
        self, view: View, settings: Settings, aggregate: Aggregate[Any], function: Function,
        fields: Fields,
    ) -> Any:  # fmt: skip
        """What an aggregate says of predictions beside the target, block by block; none is held."""
        step = RowFunction.of(function, fields, view.schema)
        predict = Map(step, step.schema, takes_missing=False)
        predicted = replace(view, features=(*view.features, predict))
        job = f"{type(self).__name__} score"
        summary, _ = scan(predicted, aggregate, settings=settings, job=job)
        return aggregate.result(summary)


def _opened_table(X: Any) -> Dataset:
    """A table through Arrow, which copies nothing that is large; a small one through numpy."""
    if 8 * X.shape[0] * X.shape[1] <= SMALL_BYTES:
        try:
            matrix = check_array(X, ensure_all_finite=False)
            return Dataset(View(ArraySource(matrix)), settings_in_force())
        except (TypeError, ValueError):
            pass  # text or the like: refused below with the name of the column
    return dataset(X)


def _require_numbers(schema: Schema, job: str) -> None:
    assert schema.target is not None
    for field in schema.target:
        if not is_numeric(field.type):
            raise WrongType(
                f"{job} needs numbers to predict, but the target {field.name!r} has type "
                f"{field.type}. Encode it first, or use a classifier for labels."
            )
