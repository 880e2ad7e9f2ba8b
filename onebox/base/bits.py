"""``ob.fingerprint``: one number for what a model is, was made of, and has learned."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from onebox.base.recipe import recipe_of
from onebox.data.schema import Schema
from onebox.dataset import Dataset
from onebox.engine.report import FitReport
from onebox.errors import WrongType

COSTS = ("fit_report_", "accuracy_", "recipe_")
"""What a fit leaves behind that says nothing of what was learned."""


def fingerprint(model: Any, *, data: bool = True) -> str:
    """SHA-256 of a model: its configuration, its data's fingerprints, and all that it has learned.

    Parameters
    ----------
    model : estimator, Pipeline, or result of `ob.aggregate` or `ob.describe`
    data : bool, default=True
        Whether the files that it was fitted on count: their sizes, times and footers. Without them,
        models of the same rows in other files are the same.

    Returns
    -------
    str
        64 hexadecimal digits: equal only if every bit of every fitted number is.

    Raises
    ------
    WrongType
        When something in the model has no bits that could be compared, such as an open file.

    Notes
    -----
    What a fit cost, lazy labels and standard errors that have been asked for do not count.

    Cost: one read of the fitted arrays.

    Examples
    --------
    >>> import numpy as np, onebox as ob
    >>> from onebox.linear_model import Ridge
    >>> X = np.arange(12.0).reshape(6, 2) % 5
    >>> one, other = (Ridge().fit(X, X[:, 0]) for _ in range(2))
    >>> ob.fingerprint(one) == ob.fingerprint(other)
    True
    >>> ob.fingerprint(one) == ob.fingerprint(Ridge(alpha=2.0).fit(X, X[:, 0]))
    False
    """
    digest = hashlib.sha256()
    recipe = recipe_of(model) if data else None
    _update(digest, None if recipe is None else [print_ for _, print_ in recipe.files])
    _update(digest, model)
    return digest.hexdigest()


def _update(digest: hashlib._Hash, value: Any) -> None:
    if isinstance(value, np.ndarray):
        _update_array(digest, value)
        return
    digest.update(f"{type(value).__qualname__}\0".encode())
    if value is None or isinstance(value, FitReport | Dataset):
        return
    if isinstance(value, float | np.floating):
        digest.update(float(value).hex().encode())
    elif isinstance(value, str | int | bool | np.generic):
        digest.update(f"{value!r}\0".encode())
    elif isinstance(value, bytes):
        digest.update(value)
    elif isinstance(value, BaseEstimator):
        _update(digest, _state(value))
    elif isinstance(value, Mapping):
        for name in value:
            _update(digest, name)
            _update(digest, value[name])
    elif isinstance(value, list | tuple | set | frozenset):
        digest.update(f"{len(value)}\0".encode())
        for item in sorted(value, key=repr) if isinstance(value, set | frozenset) else value:
            _update(digest, item)
    else:
        _update_rest(digest, value)


def _update_rest(digest: hashlib._Hash, value: Any) -> None:
    if isinstance(value, Schema):
        _update(digest, [value.columns, value.target, value.target_ndim, value.weighted])
    elif isinstance(value, pa.Schema | pa.DataType | pa.Scalar | np.dtype):
        digest.update(f"{value!r}\0".encode())
    elif isinstance(value, pa.Array | pa.ChunkedArray | pa.Table | pa.RecordBatch):
        _update(digest, value.to_pylist())
    elif isinstance(value, np.random.RandomState | np.random.Generator):
        _update(digest, _plain_state(value))
    elif dataclasses.is_dataclass(value):
        counted = [field.name for field in dataclasses.fields(value) if field.compare]
        _update(digest, {name: getattr(value, name) for name in counted})
    elif isinstance(value, type) or callable(value):
        name = getattr(value, "__qualname__", "")
        digest.update(f"{getattr(value, '__module__', '')}:{name}\0".encode())
    else:
        raise WrongType(
            f"A {type(value).__module__}.{type(value).__qualname__} in the model has no bits to "
            "compare. Leave it out of the model's attributes."
        )


def _update_array(digest: hashlib._Hash, array: NDArray[Any]) -> None:
    if array.dtype.hasobject:
        _update(digest, array.tolist())
        return
    digest.update(f"{array.dtype.str}{array.shape}\0".encode())
    digest.update(np.ascontiguousarray(array).tobytes())


def _state(model: BaseEstimator) -> dict[str, Any]:
    """Parameters, and everything learned."""
    held = {name: value for name, value in sorted(vars(model).items()) if _is_learned(name, value)}
    return {"parameters": dict(sorted(model.get_params(deep=False).items())), "learned": held}


def _is_learned(name: str, value: Any) -> bool:
    return name.endswith("_") and name not in COSTS and not isinstance(value, Dataset)


def _plain_state(generator: Any) -> Any:
    if isinstance(generator, np.random.RandomState):
        return generator.get_state(legacy=False)
    return generator.bit_generator.state
