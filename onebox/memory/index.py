"""Where kept results are and what they are worth: a database on a local disk, made anew when lost.

The cache folder alone is the truth: segments and files say all that is here. The database is never
put into the folder, which may lie on a network, where databases do not work.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from onebox.memory.changes import Changes
from onebox.memory.index_file import CACHE_BYTES, CHANGES, open_database
from onebox.memory.segments import Place

HALF_LIFE = 7 * 86400.0  # seconds after which a use counts half
FLUSH_SECONDS = 1.0
MOST_PLACES = 4096  # that are kept in memory
SPARE_PAGES = 64  # of 4 KiB, which are left for what comes next
FORMATS = (".onebox", ".records", ".parquet")  # of results in files of their own


class Result(NamedTuple):
    """One kept result, as the database has it.

    `segment` is None for a result in a file of its own; its `body` is then the number of its format.
    """

    key: bytes
    code: bytes
    segment: str | None
    body: int
    length: int
    checksum: int
    bytes: int
    written: float
    seconds: float
    weight: float
    used: float
    hits: int

    @property
    def file(self) -> str:
        """Name of its file, if it has one of its own."""
        return file_name(self.key, self.body)


COLUMNS = ", ".join(Result._fields)
FIND = f"select {COLUMNS} from results where key = ?"
PLACE = "select segment, body, length, checksum from results where key = ? and segment is not null"
PUT = (
    f"insert into results values ({', '.join('?' * len(Result._fields))})"
    f" on conflict(key) do update set {', '.join(f'{c} = excluded.{c}' for c in Result._fields[1:])}"
    " where excluded.written >= written"
)


class Index:
    """The database of a cache folder. Threads share it; a forked child must make its own.

    Parameters
    ----------
    folder : path
        The cache folder.
    """

    def __init__(self, folder: Path) -> None:
        self._lock = threading.RLock()
        self._hits: dict[bytes, tuple[int, float]] = {}
        self._flushed = time.monotonic()
        self._base, path = open_database(folder)
        self._changes = Changes(path and path.with_suffix(CHANGES))
        self._places: tuple[int, dict[bytes, Place]] = -1, {}  # and the count when they were found
        self._closing = weakref.finalize(self, _flush_last, self._base, self._hits, os.getpid())

    @contextmanager
    def change(self, *, moves: bool = True) -> Iterator[sqlite3.Connection]:
        """Several changes that happen together or not at all.

        With ``moves=False``, none of them may make a result go or lie elsewhere.
        """
        with self._lock:
            self._base.execute("begin immediate")
            try:
                yield self._base
            except BaseException:
                self._base.execute("rollback")
                raise
            self._base.execute("commit")
            if moves:
                self._changes.note()

    @contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection]:
        """Several looks that see the same state. Nobody who writes is held up."""
        with self._lock:
            self._base.execute("begin")
            try:
                yield self._base
            finally:
                self._base.execute("commit")

    @contextmanager
    def holding(self, n_bytes: int) -> Iterator[None]:
        """Keep so much of the database in memory meanwhile, and give back what it does not need then."""
        self.rows(f"pragma cache_size = -{n_bytes >> 10}")
        try:
            yield
        finally:
            with suppress(sqlite3.Error):  # somebody else is at work
                ((n_pages,),), ((n_free,),) = (
                    self.rows("pragma page_count"), self.rows("pragma freelist_count"),
                )  # fmt: skip
                if n_free > max(SPARE_PAGES, n_pages // 4):
                    self.rows("vacuum")
                    self.rows("pragma wal_checkpoint(truncate)")
            self.rows(f"pragma cache_size = -{CACHE_BYTES >> 10}")

    def rows(self, query: str, values: Iterable[Any] = ()) -> list[Any]:
        """All rows of a query."""
        with self._lock:
            return self._base.execute(query, tuple(values)).fetchall()

    def find(self, key: bytes) -> Result | None:
        """What is known of a key."""
        with self._lock:
            row = self._base.execute(FIND, (key,)).fetchone()
        return None if row is None else Result._make(row)

    def place(self, key: bytes) -> Place | None:
        """Where a packed result is; None for others."""
        count = self._changes.count()
        known_at, places = self._places
        if known_at != count or len(places) >= MOST_PLACES:
            self._places = count, (places := {})
        place = places.get(key)
        if place is None:
            with self._lock:
                row = self._base.execute(PLACE, (key,)).fetchone()
            if row is not None:
                place = places[key] = Place(row[0], row[1], row[2], row[3] & 2**64 - 1)
        return place

    def put(self, result: Result | None, *, scanned: tuple[str, int, int] | None = None) -> None:
        """Note a result that was written, if it is one, and how far its segment is known.

        Parameters
        ----------
        result : Result or None
        scanned : tuple, optional
            A segment, where its new record begins and where it ends.
        """
        known = None
        with self.change(moves=False) as base:
            if result is not None:
                known = base.execute(
                    "select 1 from results where key = ?", (result.key,)
                ).fetchone()
                self.put_within(base, result)
            if scanned:
                name, start, end = scanned
                base.execute(
                    "insert into segments values (?, ?) on conflict(name) do update"
                    " set scanned = excluded.scanned where scanned = ?",
                    (name, end, start),
                )
        if known:
            self._changes.note()

    def put_within(self, base: sqlite3.Connection, result: Result) -> None:
        """Note a result, as a part of a larger change. The later one of two of a key counts."""
        if result.segment is None:
            base.execute(
                "update size set bytes = bytes + ? - coalesce("
                "(select bytes from results where key = ? and segment is null), 0)",
                (result.bytes, result.key),
            )
        base.execute(PUT, result)

    def put_code(self, code: bytes, function: str, parts: list[Any], segment: str | None) -> None:
        """Note what a code key stands for, and the segment, if any, that says so."""
        with self.change(moves=False) as base:
            self.put_code_within(base, code, function, parts, segment)

    def put_code_within(
        self, base: sqlite3.Connection, code: bytes, function: str, parts: list[Any],
        segment: str | None,
    ) -> None:  # fmt: skip
        """Note what a code key stands for, as a part of a larger change."""
        base.execute(
            "insert into codes values (?, ?, ?, ?) on conflict(code) do update "
            "set segment = coalesce(excluded.segment, segment)",
            (code, function, json.dumps(parts), segment),
        )

    def is_packed(self, code: bytes) -> bool:
        """Whether a segment says what a code key stands for."""
        found = self.rows("select 1 from codes where code = ? and segment is not null", (code,))
        return bool(found)

    def forget(self, key: bytes) -> None:
        """Forget a result."""
        with self.change() as base:
            row = base.execute(
                "select bytes, segment from results where key = ?", (key,)
            ).fetchone()
            if row is not None:
                base.execute("delete from results where key = ?", (key,))
                if row[1] is None:
                    base.execute("update size set bytes = bytes - ?", (row[0],))

    def hit(self, key: bytes) -> None:
        """Count a use; written down within about a second, at the end, or by `flush`."""
        with self._lock:
            count, _ = self._hits.get(key, (0, 0.0))
            self._hits[key] = count + 1, time.time()
            if time.monotonic() - self._flushed > FLUSH_SECONDS:
                self.flush()

    def flush(self) -> None:
        """Write down the uses."""
        with self._lock:
            self._flushed = time.monotonic()
            if self._hits:
                with self.change(moves=False) as base:
                    _write_hits(base, self._hits)
                self._hits.clear()

    def forget_within(self, base: sqlite3.Connection, key: bytes, time: float) -> None:
        """Note that what was packed of a key up to a time is deleted, wherever it turns up."""
        base.execute(
            "insert into forgotten values (?, ?) on conflict(key) do update"
            " set time = max(time, excluded.time)",
            (key, time),
        )
        base.execute(
            "delete from results where key = ? and written <= ? and segment is not null",
            (key, time),
        )

    def drop_forgotten_within(self, base: sqlite3.Connection, segment: str) -> None:
        """Leave out results of a segment that were deleted after they were written."""
        base.execute(
            "delete from results where segment = ? and written <="
            " (select time from forgotten where forgotten.key = results.key)",
            (segment,),
        )

    def scanned(self, segment: str) -> int:
        """Up to which byte the records of a segment are known."""
        rows = self.rows("select scanned from segments where name = ?", (segment,))
        return rows[0][0] if rows else 0

    def close(self) -> None:
        """Close the database."""
        with self._lock, suppress(sqlite3.Error):
            self._closing()
            self._base.close()


def _write_hits(base: sqlite3.Connection, hits: dict[bytes, tuple[int, float]]) -> None:
    for key, (count, now) in hits.items():
        row = base.execute("select weight, used from results where key = ?", (key,)).fetchone()
        if row is not None:
            weight = row[0] * 2 ** ((row[1] - now) / HALF_LIFE) + count
            base.execute(
                "update results set weight = ?, used = ?, hits = hits + ? where key = ?",
                (weight, now, count, key),
            )


def _flush_last(
    base: sqlite3.Connection, hits: dict[bytes, tuple[int, float]], process: int
) -> None:
    if hits and os.getpid() == process:  # a forked child has no business with the database
        with suppress(sqlite3.Error):
            base.execute("begin immediate")
            _write_hits(base, hits)
            base.execute("commit")
            hits.clear()


def packed(
    key: bytes, code: bytes, place: Place, size: int, written: float, seconds: float
) -> Result:
    """What the database has of a new result in a segment."""
    checksum = place.checksum - (place.checksum >> 63 << 64)  # its integers have a sign
    return Result(
        key, code, place.segment, place.body, place.length, checksum, size, written, seconds, 1.0,
        written, 0,
    )  # fmt: skip


def in_file(
    key: bytes, code: bytes, kind: int, size: int, written: float, seconds: float
) -> Result:
    """What the database has of a new result in a file of its own."""
    return Result(key, code, None, kind, 0, 0, size, written, seconds, 1.0, written, 0)


def file_name(key: bytes, kind: int) -> str:
    """Name of the file of a result, by the number of its format."""
    return f"{key.hex()}{FORMATS[kind]}"
