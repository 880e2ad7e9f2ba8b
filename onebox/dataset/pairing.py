"""X, y and weights of one identity become one view, read together."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from onebox.data.view import View
from onebox.dataset.dataset import Dataset
from onebox.dataset.opening import dataset
from onebox.errors import MismatchedRows


def as_dataset(x: Any) -> Dataset:
    """A Dataset as it is, anything else through the front door."""
    return x if isinstance(x, Dataset) else dataset(x)


def pair(X: Dataset, y: Any = None, sample_weight: Any = None) -> View:
    """One view of features, target and weights.

    Parameters
    ----------
    X : Dataset
    y, sample_weight : Dataset of the same identity, array of equal length, or None

    Raises
    ------
    MismatchedRows
        When lengths or identities differ, or an array is to be paired with filtered rows.
    """
    view = X.view
    if y is not None:
        role, ndim = _role(X, y, "y")
        view = replace(view, target=role, target_ndim=ndim)
    if sample_weight is not None:
        role, _ = _role(X, sample_weight, "sample_weight")
        if isinstance(sample_weight, Dataset) and len(sample_weight.columns) != 1:
            raise MismatchedRows(
                f"sample_weight has {len(sample_weight.columns)} columns; there is one weight a row. "
                "Take one column: ds['column']."
            )
        view = replace(view, weight=role)
    return view


def _role(X: Dataset, given: Any, name: str) -> tuple[Any, int]:
    if isinstance(given, Dataset):
        if given.identity == X.identity:
            return given.view.features, given.ndim
        raise MismatchedRows(_why_apart(X, given, name))
    array: NDArray[Any] = np.asarray(given)
    if any(step.drops_rows for step in X.view.features):
        raise MismatchedRows(
            f"{name} is an array of {len(array):,} values, but rows of X are dropped by a filter or a "
            f"draw, so that they cannot be told apart by their number. Take {name} from the same "
            "dataset (ds['column']), or pair the array before filtering."
        )
    n_rows = X.view.source_rows
    if n_rows is None:
        raise MismatchedRows(
            f"{name} is an array of {len(array):,} values, but how many rows X has is known after "
            f"reading only. Take {name} from the same dataset (ds['column'])."
        )
    if len(array) != n_rows:
        raise MismatchedRows(
            f"X has {n_rows:,} rows and {name} has {len(array):,} values: Found input variables with "
            f"inconsistent numbers of samples: [{n_rows}, {len(array)}]. An array pairs with a "
            "dataset row by row."
        )
    return array, array.ndim


def _why_apart(X: Dataset, other: Dataset, name: str) -> str:
    same_source = X.view.source.token == other.view.source.token
    what = (
        "have been filtered or drawn differently"
        if same_source
        else f"come from different sources ({X.view.source.describe()}; {other.view.source.describe()})"
    )
    return (
        f"X and {name} do not belong together: they {what}. Take both from one dataset after its "
        f"filters: X, {name} = ds.drop('column'), ds['column']."
    )
