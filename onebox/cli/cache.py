"""``onebox cache``: what a folder of kept results holds, whether it is whole, and how to empty it."""

from __future__ import annotations

import importlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cyclopts import App

import onebox as ob
from onebox.cli.usage import UsageError
from onebox.config import format_bytes, parse_bytes
from onebox.errors import BadInput, CorruptFile, NotEnoughDisk

SHOWN_RESULTS = 10
SHOWN_DIGITS = 12  # of a key
SHOWN_UNSIGNED = 10
DURATIONS = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"))

cache = App(name="cache", help="List, check and empty a folder of kept results (onebox.Memory).")


@cache.command
def ls(folder: Path, /) -> None:
    """List what is kept of each function, the largest first.

    Hits and what they have saved are those of this machine; "took" is what it took to compute
    everything once.

    Parameters
    ----------
    folder
        The folder that was given to onebox.Memory.
    """
    uses, n_bytes = _audit().listing(ob.Memory(folder))
    rows = [
        (use.function, f"{use.results:,}", format_bytes(use.bytes), f"{use.hits:,}",
         _duration(use.saved), _duration(use.seconds), _ago(use.used))
        for use in uses
    ]  # fmt: skip
    rows.append(
        ("total", f"{sum(use.results for use in uses):,}", format_bytes(n_bytes),
         f"{sum(use.hits for use in uses):,}", _duration(sum(use.saved for use in uses)),
         _duration(sum(use.seconds for use in uses)),
         _ago(max(use.used for use in uses)) if uses else "")
    )  # fmt: skip
    _print_table(("function", "results", "size", "hits", "saved", "took", "last use"), rows)


@cache.command
def explain(folder: Path, function: str, key: str = "", /) -> None:
    """List the latest results of a function, and what the last one does not share with the others.

    That is: which arguments, and which parts of the code, are other than in the most similar result.
    In Python, cached_function.explain(x) tells it of a call.

    Parameters
    ----------
    folder
        The folder that was given to onebox.Memory.
    function
        As "onebox cache ls" names it.
    key
        How the key of a result begins: tells what that one was made of.
    """
    audit, memory = _audit(), ob.Memory(folder)
    kept = audit.latest(memory, function, key)
    if key:
        if len(kept) > 1:
            keys = ", ".join(one.key[:SHOWN_DIGITS] for one in kept[:SHOWN_RESULTS])
            raise UsageError(f"Several keys begin with {key!r}: {keys}. Give more digits.")
        _print_recipe(kept[0], audit.recipe(memory, function, kept[0].key))
        return
    rows = [
        (one.key[:SHOWN_DIGITS], _ago(one.written), format_bytes(one.bytes),
         _duration(one.seconds), f"{one.hits:,}")
        for one in kept[:SHOWN_RESULTS]
    ]  # fmt: skip
    _print_table(("key", "written", "size", "took", "hits"), rows)
    nearest = audit.compare(memory, function, kept)
    if nearest is not None:
        print(f"\nOther in {kept[0].key[:SHOWN_DIGITS]} than in {nearest[0][:SHOWN_DIGITS]}:")
        for line in nearest[1] or ["nothing that is known of"]:
            print(f"  {line}")


@cache.command
def prune(folder: Path, /, *, limit: str) -> None:
    """Delete the results that are worth least, until the folder is within a limit.

    A result is worth the seconds that its uses save, for every byte that it takes.

    Parameters
    ----------
    folder
        The folder that was given to onebox.Memory.
    limit
        Most bytes that it may take, e.g. 5GB.
    """
    try:
        n_bytes = parse_bytes(limit, "--limit")
    except BadInput as error:
        raise UsageError(str(error)) from None
    try:
        gone = _audit().prune(ob.Memory(folder), n_bytes)
    except NotEnoughDisk as error:
        error.add_note(f"here: --limit {limit}")
        raise
    print(_deleted(folder, gone))


@cache.command
def verify(folder: Path, /) -> None:
    """Check every checksum, and delete what is damaged: it is computed again when it is needed.

    What dead processes have left goes too, and the index is put right. Exit code 1 when something
    was damaged.

    Parameters
    ----------
    folder
        The folder that was given to onebox.Memory.
    """
    found = _audit().verify(ob.Memory(folder))
    for text in (*found.damaged, *found.stay):
        print(text)
    for text in found.unsigned[:SHOWN_UNSIGNED]:
        print(text)
    if len(found.unsigned) > SHOWN_UNSIGNED:
        print(f"... and {len(found.unsigned) - SHOWN_UNSIGNED:,} more that are not signed.")
    if found.unsigned:
        print(f'"onebox cache clear {folder} FUNCTION" deletes those of a function.')
    counts = [
        f"{len(found.damaged):,} damaged" * bool(found.damaged),
        f"{len(found.unsigned):,} not signed by you" * bool(found.unsigned),
        f"{_count(found.orphans, 'leftover')} of dead processes deleted" * bool(found.orphans),
        f"{_count(found.stale, 'row')} of the index put right" * bool(found.stale),
    ]
    print(
        f"{folder}: {_count(found.results, 'result')}, {format_bytes(found.bytes)} read: "
        f"{', '.join(filter(None, counts)) or 'all is well'}"
    )
    if found.damaged:
        raise CorruptFile(
            f"{folder} was damaged in {_count(len(found.damaged), 'place')}. What was there is "
            f"{'not used any more' if found.stay else 'deleted'}, and is computed again when it is "
            "needed."
        )


@cache.command
def clear(folder: Path, function: str | None = None, /) -> None:
    """Delete all results, or those of one function. Other files in the folder stay.

    Parameters
    ----------
    folder
        The folder that was given to onebox.Memory.
    function
        As "onebox cache ls" names it.
    """
    gone = _audit().clear(ob.Memory(folder), function)
    text = _deleted(folder, gone)
    if gone.open:
        text += f"; {_count(gone.open, 'result')} in use by a running program: clear again later"
    print(text)


def _audit() -> Any:
    """Import what does the work, which is heavy: when a command runs, not for ``--help``."""
    return importlib.import_module("onebox.memory.audit")


def _deleted(folder: Path, gone: Any) -> str:
    return f"{folder}: {_count(gone.results, 'result')} deleted, {format_bytes(gone.bytes)} freed"


def _print_recipe(one: Any, recipe: dict[str, Any]) -> None:
    print(
        f"{one.key}, written {_ago(one.written)}: {format_bytes(one.bytes)}, took "
        f"{_duration(one.seconds)}, {_count(one.hits, 'hit')}\n"
    )
    rows = [("argument", name, key) for name, key in recipe["arguments"].items()]
    rows += [(kind, name, key) for name, kind, key in recipe["code"]]
    _print_table(("part", "name", "key"), [*rows, ("version", "", recipe["version"])], left=3)


def _print_table(titles: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> None:
    """Print columns, of which so many are of text. Nothing is cut: scripts read it too."""
    cells = [titles, *rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        padded = [
            cell.ljust(width) if i < left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        print("  ".join(padded).rstrip())


def _count(n: int, name: str) -> str:
    return f"{n:,} {name}{'' if n == 1 else 's'}"


def _duration(seconds: float) -> str:
    for length, unit in DURATIONS:
        if seconds >= 2 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.1f} s" if seconds >= 1 else f"{1000 * seconds:.1f} ms"


def _ago(moment: float) -> str:
    seconds = max(time.time() - moment, 0.0)
    return "now" if seconds < 1 else f"{_duration(seconds)} ago"
