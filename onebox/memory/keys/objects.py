"""What objects consist of: their class by name, and their fields or attributes.

Nothing is pickled. An object has a key when all of its state is in attributes, or when its class
says itself what the state is: ``__getstate__``, or ``__reduce__`` of a compiled class. What is
hidden in compiled code otherwise is refused.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cached_property, partial
from pathlib import PurePath
from types import FunctionType, MemberDescriptorType, ModuleType
from typing import Any

from onebox.memory.keys.encoding import Describe, Description, Unkeyable, name_of, sorted_parts
from onebox.memory.keys.plain import describe_path

POINTER = struct.calcsize("P")

# How to get the plain value out of an instance of a subclass, past methods of its own.
BASES: dict[type, Callable[[Any], object]] = {
    dict: dict.copy,
    list: lambda value: list.__getitem__(value, slice(None)),
    tuple: lambda value: tuple.__getitem__(value, slice(None)),
    set: lambda value: set(set.__iter__(value)),
    frozenset: lambda value: frozenset(frozenset.__iter__(value)),
    str: str.__str__,
    bytes: lambda value: bytes.__getitem__(value, slice(None)),
    int: int.__int__,
    float: float.__float__,
    complex: complex.__complex__,
}


def describer(kind: type) -> Describe:
    """Choose how objects of a class without a describer of its own are described."""
    if is_dataclass(kind):
        return _describe_dataclass
    for base in BASES:
        if issubclass(kind, base):
            return partial(_describe_derived, base)
    return _describe_object


def describe_own(value: Any) -> Description:
    """Describe an object by what its class says is its key."""
    try:
        key = value.__onebox_key__()
    except Exception as error:
        raise Unkeyable(f"its method __onebox_key__ raised {error!r}") from error
    return Description("own key", [("class", name_of(type(value))), ("__onebox_key__()", key)])


def _describe_named(value: Any) -> Description:
    return Description("name", [("name", name_of(value))])


def _describe_enum(value: Enum) -> Description:
    parts = [("class", name_of(type(value))), ("name", value.name), ("value", value.value)]
    return Description("enum", parts)


def _describe_function(value: FunctionType) -> Description:
    raise Unkeyable("functions need key_of_code")


def _describe_module(value: ModuleType) -> Description:
    raise Unkeyable(f"it is the module {value.__name__}; use what is needed of it")


def _describe_dataclass(value: Any) -> Description:
    names = [f.name for f in fields(value) if hasattr(value, f.name)]
    return _with_state("dataclass", value, {name: getattr(value, name) for name in names})


def _describe_derived(base: type, value: Any) -> Description:
    kind = type(value)
    if _hides_state(kind, base):
        raise Unkeyable("it is of a compiled class, whose state cannot be seen")
    plain = BASES[base](value)
    parts: list[tuple[object, object]] = [("class", name_of(kind)), ("value", plain)]
    if state := _attributes(value):
        parts.append(("attributes", Description("attributes", sorted_parts(state))))
    return Description("derived", parts)


def _describe_object(value: Any) -> Description:
    kind: Any = type(value)
    if kind.__getstate__ is not object.__getstate__:
        return _describe_state(value)
    if _is_global(value):
        return _describe_named(value)
    if _hides_state(kind, object):
        return _describe_reduction(value)
    if kind is object:
        raise Unkeyable("nothing but its identity tells it from others")
    return _with_state("object", value, _attributes(value))


def _describe_state(value: Any) -> Description:
    """Describe an object by what its class would pickle."""
    try:
        state = value.__getstate__()
    except Exception as error:
        raise Unkeyable(f"its method __getstate__ raised {error!r}") from error
    if state is None and _hides_state(type(value), object):
        raise Unkeyable("it holds what only this process knows")
    if type(state) is dict and set(map(type, state)) <= {str}:
        return _with_state("state", value, state)
    parts = [("class", name_of(type(value))), ("__getstate__()", state)]
    return Description("other state", parts)


def _describe_reduction(value: Any) -> Description:
    """Describe an object of a compiled class by how its class says it can be built again."""
    kind: Any = type(value)
    # an iterator would be used up by the call, and object's own __reduce__ knows too little
    if kind.__reduce__ is object.__reduce__ or hasattr(kind, "__next__"):
        raise Unkeyable("it holds what only this process knows")
    try:
        made_by = value.__reduce__()
    except Exception as error:
        raise Unkeyable(f"its method __reduce__ raised {error!r}") from error
    return Description("reduction", [("class", name_of(kind)), ("__reduce__()", made_by)])


def _with_state(tag: str, value: object, state: dict[str, Any]) -> Description:
    def parts() -> Iterator[tuple[object, object]]:
        yield "class", name_of(type(value))
        yield from sorted_parts(state)

    return Description(tag, parts())


def _attributes(value: Any) -> dict[str, Any]:
    kind = type(value)
    state = {name: getattr(value, name) for name in _slots(kind) if hasattr(value, name)}
    state |= getattr(value, "__dict__", {})
    # what a cached property has kept is computed again when it is asked for
    cached = [n for n in state if isinstance(getattr(kind, n, None), cached_property)]
    return {name: item for name, item in state.items() if name not in cached}


def _slots(kind: type) -> list[str]:
    return [
        name
        for base in kind.__mro__
        if "__slots__" in vars(base)  # compiled classes have members too, but not for all they hold
        for name, member in vars(base).items()
        if isinstance(member, MemberDescriptorType)
    ]


def _hides_state(kind: type, base: type) -> bool:
    """Whether instances are larger than their base, attributes and slots explain."""
    has_dict = kind.__dictoffset__ > 0 or (kind.__dictoffset__ < 0 and kind.__itemsize__ > 0)
    pointers = len(_slots(kind)) + has_dict + (kind.__weakrefoffset__ > 0)
    explained = base.__basicsize__ + POINTER * pointers
    return kind.__basicsize__ > explained or kind.__itemsize__ != base.__itemsize__


def _is_global(value: Any) -> bool:
    """Whether a module has the value under the very name that the value bears."""
    path = getattr(value, "__qualname__", None) or getattr(value, "__name__", None)
    if not isinstance(path, str) or not callable(value):
        return False
    found: Any = sys.modules.get(getattr(value, "__module__", None) or "builtins")
    for part in path.split("."):
        found = getattr(found, part, None)
    return found is value


FAMILIES: list[tuple[type, Describe]] = [
    (type, _describe_named),
    (Enum, _describe_enum),
    (FunctionType, _describe_function),
    (ModuleType, _describe_module),
    (PurePath, describe_path),
]
