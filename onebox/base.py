"""What estimators of one kind share: OnePass, MultiPass, and how data get into and out of them.

Arrays in, arrays out; a Dataset in, a lazy Dataset out. Both ways lead through the same scan, so that
an array and a file of the same rows, cut alike, give the same model.
"""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
import pyarrow as pa
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_array
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from onebox.aggregates.aggregate import Aggregate
from onebox.config import Settings, resolve
from onebox.data.block import Block
from onebox.data.schema import Schema
from onebox.data.scratch import FreshMemory
from onebox.data.sources.array import ArraySource
from onebox.data.view import View
from onebox.dataset import Dataset, dataset, pair
from onebox.engine.report import FitReport
from onebox.engine.run import Run, scan
from onebox.errors import EmptyData, NotMergeable, SchemaMismatch

SMALL_ARRAY_BYTES = 2**20  # below this an array is transformed in the caller, in one go


class Estimator(BaseEstimator):  # type: ignore[misc]
    """Configuration made without data; ``fit`` learns, fitted attributes end in ``_``."""

    fit_report_: FitReport

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    # Data in

    def _training_view(
        self, X: Any, y: Any = None, sample_weight: Any = None, *, reset: bool = True,
        allow_nan: bool = False, needs_y: bool = False, numeric_y: bool = True,
    ) -> tuple[View, Settings]:  # fmt: skip
        """Features, target and weights as one view, however they were handed over."""
        if needs_y and y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is None."
            )
        if is_lazy(X):
            data = X if isinstance(X, Dataset) else dataset(X)
            self._match_columns(data, reset=reset)
            data = data if reset else self._by_name(data)
            view = pair(data, y, sample_weight)
            settings = data.settings
        else:
            view = self._array_view(X, y, sample_weight, reset=reset, numeric_y=numeric_y)
            settings = resolve()
        view.schema.require_numeric(type(self).__name__)
        return view, settings

    def _array_view(
        self, X: Any, y: Any, sample_weight: Any, *, reset: bool, numeric_y: bool
    ) -> View:
        X = self._checked_array(X, reset=reset)
        if y is not None:
            y = _checked_target(y, numeric=numeric_y)
            if y.shape[0] != X.shape[0]:
                raise ValueError(
                    "Found input variables with inconsistent numbers of samples: "
                    f"[{X.shape[0]}, {y.shape[0]}]"
                )
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X, dtype=np.float64)
        ndim = 1 if y is None else y.ndim
        return View(ArraySource(X), target=y, target_ndim=ndim, weight=sample_weight)

    def _checked_array(self, X: Any, *, reset: bool) -> Any:
        """An array-like as a numeric matrix or CSR; names and width held against the fit's."""
        return validate_data(
            self, X, reset=reset, accept_sparse="csr", dtype="numeric",
            ensure_all_finite=False, accept_large_sparse=False,
        )  # fmt: skip

    def _match_columns(self, data: Dataset, *, reset: bool) -> None:
        """Learn width and names from a dataset's schema, or hold them against those learned."""
        if reset:
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

    # Data out

    def _apply(
        self,
        X: Any,
        function: Callable[[NDArray[Any], NDArray[Any]], NDArray[Any]] | Callable[[Any], Any],
        fields: list[tuple[str, Any]],
        *,
        allow_nan: bool = False,
    ) -> Any:
        """Rows out for rows in: an array for an array, a lazy Dataset for a Dataset.

        Parameters
        ----------
        X : array or Dataset
        function : callable
            From a finite matrix to as many rows; must not depend on which rows come together.
        fields : list of (name, dtype)
            What comes out: one field and one dimension, or a column each.
        """
        check_is_fitted(self)
        step = _BlockFunction(function, allow_nan)
        one = len(fields) == 1 and fields[0][0] in ("prediction", "label")
        if is_lazy(X):
            data = self._by_name(X if isinstance(X, Dataset) else dataset(X))
            data.view.schema.require_numeric(type(self).__name__)
            schema = pa.schema([(name, _arrow_type(kind)) for name, kind in fields])
            return data.mapped(step, schema, ndim=1 if one else 2)
        X = self._checked_array(X, reset=False)
        source = ArraySource(X)
        if not sp.issparse(X) and X.nbytes <= SMALL_ARRAY_BYTES:
            unit = View(source).layout.units
            parts = [step(block) for u in unit for block in View(source).blocks(u, FreshMemory())]
        else:
            parts = _in_parallel(View(source), step)
        if not parts:
            return np.empty((0,) if one else (0, len(fields)))
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _frozen(self) -> Self:
        """The fitted state as it is now, for lazy results."""
        return copy.copy(self)


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
        """From the summary to the fitted attributes."""

    def _fit_scan(self, view: View, settings: Settings) -> None:
        recipe = self._aggregate(view.schema)
        summary, report = scan(view, recipe, settings=settings, job=type(self).__name__)
        if not report.rows:
            raise EmptyData(
                f"{type(self).__name__} was given 0 rows: {view.source.describe()} holds none, or its "
                "filters leave none. It needs at least one (a minimum of 1 is required)."
            )
        self.summary_, self._schema_, self.fit_report_ = summary, view.schema, report
        self._solve(summary, view.schema)

    def _partial_scan(self, view: View, settings: Settings) -> None:
        if not hasattr(self, "summary_"):
            self._fit_scan(view, settings)
            return
        recipe = self._aggregate(self._schema_)
        more, report = scan(view, recipe, settings=settings, job=type(self).__name__)
        recipe.merge(self.summary_, more)
        self.fit_report_ = report
        self._solve(self.summary_, self._schema_)

    def merge(self, other: Self) -> Self:
        """Go on as if this model had also seen the rows of another; changes this one.

        Raises
        ------
        NotMergeable
            When the other is of another kind, configuration or schema.
        """
        check_is_fitted(self)
        check_is_fitted(other)
        if type(other) is not type(self):
            raise NotMergeable(f"{type(self).__name__} cannot merge a {type(other).__name__}.")
        mine, theirs = self.get_params(deep=False), other.get_params(deep=False)
        differing = [name for name in mine if not _equal(mine[name], theirs[name])]
        if differing:
            name = differing[0]
            raise NotMergeable(
                f"Models with different configurations cannot be merged: {name}={mine[name]!r} here, "
                f"{theirs[name]!r} there."
            )
        if not self._schema_.columns.equals(other._schema_.columns):
            raise NotMergeable(
                f"Models of different columns cannot be merged: {self._schema_.names[:5]} here, "
                f"{other._schema_.names[:5]} there."
            )
        recipe = self._aggregate(self._schema_)
        recipe.merge(self.summary_, copy.deepcopy(other.summary_))
        self._solve(self.summary_, self._schema_)
        return self


