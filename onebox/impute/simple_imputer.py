"""Gaps of every column filled with one value."""

from __future__ import annotations

import warnings
from functools import partial
from typing import Any, ClassVar, Self

import numpy as np
import pyarrow as pa
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.base import TransformerMixin
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted, validate_data

from onebox.aggregates.aggregate import Aggregate, join
from onebox.aggregates.count import Count
from onebox.aggregates.moments import Moments
from onebox.aggregates.top_values import TopValues
from onebox.base import OnePass
from onebox.base.inputs import is_lazy, is_table
from onebox.config import settings_in_force
from onebox.data.schema import Schema, is_numeric
from onebox.data.sources.table import TableSource
from onebox.data.view import View
from onebox.dataset import Dataset
from onebox.errors import BadInput, WrongType
from onebox.impute.columns import (
    INDICATOR,
    fill_matrix,
    fill_table,
    is_nan,
    mark,
    marked_schema,
)
from onebox.impute.medians import Medians


class SimpleImputer(TransformerMixin, OnePass):  # type: ignore[misc]
    """Fill what is missing with one value a column.

    Parameters
    ----------
    missing_values : number, str or None, default=numpy.nan
        What stands for "missing". NaN and None both stand for NaN and for the nulls of tables.
    strategy : {"mean", "median", "most_frequent", "constant"}, default="mean"
        What to fill in. The last two suit columns of any type. The smallest of several values that
        are the most frequent.
    fill_value : number or str, default=None
        What "constant" fills in; None stands for 0, and "missing_value" in columns of text.
    copy : bool, default=True
        For scikit-learn's sake: data are never changed.
    add_indicator : bool, default=False
        Whether to add a column for every one that had gaps in the fit, which says where they were.
    keep_empty_features : bool, default=False
        Whether to keep columns without any value in the fit, filled with 0 (with `fill_value`).

    Attributes
    ----------
    statistics_ : ndarray of shape (n_features,)
        What is filled in; NaN for columns that are left out. Float64, objects for mixed tables.
    indicator_features_ : ndarray of int
        Positions of the columns that had gaps in the fit.
    n_features_in_ : int
    feature_names_in_ : ndarray of str, where the columns have names
    fit_report_ : FitReport

    Raises
    ------
    BadValue
        For an infinity, or a NaN that is not what stands for "missing", naming its place.
    WrongType
        For a mean or median of a column that is not numeric.

    Notes
    -----
    Cost: 1 pass; summary 88 bytes a column for the mean, some 70 kB and 1 MB for the median, 17 to
    49 kB for the most frequent value.

    Exactness: exact up to rounding. The median of more than 1 MB of values is off by at most 1/64
    of itself, as `onebox.aggregates.Quantiles`; the most frequent value is exact up to 1,024
    different ones in a column, as `onebox.aggregates.TopValues`. Numbers come out in the canonical
    dtype: float32 where that holds every column exactly, else float64.

    Source: Little & Rubin, "Statistical Analysis with Missing Data", 3rd ed. (2019), section 4.2.

    Examples
    --------
    >>> import numpy as np
    >>> from onebox.impute import SimpleImputer
    >>> imputer = SimpleImputer().fit([[7, 2, 3], [4, np.nan, 6], [10, 5, 9]])
    >>> imputer.transform([[np.nan, 2, 3], [4, np.nan, 6]])
    array([[7. , 2. , 3. ],
           [4. , 3.5, 6. ]])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any] | str]] = {
        "missing_values": "no_validation",
        "strategy": [StrOptions({"mean", "median", "most_frequent", "constant"})],
        "fill_value": "no_validation",
        "copy": ["boolean"],
        "add_indicator": ["boolean"],
        "keep_empty_features": ["boolean"],
    }

    def __init__(
        self,
        *,
        missing_values: Any = np.nan,
        strategy: str = "mean",
        fill_value: Any = None,
        copy: bool = True,
        add_indicator: bool = False,
        keep_empty_features: bool = False,
    ) -> None:
        self.missing_values = missing_values
        self.strategy = strategy
        self.fill_value = fill_value
        self.copy = copy
        self.add_indicator = add_indicator
        self.keep_empty_features = keep_empty_features

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = is_nan(self.missing_values)
        tags.input_tags.string = self.strategy in ("most_frequent", "constant")
        return tags

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn what to fill in.

        Parameters
        ----------
        X : array, sparse matrix, table, path or Dataset, of shape (n_samples, n_features)
        y : ignored

        Returns
        -------
        self
        """
        self._learn(X)
        return self

    def partial_fit(self, X: Any, y: Any = None) -> Self:
        """Learn from further rows, as if all had been there from the start.

        Parameters
        ----------
        X, y
            As in `fit`.

        Returns
        -------
        self
        """
        self._learn(X, go_on=True)
        return self

    def transform(self, X: Any) -> Any:
        """Fill what is missing.

        Parameters
        ----------
        X : array, sparse matrix, table, path or Dataset, of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_features_out), of objects for mixed tables; sparse for a
        sparse matrix; or a lazy Dataset
        """
        check_is_fitted(self)
        self._warn_of_empty()
        if sp.issparse(X):
            return self._fill_sparse(X)
        kept, flagged = self._kept(), self._flagged()
        names = self.get_feature_names_out()
        if self.statistics_.dtype != object:
            fill = partial(fill_matrix, statistics=self.statistics_, kept=kept, flagged=flagged)
            return self._apply(X, fill, [(name, None) for name in names], allow_nan=True)
        data = self._opened(X, reset=False)
        statistics = self.statistics_.tolist()
        fill = partial(fill_table, statistics=statistics, kept=kept, flagged=flagged)
        kinds = [data.schema.field(int(j)).type for j in kept] + [pa.bool_()] * len(flagged)
        made = data.mapped(fill, pa.schema(list(zip(names, kinds, strict=True))))
        return made if is_lazy(X) else _objects(made.to_arrow())

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[Any]:
        """Names of what `transform` gives.

        Parameters
        ----------
        input_features : sequence of str, optional
            Names of the columns; those of the fit, or x0, x1, ..., when None.

        Returns
        -------
        ndarray of str
        """
        check_is_fitted(self)
        names = _check_feature_names_in(self, input_features)
        added = [INDICATOR + name for name in names[self._flagged()]]
        return np.array([*names[self._kept()], *added], dtype=object)

    def _kept(self) -> NDArray[np.intp]:
        return np.flatnonzero([not is_nan(value) for value in self.statistics_])

    def _flagged(self) -> NDArray[np.intp]:
        return self.indicator_features_ if self.add_indicator else np.empty(0, np.intp)

    def _opened(self, X: Any, *, reset: bool) -> Dataset:
        """The columns with gaps marked as missing."""
        any_type = self.strategy in ("most_frequent", "constant")
        if any_type and not (is_lazy(X) or is_table(X) or sp.issparse(X)):
            data = self._opened_objects(X, reset=reset)
        else:
            data = super()._opened(X, reset=reset)
        if sp.issparse(X) and not is_nan(self.missing_values) and self.missing_values == 0:
            raise BadInput(
                "Imputation not possible when missing_values == 0 and input is sparse: nearly all "
                "of it would be filled. Provide a dense array instead."
            )
        step = partial(mark, placeholder=self.missing_values)
        return data.mapped(step, marked_schema(data.view.schema), ndim=data.ndim)

    def _opened_objects(self, X: Any, *, reset: bool) -> Dataset:
        """Arrays, where those of objects may hold text."""
        listed = isinstance(X, list | tuple)
        text = listed and any(isinstance(value, str) for row in X for value in np.ravel(row))
        matrix = validate_data(
            self, X, reset=reset, dtype=object if text else None, ensure_all_finite=False
        )
        if matrix.dtype.kind not in "OUS":
            return super()._opened(X, reset=reset)
        table = {f"x{j}": _column(column, j) for j, column in enumerate(matrix.T)}
        return Dataset(View(TableSource(pa.table(table))), settings_in_force())

    def _require_columns(self, schema: Schema) -> None:
        if self.strategy in ("most_frequent", "constant"):
            return
        for field in schema.columns:
            if not is_numeric(field.type):
                raise WrongType(
                    f"Cannot use {self.strategy} strategy with non-numeric data: column "
                    f"{field.name!r} has type {field.type}. Use strategy='most_frequent' or "
                    "'constant', or leave it out."
                )

    def _aggregate(self, schema: Schema) -> Aggregate[Any]:
        if self.strategy == "constant":
            return Count()
        if self.strategy == "most_frequent":
            return join(Count(), TopValues(1))
        return join(Count(), Medians() if self.strategy == "median" else Moments(ddof=0))

    def _solve(self, summary: Any, schema: Schema) -> None:
        seen = Count().result(summary if self.strategy == "constant" else summary[0])
        self.indicator_features_ = np.flatnonzero(seen.missing)
        numeric = [is_numeric(kind) for kind in schema.kinds]
        if self.strategy == "constant":
            statistics = [self._constant(number) for number in numeric]
        elif self.strategy == "most_frequent":
            values = TopValues(1).result(summary[1]).values
            statistics = [value[0].as_py() if len(value) else np.nan for value in values]
        elif self.strategy == "median":
            statistics = Medians().result(summary[1]).tolist()
        else:
            statistics = Moments(ddof=0).result(summary[1]).mean.tolist()
        for j in np.flatnonzero(seen.count == 0):
            statistics[j] = self._constant(numeric[j]) if self.keep_empty_features else np.nan
        self.statistics_ = np.array(statistics, dtype=np.float64 if all(numeric) else object)

    _by_column = True

    def _smooth_attributes(self) -> tuple[str, ...]:
        return ("statistics_",) if self.strategy == "mean" else ()

    def _constant(self, number: bool) -> Any:
        if self.strategy != "constant" or self.fill_value is None:
            return 0 if number else "missing_value"
        if number and isinstance(self.fill_value, str):
            raise BadInput(
                f"fill_value={self.fill_value!r} cannot be filled into a column of numbers. Give a "
                "number, or impute text and numbers apart."
            )
        return self.fill_value

    def _warn_of_empty(self) -> None:
        empty = np.flatnonzero([is_nan(value) for value in self.statistics_])
        if len(empty):
            names = getattr(self, "feature_names_in_", np.arange(self.n_features_in_))[empty]
            warnings.warn(
                f"Skipping features without any observed values: {names}. At least one non-missing "
                f"value is needed for imputation with strategy='{self.strategy}'.",
                stacklevel=3,
            )

    def _fill_sparse(self, X: Any) -> Any:
        usual = is_nan(self.missing_values)
        matrix = validate_data(
            self, X, reset=False, accept_sparse="csr", dtype=(np.float64, np.float32),
            ensure_all_finite="allow-nan" if usual else True, copy=True,
        )  # fmt: skip
        is_gap = np.isnan(matrix.data) if usual else matrix.data == self.missing_values
        gaps = sp.csr_array((is_gap, matrix.indices, matrix.indptr), matrix.shape)
        matrix.data[is_gap] = self.statistics_[matrix.indices[is_gap]]
        filled = matrix[:, self._kept()]
        flagged = self._flagged()
        return sp.hstack([filled, gaps[:, flagged]], format="csr") if len(flagged) else filled


def _column(values: NDArray[Any], j: int) -> pa.Array:
    try:
        return pa.array(values, from_pandas=True)
    except (pa.ArrowException, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise WrongType(
            f"Column {j} is not of one type: {reason}. Make it text or numbers."
        ) from None


def _objects(table: pa.Table) -> NDArray[Any]:
    out = np.empty(table.shape, dtype=object)
    for j, column in enumerate(table.columns):
        out[:, j] = column.to_pylist()
    return out
