"""A cache folder as it is looked at from outside: what in it is a result."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from onebox.errors import BadInput, CorruptFile
from onebox.memory.index import FORMATS
from onebox.memory.memory import Memory
from onebox.memory.segments import SUFFIX
from onebox.memory.shelf import Shelf
from onebox.memory.survey import PACKED
from onebox.storage.records import BINARY

KEY = re.compile("[0-9a-f]{32}")
OURS_BY_NAME = FORMATS[:2]  # other programs give such names to Parquet files
WITH_CODES = " from results left join codes using (code)"
UNKNOWN = "(unknown)"  # the function of packed results whose code record is lost
ROOM = ".room.lease"


def shelf_of(memory: Memory, *, change: bool = False) -> Shelf:
    """What lies in the folder of a cache.

    Raises
    ------
    BadInput
        It is none, or is to be changed and may not be.
    """
    folder, packed = memory.folder, memory.folder / PACKED
    if not folder.is_dir():
        raise BadInput(
            f"{folder} is {'a file' if folder.exists() else 'not there'}. Name the folder that was "
            "given to onebox.Memory."
        )
    if not _holds_segments(packed) and next(result_files(folder), None) is None:
        raise BadInput(
            f"{folder} holds no cache: there are no results in it. Name the folder that was given "
            "to onebox.Memory."
        )
    if change and memory._folder.readonly:
        raise BadInput(f"{memory} is readonly: nothing in it is changed.")
    return memory._folder.shelf


def _holds_segments(folder: Path) -> bool:
    """Whether a folder is there for packed results, though there may be none."""
    if not folder.is_dir():
        return False
    shown = [path for path in folder.iterdir() if not path.name.startswith(".")]
    return not shown or any(path.suffix == SUFFIX for path in shown)


def surveyed(memory: Memory, *, change: bool = False) -> Shelf:
    """As `shelf_of`, with an index that knows all that is there.

    Raises
    ------
    BadInput
        There is no cache.
    CorruptFile
        The index cannot be used.
    """
    shelf = shelf_of(memory, change=change)
    try:
        shelf.survey()
    except sqlite3.DatabaseError as error:
        raise CorruptFile(
            f"The index of {memory.folder} cannot be read ({error}). A new one is made by: "
            f"onebox cache verify {memory.folder}"
        ) from error
    return shelf


def result_files(
    folder: Path, suffixes: tuple[str, ...] = OURS_BY_NAME, function: str | None = None
) -> Iterator[Path]:
    """Files with results, by their names."""
    with suppress(FileNotFoundError):
        for place in folder.iterdir() if function is None else [folder / function]:
            for path in place.iterdir() if place.is_dir() else ():
                if path.suffix in suffixes and KEY.fullmatch(path.stem):
                    yield path


def content(shelf: Shelf) -> tuple[int, int]:
    """Number of results, and bytes of the folder."""
    ((n, size),) = shelf.index.rows("select (select count(*) from results), bytes from size")
    return n, size + sum(shelf.segments.sizes().values())


@contextmanager
def opened(path: Path) -> Iterator[int]:
    """A file that is open for as long as the block runs."""
    try:
        descriptor = os.open(path, os.O_RDWR | BINARY)  # or network file systems would not lock it
    except PermissionError:
        descriptor = os.open(path, os.O_RDONLY | BINARY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
