"""What a function of the user refers to: defaults, cells of its closure, and the names in its code."""

from __future__ import annotations

import builtins
import importlib
import operator
import sys
from collections import deque
from types import CodeType, FunctionType, ModuleType
from typing import Any

from onebox.memory.code.bytecode import bytecode_syntax
from onebox.memory.code.origin import import_of, is_user_module, origin_of
from onebox.memory.code.reference import Reference, Syntax
from onebox.memory.code.source import find_source
from onebox.memory.code.syntax import function_syntax, surroundings
from onebox.memory.code.walk import Get, Part, Token, Walk
from onebox.storage.hashing import hash_json

# What runs code, or looks things up, by a text that is only known when it runs.
_DYNAMIC = (
    builtins.eval,
    builtins.exec,
    builtins.__import__,
    builtins.globals,
    importlib.import_module,
)
_CHANGERS = frozenset(
    {
        "add",
        "append",
        "appendleft",
        "clear",
        "discard",
        "extend",
        "insert",
        "pop",
        "popitem",
        "remove",
        "setdefault",
        "update",
    }
)
_CONTAINERS = (dict, list, set, deque, bytearray)


def follow_function(walk: Walk, function: FunctionType, around: bool) -> list[Token]:
    """Everything that a function refers to; with ``around``, its decorators and annotations too."""
    syntax = _syntax(function.__code__, function.__globals__)
    name = f"{function.__module__}.{function.__qualname__}"
    own = [function.__name__, syntax.key]
    walk.parts[Part(name, "function", hash_json(own))] = None
    for attribute in ("__code__", "__defaults__", "__kwdefaults__", "__name__"):
        walk.watch(getattr, function, attribute)
    names = _Names(walk, function, name, syntax)
    tokens = [own, names.defaults(), names.cells(), names.all()]
    if "__wrapped__" in vars(function):
        inner = (operator.getitem, vars(function), "__wrapped__")
        tokens.append(walk.follow(*inner, f"{name}.__wrapped__", "attribute"))
    if around:
        # Not kept by code object: code may be equal below other decorators.
        found = find_source(function.__code__, function.__globals__)
        if found is not None and (outer := surroundings(found.node)) is not None:
            tokens.append([outer.key, _Names(walk, function, name, outer).all()])
    return tokens


_SYNTAX: dict[tuple[str, CodeType], Syntax] = {}


def _syntax(code: CodeType, module_globals: dict[str, Any]) -> Syntax:
    """What a code object says; equal code of one file says the same."""
    syntax = _SYNTAX.get((code.co_filename, code))
    if syntax is None:
        found = find_source(code, module_globals)
        if found is None:
            syntax = bytecode_syntax(code)
        else:
            syntax = function_syntax(found.node, found.private, code.co_freevars)
        if len(_SYNTAX) >= 10_000:
            _SYNTAX.clear()
        _SYNTAX[code.co_filename, code] = syntax
    return syntax


