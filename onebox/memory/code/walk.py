"""One walk through what a piece of code refers to: every object becomes a token, or is left for later.

Functions and classes of the user are *parts*: a token names them, and their contents are added once, by
whoever takes them from `Walk.pending`. So recursion ends, and depth costs no stack. A part's name is the
qualified name of its object and a number: it says nothing of the file, so that code may be moved.
"""

from __future__ import annotations

import enum
import functools
import logging
import operator
import sys
import threading
import types
import typing
from collections import Counter, deque
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

from onebox.memory.code.origin import Origin, origin_of
from onebox.storage.hashing import hash_json

Token: TypeAlias = Any  # nested lists of plain values
Get: TypeAlias = Callable[[Any, Any], object]

# Objects that change how a function runs but not what comes out.
HARMLESS = (
    logging.Logger,
    logging.LoggerAdapter,
    type(threading.Lock()),
    type(threading.RLock()),
    threading.Condition,
    threading.Event,
    threading.Semaphore,
)
# The places of slots, and other fittings that Python makes for a class.
_FITTINGS = (types.MemberDescriptorType, types.GetSetDescriptorType)
_COMPILED = (
    types.BuiltinFunctionType,
    types.MethodDescriptorType,
    types.WrapperDescriptorType,
    types.MethodWrapperType,
    types.ClassMethodDescriptorType,
)
_ATOMS = (bool, int, float, complex, str, bytes, types.NoneType, types.EllipsisType)
# What cannot change while it is the same object, apart from parts, which are watched themselves.
_STEADY = (
    types.FunctionType,
    type,
    types.ModuleType,
    staticmethod,
    classmethod,
    property,
    functools.cached_property,
    enum.Enum,
    *HARMLESS,
    *_COMPILED,
    *_FITTINGS,
)


class Part(NamedTuple):
    """Something that was followed: its name, its kind and its own key (a version for packages)."""

    name: str
    kind: str
    key: str


