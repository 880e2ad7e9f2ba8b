"""Results of one function: values, from and to what lies in a cache folder."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    contextmanager,
    nullcontext,
    suppress,
)
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from onebox.errors import CorruptFile, MissingDependency, NotTrusted, OneboxError
from onebox.memory import packing, streams
from onebox.memory.index import FORMATS
from onebox.memory.lease import async_lease, lease
from onebox.memory.recipes import Recipe, code_key, recipe_of
from onebox.memory.shelf import Origin, Shelf
from onebox.memory.streams import Recorder
from onebox.memory.survey import warn
from onebox.memory.trust import Signer
from onebox.memory.values import Values

MISSING = object()
LOOKED_AT = 50  # results that are compared with a call that misses
FAILURES = (OneboxError, OSError, sqlite3.Error)


@dataclass(frozen=True)
class Folder:
    """A cache folder as one `Memory` uses it.

    Parameters
    ----------
    shelf : Shelf
        What lies in it.
    signer : Signer
        Its key.
    compress : {None, "lz4", "zstd"}
        How large results are compressed.
    readonly : bool
        Nothing is written to it.
    behind : Folder, optional
        Where to look for what is not in this one.
    """

    shelf: Shelf
    signer: Signer
    compress: str | None = None
    readonly: bool = False
    behind: Folder | None = None


class Entries:
    """The results of one function.

    Parameters
    ----------
    folder : Folder
        Where they are.
    name : str
        Of the function.
    """

    def __init__(self, folder: Folder, name: str) -> None:
        self.name = re.sub(r"[^\w.-]", "_", name)
        self.shelf, self.signer = folder.shelf, folder.signer
        self._values = Values(self.shelf, self.signer, self.name, folder.compress)
        self.readonly = folder.readonly
        self._folder = os.path.join(self.shelf.folder, self.name)
        self._behind = None if folder.behind is None else Entries(folder.behind, name)

    def path(self, key: str) -> Path:
        """The file in which a result is; the segment, if it is packed with others."""
        result = self.shelf.index.find(bytes.fromhex(key))
        if result is not None and result.segment is not None:
            return self.shelf.segments.path(result.segment)
        return Path(self._file(key) or f"{self._folder}/{key}{FORMATS[0]}")

    def age(self, key: str) -> float | None:
        """Seconds since a result was written; None when there is none, here or behind."""
        with suppress(OSError, sqlite3.Error):
            age = self._age(key)
            if age is None:  # or one that others have packed
                self.shelf.refresh()
                age = self._age(key)
            if age is not None:
                return age
        return None if self._behind is None else self._behind.age(key)

    def refresh(self, *, now: bool = False) -> None:
        """Take note of what other machines and users have written."""
        with suppress(*FAILURES):
            self.shelf.refresh(now=now)
        if self._behind is not None:
            self._behind.refresh(now=now)

    def read(self, key: str, *, mmap: bool = False, expires: float | None = None) -> Any:
        """The result of a key, `MISSING` when there is none that can be used.

        Parameters
        ----------
        key : str
        mmap : bool, default=False
            Map arrays of large results into memory.
        expires : float, optional
            Seconds after which a result is not used.

        Warns
        -----
        UserWarning
            The result is damaged, and deleted; or it is not signed, or needs what is not installed.
        """
        raw = bytes.fromhex(key)
        try:
            if expires is not None and (self._age(key) or 0.0) > expires:
                return MISSING
            body = self.shelf.read(raw)
            value = (
                self._values.open(key, self._own_file(key), mmap)
                if body is None
                else self._values.unpack(key, body)
            )
            self.shelf.index.hit(raw)
            return value
        except (FileNotFoundError, NotADirectoryError):
            pass
        except CorruptFile as error:
            self.damaged(key, error)
        except (NotTrusted, MissingDependency, OSError, sqlite3.Error) as error:
            warn(f"{error} The result is computed again.")
        return MISSING if self._behind is None else self._fetch(key, mmap, expires)

    def write(self, key: str, value: Any, recipe: Recipe, seconds: float = 0.0) -> bool:
        """Keep a result; False, with a warning, when that is not possible.

        Parameters
        ----------
        key : str
        value : object
        recipe : dict
            ``"arguments"``, ``"code"`` (a list of parts), ``"version"``: what it was made of.
        seconds : float
            What it took to compute.
        """
        if self._behind is not None and not self._behind.readonly:
            self._behind.write(key, value, recipe, seconds)
        if self.readonly:
            return False
        try:
            self._values.write(key, value, recipe, seconds)
        except FAILURES as error:
            warn(f"A result of {self.name} is not kept: {error}")
            return False
        return True

    def forget(self, key: str) -> bool:
        """Delete a result; whether there was one."""
        if self.readonly:
            return False
        self.refresh(now=True)  # others may have packed it
        return self.shelf.forget(self.name, bytes.fromhex(key))

    def damaged(self, key: str, error: CorruptFile) -> None:
        """Delete a result that cannot be read, with a warning."""
        warn(f"{error} This cached result is deleted and computed again.")
        with suppress(*FAILURES):
            self.forget(key)

    def layers(self) -> Iterator[Entries]:
        """These results, then those behind them."""
        yield self
        if self._behind is not None:
            yield from self._behind.layers()

    def play(self, key: str) -> Generator[Any, None, Any]:
        """Yield the items of a generator's result.

        Raises
        ------
        FileNotFoundError
            There is none, here or behind.
        CorruptFile, NotTrusted
            It cannot be used, or not to its end.
        """
        raw = bytes.fromhex(key)
        path = self.shelf.path(self.name, raw, streams.KIND)
        if self._behind is not None and not path.exists():
            return (yield from self._behind.play(key))
        self.shelf.index.hit(raw)
        return (yield from streams.play(path, key, self.signer))

    def plays(self, key: str, expires: float | None) -> bool:
        """Whether the items of a generator's result are here, not behind, and not too old."""
        with suppress(OSError):
            path = self.shelf.path(self.name, bytes.fromhex(key), streams.KIND)
            age = time.time() - path.stat().st_mtime
            return expires is None or age <= expires
        return False

    @contextmanager
    def recording(
        self, key: str, recipe: Recipe
    ) -> Iterator[tuple[Recorder, Callable[[Any, float], None]]]:
        """Keep the items of a generator.

        Yields
        ------
        recorder : Recorder
        finish : callable
            To be called with what the generator returned and the seconds it took.

        Raises
        ------
        OneboxError, OSError
            When they cannot be kept.
        """
        raw, origin = (
            bytes.fromhex(key),
            Origin(self.name, code_key(self.name, recipe["code"]), recipe["code"]),
        )
        with self.shelf.filing(raw, origin, 0, streams.KIND) as (path, more, done):
            recorder = Recorder(path, key, self.signer, more)

            def finish(returned: Any, seconds: float) -> None:
                recorder.finish(returned, recipe, seconds)
                done(seconds)

            try:
                yield recorder, finish
            finally:
                recorder.drop()

    def leased(self, key: str) -> AbstractContextManager[bool]:
        """A context in which nobody else on this machine computes the same result, if possible."""
        return lease(self._lease(key)) if self._can_lease() else nullcontext(False)

    def async_leased(self, key: str) -> AbstractAsyncContextManager[bool]:
        """As `leased`, for ``async`` functions."""
        return async_lease(self._lease(key)) if self._can_lease() else nullcontext(False)

    def recipes(self) -> Iterator[Recipe]:
        """What the latest results were made of."""
        self.shelf.survey()
        rows = self.shelf.index.rows(
            "select key from results join codes using (code) where function = ?"
            " order by written desc limit ?",
            (self.name, LOOKED_AT),
        )
        for (key,) in rows:
            with suppress(*FAILURES, LookupError):
                yield self.recipe(key.hex())[0]

    def _age(self, key: str) -> float | None:
        raw = bytes.fromhex(key)
        result = self.shelf.index.find(raw)
        if result is not None and result.segment is not None:
            if self.shelf.segments.path(result.segment).exists():
                return time.time() - result.written
            self.shelf.index.forget(raw)
        file = self._file(key)
        return None if file is None else time.time() - os.stat(file).st_mtime

    def _file(self, key: str) -> str | None:
        """The file that a result has for its own, if there is one."""
        for suffix in FORMATS:
            path = f"{self._folder}/{key}{suffix}"
            if os.path.exists(path):
                return path
        return None

    def _own_file(self, key: str) -> Path:
        file = self._file(key)
        if file is None:
            raise FileNotFoundError(key)
        return Path(file)

    def _fetch(self, key: str, mmap: bool, expires: float | None) -> Any:
        """Read a result from the folder behind, and keep it in this one."""
        assert self._behind is not None
        value = self._behind.read(key, mmap=mmap, expires=expires)
        if value is not MISSING and not mmap and not self.readonly:
            with suppress(*FAILURES, LookupError):
                recipe, seconds = self._behind.recipe(key)
                self._values.write(key, value, recipe, seconds)
        return value

    def recipe(self, key: str) -> tuple[Recipe, float]:
        """What a result was made of, and the seconds that it took."""
        raw = bytes.fromhex(key)
        body, result = self.shelf.read(raw), self.shelf.index.find(raw)
        if result is None or body is None:
            return recipe_of(self.path(key))
        rows = self.shelf.index.rows("select parts from codes where code = ?", (result.code,))
        if not rows:
            raise LookupError(f"The record of the code of {key} is lost.")
        return {**packing.recipe(body), "code": json.loads(rows[0][0])}, result.seconds

    def _lease(self, key: str) -> str:
        return f"{self.shelf.segments.folder}/.{key}.lease"

    def _can_lease(self) -> bool:
        folder = str(self.shelf.segments.folder)
        if not os.path.isdir(folder):
            with suppress(OSError):
                os.makedirs(folder, exist_ok=True)
        return os.access(folder, os.W_OK)
