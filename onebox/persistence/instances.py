"""Codecs of objects: by class name and attributes; of classes and functions: by name.

An object is built without calling anything of its class: a bare instance gets its attributes. The
exceptions are ``__getstate__`` and ``__setstate__`` that are written in onebox.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cached_property
from types import MemberDescriptorType
from typing import Any

import numpy as np

from onebox.errors import WrongType
from onebox.persistence.codec import Codec, Decoder, Node, Place
from onebox.persistence.names import is_own, is_storable, name_of, resolve

PLAIN_TYPES = {
    name_of(kind): kind
    for kind in (
        *(bool, int, float, complex, str, bytes, object, list, tuple, dict, set, frozenset),
        *set(np.sctypeDict.values()),
    )
}
"""Classes that can be values themselves, as in ``OneHotEncoder(dtype=numpy.float32)``."""


def _number(value: Any, place: Place) -> int:
    """Put a class or function into the table of names, if a later process can find it there."""
    name = name_of(value)
    if "<lambda>" in name or "<locals>" in name:
        place.refuse(
            f"is {name}, which was made inside a function or an expression: no other process could "
            "import it. Define it with def or class at the top level of a module",
            WrongType,
        )
    try:
        if resolve(name) is value:
            return place.name(name)
        reason = "there is another object of that name"
    except LookupError as error:
        reason = str(error)
    place.refuse(
        f"is {name}, which could not be found again when loading: {reason}. Define it with def or "
        "class at the top level of a module",
        WrongType,
    )


def _own_method(kind: type, name: str) -> Any:
    """Return a special method that is written in onebox, else None."""
    for base in kind.__mro__:
        if name in vars(base):
            # the function's module: dataclasses adds its own functions to classes of ours
            method = vars(base)[name]
            return method if is_own(getattr(method, "__module__", None)) else None
    return None


def _attributes(value: Any) -> dict[str, Any]:
    kind = type(value)
    state = dict(getattr(value, "__dict__", {}))
    if is_dataclass(kind):
        slots = [f.name for f in fields(kind) if f.name not in state and hasattr(value, f.name)]
        state |= {name: getattr(value, name) for name in slots}
    # what a cached property has kept is computed again when it is asked for
    cached = (n for n in state if isinstance(getattr(kind, n, None), cached_property))
    for name in list(cached):
        del state[name]
    return state


def _pack_object(value: Any, place: Place) -> dict[str, Node]:
    kind = type(value)
    number = _number(kind, place)
    try:
        object.__new__(kind)
    except TypeError as error:
        place.refuse(f"is a {name_of(kind)}, which cannot be built bare: {error}", WrongType)
    own = _own_method(kind, "__getstate__")
    state = own(value) if own else _attributes(value)
    if _own_method(kind, "__setstate__"):
        return {"class": number, "state": place.child(state, "")}
    return {"class": number, "attributes": {k: place.child(v, f".{k}") for k, v in state.items()}}


def _unpack_object(node: dict[str, Node], decoder: Decoder) -> Any:
    kind = decoder.named[node["class"]]
    if not is_storable(kind) or issubclass(kind, Enum):
        raise TypeError(f"objects of {kind} are not stored by their attributes")
    made = object.__new__(kind)
    if "state" in node:
        _own_method(kind, "__setstate__")(made, decoder.decode(node["state"]))
        return made
    for name, item in node["attributes"].items():
        slot = getattr(kind, name, None)
        if isinstance(slot, MemberDescriptorType):
            slot.__set__(made, decoder.decode(item))
        else:
            made.__dict__[name] = decoder.decode(item)
    return made


def _pack_enum(value: Enum, place: Place) -> dict[str, Node]:
    if type(value).__members__.get(value.name) is not value:
        place.refuse(f"is {value!r}, a combination of flags. Save a list of flags instead")
    return {"class": _number(type(value), place), "name": value.name}


def _unpack_enum(node: dict[str, Node], decoder: Decoder) -> Any:
    kind = decoder.named[node["class"]]
    if not issubclass(kind, Enum):
        raise TypeError(f"{kind} is not an enumeration")
    return kind.__members__[node["name"]]


def _pack_type(value: Any, place: Place) -> dict[str, Node]:
    name = name_of(value)
    return {"plain": name} if PLAIN_TYPES.get(name) is value else {"named": _number(value, place)}


def _unpack_type(node: dict[str, Node], decoder: Decoder) -> Any:
    return PLAIN_TYPES[node["plain"]] if "plain" in node else decoder.named[node["named"]]


OBJECT = Codec("object", (), _pack_object, _unpack_object)
ENUM = Codec("enum", (), _pack_enum, _unpack_enum, "atom")
NAMED = Codec("named", (), _pack_type, _unpack_type, "atom")