class MultiPass(Estimator):
    """A loop of scans, each parametrised by the model so far."""

    def _passes(
        self, view: View, aggregates: Sequence[Aggregate[Any]], settings: Settings
    ) -> Run:
        return Run(view, aggregates, settings=settings, many_passes=True, job=type(self).__name__)


class _BlockFunction:
    """A function of a matrix as a function of a block, with a check of the values."""

    def __init__(self, function: Callable[[Any], Any], allow_nan: bool) -> None:
        self.function, self.allow_nan = function, allow_nan

    def __call__(self, block: Block) -> NDArray[Any]:
        return np.asarray(self.function(block.noninf_X if self.allow_nan else block.finite_X))


def is_lazy(X: Any) -> bool:
    """Whether it is opened as a dataset, not taken as an array: Datasets and paths."""
    if isinstance(X, Dataset):
        return True
    return isinstance(X, str) or hasattr(X, "__fspath__")


def _in_parallel(view: View, step: Callable[[Block], NDArray[Any]]) -> list[NDArray[Any]]:
    with Run(view, [], settings=resolve(), job="transform") as run:
        nested = run.map(lambda unit, blocks: [step(block) for block in blocks])
        return [part for parts in nested for part in parts]


def _checked_target(y: Any, *, numeric: bool) -> NDArray[Any]:
    if isinstance(y, Dataset):
        y = y.to_numpy()
    y = check_array(
        y, ensure_2d=False, allow_nd=False, dtype="numeric" if numeric else None,
        ensure_all_finite=numeric, input_name="y",
    )  # fmt: skip
    if y.ndim == 0:
        raise ValueError("y should be a 1d array, got a scalar instead.")
    return np.asarray(y)


def _arrow_type(kind: Any) -> pa.DataType:
    return pa.string() if np.dtype(kind).kind in "OUS" else pa.from_numpy_dtype(np.dtype(kind))


def _equal(one: Any, other: Any) -> bool:
    try:
        return bool(np.all(one == other))
    except (TypeError, ValueError):
        return one is other

