"""A cache folder: small results packed together, large ones in files, and the room they take.

::

    cache/
      packed/0a1b…-2c3d….records     small results of all functions
      module.function/<key>.onebox   large results, one file each
      group.key                      only of folders with signed="group"
"""

from __future__ import annotations

import json
import math
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from onebox.errors import CorruptFile
from onebox.memory.index import FORMATS, Index, file_name, in_file
from onebox.memory.limit import Room
from onebox.memory.segments import Place, Segments
from onebox.memory.survey import (
    CODE,
    FORGOTTEN,
    PACKED,
    RESULT,
    disk_bytes,
    result_of,
    survey_files,
    survey_segments,
)
from onebox.storage.atomic import remove_orphans
from onebox.storage.records import HEADER_BYTES, Buffer

SEGMENT_BYTES = 32 << 20
SMALLEST_SEGMENT = 16 << 10
SEGMENTS_IN_LIMIT = 64
LEAST_PAUSE, PAUSE_TIMES = 0.02, 20


@dataclass(frozen=True)
class Origin:
    """What a result comes from: the name of its function, and the key and parts of its code."""

    function: str
    code: bytes
    parts: list[Any]


class Shelf:
    """All results in a cache folder.

    Parameters
    ----------
    folder : path
        Made when the first result is put.
    limit : int, optional
        Most bytes on the disk.
    describe : callable
        From the file of a large result to the key and the parts of the code that made it, and the
        seconds that it took.

    Notes
    -----
    Threads may share one. A forked child opens its files and its index again.
    """

    def __init__(
        self, folder: Path, limit: int | None,
        describe: Callable[[Path], tuple[bytes, list[Any], float]],
    ) -> None:  # fmt: skip
        self.folder, self.limit = folder, limit
        self._describe = describe
        self._lock = threading.Lock()
        self._is_open = False
        self._refreshed, self._pause = -math.inf, 0.0
        _SHELVES.add(self)

    def __reduce__(self) -> Any:
        return Shelf, (self.folder, self.limit, self._describe)

    @property
    def index(self) -> Index:
        """Its database."""
        self._open()
        return self._index

    @property
    def segments(self) -> Segments:
        """Its packed results."""
        self._open()
        return self._segments

    @property
    def room(self) -> Room:
        """Its limit, and the means to keep it."""
        self._open()
        return self._room

    def path(self, function: str, key: bytes, kind: int = 0) -> Path:
        """Where the file of a large result is, or would be, by the number of its format."""
        return self.folder / function / file_name(key, kind)

    def refresh(self, *, now: bool = False) -> None:
        """Take note of what other machines, users and killed processes have packed.

        Without `now`, not more often than the looking is worth.
        """
        self._open()
        started = time.monotonic()
        if now or started - self._refreshed > self._pause:
            survey_segments(self._index, self._segments)
            self._refreshed = time.monotonic()
            self._pause = max(LEAST_PAUSE, PAUSE_TIMES * (self._refreshed - started))

    def reopen(self) -> None:
        """Open the files and the index again with the next use."""
        self._is_open = False

    def survey(self) -> None:
        """Take note of all that is in the folder."""
        self.index.flush()
        with suppress(OSError):
            remove_orphans(self.segments.folder)
        survey_segments(self.index, self.segments)
        survey_files(self.index, self.folder, self._describe)

    def read(self, key: bytes) -> bytes | None:
        """Read a packed result; None when there is none.

        Raises
        ------
        CorruptFile
            It is damaged.
        """
        self._open()
        place = self._index.place(key)
        if place is None:
            return None
        try:
            return self._segments.read(place)
        except (FileNotFoundError, CorruptFile) as error:
            return self._read_again(key, place, error)

    def _read_again(self, key: bytes, before: Place, error: Exception) -> bytes | None:
        """Read a result that is not where it was: it was moved, or an older copy put in its place."""
        if isinstance(error, CorruptFile):
            survey_segments(self._index, self._segments)
        place = self._index.place(key)
        if place is not None and place != before:
            with suppress(FileNotFoundError):
                return self._segments.read(place)
        elif place is not None and isinstance(error, CorruptFile):
            raise error
        self._index.forget(key)
        return None

    def pack(self, key: bytes, origin: Origin, body: Sequence[Buffer], seconds: float) -> None:
        """Put a small result.

        Raises
        ------
        OSError
            The folder cannot be written to, or there is no room.
        """
        self._open()
        self.note_code(origin)
        self.room.require(sum(map(len, body)) + 2 * HEADER_BYTES)
        self._append(RESULT, key, [origin.code, *body], seconds, origin.code)

    @contextmanager
    def filing(
        self, key: bytes, origin: Origin, size: int, kind: int = 0
    ) -> Iterator[tuple[Path, Callable[[int], None], Callable[[float], None]]]:
        """Put a large result: the block writes the file.

        Parameters
        ----------
        key : bytes
        origin : Origin
        size : int
            Most bytes that the file may get, or that it gets for now.
        kind : int
            Number of its format.

        Yields
        ------
        path : pathlib.Path
            Where the file is to be.
        more : callable
            To ask for room for so many bytes more.
        done : callable
            To be called with the seconds that it took to compute once the file is there.

        Raises
        ------
        OSError
            The folder cannot be written to, or there is no room.
        """
        path = self.path(origin.function, key, kind)
        path.parent.mkdir(parents=True, exist_ok=True)

        def done(seconds: float) -> None:
            self.index.put_code(origin.code, origin.function, origin.parts, None)
            with suppress(FileNotFoundError):  # deleted already, where another made room
                n_bytes = disk_bytes(path.stat().st_size)
                self.index.put(in_file(key, origin.code, kind, n_bytes, time.time(), seconds))

        with self.room.promise(disk_bytes(size)) as more:
            yield path, more, done

    def forget(self, function: str, key: bytes) -> bool:
        """Delete a result; whether there was one."""
        result = self.index.find(key)
        there = result is not None and result.segment is not None
        for kind in range(len(FORMATS)):
            with suppress(FileNotFoundError, NotADirectoryError):
                self.path(function, key, kind).unlink()
                there = True
        if result is not None:
            if result.segment is not None:
                with suppress(OSError):
                    self._append(FORGOTTEN, key, [], 0.0)
                with self.index.change() as base:
                    self.index.forget_within(base, key, time.time())
            self.index.forget(key)
        return there

    def note_code(self, origin: Origin) -> None:
        """Write down what the key of a code stands for, unless a segment says so."""
        if origin.code in self._noted:
            return
        if not self.index.is_packed(origin.code):
            text = json.dumps([origin.function, origin.parts]).encode()
            name = self._append(CODE, origin.code, [text], 0.0)
            self.index.put_code(origin.code, origin.function, origin.parts, name)
        self._noted.add(origin.code)

    def _append(
        self,
        kind: int,
        key: bytes,
        body: Sequence[Buffer],
        seconds: float,
        code: bytes | None = None,
    ) -> str:
        name, record = self.segments.append(kind, key, body, time.time(), seconds)
        result = None if code is None else result_of(name, record, code)
        self.index.put(result, scanned=(name, record.start, record.end))
        return name

    def _open(self) -> None:
        if self._is_open:
            return
        with self._lock:
            if self._is_open:
                return
            size = SEGMENT_BYTES
            if self.limit is not None:
                size = max(min(size, self.limit // SEGMENTS_IN_LIMIT), SMALLEST_SEGMENT)
            # What a forked child has of its parent stays open: the parent's locks are on it.
            self._parents = getattr(self, "_index", None), getattr(self, "_segments", None)
            self._index = Index(self.folder)
            self._segments = Segments(self.folder / PACKED, size, self._index.scanned)
            self._room = Room(self.folder, self.limit, self._index, self._segments, self.survey)
            self._refreshed, self._pause = -math.inf, 0.0
            self._noted: set[bytes] = set()
            self._is_open = True


_SHELVES: weakref.WeakSet[Shelf] = weakref.WeakSet()


def _reopen_all() -> None:
    """In a forked child, whose lock may be held by a thread that it does not have."""
    for shelf in list(_SHELVES):
        shelf._lock = threading.Lock()
        shelf.reopen()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reopen_all)
