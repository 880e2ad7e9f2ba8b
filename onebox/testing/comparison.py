"""Comparing and weighing summaries and results of any make, and saying where they differ."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import scipy.sparse as sp

NUMBERS = (int, float, complex, np.number, np.bool_)
ARROW = (pa.Array, pa.ChunkedArray, pa.RecordBatch, pa.Table)


def first_difference(one: Any, other: Any, tolerance: float | None = None) -> str | None:
    """Where two objects differ and how, or None.

    Parameters
    ----------
    one, other : object
        Dataclasses, containers, arrays, Arrow data, numbers and text, nested at will.
    tolerance : float or None
        None compares bits. A number lets floats differ by as much relative to the largest entry of
        their array.
    """
    ours, theirs = list(_leaves(one, "")), list(_leaves(other, ""))
    for (place, mine), (there, yours) in zip(ours, theirs, strict=False):
        if place != there:
            return f"{place or 'it'} stands against {there or 'it'}"
        if not _equal(mine, yours, tolerance):
            return f"{place.lstrip('.') or 'it'} is {_short(mine)} against {_short(yours)}"
    if len(ours) != len(theirs):
        return f"{len(ours)} parts stand against {len(theirs)}"
    return None


def held_bytes(held: Any) -> int:
    """Bytes of the arrays and numbers that an object holds; text, such as names, is not counted.

    A view counts as the whole array that it keeps alive.
    """
    total, known = 0, set()
    for _, leaf in _leaves(held, ""):
        owner = leaf
        while isinstance(owner, np.ndarray) and isinstance(owner.base, np.ndarray):
            owner = owner.base
        if isinstance(owner, np.ndarray | pa.Array | pa.RecordBatch | pa.Table | pa.ChunkedArray):
            if id(owner) not in known:
                total += _array_bytes(owner)
            known.add(id(owner))
        elif isinstance(owner, bytes):
            total += len(owner)
        elif isinstance(owner, int | float | complex | np.generic):
            total += 8
    return total


def _array_bytes(array: Any) -> int:
    # Arrow's nbytes would leave out what a slice keeps alive around it.
    return int(array.nbytes if isinstance(array, np.ndarray) else array.get_total_buffer_size())


def _leaves(value: Any, place: str) -> Iterator[tuple[str, Any]]:
    """Everything that an object is made of, with the way to it."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        declared = [field.name for field in dataclasses.fields(value)]
        added = sorted(set(getattr(value, "__dict__", ())).difference(declared))
        for name in declared + added:
            yield from _leaves(getattr(value, name), f"{place}.{name}")
    elif isinstance(value, Mapping):
        for key in value:
            yield from _leaves(value[key], f"{place}[{key!r}]")
    elif isinstance(value, list | tuple):
        for i, item in enumerate(value):
            yield from _leaves(item, f"{place}[{i}]")
    elif sp.issparse(value):
        yield from _leaves((value.shape, value.tocoo().coords, value.tocoo().data), place)
    elif hasattr(value, "__dict__") and not isinstance(value, type) and not callable(value):
        for name in sorted(vars(value)):
            yield from _leaves(vars(value)[name], f"{place}.{name}")
    else:
        yield place, value


def _equal(one: Any, other: Any, tolerance: float | None) -> bool:
    if isinstance(one, NUMBERS) and isinstance(other, NUMBERS):
        return _equal_numbers(one, other, tolerance)
    if type(one) is not type(other):
        return False
    if isinstance(one, np.ndarray):
        if one.dtype != other.dtype or one.shape != other.shape:
            return False
        if one.dtype.hasobject:
            return bool(one.tolist() == other.tolist())
        if one.dtype.kind in "fc" and tolerance is not None:
            return _close(one, other, tolerance)
        return bool(one.tobytes() == other.tobytes())
    if isinstance(one, ARROW):
        return _equal_arrow(one, other, tolerance)
    return bool(one == other)


def _equal_numbers(one: Any, other: Any, tolerance: float | None) -> bool:
    # By value: 0, 0.0 and numpy's zeros are one number to whoever adds to them.
    if one == other or (one != one and other != other):
        return True
    return tolerance is not None and abs(one - other) <= tolerance * max(abs(one), abs(other))


def _equal_arrow(one: Any, other: Any, tolerance: float | None) -> bool:
    if isinstance(one, pa.RecordBatch | pa.Table):
        return bool(one.schema.equals(other.schema)) and all(
            _equal_arrow(ours, theirs, tolerance)
            for ours, theirs in zip(one.columns, other.columns, strict=True)
        )
    if isinstance(one, pa.ChunkedArray):
        one, other = one.combine_chunks(), other.combine_chunks()
    if one.type != other.type or not one.is_valid().equals(other.is_valid()):
        return False
    if pa.types.is_floating(one.type):
        return _equal(one.drop_null().to_numpy(), other.drop_null().to_numpy(), tolerance)
    return bool(one.equals(other))


def _close(one: np.ndarray[Any, Any], other: np.ndarray[Any, Any], tolerance: float) -> bool:
    finite = np.isfinite(one)
    if not np.array_equal(finite, np.isfinite(other)):
        return False
    if not np.array_equal(one[~finite], other[~finite], equal_nan=True):
        return False
    scale = np.abs(one[finite]).max(initial=0)
    return bool((np.abs(one[finite] - other[finite]) <= tolerance * scale).all())


def _short(value: Any) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= 100 else text[:97] + "..."