@dataclass
class Walk:
    """What was met on the way, and what has to stay as it is for the key to hold.

    Parameters
    ----------
    key_of
        The key of a value.
    labels
        The names of parts, by the ids of their objects.
    closed
        Whether no part may be added: the walk only looks whether a token is still the same.
    """

    key_of: Callable[[object], str]
    labels: dict[tuple[int, bool], str] = field(default_factory=dict)
    closed: bool = False
    pending: deque[tuple[Any, bool]] = field(default_factory=deque)
    contents: dict[str, Token] = field(default_factory=dict)
    parts: dict[Part, None] = field(default_factory=dict)
    unfollowed: dict[str, None] = field(default_factory=dict)
    same: list[tuple[Get, Any, Any, object]] = field(default_factory=list)
    sizes: list[tuple[Any, int]] = field(default_factory=list)
    again: list[tuple[Get, Any, Any, Token]] = field(default_factory=list)
    _held: list[object] = field(default_factory=list)
    _count: Counter[str] = field(default_factory=Counter)

    # What has to stay as it is

    def follow(self, get: Get, container: Any, index: Any, name: str, kind: str) -> Token:
        """Token of ``get(container, index)``, which is looked at again when the key is asked for."""
        value = get(container, index)
        token = self.token(value, name, kind)
        if _is_steady(value):
            self.same.append((get, container, index, value))
        else:
            # Not held: it may be large, and the user may want to be rid of it.
            self.again.append((get, container, index, token))
        return token

    def watch(self, get: Get, container: Any, index: Any) -> None:
        """Note that ``get(container, index)`` has to stay the same object."""
        self.same.append((get, container, index, get(container, index)))

    def watch_absent(self, container: Any, name: str) -> None:
        """Note that a name must not appear in a namespace."""
        self.same.append((operator.contains, container, name, False))

    def holds(self) -> bool:
        """Whether nothing that was met has changed since."""
        try:
            for get, container, index, value in self.same:
                if get(container, index) is not value:
                    return False
            for container, size in self.sizes:
                if len(container) != size:
                    return False
            if self.again:
                look = Walk(self.key_of, self.labels, closed=True)
                for get, container, index, token in self.again:
                    if look.token(get(container, index), "", "") != token:
                        return False
        except (LookupError, AttributeError, ValueError):  # a name or a cell's contents are gone
            return False
        return True

    # Tokens

    def token(self, value: Any, name: str, kind: str) -> Token:
        """What stands for an object in the key; parts that are new are left in `pending`."""
        for types_, make in _TOKENS:
            if isinstance(value, types_):
                return make(self, value, name, kind)
        return self._object(value, name, kind)

    def constant(self, value: object, name: str, kind: str) -> Token:
        """Token of a value by its key; functions found inside it come back to this walk."""
        before = ACTIVE.set(self)
        try:
            key = self.key_of(value)
        except Exception as error:
            reason = str(error).partition("\n")[0]
            self.unfollowed[f"{name}: a {type(value).__qualname__} without a key ({reason})"] = None
            return ["unkeyed", type(value).__qualname__]
        finally:
            ACTIVE.reset(before)
        self.parts[Part(name, kind, key)] = None
        return ["value", key]

    def package(self, origin: Origin) -> Token:
        """Token of an installed package; the language itself needs none."""
        if origin.kind != "package":
            return [origin.kind]
        self.parts[Part(origin.name, "package", origin.version)] = None
        return ["package", origin.name, origin.version]

    def part(self, value: Any, around: bool = False) -> Token:
        """Token of a function or class of the user, by its name among the parts.

        ``around`` asks for decorators and annotations as well.
        """
        label = self.labels.get((id(value), around))
        if label is None:
            if self.closed:
                return ["new"]
            qualname = value.__qualname__
            self._count[qualname] += 1
            label = f"{qualname}#{self._count[qualname]}"
            self.labels[id(value), around] = label
            self._held.append(value)
            self.pending.append((value, around))
        return ["part", label]

    def key(self, root: Token) -> str:
        """Key of everything that was met."""
        return hash_json([root, self.contents])

    def _function(self, value: types.FunctionType, name: str, kind: str) -> Token:
        origin = origin_of(value.__globals__.get("__name__"))
        if origin.kind == "user":
            return self.part(value)
        registry = getattr(value, "registry", None)
        if isinstance(registry, types.MappingProxyType):  # functools.singledispatch
            cases = sorted(registry.items(), key=lambda case: case[0].__qualname__)
            return [
                "dispatch",
                *([case.__qualname__, self.token(f, name, kind)] for case, f in cases),
            ]
        wrapped = getattr(value, "__wrapped__", None)
        if wrapped is not None:
            return self._wrapper(origin, wrapped, name, kind)
        # made by a function of that package, from what the user gave it
        tokens = [self.token(cell.cell_contents, name, kind) for cell in value.__closure__ or ()]
        return ["named", value.__module__, value.__qualname__, self.package(origin), tokens]

    def _wrapper(self, origin: Origin, wrapped: Any, name: str, kind: str) -> Token:
        """Something from elsewhere around a function of the user."""
        if origin.name in ("python", "onebox"):
            return self.token(wrapped, name, kind)  # lru_cache, contextmanager; a cached function
        # numba and others hide the arguments they were given, and look at annotations.
        user = isinstance(wrapped, types.FunctionType)
        inner = self.part(wrapped, around=True) if user else self.token(wrapped, name, kind)
        return ["wrapper", self.package(origin), inner]

    def _class(self, value: type, name: str, kind: str) -> Token:
        origin = origin_of(value.__module__)
        if origin.kind == "user":
            return self.part(value)
        if origin.kind == "extension":
            self.unfollowed[f"{name}: compiled code of {value.__module__}"] = None
        return ["named", value.__module__, value.__qualname__, self.package(origin)]

    def _method(self, value: types.MethodType, name: str, kind: str) -> Token:
        if (home := _home(value)) is not None:  # numpy.random.normal, not the generator behind it
            return ["named", *home, self.package(origin_of(home[0]))]
        inner = (value.__func__, value.__self__)
        return ["method", *(self.token(each, name, kind) for each in inner)]

    def _around_function(self, value: Any, name: str, kind: str) -> Token:
        inner = getattr(value, "__func__", None) or value.func
        return [type(value).__name__, self.token(inner, name, kind)]

    def _property(self, value: property, name: str, kind: str) -> Token:
        inner = (value.fget, value.fset, value.fdel)
        return ["property", *(each and self.token(each, name, kind) for each in inner)]

    def _partial(self, value: functools.partial[Any], name: str, kind: str) -> Token:
        inner = [self.token(each, name, kind) for each in (value.func, *value.args)]
        named = [
            [key, self.token(value.keywords[key], name, kind)] for key in sorted(value.keywords)
        ]
        return [type(value).__name__, inner, named]

    def _module(self, value: types.ModuleType, name: str, kind: str) -> Token:
        origin = origin_of(value.__name__)
        if origin.kind in ("user", "extension"):
            self.unfollowed[f"{name}: what is taken from the module {value.__name__}"] = None
        return ["module", value.__name__, self.package(origin)]

    def _compiled(self, value: Any, name: str, kind: str) -> Token:
        if (home := _home(value)) is not None:
            return ["named", *home, self.package(origin_of(home[0]))]
        owner = getattr(value, "__self__", None)
        if owner is not None and not isinstance(owner, types.ModuleType):
            return ["bound", value.__name__, self.token(owner, name, kind)]
        module = (
            getattr(value, "__module__", None) or getattr(value, "__objclass__", object).__module__
        )
        origin = origin_of(module)
        if origin.kind in ("user", "extension"):
            self.unfollowed[f"{name}: compiled code of {module}"] = None
        return ["named", module, value.__qualname__, self.package(origin)]

    def _skip(self, value: object, name: str, kind: str) -> Token:
        return ["skipped", type(value).__qualname__]

    def _object(self, value: Any, name: str, kind: str) -> Token:
        """Token of any other object: of its class and of what is in it."""
        cls = type(value)
        origin = origin_of(cls.__module__)
        wrapped = getattr(value, "__wrapped__", None) if callable(value) else None
        if wrapped is not None and origin.kind == "package":
            return self._wrapper(origin, wrapped, name, kind)
        if cls.__module__.startswith("onebox.memory"):
            return self._skip(value, name, kind)
        if cls.__module__ == "typing" or isinstance(value, types.GenericAlias | types.UnionType):
            inner = [self.token(each, name, kind) for each in typing.get_args(value)]
            return ["typing", repr(typing.get_origin(value) if inner else value), inner]
        if (home := _home(value)) is not None:  # numpy.add
            return ["named", *home, self.package(origin_of(home[0]))]
        inner = [] if wrapped is None else [self.token(wrapped, name, kind)]
        kinds = [] if origin.kind == "language" else [self.token(cls, name, kind)]
        return ["object", *inner, *kinds, self.constant(value, name, kind)]


