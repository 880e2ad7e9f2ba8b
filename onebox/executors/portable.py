"""Functions that can be sent anywhere: closures and those of the script itself, by what they are."""

from __future__ import annotations

import sys
from collections import ChainMap
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder
from io import BytesIO
from threading import Lock
from types import CodeType, FunctionType, ModuleType
from typing import Any, ClassVar

import cloudpickle

_registering = Lock()


def _reduced_code(code: CodeType) -> Any:
    # cloudpickle leaves the file out, so that equal code is equal bytes; tracebacks need it.
    return _with_file, (*cloudpickle.Pickler.dispatch_table[CodeType](code), code.co_filename)


def _with_file(make: Callable[..., CodeType], parts: tuple[Any, ...], file: str) -> CodeType:
    return make(*parts).replace(co_filename=file)


class Pickler(cloudpickle.Pickler):  # type: ignore[misc]
    """A cloudpickle whose code knows its file, and which knows modules of special classes.

    Functions and classes go by value where another process could not import their module: a test
    runner or a notebook may have loaded it from a file that is in no folder that Python searches.
    """

    dispatch_table: ClassVar[Any] = ChainMap(
        {CodeType: _reduced_code}, cloudpickle.Pickler.dispatch_table
    )

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, ModuleType) and type(value) is not ModuleType:
            return import_module, (value.__name__,)  # a lazy package, as onebox is one
        if isinstance(value, FunctionType | type):
            module = sys.modules.get(value.__module__ or "")
            if module is not None and not _is_found_elsewhere(module):
                with _by_value(module):
                    return super().reducer_override(value)
        return super().reducer_override(value)


class Portable:
    """A function that pickles itself with cloudpickle, for executors that know only pickle.

    Parameters
    ----------
    function : callable
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self._pickled: bytes | None = None

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return self.function(*arguments, **named)

    def __reduce__(self) -> Any:
        if self._pickled is None:  # once, however many chunks there are
            out = BytesIO()
            Pickler(out, protocol=5).dump(self.function)
            self._pickled = out.getvalue()
        return _unpickled, (self._pickled,)


def _unpickled(pickled: bytes) -> Portable:
    return Portable(cloudpickle.loads(pickled))


@contextmanager
def _by_value(module: ModuleType) -> Iterator[None]:
    """Make cloudpickle take what is of a module by value, and nobody else's pickles with it."""
    with _registering:
        already = module.__name__ in cloudpickle.list_registry_pickle_by_value()
        cloudpickle.register_pickle_by_value(module)
        try:
            yield
        finally:
            if not already:
                cloudpickle.unregister_pickle_by_value(module)


def _is_found_elsewhere(module: ModuleType) -> bool:
    name = module.__name__
    return name == "__main__" or _can_be_imported(name, getattr(module, "__file__", None))


@cache
def _can_be_imported(name: str, file: str | None) -> bool:
    """Whether a fresh process would find the same module under that name."""
    if file is None:  # built in, or made by hand: what that is, only an attempt can tell
        return True
    path, found = None, None
    parts = name.split(".")
    for at in range(len(parts)):
        found = _found(".".join(parts[: at + 1]), path)
        if found is None:
            return False
        path = found.submodule_search_locations
    return found is not None and found.origin == file


def _found(name: str, path: Sequence[str] | None) -> ModuleSpec | None:
    """Find a module as Python does at its start, and not as test runners have taught this process to."""
    finders: list[Any] = [PathFinder]
    for finder in sys.meta_path:
        if str(getattr(finder, "__module__", "")).startswith("__editable__"):
            finders.append(finder)
    for finder in finders:
        found: ModuleSpec | None = finder.find_spec(name, path)
        if found is not None:
            return found
    return None
