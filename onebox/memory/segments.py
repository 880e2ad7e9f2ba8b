"""Files in which small results are packed together, so that a million of them are not a million files.

A segment is a file of records (`onebox.storage.records`) that one process appends to at a time: it
holds a lock on it, which the system takes back when it dies. A process takes up a segment of its
machine that nobody writes to before it begins a new one; those of other machines, whose locks may not
be seen here, when they have been left alone for a day. A full segment is never written to again.
"""

from __future__ import annotations

import os
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from onebox.errors import CorruptFile
from onebox.storage.atomic import temporary_beside
from onebox.storage.locks import try_lock
from onebox.storage.processes import this_machine
from onebox.storage.records import BINARY, HEADER_BYTES, Buffer, Record, RecordFile

SUFFIX = ".records"
MOST_OPEN = 64
LEFT_SECONDS = 86400.0  # after which a segment of another machine counts as left alone


class Place(NamedTuple):
    """Where a packed result is."""

    segment: str
    body: int
    length: int
    checksum: int


class Segments:
    """The segments of a cache folder. Threads may share one; a forked child must make its own.

    Parameters
    ----------
    folder : path
        Made when the first record is appended.
    segment_bytes : int
        Size at which a segment is full.
    known_end : callable
        From the name of a segment to a place at which one of its records is known to end; 0 when
        nothing is known.

    Attributes
    ----------
    unreadable : set of str
        Segments that the user has been warned of.
    """

    def __init__(self, folder: Path, segment_bytes: int, known_end: Callable[[str], int]) -> None:
        self.folder = folder
        self.segment_bytes = segment_bytes
        self._known_end = known_end
        self.unreadable: set[str] = set()
        self._lock = threading.Lock()
        self._open: dict[str, RecordFile] = {}
        self._writer: tuple[str, RecordFile] | None = None
        self._end = 0

    def sizes(self) -> dict[str, int]:
        """Bytes of every segment, by name."""
        found = {}
        with suppress(FileNotFoundError, NotADirectoryError), os.scandir(self.folder) as entries:
            for entry in entries:
                if entry.name.endswith(SUFFIX) and not entry.name.startswith("."):
                    with suppress(OSError):  # deleted just now
                        found[entry.name] = entry.stat().st_size
        return found

    def append(
        self, kind: int, key: bytes, body: Sequence[Buffer], time: float, seconds: float
    ) -> tuple[str, Record]:
        """Write a record; the name of its segment comes with it.

        Raises
        ------
        OSError
            The folder cannot be written to, or the disk is full: what was begun is taken back.
        """
        with self._lock:
            if self._writer is not None and not os.path.exists(self._writer[1].where):
                self._stop()  # somebody has deleted the folder
            name, file = self._writer or self._begin()
            start = self._end
            try:
                record = file.append(kind, key, body, time, seconds, start)
            except BaseException:
                with suppress(OSError):
                    os.ftruncate(file.descriptor, start)
                raise
            self._end = record.end
            if self._end >= self.segment_bytes:
                self._stop()
            return name, record

    def read(self, place: Place) -> bytes:
        """Read the body of a record and check it.

        Raises
        ------
        FileNotFoundError
            The segment is gone.
        CorruptFile
            The record is damaged.
        """
        with self._lock:
            file = self._opened(place.segment)
            return file.read(place.body, place.length, place.checksum)

    def scan(
        self, name: str, start: int, damaged: Callable[[int, int], None] | None = None
    ) -> list[Record]:
        """List the records of a segment from a place on; see `RecordFile.scan`."""
        with self._lock:
            return list(self._opened(name).scan(max(start, HEADER_BYTES), damaged))

    def seal(self) -> None:
        """Write no more to the segment that is being written to."""
        with self._lock:
            self._stop()

    def forget(self, name: str) -> None:
        """Close a segment that has been deleted."""
        with self._lock:
            if name in self._open:
                self._open.pop(name).close()

    def close(self) -> None:
        """Close all files."""
        with self._lock:
            self._stop()
            while self._open:
                self._open.popitem()[1].close()

    def __del__(self) -> None:
        self.close()

    def path(self, name: str) -> Path:
        """Where a segment is."""
        return self.folder / name

    def _opened(self, name: str) -> RecordFile:
        file = self._open.pop(name, None)
        if file is None:
            if len(self._open) >= MOST_OPEN:
                self._open.pop(next(iter(self._open))).close()
            file = _record_file(self.path(name), os.O_RDONLY | BINARY)
        self._open[name] = file  # the latest last
        return file

    def _begin(self) -> tuple[str, RecordFile]:
        """Take up a segment that nobody writes to, or begin one."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for name, size in self.sizes().items():
            if size < self.segment_bytes and self._is_ours(name) and self._take_up(name):
                break
        else:
            self._new()
        assert self._writer is not None
        return self._writer

    def _is_ours(self, name: str) -> bool:
        """Whether no other machine can be writing to a segment, whose locks may not be seen here."""
        if name.startswith(f"{this_machine()}-"):
            return True
        try:
            return time.time() - self.path(name).stat().st_mtime > LEFT_SECONDS
        except OSError:
            return False

    def _take_up(self, name: str) -> bool:
        try:
            descriptor = os.open(self.path(name), os.O_RDWR | BINARY)
        except OSError:
            return False
        try:
            if try_lock(descriptor) and self.path(name).exists():  # not deleted before the lock
                file = RecordFile(descriptor, str(self.path(name)))
                known = self._known_end(name)
                self._end = max(known if known <= file.size else 0, HEADER_BYTES)
                for record in file.scan(self._end):
                    self._end = record.end
                os.ftruncate(descriptor, self._end)  # what a killed writer left half-written
                self._writer = name, file
                return True
        except (CorruptFile, OSError):
            pass
        os.close(descriptor)
        return False

    def _new(self) -> None:
        name = new_name()
        hidden = temporary_beside(self.path(name))
        descriptor = os.open(hidden, os.O_RDWR | BINARY | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            try_lock(descriptor)
            file = RecordFile.begin(descriptor, str(self.path(name)))
            os.rename(hidden, self.path(name))
        except BaseException:
            os.close(descriptor)
            with suppress(OSError):
                hidden.unlink()
            raise
        self._writer, self._end = (name, file), HEADER_BYTES

    def _stop(self) -> None:
        if self._writer is not None:
            self._writer[1].close()
            self._writer = None


def new_name() -> str:
    """Name for a new segment, by which its machine knows it again."""
    return f"{this_machine()}-{secrets.token_hex(8)}{SUFFIX}"


def _record_file(path: Path, flags: int) -> RecordFile:
    descriptor = os.open(path, flags)
    try:
        return RecordFile(descriptor, str(path))
    except BaseException:
        os.close(descriptor)
        raise