_TOKENS: tuple[tuple[Any, Callable[[Walk, Any, str, str], Token]], ...] = (
    (_ATOMS, Walk.constant),
    (HARMLESS, Walk._skip),
    (types.FunctionType, Walk._function),
    (types.MethodType, Walk._method),
    ((staticmethod, classmethod, functools.cached_property), Walk._around_function),
    (property, Walk._property),
    ((functools.partial, functools.partialmethod), Walk._partial),
    (type, Walk._class),
    (types.ModuleType, Walk._module),
    (_COMPILED, Walk._compiled),
    (_FITTINGS, Walk._skip),
)

ACTIVE: ContextVar[Walk | None] = ContextVar("onebox code walk", default=None)


def _home(value: Any) -> tuple[str, str] | None:
    """The module and the name that a callable of an installed package is imported by."""
    name = getattr(value, "__name__", None)
    for module in (getattr(value, "__module__", None), type(value).__module__):
        if isinstance(name, str) and isinstance(module, str) and callable(value):
            here = vars(sys.modules[module]).get(name) if module in sys.modules else None
            if here is value and origin_of(module).kind == "package":
                return module, name
    return None


def _is_steady(value: object) -> bool:
    if type(value) in _ATOMS:
        return True
    if type(value) in (tuple, frozenset):
        return all(map(_is_steady, value))  # type: ignore[call-overload]
    return isinstance(value, _STEADY) and not hasattr(value, "registry")
