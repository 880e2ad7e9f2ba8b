"""Functions whose results are kept."""

from __future__ import annotations

import functools
import inspect
import sys
import time
import types
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, NamedTuple, ParamSpec, TypeVar

from onebox.errors import BadInput, WrongType
from onebox.memory.binding import Binding
from onebox.memory.code import CodeKey, fingerprint
from onebox.memory.entries import MISSING, Entries
from onebox.memory.keys import key_of
from onebox.memory.kinds import is_lazy
from onebox.storage.hashing import hash_bytes

P = ParamSpec("P")
T = TypeVar("T")


class Call(NamedTuple):
    """One call of a function: its key, and the keys of all that it is made of."""

    key: str
    arguments: dict[str, str]
    code: CodeKey
    version: str

    @property
    def recipe(self) -> dict[str, Any]:
        """What is written beside the result."""
        parts = [[part.name, part.kind, part.key] for part in self.code.parts]
        return {"arguments": self.arguments, "code": parts, "version": self.version}


@dataclass(frozen=True)
class Ref:
    """A kept result that has not been loaded.

    Attributes
    ----------
    path : pathlib.Path
        The file that it is in.
    """

    path: Path
    _entries: Entries
    _key: str

    def get(self) -> Any:
        """The result, arrays mapped into memory: read-only, and read from the disk when used.

        Raises
        ------
        BadInput
            When it has been deleted since.
        """
        value = self._entries.read(self._key, mmap=True)
        if value is MISSING:
            raise BadInput(f"{self.path} is not there any more. Call the function again.")
        return value


def name_of(function: Any) -> str:
    """What results of a function are listed under; those of a callable object under its class."""
    while isinstance(function, functools.partial):
        function = function.func
    named = function if hasattr(function, "__qualname__") else type(function)
    return f"{named.__module__}.{named.__qualname__}"


