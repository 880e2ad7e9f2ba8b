"""Arguments in a few words: what a note on an exception has room for."""

from __future__ import annotations

import reprlib
from collections.abc import Sequence

MOST = 200
"""Characters for all arguments of a task."""

_short = reprlib.Repr()
_short.maxstring = _short.maxother = 60
_short.maxlevel = 2
_short.maxlist = _short.maxtuple = _short.maxset = _short.maxfrozenset = _short.maxdict = 4


def brief(values: Sequence[object]) -> str:
    """Values side by side, none of them printed at length.

    >>> import numpy as np
    >>> brief((3, np.zeros((1000, 20)), "name", list(range(100))))
    "3, ndarray of shape (1000, 20) and dtype float64, 'name', [0, 1, 2, 3, ...]"
    """
    text = ", ".join(_one(value) for value in values)
    return text if len(text) <= MOST else text[: MOST - 3] + "..."


def _one(value: object) -> str:
    try:
        shape = getattr(value, "shape", None)
        if isinstance(shape, tuple) and shape:
            kind = getattr(value, "dtype", None)
            of = f" and dtype {kind}" if kind is not None else ""
            return f"{type(value).__name__} of shape {shape}{of}"
        return _short.repr(value)
    except Exception:
        return f"a {type(value).__name__} that cannot be printed"
