"""What a class of the user says: its bases, attributes and annotations, as they are at run time.

They are read from the class, not from its source, so that what decorators and metaclasses did counts.
What Python itself adds to classes, and differs between versions, is left out.
"""

from __future__ import annotations

import ast
import dataclasses
import enum
import operator
import re
import sys
import types
import typing
from collections.abc import Iterator
from typing import Any

from onebox.memory.code.origin import origin_of
from onebox.memory.code.walk import Part, Token, Walk
from onebox.storage.hashing import hash_json

if sys.version_info >= (3, 14):
    import annotationlib

_ADDED = frozenset(
    {
        "__module__",
        "__doc__",
        "__dict__",
        "__weakref__",
        "__qualname__",
        "__annotations__",
        "__annotate__",
        "__annotate_func__",
        "__annotations_cache__",
        "__firstlineno__",
        "__static_attributes__",
        "__type_params__",
        "__abstractmethods__",
        "_abc_impl",
        "__parameters__",
        "__orig_bases__",
        "__dataclass_fields__",
        "__dataclass_params__",
        "__protocol_attrs__",
        "__non_callable_proto_members__",
        "_is_protocol",
        "_is_runtime_protocol",
        "__attrs_attrs__",
        "__attrs_own_setattr__",
        "__attrs_props__",
    }
)
_GENERATORS = frozenset({"dataclasses", "collections"})


def follow_class(walk: Walk, cls: type) -> list[Token]:
    """Everything that a class refers to, in an order that its layout does not change."""
    name = f"{cls.__module__}.{cls.__qualname__}"
    walk.watch(getattr, cls, "__bases__")
    walk.sizes.append((vars(cls), len(vars(cls))))
    annotations = list(_annotations(walk, cls))
    fields = list(_fields(walk, cls, name)) if dataclasses.is_dataclass(cls) else []
    members = list(_members(walk, cls, name)) if isinstance(cls, enum.EnumMeta) else []
    own = [cls.__qualname__, [text for text, _ in annotations]]
    walk.parts[Part(name, "class", hash_json(own))] = None
    bases = [walk.token(base, name, "base") for base in (*cls.__bases__, type(cls))]
    attributes = [
        [
            attribute,
            walk.follow(operator.getitem, vars(cls), attribute, f"{name}.{attribute}", "attribute"),
        ]
        for attribute in sorted(map(str, vars(cls)))
        if not _is_added(cls, attribute, vars(cls)[attribute])
    ]
    return [own, bases, [tokens for _, tokens in annotations], fields, members, attributes]


def _is_added(cls: type, name: str, value: Any) -> bool:
    """Whether Python, or a decorator or base of the standard library, made an attribute."""
    if name in _ADDED:
        return True
    if isinstance(cls, enum.EnumMeta):
        sunder = re.fullmatch(r"_[^_].*[^_]_", name) is not None
        data = not callable(getattr(value, "__func__", value)) or isinstance(value, type)
        return name in cls.__members__ or _is_generated(value) or (sunder and data)
    if dataclasses.is_dataclass(cls) or hasattr(cls, "_fields"):
        return _is_generated(value)
    return False


def _is_generated(value: Any) -> bool:
    value = getattr(value, "__func__", value)
    while hasattr(value, "__wrapped__"):
        value = value.__wrapped__
    if not isinstance(value, types.FunctionType):
        return type(value).__name__ == "_tuplegetter"
    home = str(value.__globals__.get("__name__"))
    return (
        value.__code__.co_qualname.startswith("__create_fn__.")
        or home.startswith("namedtuple_")
        or home in _GENERATORS
        or home == "enum"
    )


def _fields(walk: Walk, cls: Any, name: str) -> Iterator[Token]:
    """The fields of a dataclass, in their order; its methods follow from them."""
    options = cls.__dataclass_params__
    yield [
        options.init,
        options.repr,
        options.eq,
        options.order,
        options.unsafe_hash,
        options.frozen,
    ]
    for each in cls.__dataclass_fields__.values():
        flags = [each.init, each.repr, each.hash, each.compare, each.kw_only is True]
        given = [each.default, each.default_factory]
        label = f"{name}.{each.name}"
        yield [
            each.name,
            flags,
            *(v is not dataclasses.MISSING and walk.token(v, label, "attribute") for v in given),
        ]


def _members(walk: Walk, cls: enum.EnumMeta, name: str) -> Iterator[Token]:
    members: dict[str, Any] = dict(cls.__members__)
    for title, member in members.items():
        yield [title, walk.follow(getattr, member, "_value_", f"{name}.{title}", "attribute")]


def _annotations(walk: Walk, cls: type) -> Iterator[tuple[object, Token]]:
    """Names and types of annotated attributes, and the user's own classes among the types."""
    if sys.version_info >= (3, 14):
        found = annotationlib.get_annotations(cls, format=annotationlib.Format.STRING)
    else:
        found = vars(cls).get("__annotations__", {})
    namespace = vars(sys.modules[cls.__module__]) if cls.__module__ in sys.modules else {}
    for name, kind in found.items() if isinstance(found, dict) else ():
        text = kind if isinstance(kind, str) else getattr(kind, "__qualname__", None) or repr(kind)
        classes = [each for each in _classes(kind, namespace) if each is not cls]
        own = [each for each in classes if origin_of(each.__module__).kind == "user"]
        yield [name, text], [walk.part(each) for each in own]


def _classes(kind: Any, namespace: dict[str, Any]) -> Iterator[type]:
    """The classes that an annotation names."""
    if isinstance(kind, str):
        try:
            tree = ast.parse(kind, mode="eval")
        except SyntaxError:
            return
        for node in ast.walk(tree):
            if isinstance(node, ast.Name):
                kind = namespace.get(node.id)
                yield from _classes(None if isinstance(kind, str) else kind, namespace)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield from _classes(node.value, namespace)
    elif isinstance(kind, type):
        yield kind
    else:
        for each in typing.get_args(kind):
            yield from _classes(each, namespace)