class Cached(Generic[P, T]):
    """A function whose results are kept. Made by `Memory.cache`."""

    __wrapped__: Callable[P, T]

    def __init__(
        self, entries: Entries, function: Callable[P, T], ignore: tuple[str, ...],
        files: tuple[str, ...], version: object, expires: float | None,
    ) -> None:  # fmt: skip
        if inspect.isasyncgenfunction(function):
            raise BadInput(
                f"{name_of(function)} is an async generator function, whose items are not kept. "
                "Return a list or an array, or use a plain generator function."
            )
        functools.update_wrapper(self, function)
        self.function = function
        self._made_with = entries, function, ignore, files, version, expires
        self._ignore, self._files = ignore, files
        self._version, self._expires = _version_key(version), expires
        signature = _signature(function)
        self._bound = Binding(signature)
        for option, names in (("ignore", ignore), ("files", files)):
            for name in names:
                if name not in signature.parameters:
                    raise BadInput(
                        f"{option} names {name!r}, which {name_of(function)} does not take: "
                        f"{signature}."
                    )
        self._entries = entries

    def __reduce__(self) -> Any:
        if self.__module__ != "__main__":  # whose name means something else in another process
            found: Any = sys.modules.get(self.__module__)
            qualified: str = getattr(self, "__qualname__", "")
            for name in qualified.split("."):
                found = getattr(found, name, None)
            if found is self:
                return qualified
        return type(self), self._made_with

    def __onebox_key__(self) -> Any:
        return self.function, self._version

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else types.MethodType(self, instance)

    def __repr__(self) -> str:
        return f"<{name_of(self.function)}, kept in {self._entries.shelf.folder}>"

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        call = self._call(args, kwargs)
        value: Any = self._found(call)
        if value is not MISSING:
            return value  # type: ignore[no-any-return]
        with self._entries.leased(call.key) as waited:
            self._entries.refresh(now=waited)
            value = self._found(call)  # by whoever was waited for
            if value is MISSING:
                started = time.perf_counter()
                value = self.function(*args, **kwargs)
                seconds = time.perf_counter() - started
                if self._entries.write(call.key, value, call.recipe, seconds) and is_lazy(value):
                    value = self._found(call)  # not computed a second time
        return value  # type: ignore[no-any-return]

    def ref(self, *args: P.args, **kwargs: P.kwargs) -> Ref:
        """A handle on the result of a call, which is computed if it is not there, and not loaded.

        Raises
        ------
        BadInput
            When the result cannot be kept.
        """
        call = self._call(args, kwargs)
        if not self._fresh(call):
            self(*args, **kwargs)
        if self._entries.age(call.key) is None:
            raise BadInput(f"The result of {name_of(self.function)} could not be kept.")
        return Ref(self._entries.path(call.key), self._entries, call.key)

    def is_cached(self, *args: P.args, **kwargs: P.kwargs) -> bool:
        """Whether a call would find its result. Reads no data."""
        return self._fresh(self._call(args, kwargs))

    def forget(self, *args: P.args, **kwargs: P.kwargs) -> bool:
        """Delete the result of a call; whether there was one."""
        return self._entries.forget(self._call(args, kwargs).key)

    def explain(self, *args: P.args, **kwargs: P.kwargs) -> str:
        """Why a call would find its result, or what is other than in the most similar one kept."""
        call = self._call(args, kwargs)
        lines = [f"not followed: {text}" for text in call.code.unfollowed]
        age = self._entries.age(call.key)
        if age is not None and self._fresh(call):
            return "\n".join([f"A hit: {self._entries.path(call.key)}.", *lines])
        if age is not None:
            return "\n".join([f"A miss: its result is {age:,.0f} s old and has expired.", *lines])
        differing = [differences(recipe, call.recipe) for recipe in self._entries.recipes()]
        if not differing:
            return "\n".join(["A miss: nothing of this function is kept.", *lines])
        nearest = min(differing, key=len)
        return "\n".join(["A miss. Other than in the most similar call:", *nearest, *lines])

    def _call(self, args: Any, kwargs: Any) -> Call:
        keys = {
            name: self._key(name, value)
            for name, value in self._bound(args, kwargs).items()
            if name not in self._ignore
        }
        code = fingerprint(self.function, key_of=_value_key)
        parts = [code.key, self._version, *(text for pair in keys.items() for text in pair)]
        return Call(hash_bytes("\0".join(parts).encode()), keys, code, self._version)

    def _key(self, name: str, value: Any) -> str:
        if name not in self._files:
            return key_of(value, key_of_code=_code_key, argument=name)
        paths = [Path(path) for path in value] if isinstance(value, list | tuple) else Path(value)
        return key_of(paths, files_by_content=True, argument=name)

    def _fresh(self, call: Call) -> bool:
        age = self._entries.age(call.key)
        return age is not None and not (self._expires is not None and age > self._expires)

    def _found(self, call: Call) -> Any:
        return self._entries.read(call.key, expires=self._expires)


def _signature(function: Any) -> inspect.Signature:
    """Signature of what is to be kept.

    Raises
    ------
    BadInput
        It has none.
    """
    try:
        return inspect.signature(function)
    except (TypeError, ValueError) as error:
        raise BadInput(
            f"Results of {function!r} cannot be kept: {error}. Put the call into a function of your "
            "own, and keep that one's results."
        ) from error


def _version_key(version: object) -> str:
    try:
        return key_of(version)
    except (BadInput, WrongType) as error:
        raise type(error)(f"version: {error}") from error


def differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """What two recipes do not have in common."""
    lines = []
    names = dict.fromkeys([*old["arguments"], *new["arguments"]])
    lines += [f"argument {n}" for n in names if old["arguments"].get(n) != new["arguments"].get(n)]
    before = {(name, kind): key for name, kind, key in old["code"]}
    after = {(name, kind): key for name, kind, key in new["code"]}
    for name, kind in dict.fromkeys([*before, *after]):
        if before.get((name, kind)) != after.get((name, kind)):
            lines.append(f"{kind} {name}")
    return lines if old["version"] == new["version"] else [*lines, "version"]


def _code_key(function: Any) -> str:
    return fingerprint(function, key_of=_value_key).key


def _value_key(value: object) -> str:
    return key_of(value, key_of_code=_code_key)
