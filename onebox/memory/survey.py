"""From what lies in a cache folder to what its index says."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from onebox.errors import CorruptFile
from onebox.memory.index import FORMATS, Index, in_file, packed
from onebox.memory.segments import Place, Segments
from onebox.storage.atomic import remove_orphans
from onebox.storage.records import Record, pread

RESULT, CODE, FORGOTTEN = 1, 2, 3
CODE_BYTES = 16
PACKED = "packed"
BLOCK_BYTES = 4096  # what file systems give files in


def disk_bytes(size: int) -> int:
    """What a file takes on the disk."""
    return -(-size // BLOCK_BYTES) * BLOCK_BYTES


def survey_segments(index: Index, segments: Segments) -> None:
    """Take note of records that others have appended, and of segments that are gone."""
    sizes = segments.sizes()
    known = dict(index.rows("select name, scanned from segments"))
    for name in known.keys() - sizes.keys():
        with index.change() as base:
            base.execute("delete from results where segment = ?", (name,))
            base.execute("delete from codes where segment = ?", (name,))
            base.execute("delete from segments where name = ?", (name,))
        segments.forget(name)
    for name, size in sizes.items():
        if size < known.get(name, 0):  # an older copy has taken its place
            with index.change() as base:
                base.execute("delete from results where segment = ?", (name,))
                base.execute("delete from segments where name = ?", (name,))
            segments.forget(name)
            del known[name]
        if size > known.get(name, 0):
            with suppress(FileNotFoundError):
                try:
                    _scan(index, segments, name, known.get(name, 0))
                except CorruptFile as error:
                    if name not in segments.unreadable:
                        segments.unreadable.add(name)
                        warn(f"{error} The results in it are computed again.")


def survey_files(
    index: Index, folder: Path, describe: Callable[[Path], tuple[bytes, list[Any], float]]
) -> None:
    """Take note of files that others have written, and of files that are gone.

    Parameters
    ----------
    index : Index
    folder : path
        The cache folder.
    describe : callable
        From a file to the key and the parts of the code that made it, and the seconds it took.
    """
    there = dict(_files(folder))
    known = {row[0] for row in index.rows("select key from results where segment is null")}
    for key in known - there.keys():
        index.forget(key)
    for key, path in there.items():
        with suppress(OSError, CorruptFile):
            status = path.stat()
            if key not in known:
                code, parts, seconds = describe(path)
                index.put_code(code, path.parent.name, parts, None)
                size = disk_bytes(status.st_size)
                kind = FORMATS.index(path.suffix)
                index.put(in_file(key, code, kind, size, status.st_mtime, seconds))
    with index.change() as base:
        base.execute(
            "update size set bytes = "
            "(select coalesce(sum(bytes), 0) from results where segment is null)"
        )


def warn(message: str) -> None:
    """Tell the user of what goes on without the cache."""
    warnings.warn(message, UserWarning, stacklevel=4)


def _files(folder: Path) -> Iterator[tuple[bytes, Path]]:
    for function in _folders(folder):
        remove_orphans(function)
        with suppress(OSError), os.scandir(function) as entries:
            for entry in entries:
                stem, suffix = os.path.splitext(entry.name)
                if suffix in FORMATS and not entry.name.startswith("."):
                    with suppress(ValueError):
                        yield bytes.fromhex(stem), Path(entry.path)


def _folders(folder: Path) -> Iterator[Path]:
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir() and entry.name != PACKED:
                yield Path(entry.path)


def _scan(index: Index, segments: Segments, name: str, start: int) -> None:
    records = segments.scan(
        name,
        start,
        lambda first, end: warn(
            f"{segments.path(name)} is damaged at bytes {first} to {end - 1}. The results in it are "
            "computed again."
        ),
    )
    if not records:
        return
    with index.change() as base, open(segments.path(name), "rb") as file:
        for record in records:
            if record.kind == RESULT:
                code = pread(file.fileno(), CODE_BYTES, record.body)
                index.put_within(base, result_of(name, record, code))
            elif record.kind == CODE:
                with suppress(ValueError, KeyError, TypeError):  # damaged, or of something else
                    text = segments.read(Place(name, record.body, record.length, record.checksum))
                    function, parts = json.loads(text)
                    index.put_code_within(base, record.key, str(function), parts, name)
            elif record.kind == FORGOTTEN:
                index.forget_within(base, record.key, record.time)
        index.drop_forgotten_within(base, name)
        base.execute("insert or replace into segments values (?, ?)", (name, records[-1].end))


def result_of(name: str, record: Record, code: bytes) -> Any:
    """What the index has of a record with a result."""
    place = Place(name, record.body, record.length, record.checksum)
    size = record.end - record.start
    return packed(record.key, code, place, size, record.time, record.seconds)
