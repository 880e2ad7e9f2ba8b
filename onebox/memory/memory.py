"""`Memory`: results of functions kept on disk, found again as long as nothing that made them changed."""

from __future__ import annotations

import asyncio
import functools
import inspect
import time
import types
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Generic, ParamSpec, TypeVar, overload

from onebox.errors import BadInput
from onebox.memory.code import CodeKey, fingerprint
from onebox.memory.entries import MISSING, Entries
from onebox.memory.keys import key_of
from onebox.storage.hashing import hash_bytes

P = ParamSpec("P")
T = TypeVar("T")


class Memory:
    """A folder in which results of functions are kept.

    A result is found again when the function, all of the user's own code and constants that it
    names, the versions of the packages that it names, and the arguments are the same; in any
    process, on any machine. Going back to old code finds the old results.

    Parameters
    ----------
    folder : path
        Where the results are; made when the first one is kept.

    Notes
    -----
    Results are stored without pickle: arrays, tables, sparse matrices, numbers, text, containers of
    these, and models of onebox. What else a function returns is handed on and not kept, with a
    warning. So is every result when the folder cannot be written to.

    Several threads and processes that ask for one result at the same time compute it once on one
    machine (``async`` functions: once in one process). A killed process leaves nothing that could
    be taken for a result: entries appear whole, and carry checksums, which copying reads verify.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np, onebox as ob
    >>> memory = ob.Memory(tempfile.mkdtemp())
    >>> @memory.cache
    ... def squares(n):
    ...     print("computing")
    ...     return np.arange(n) ** 2
    >>> squares(4)
    computing
    array([0, 1, 4, 9])
    >>> squares(4)
    array([0, 1, 4, 9])
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    def __repr__(self) -> str:
        return f"Memory({str(self.folder)!r})"

    @overload
    def cache(self, function: Callable[P, T]) -> Cached[P, T]: ...

    @overload
    def cache(
        self, function: None = None, *, ignore: Iterable[str] = (), version: object = None,
        expires: float | timedelta | None = None,
    ) -> Callable[[Callable[P, T]], Cached[P, T]]: ...  # fmt: skip

    def cache(
        self, function: Callable[P, T] | None = None, *, ignore: Iterable[str] = (),
        version: object = None, expires: float | timedelta | None = None,
    ) -> Any:  # fmt: skip
        """Keep the results of a function: a decorator, with or without arguments.

        Parameters
        ----------
        function : callable
            A plain function, a method (its object is an argument like any other) or an ``async``
            function.
        ignore : iterable of str
            Arguments that do not change the result, such as ``verbose``.
        version : object
            Part of the key: change it to compute anew what code does not tell of, such as a file
            that is read.
        expires : seconds or timedelta, optional
            Age at which a result is computed anew.

        Returns
        -------
        Cached

        Raises
        ------
        BadInput
            For a generator function, or a name in `ignore` that is no argument.
        """
        if function is None:
            return lambda function: self.cache(
                function, ignore=ignore, version=version, expires=expires
            )
        ignore = (ignore,) if isinstance(ignore, str) else tuple(ignore)
        seconds = expires.total_seconds() if isinstance(expires, timedelta) else expires
        kind = CachedCoroutine if inspect.iscoroutinefunction(function) else Cached
        return kind(self, function, ignore, version, seconds)


@dataclass(frozen=True)
class Call:
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
        Its file.
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


class Cached(Generic[P, T]):
    """A function whose results are kept. Made by `Memory.cache`."""

    __wrapped__: Callable[P, T]

    def __init__(
        self, memory: Memory, function: Callable[P, T], ignore: tuple[str, ...], version: object,
        expires: float | None,
    ) -> None:  # fmt: skip
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise BadInput(
                f"{function.__qualname__} is a generator function, whose items are not kept. Return a "
                "list or an array, or write a Dataset with persist."
            )
        functools.update_wrapper(self, function)
        self.memory, self.function = memory, function
        self._ignore, self._version, self._expires = ignore, version, expires
        self._signature = inspect.signature(function)
        unknown = [name for name in ignore if name not in self._signature.parameters]
        if unknown:
            raise BadInput(
                f"ignore names {unknown[0]!r}, which {function.__qualname__} does not take: "
                f"{self._signature}."
            )
        self._entries = Entries(memory.folder, f"{function.__module__}.{function.__qualname__}")

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else types.MethodType(self, instance)

    def __repr__(self) -> str:
        return f"<{self.function.__qualname__}, kept in {self.memory.folder}>"

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        call = self._call(args, kwargs)
        value: Any = self._found(call)
        if value is not MISSING:
            return value  # type: ignore[no-any-return]
        with self._entries.leased(call.key):
            value = self._found(call)  # by whoever was waited for
            if value is MISSING:
                value = self.function(*args, **kwargs)
                self._entries.write(call.key, value, call.recipe)
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
        if not self._entries.path(call.key).exists():
            raise BadInput(f"The result of {self.function.__qualname__} could not be kept.")
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
        age = self._entries.age(call.key, time.time())
        if age is not None and self._fresh(call):
            return "\n".join([f"A hit: {self._entries.path(call.key)}.", *lines])
        if age is not None:
            return "\n".join([f"A miss: its result is {age:,.0f} s old and has expired.", *lines])
        differing = [_differences(recipe, call.recipe) for recipe in self._entries.recipes()]
        if not differing:
            return "\n".join(["A miss: nothing of this function is kept.", *lines])
        nearest = min(differing, key=len)
        return "\n".join(["A miss. Other than in the most similar call:", *nearest, *lines])

    def _call(self, args: Any, kwargs: Any) -> Call:
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        keys = {
            name: key_of(value, key_of_code=_code_key, argument=name)
            for name, value in bound.arguments.items()
            if name not in self._ignore
        }
        code = fingerprint(self.function, key_of=_value_key)
        version = key_of(self._version)
        parts = [code.key, version, *(text for pair in keys.items() for text in pair)]
        return Call(hash_bytes("\0".join(parts).encode()), keys, code, version)

    def _fresh(self, call: Call) -> bool:
        age = self._entries.age(call.key, time.time())
        return age is not None and not (self._expires is not None and age > self._expires)

    def _found(self, call: Call) -> Any:
        return self._entries.read(call.key) if self._fresh(call) else MISSING


class CachedCoroutine(Cached[P, T]):
    """An ``async`` function whose results are kept: awaited once for callers at the same time."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        if hasattr(inspect, "markcoroutinefunction"):  # from Python 3.12 on
            inspect.markcoroutinefunction(self)
        self._running: dict[tuple[int, str], asyncio.Task[Any]] = {}

    async def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Any:  # type: ignore[override]
        call = self._call(args, kwargs)
        value = await asyncio.to_thread(self._found, call)
        if value is not MISSING:
            return value
        at = (id(asyncio.get_running_loop()), call.key)
        task = self._running.get(at)
        if task is None:
            task = asyncio.ensure_future(self._compute(call, args, kwargs))
            self._running[at] = task
            task.add_done_callback(lambda _: self._running.pop(at, None))
        return await asyncio.shield(task)

    async def _compute(self, call: Call, args: Any, kwargs: Any) -> Any:
        value = await self.function(*args, **kwargs)  # type: ignore[misc]
        await asyncio.to_thread(self._entries.write, call.key, value, call.recipe)
        return value

    def ref(self, *args: P.args, **kwargs: P.kwargs) -> Ref:
        """A handle on a result that is there.

        Raises
        ------
        BadInput
            When it is not: await the function first.
        """
        call = self._call(args, kwargs)
        if not self._fresh(call):
            raise BadInput(
                f"Await {self.function.__qualname__}(...) first; its result is not kept."
            )
        return Ref(self._entries.path(call.key), self._entries, call.key)


def _differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
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
