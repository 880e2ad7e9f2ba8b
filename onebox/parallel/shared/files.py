"""Arrays that are a piece of a file: the file travels, opened, and nothing is copied.

What counts is what is mapped, not what a path says now: the file that is opened by the path must be
the one under the array. Where that cannot be seen, and for mappings that keep changes to themselves,
the array is copied as any other.
"""

from __future__ import annotations

import mmap
import os
import re
import sys
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np

from onebox.parallel.shared.mapping import Mapping, owner_of

MAPS = "/proc/self/maps"


class Region(NamedTuple):
    """A line of the table of what is mapped."""

    start: int
    stop: int
    rights: str
    offset: int
    file: tuple[str, str]
    path: str


class Piece(NamedTuple):
    """A range of an open file; who gets it closes the descriptor."""

    descriptor: int
    offset: int
    writable: bool


def lies_in_file(thing: object) -> bool:
    """Whether an array or a buffer may be a mapped file: cheap, and sometimes wrong."""
    owner = owner_of(thing)
    return isinstance(owner, mmap.mmap) or type(owner).__module__ == "pyarrow.lib"


def piece_of_file(thing: object, address: int, nbytes: int, *, writable: bool) -> Piece | None:
    """Open the file that an array lies in, if it plainly shows its bytes.

    Parameters
    ----------
    thing : ndarray or memoryview
    address, nbytes : int
        Its memory.
    writable : bool
        Whether it may be written to through `thing`.
    """
    if sys.platform == "linux":
        return _by_address(address, nbytes, writable)
    return _by_name(thing, address, nbytes, writable)


def _by_address(address: int, nbytes: int, writable: bool) -> Piece | None:
    region = _region(address)
    if region is None or address + nbytes > region.stop or not region.path.startswith("/"):
        return None
    shared, written = region.rights[3] == "s", region.rights[1] == "w"
    if written and not shared:  # what was written stays in the process
        return None
    writable = writable and written
    with suppress(OSError):
        descriptor = os.open(region.path, os.O_RDWR if writable else os.O_RDONLY)
        offset = region.offset + address - region.start
        if os.fstat(descriptor).st_size >= offset + nbytes and _is_file(descriptor, region.file):
            return Piece(descriptor, offset, writable)
        os.close(descriptor)
    return None


def _is_file(descriptor: int, file: tuple[str, str]) -> bool:
    # Not by os.fstat: file systems that are made of others number files differently there.
    probe = Mapping(descriptor, 1)
    found = _region(probe.address)
    return found is not None and found.file == file


def _region(address: int) -> Region | None:
    with suppress(OSError), open(MAPS, encoding="utf-8", errors="surrogateescape") as lines:
        for line in lines:
            words = line.rstrip("\n").split(maxsplit=5)
            start, stop = (int(word, 16) for word in words[0].split("-"))
            if start <= address < stop:
                path = _unescaped(words[5]) if len(words) > 5 else ""
                return Region(start, stop, words[1], int(words[2], 16), (words[3], words[4]), path)
    return None


def _unescaped(path: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), path)


def _by_name(thing: object, address: int, nbytes: int, writable: bool) -> Piece | None:
    first = _first_memmap(thing)
    if first is None or first.filename is None or first.mode == "c":
        return None
    writable = writable and first.mode != "r"
    offset = int(first.offset) + address - first.ctypes.data
    with suppress(OSError):
        descriptor = os.open(first.filename, os.O_RDWR if writable else os.O_RDONLY)
        if os.fstat(descriptor).st_size >= offset + nbytes:
            return Piece(descriptor, offset, writable)
        os.close(descriptor)
    return None


def _first_memmap(thing: object) -> np.memmap[Any, Any] | None:
    """Find the memmap that was made of the file; those cut from it do not know their offset."""
    found = None
    while isinstance(thing, np.ndarray | memoryview):
        if isinstance(thing, np.memmap):
            found = thing
        thing = thing.base if isinstance(thing, np.ndarray) else thing.obj
    return found
