"""Labels of classes as codes: text, whole numbers and booleans, told apart block by block."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from onebox.errors import BadInput, BadValue, WrongType

Labels = NDArray[Any]
Codes = NDArray[np.int32]

MAX_CLASSES = 1_000


def coded(
    values: NDArray[Any], place: Callable[[int], str], what: str = "y"
) -> tuple[Labels, Codes]:
    """The different labels in ascending order, and for every row the position of its own.

    Parameters
    ----------
    values : ndarray of shape (n,) or (n, 1)
    place : callable
        Says where a row is.
    what : str
        What messages call the values.

    Raises
    ------
    BadValue
        For a missing label, naming its place.
    BadInput
        For numbers that are no labels.
    WrongType
        For values that are neither text nor numbers.
    """
    values = values.reshape(len(values))
    if not len(values):
        return np.empty(0), np.empty(0, np.int32)
    if values.dtype.kind in "OUS":
        return _coded_objects(values, place, what)
    if values.dtype.kind not in "biuf":
        raise WrongType(
            f"{what} has dtype {values.dtype}; labels are text, whole numbers or booleans. Convert "
            "it."
        )
    if values.dtype.kind == "f":
        _refuse_measurements(values, place, what)
    labels, codes = np.unique(values, return_inverse=True)
    return labels, codes.astype(np.int32)


def united(one: Labels, other: Labels) -> Labels:
    """The labels of both, ascending.

    Raises
    ------
    BadInput
        When there are too many of them to be classes.
    WrongType
        When text meets numbers.
    """
    if len(one) and len(other) and (one.dtype == object) != (other.dtype == object):
        raise WrongType(
            f"Labels of different kinds cannot be told apart: {one[0]!r} and {other[0]!r}. Make "
            "all of them text or all of them numbers."
        )
    both = np.union1d(one, other) if len(one) and len(other) else other if len(other) else one
    if len(both) > MAX_CLASSES:
        raise BadInput(
            f"The target has more than {MAX_CLASSES:,} different labels, the last of them "
            f"{both[-1]!r}. Is it a number to predict, or a key? Then use a regressor, or another "
            "column."
        )
    return both


def _coded_objects(
    values: NDArray[Any], place: Callable[[int], str], what: str
) -> tuple[Labels, Codes]:
    try:
        array = pa.array(values, from_pandas=True)
    except (pa.ArrowException, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise WrongType(
            f"{what} has labels of different kinds: {reason}. Make all of them text or numbers."
        ) from None
    if array.null_count:
        row = int(np.argmin(np.asarray(array.is_valid())))
        raise BadValue(
            f"Input contains a missing label: {what}, {place(row)}. Fill it or drop the row "
            "(.drop_missing())."
        )
    if not (pa.types.is_string(array.type) or pa.types.is_large_string(array.type)):
        plain = array.to_numpy(zero_copy_only=False)
        if plain.dtype == object:
            raise WrongType(
                f"{what} has labels of type {array.type}; they are text, whole numbers or "
                "booleans. Convert them."
            )
        return coded(plain, place, what)
    encoded = array.dictionary_encode()
    found = np.array(encoded.dictionary.to_pylist(), dtype=object)
    order = np.argsort(found)
    rank = np.empty(len(found), np.int32)
    rank[order] = np.arange(len(found), dtype=np.int32)
    return found[order], rank[encoded.indices.to_numpy()]


def _refuse_measurements(values: NDArray[Any], place: Callable[[int], str], what: str) -> None:
    finite = np.isfinite(values)
    if not finite.all():
        row = int(np.argmin(finite))
        value = "NaN" if np.isnan(values[row]) else "infinity"
        raise BadValue(
            f"Input contains {value}: {what}, {place(row)}. Fill it or drop the row "
            "(.drop_missing())."
        )
    broken = values != np.floor(values)
    if broken.any():
        row = int(np.argmax(broken))
        raise BadInput(
            f"Unknown label type: continuous. {what} is {values[row]:g} in {place(row)}, a "
            "measurement and no label. Use a regressor, or bin it first."
        )
