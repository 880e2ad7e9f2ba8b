"""What is in a cache folder, what results were made of, and how it is emptied."""

from __future__ import annotations

import os
from collections import defaultdict
from contextlib import suppress
from difflib import get_close_matches
from typing import NamedTuple

from onebox.errors import BadInput
from onebox.memory.audit.folder import (
    ROOM,
    UNKNOWN,
    WITH_CODES,
    content,
    result_files,
    surveyed,
)
from onebox.memory.cached import differences
from onebox.memory.entries import FAILURES, LOOKED_AT
from onebox.memory.lease import lease
from onebox.memory.limit import delete_unless_open
from onebox.memory.memory import Memory
from onebox.memory.recipes import Recipe
from onebox.memory.rewrite import codes_in_use, rewrite
from onebox.memory.shelf import Shelf


class Use(NamedTuple):
    """The results of one function: what they take, what they took, and what they have saved here."""

    function: str
    results: int
    bytes: int
    hits: int
    saved: float
    seconds: float
    used: float


class Kept(NamedTuple):
    """One result: when it was written, what it takes, what it took, how often it was found here."""

    key: str
    written: float
    bytes: int
    seconds: float
    hits: int


class Gone(NamedTuple):
    """What was deleted: results and bytes; and how many results stay, because they are open."""

    results: int
    bytes: int
    open: int = 0


def listing(memory: Memory) -> tuple[list[Use], int]:
    """What is kept of each function, the largest first, and the bytes of the folder.

    Raises
    ------
    BadInput
        There is no cache.
    """
    shelf = surveyed(memory)
    rows = shelf.index.rows(
        "select coalesce(function, ?), count(*), sum(bytes), sum(hits), sum(hits * seconds),"
        f" sum(seconds), max(used){WITH_CODES} group by function order by sum(bytes) desc",
        (UNKNOWN,),
    )
    return [Use._make(row) for row in rows], content(shelf)[1]


def latest(memory: Memory, function: str, prefix: str = "") -> list[Kept]:
    """The latest results of a function.

    Parameters
    ----------
    memory : Memory
    function : str
        As in `listing`.
    prefix : str
        What their keys begin with.

    Raises
    ------
    BadInput
        There are none.
    """
    index = surveyed(memory).index
    rows = index.rows(
        f"select lower(hex(key)), written, bytes, seconds, hits{WITH_CODES} where function = ?"
        " and substr(lower(hex(key)), 1, ?) = ? order by written desc limit ?",
        (function, len(prefix), prefix.lower(), LOOKED_AT),
    )
    if not rows:
        names = [name for (name,) in index.rows(f"select distinct function{WITH_CODES}") if name]
        near = [] if function in names else get_close_matches(function, names, n=1)
        raise BadInput(
            f"{memory.folder} holds no result of {function!r}"
            + (f" with a key that begins with {prefix!r}." if prefix else ".")
            + (f" Did you mean {near[0]!r}?" if near else "")
        )
    return [Kept._make(row) for row in rows]


def recipe(memory: Memory, function: str, key: str) -> Recipe:
    """What a result was made of: the keys of its arguments, the parts of its code, its version.

    Raises
    ------
    CorruptFile, OSError
        It cannot be read.
    """
    return memory.entries(function).recipe(key)[0]


def compare(memory: Memory, function: str, kept: list[Kept]) -> tuple[str, list[str]] | None:
    """What differs between the first of some results and the most similar of the others.

    Returns
    -------
    tuple of str and list of str, or None
        The key of that other one, and the arguments and parts of the code that differ.
    """
    first, differing = recipe(memory, function, kept[0].key), []
    for one in kept[1:]:
        with suppress(*FAILURES, LookupError):
            differing.append((one.key, differences(recipe(memory, function, one.key), first)))
    return min(differing, key=lambda pair: len(pair[1]), default=None)


def prune(memory: Memory, limit: int) -> Gone:
    """Delete the results that are worth least, until the folder is within a limit.

    Raises
    ------
    NotEnoughDisk
        That is not to be done: what is left is open, or being written.
    """
    shelf = surveyed(memory, change=True)
    before = content(shelf)
    shelf.room.shrink(limit)
    return _gone(before, shelf)


def clear(memory: Memory, function: str | None = None) -> Gone:
    """Delete all results, or those of one function, but none that is open.

    Raises
    ------
    BadInput
        There is no cache, or no result of that function.
    """
    shelf = surveyed(memory, change=True)
    if function is not None:
        latest(memory, function)
    before = content(shelf)
    with lease(os.path.join(shelf.folder, ROOM)):
        shelf.segments.seal()
        shelf.survey()
        n_open = _clear_files(shelf, function)
        _clear_segments(shelf, function)
        shelf.segments.seal()
        shelf.survey()
    return _gone(before, shelf, n_open)


def _gone(before: tuple[int, int], shelf: Shelf, n_open: int = 0) -> Gone:
    results, size = content(shelf)
    return Gone(max(before[0] - results, 0), max(before[1] - size, 0), n_open)


def _clear_files(shelf: Shelf, function: str | None) -> int:
    """Delete results in files; how many are open."""
    rows = shelf.index.rows(
        f"select function, key, body{WITH_CODES} where results.segment is null"
        " and function = coalesce(?, function)",
        (function,),
    )
    paths = {shelf.path(*row) for row in rows} | {*result_files(shelf.folder, function=function)}
    # Empty folders stay: another process may be about to write into one.
    return sum(not delete_unless_open(path) for path in paths)


def _clear_segments(shelf: Shelf, function: str | None) -> None:
    """Delete packed results. Where another process is writing, they are declared deleted."""
    index, segments = shelf.index, shelf.segments
    rows = index.rows(
        f"select results.segment, key{WITH_CODES} where results.segment is not null"
        " and (?1 is null or function = ?1)",
        (function,),
    )
    victims: dict[str, set[bytes]] = defaultdict(set)
    for name, key in rows:
        victims[name].add(key)
    names = victims if function is not None else segments.sizes()
    codes = codes_in_use(index)
    busy = [n for n in names if not rewrite(index, segments, n, victims[n], codes)]
    for name in busy:
        for key in victims[name]:
            shelf.forget("", key)
    if function is None and not busy:
        for name in segments.sizes():  # what is left says what was deleted before
            delete_unless_open(segments.path(name))