class _Names:
    """Finds what the names in one function stand for now."""

    def __init__(self, walk: Walk, function: FunctionType, name: str, syntax: Syntax) -> None:
        self.walk = walk
        self.function = function
        self.name = name
        self.syntax = syntax
        self.written = {
            (ref.kind, ref.name, ref.path) for ref in syntax.references if ref.use == "write"
        }

    def defaults(self) -> list[Token]:
        function, walk = self.function, self.walk
        code, given = function.__code__, function.__defaults__ or ()
        names = code.co_varnames[code.co_argcount - len(given) : code.co_argcount]
        tokens = [
            [name, walk.follow(operator.getitem, given, i, f"{self.name}.{name}", "default")]
            for i, name in enumerate(names)
        ]
        keywords = function.__kwdefaults__ or {}
        return tokens + [
            [name, walk.follow(operator.getitem, keywords, name, f"{self.name}.{name}", "default")]
            for name in sorted(keywords)
        ]

    def cells(self) -> list[Token]:
        """The variables of functions around, in the order of the text."""
        return [self.cell(free) for free in self.syntax.free]

    def cell(self, free: str) -> Token:
        closure = self.function.__closure__ or ()
        cell = closure[self.function.__code__.co_freevars.index(free)]
        name = f"{self.name}.{free}"
        if ("free", free, ()) in self.written:
            self.unfollowed(f"{free} is changed by the function", None)
            return ["written"]
        try:
            value = cell.cell_contents
        except ValueError:
            self.unfollowed(f"{free} is not set yet", None)
            self.walk.same.append((getattr, cell, "cell_contents", None))  # looked for every time
            return ["unset"]
        if isinstance(value, ModuleType):
            # Its attributes are followed where they are named.
            self.walk.watch(getattr, cell, "cell_contents")
            return ["module"]
        return self.walk.follow(getattr, cell, "cell_contents", name, "closure")

    def all(self) -> list[Token]:
        tokens: list[Token] = []
        for ref in self.syntax.references:
            if any(
                (ref.kind, ref.name, ref.path[:n]) in self.written for n in range(len(ref.path) + 1)
            ):
                if ref.use == "write":
                    self.unfollowed(f"{_dotted(ref)} is changed by the function", ref)
            elif (token := self.reference(ref)) is not None:
                label = "" if ref.kind == "free" else ref.name
                tokens.append([ref.kind, label, list(ref.path), token])
        return tokens

    def reference(self, ref: Reference) -> Token:
        """Token of what a reference leads to; None where that is known by other means."""
        match ref.kind:
            case "global":
                return self.from_globals(ref)
            case "import":
                return self.from_import(ref)
        closure = self.function.__closure__ or ()
        cell = closure[self.function.__code__.co_freevars.index(ref.name)]
        if _is_set(cell) and isinstance(cell.cell_contents, ModuleType):
            return self.along(ref, getattr, cell, "cell_contents", ref.path, ref.name)
        return None  # among the cells

    def from_globals(self, ref: Reference) -> Token:
        namespace = self.function.__globals__
        if ref.name in namespace:
            module = namespace.get("__name__")
            return self.along(
                ref, operator.getitem, namespace, ref.name, ref.path, f"{module}.{ref.name}"
            )
        self.walk.watch_absent(namespace, ref.name)
        if not hasattr(builtins, ref.name):
            self.unfollowed(f"{ref.name} is not defined", ref)
            return ["undefined"]
        if getattr(builtins, ref.name) in _DYNAMIC:
            self.unfollowed(f"{ref.name}()", ref)
        return None

    def from_import(self, ref: Reference) -> Token:
        try:
            name = import_of(ref.name, self.function.__globals__)
            origin = origin_of(name)
            if origin.kind != "user":
                if ref.path[-1:] == ("import_module",):
                    self.unfollowed("import_module()", ref)
                return self.walk.package(origin)
            # The function would import it as well; without it there is nothing to follow.
            importlib.import_module(name)
            if ref.path and not hasattr(sys.modules[name], ref.path[0]):
                importlib.import_module(f"{name}.{ref.path[0]}")
        except Exception as error:
            self.unfollowed(f"{_dotted(ref)} cannot be imported ({error})", ref)
            return ["undefined"]
        return self.along(ref, operator.getitem, sys.modules, name, ref.path, name)

    def along(
        self, ref: Reference, get: Get, container: Any, index: Any, path: tuple[str, ...], name: str
    ) -> Token:
        """Go through modules of the user, attribute by attribute, to what is in them."""
        walk = self.walk
        value = get(container, index)
        while path and isinstance(value, ModuleType) and is_user_module(value):
            walk.watch(get, container, index)
            name = f"{value.__name__}.{path[0]}"
            inside = path[0] in vars(value)
            get, container = (operator.getitem, vars(value)) if inside else (getattr, value)
            index, path = path[0], path[1:]
            try:
                value = get(container, index)
            except AttributeError:
                walk.watch_absent(vars(container), index)
                self.unfollowed(f"{name} is not defined", ref)
                return ["undefined"]
        return self.arrived(ref, get, container, index, path, name)

    def arrived(
        self, ref: Reference, get: Get, container: Any, index: Any, path: tuple[str, ...], name: str
    ) -> Token:
        value = get(container, index)
        if any(value is each for each in _DYNAMIC) or path[-1:] == ("import_module",):
            self.unfollowed(f"{_dotted(ref)}()", ref)
        if isinstance(value, ModuleType) and is_user_module(value):
            if ref.use == "read":
                self.unfollowed(f"what is taken from the module {value.__name__}", ref)
            self.walk.watch(get, container, index)
            return ["module"]
        if path and path[0] in _CHANGERS and isinstance(value, _CONTAINERS):
            self.unfollowed(f"{name} is changed by the function", ref)
            return ["written"]
        token = self.walk.follow(get, container, index, name, "constant")
        if path and isinstance(value, FunctionType) and path[0] in vars(value):
            inner = (operator.getitem, vars(value), path[0])
            return [token, self.walk.follow(*inner, f"{name}.{path[0]}", "attribute")]
        if path[:1] == ("__doc__",):
            return [
                token,
                self.walk.follow(getattr, value, "__doc__", f"{name}.__doc__", "attribute"),
            ]
        return token

    def unfollowed(self, what: str, ref: Reference | None) -> None:
        line = ref.line if ref else self.function.__code__.co_firstlineno
        self.walk.unfollowed[f"{self.name}, line {line}: {what}"] = None


def _dotted(ref: Reference) -> str:
    return ".".join((ref.name, *ref.path))


def _is_set(cell: Any) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False
