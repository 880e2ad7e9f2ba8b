"""Summaries as bytes, and back: a form in JSON, and the numbers of all arrays one after the other.

Summaries of one aggregate look alike: their forms are often the same text, which is parsed once.
Nothing is pickled. Classes go by name, and are found again among the classes that the aggregate's
own empty summary is made of, or among the dataclasses of onebox.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import fields, is_dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from onebox.errors import WrongType
from onebox.persistence.names import is_own, is_storable, name_of, resolve

ALIGNMENT = 16
_FLOAT, _INT = struct.Struct("=d"), struct.Struct("=q")
Bytes = NDArray[np.uint8]
Form = Any
Build = Callable[["Numbers"], Any]


class Packer:
    """Collects the numbers of the values that are packed one after the other."""

    def __init__(self) -> None:
        self.parts: list[bytes | memoryview] = []
        self.size = 0

    def pack(self, value: Any) -> str:
        """Add a value; returns its form.

        Raises
        ------
        WrongType
            When it holds something that is neither numbers, text, Arrow data nor a container.
        """
        kind = type(value)
        if kind is np.ndarray:
            return self._array(value)
        if value is None or kind is bool or kind is str:
            return json.dumps(value)
        if kind is float:
            self._add(_FLOAT.pack(value))
            return '{"":"float"}'
        if kind is int:
            if not -(2**63) <= value < 2**63:
                return f'{{"":"int","is":"{value}"}}'
            self._add(_INT.pack(value))
            return '{"":"int"}'
        if kind is tuple and value and type(value[0]) is str:  # names, shared by all summaries
            with suppress(TypeError):  # not of texts alone: what cannot be hashed
                if (names := _form_of_names(value)) is not None:
                    return names
        if is_dataclass(value):
            return self._object(value)
        return self._other(value)

    def joined(self) -> bytes:
        """Copy all numbers into one string; until then arrays that were packed must not change."""
        return b"".join(self.parts)

    def _add(self, data: bytes | memoryview) -> None:
        self.parts.append(data)
        self.size += len(data)
        gap = -self.size % ALIGNMENT
        if gap:
            self.parts.append(bytes(gap))
            self.size += gap

    def _other(self, value: Any) -> str:
        kind = type(value)
        if isinstance(value, np.ndarray):
            return self._array(value)
        if isinstance(value, np.generic):
            return f'{{"":"scalar","of":{self._array(np.asarray(value))}}}'
        if kind in (tuple, list):
            items = ",".join(self.pack(item) for item in value)
            return f'{{"":"{kind.__name__}","of":[{items}]}}'
        if kind is dict:
            pairs = ",".join(f"[{self.pack(k)},{self.pack(v)}]" for k, v in value.items())
            return f'{{"":"dict","of":[{pairs}]}}'
        if kind is bytes:
            self._add(value)
            return f'{{"":"bytes","n":{len(value)}}}'
        if isinstance(value, pa.Array | pa.RecordBatch):
            return self._arrow(value)
        raise WrongType(
            f"a summary that holds a {kind.__module__}.{kind.__qualname__} cannot be kept; it may "
            "hold arrays, numbers, text, Arrow data, and dataclasses, tuples, lists and dicts of these"
        )

    def _object(self, value: Any) -> str:
        kind: Any = type(value)
        names = _names_of(kind)
        if not set(getattr(value, "__dict__", names)) <= set(names):
            raise WrongType(
                f"a summary of class {type(value).__qualname__} with attributes beside its fields "
                "cannot be kept"
            )
        parts = ",".join(f'"{name}":{self.pack(getattr(value, name))}' for name in names)
        return f'{{"":"object","class":{json.dumps(name_of(type(value)))},"of":{{{parts}}}}}'

    def _array(self, array: NDArray[Any]) -> str:
        shape = list(array.shape)
        if array.dtype.hasobject:
            if array.dtype != object:
                raise WrongType(f"a summary with an array of {array.dtype} cannot be kept")
            items = ",".join(self.pack(item) for item in array.ravel())
            return f'{{"":"objects","shape":{shape},"of":[{items}]}}'
        fortran = array.ndim > 1 and array.flags.f_contiguous and not array.flags.c_contiguous
        # A view where the array lies as it is stored: whoever joins the parts makes the one copy.
        flat: Any = np.ascontiguousarray(array.T if fortran else array).reshape(-1)
        self._add(memoryview(flat.view(np.uint8)) if flat.size else b"")
        kind, order = json.dumps(array.dtype.str), "F" if fortran else "C"
        return f'{{"":"array","type":{kind},"shape":{shape},"order":"{order}"}}'

    def _arrow(self, value: pa.Array | pa.RecordBatch) -> str:
        one = isinstance(value, pa.Array)
        batch = pa.record_batch([value], names=["0"]) if one else value
        sink = pa.BufferOutputStream()  # a stream, which carries the dictionaries of categories
        with pa.ipc.new_stream(sink, batch.schema) as stream:
            stream.write_batch(batch)
        data = memoryview(sink.getvalue())
        self._add(data)
        return f'{{"":"{"column" if one else "batch"}","n":{len(data)}}}'


@lru_cache(maxsize=256)
def _names_of(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


@lru_cache(maxsize=256)
def _form_of_names(names: tuple[Any, ...]) -> str | None:
    """The form of a tuple of texts, which all summaries share; None for other tuples."""
    if not all(type(name) is str for name in names):
        return None
    return f'{{"":"tuple","of":{json.dumps(names, separators=(",", ":"))}}}'


class Numbers:
    """Hands out packed numbers one after the other; arrays are views, which may be written to."""

    def __init__(self, data: Bytes, at: int = 0) -> None:
        self.data, self.at = data, at

    def take(self, size: int) -> Bytes:
        taken = self.data[self.at : self.at + size]
        if len(taken) < size:
            raise ValueError(f"{size - len(taken)} bytes are missing")
        self.at += size + (-size % ALIGNMENT)
        return taken


def unpacked(form: str, numbers: Numbers, classes: dict[str, type]) -> Any:
    """The value of a form.

    Parameters
    ----------
    form : str
        From `Packer.pack`.
    numbers : Numbers
        Where those of the value begin.
    classes : dict of str to type
        By name, beside those of onebox.
    """
    return _builder(form, tuple(classes.items()))(numbers)


def classes_of(value: Any) -> dict[str, type]:
    """The dataclasses that a value is made of, by name."""
    found: dict[str, type] = {}
    pending = [value]
    while pending:
        one = pending.pop()
        if is_dataclass(one):
            found[name_of(type(one))] = type(one)
            pending.extend(getattr(one, f.name) for f in fields(one))
        elif isinstance(one, tuple | list):
            pending.extend(one)
        elif isinstance(one, dict):
            pending.extend(one.values())
    return found


@lru_cache(maxsize=256)
def _builder(form: str, classes: tuple[tuple[str, type], ...]) -> Build:
    return _build(json.loads(form), dict(classes))


def _build(form: Form, classes: dict[str, type]) -> Build:
    if not isinstance(form, dict):
        return lambda numbers: form
    return _BUILDERS[form[""]](form, classes)


def _build_float(form: Form, classes: dict[str, type]) -> Build:
    return lambda numbers: float(numbers.take(8).view(np.float64)[0])


def _build_int(form: Form, classes: dict[str, type]) -> Build:
    if "is" in form:
        value = int(form["is"])
        return lambda numbers: value
    return lambda numbers: int(numbers.take(8).view(np.int64)[0])


def _build_array(form: Form, classes: dict[str, type]) -> Build:
    kind, shape, fortran = np.dtype(form["type"]), tuple(form["shape"]), form["order"] == "F"
    size = kind.itemsize * int(np.prod(shape, dtype=np.int64))

    def build(numbers: Numbers) -> Any:
        if not size:
            return np.empty(shape, kind)
        flat = numbers.take(size).view(kind)
        return flat.reshape(shape[::-1]).T if fortran else flat.reshape(shape)

    return build


def _build_scalar(form: Form, classes: dict[str, type]) -> Build:
    array = _build(form["of"], classes)
    return lambda numbers: array(numbers)[()]


def _build_objects(form: Form, classes: dict[str, type]) -> Build:
    items, shape = [_build(item, classes) for item in form["of"]], tuple(form["shape"])

    def build(numbers: Numbers) -> Any:
        array = np.empty(len(items), object)
        for i, item in enumerate(items):
            array[i] = item(numbers)
        return array.reshape(shape)

    return build


def _build_sequence(form: Form, classes: dict[str, type]) -> Build:
    items = [_build(item, classes) for item in form["of"]]
    if form[""] == "list":
        return lambda numbers: [item(numbers) for item in items]
    if not any(isinstance(item, dict) for item in form["of"]):  # names, shared by all summaries
        constant = tuple(form["of"])
        return lambda numbers: constant
    return lambda numbers: tuple(item(numbers) for item in items)


def _build_dict(form: Form, classes: dict[str, type]) -> Build:
    pairs = [(_build(key, classes), _build(item, classes)) for key, item in form["of"]]
    return lambda numbers: {key(numbers): item(numbers) for key, item in pairs}


def _build_bytes(form: Form, classes: dict[str, type]) -> Build:
    return lambda numbers: numbers.take(form["n"]).tobytes()


def _build_arrow(form: Form, classes: dict[str, type]) -> Build:
    size = form["n"]

    def build(numbers: Numbers) -> Any:
        # Copied: what it refers to must not keep all the rest alive.
        batch = pa.ipc.open_stream(numbers.take(size).tobytes()).read_next_batch()
        return batch.column(0) if form[""] == "column" else batch

    return build


def _build_object(form: Form, classes: dict[str, type]) -> Build:
    name = form["class"]
    own = is_own(name.partition(":")[0])
    kind = classes.get(name) or (resolve(name) if own else None)
    if kind is None or not (name in classes or is_storable(kind)):
        raise LookupError(f"{name} is no class of this summary")
    parts = [(part, _build(item, classes)) for part, item in form["of"].items()]
    new = object.__new__

    def build(numbers: Numbers) -> Any:
        made = new(kind)
        for part, item in parts:
            object.__setattr__(made, part, item(numbers))
        return made

    return build


_BUILDERS: dict[str, Callable[[Form, dict[str, type]], Build]] = {
    "float": _build_float,
    "int": _build_int,
    "array": _build_array,
    "scalar": _build_scalar,
    "objects": _build_objects,
    "tuple": _build_sequence,
    "list": _build_sequence,
    "dict": _build_dict,
    "bytes": _build_bytes,
    "column": _build_arrow,
    "batch": _build_arrow,
    "object": _build_object,
}
