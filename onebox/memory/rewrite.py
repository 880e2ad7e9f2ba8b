"""A segment without what is not needed any more, in place of the segment."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress

from onebox.errors import CorruptFile
from onebox.memory.index import Index
from onebox.memory.segments import Segments, new_name
from onebox.memory.survey import CODE, FORGOTTEN, RESULT
from onebox.storage.atomic import temporary_beside
from onebox.storage.locks import try_lock
from onebox.storage.records import BINARY, HEADER_BYTES, Record, RecordFile

TOMBSTONES_KEPT = 30 * 86400.0  # seconds in which another segment may hold what was deleted


def codes_in_use(index: Index) -> set[bytes]:
    """Keys of the code of all results."""
    return {code for (code,) in index.rows("select distinct code from results")}


def rewrite(
    index: Index, segments: Segments, name: str, victims: set[bytes], codes: set[bytes]
) -> bool:
    """Leave results out of a segment, and all in it that counts no more.

    Parameters
    ----------
    index, segments : Index, Segments
        The index knows all that is in the segment.
    name : str
        The segment.
    victims : set of bytes
        Keys of the results to be deleted.
    codes : set of bytes
        Keys of code whose records are kept.

    Returns
    -------
    bool
        False when somebody is writing to it: it stays as it is.
    """
    path = segments.path(name)
    try:
        descriptor = os.open(path, os.O_RDWR | BINARY)
    except OSError:
        return not path.exists()
    try:
        if not try_lock(descriptor):
            return False
        new, moved = new_name(), []
        with suppress(CorruptFile):  # or nothing in it can be read
            old = RecordFile(descriptor, str(path))
            moved = _copy(old, segments, new, _kept(index, old, name, victims, codes))
        _note(index, name, new, moved)
        path.unlink()
        segments.forget(name)
    finally:
        os.close(descriptor)
    return True


def _kept(
    index: Index, old: RecordFile, name: str, victims: set[bytes], codes: set[bytes]
) -> Iterator[Record]:
    rows = index.rows("select key, body from results where segment = ?", (name,))
    live = {key: body for key, body in rows if key not in victims}
    for record in old.scan():
        if (
            (record.kind == RESULT and live.get(record.key) == record.body)
            or (record.kind == CODE and record.key in codes)
            or (record.kind == FORGOTTEN and record.time > time.time() - TOMBSTONES_KEPT)
        ):
            yield record


def _copy(
    old: RecordFile, segments: Segments, name: str, kept: Iterator[Record]
) -> list[tuple[Record, Record]]:
    """Write records to a new segment; none when there is nothing to write."""
    moved = []
    hidden = temporary_beside(segments.path(name))
    descriptor = os.open(hidden, os.O_RDWR | BINARY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        file = RecordFile.begin(descriptor, name)
        end = HEADER_BYTES
        for record in kept:
            with suppress(CorruptFile):
                body = old.read(record.body, record.length, record.checksum)
                kind, key, at, seconds = record.kind, record.key, record.time, record.seconds
                copied = file.append(kind, key, [body], at, seconds, end)
                moved.append((record, copied))
                end = copied.end
        if moved:
            os.rename(hidden, segments.path(name))
    finally:
        os.close(descriptor)
        hidden.unlink(missing_ok=True)
    return moved


def _note(index: Index, name: str, new: str, moved: list[tuple[Record, Record]]) -> None:
    with index.change() as base:
        base.executemany(
            "update results set segment = ?, body = ? where key = ? and segment = ? and body = ?",
            [
                (new, copied.body, record.key, name, record.body)
                for record, copied in moved
                if record.kind == RESULT
            ],
        )
        base.execute("delete from results where segment = ?", (name,))
        base.execute("delete from segments where name = ?", (name,))
        base.execute("update codes set segment = null where segment = ?", (name,))
        base.executemany(
            "update codes set segment = ? where code = ?",
            [(new, record.key) for record, _ in moved if record.kind == CODE],
        )
        if moved:
            base.execute("insert or ignore into segments values (?, ?)", (new, moved[-1][1].end))
