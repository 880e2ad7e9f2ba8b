"""Targets and weights as estimators take them: checked arrays, or what is left to a Dataset.

Shapes, lengths and types are settled here, once; whether the values of X are finite is seen block
by block while scanning, where a bad one can be named by its place.
"""

from __future__ import annotations

import os
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_array, column_or_1d

from onebox.dataset import Dataset
from onebox.errors import BadInput, MismatchedRows


def is_lazy(X: Any) -> bool:
    """Whether results are lazy: for Datasets, and for paths, which are opened as such."""
    if isinstance(X, list | tuple):
        return len(X) > 0 and all(isinstance(path, str | os.PathLike) for path in X)
    return isinstance(X, Dataset | str | os.PathLike)


def is_table(X: Any) -> bool:
    """Whether it is a table in memory: a pandas frame (with ``iloc``), or what speaks Arrow."""
    return len(getattr(X, "shape", (0,))) == 2 and (
        hasattr(X, "__arrow_c_stream__") or hasattr(X, "iloc")
    )


def checked_target(y: Any, *, labels: bool) -> NDArray[Any]:
    """A target as an array: of one dimension for labels, of one or two for numbers."""
    y = check_array(
        y, ensure_2d=False, dtype=None if labels else "numeric", ensure_all_finite=not labels,
        input_name="y",
    )  # fmt: skip
    if y.ndim == 0:
        raise BadInput("y should be a 1d array, got a scalar instead. Hand over one value a row.")
    return np.asarray(column_or_1d(y, warn=True) if labels else y)


def checked_weight(sample_weight: Any, data: Dataset) -> NDArray[np.float64]:
    """Weights as an array of one dimension; a number stands for that weight in every row."""
    if isinstance(sample_weight, Real):
        return np.full(data.n_rows, float(sample_weight))
    weight = check_array(
        sample_weight, ensure_2d=False, dtype=np.float64, input_name="sample_weight"
    )
    if weight.ndim != 1:
        raise MismatchedRows(
            f"sample_weight has shape {weight.shape}: Sample weights must be 1D array or scalar, "
            "one a row."
        )
    if len(weight) and not weight.any():
        raise BadInput(
            f"The weights of all {len(weight):,} rows are zero. Sample weights must contain at "
            "least one non-zero number."
        )
    return np.asarray(weight)
