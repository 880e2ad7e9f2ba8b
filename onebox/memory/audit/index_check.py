"""Whether the index of a cache folder says what is there."""

from __future__ import annotations

import json
import sqlite3
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from onebox.memory.audit.found import Audit
from onebox.memory.index import COLUMNS, Index
from onebox.memory.index_file import remove_index
from onebox.memory.recipes import describe_file
from onebox.memory.shelf import Origin, Shelf
from onebox.memory.survey import survey_files, survey_segments

PROBES = (  # of a database that can be used
    f"select {COLUMNS} from results limit 1",
    "select code, function, parts, segment from codes limit 1",
    "select name, scanned from segments limit 1",
    "select owner, bytes from promised",
    "select bytes from size",
    "pragma integrity_check(1)",
)
# What the folder says of a result; and that what only the index says makes sense.
FACTS = (
    "key, code, segment, body, length, checksum, bytes, iif(segment is null, 0, written),"
    " iif(segment is null, 0, seconds), seconds between 0 and 1e15 and"
    " weight between 0 and 1e15 and used between 0 and 4e9 and hits >= 0"
)
WRONG = (  # with whether that was once written behind what is now the end of a segment
    "select key, segment, key not in (select key from fresh.results) and"
    " body >= coalesce((select scanned from fresh.segments where name = segment), 0)"
    " from main.results where not written between ? and ? and key in (select key from"
    f" (select {FACTS} from main.results except select {FACTS} from fresh.results))"
)
LOST_CODES = (  # what the index knows, where the record that says so is damaged
    "select code, function, parts from main.codes where segment is not null"
    " and code in (select code from fresh.results where segment is not null)"
    " and code not in (select code from fresh.codes where segment is not null)"
)
PUT_RIGHT = (
    "insert or ignore into main.results select * from fresh.results",
    f"update main.codes set segment = null where code in (select code from ({LOST_CODES}))",
    "insert or replace into main.codes select * from fresh.codes",
    "delete from main.segments",
    "insert into main.segments select * from fresh.segments",
    "delete from main.size",
    "insert into main.size values (0)",  # the next survey counts
)
CLOCKS = 60.0  # seconds by which those of other machines may be ahead


class IndexCheck:
    """Compares the index of a folder with one that is made anew.

    Parameters
    ----------
    shelf : Shelf
    found : Audit
        Gets what is found.
    """

    def __init__(self, shelf: Shelf, found: Audit) -> None:
        self.shelf, self.found = shelf, found

    def or_new(self, action: Callable[[], None]) -> None:
        """Do something with the index, which is made anew if that cannot be done."""
        path = _path(self.shelf.index)
        try:
            action()
        except sqlite3.DatabaseError as error:
            code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)
            if code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise
            with suppress(OSError):
                if path is not None:
                    remove_index(path)
            self.shelf.reopen()
            self.shelf.survey()
            self.found.stale += 1

    def require(self) -> None:
        """Make sure that the index can be used.

        Raises
        ------
        sqlite3.DatabaseError
            It cannot.
        """
        self.shelf.segments.seal()
        self.shelf.index.flush()
        for probe in PROBES:
            told = self.shelf.index.rows(probe)
        if told != [("ok",)]:
            raise sqlite3.DatabaseError(told)

    def compare(self, started: float, damaged: Collection[str]) -> None:
        """Compare the index with one that is made anew, and put right what differs.

        Parameters
        ----------
        started : float
            When the look at the folder began.
        damaged : collection of str
            Names of segments, and keys of results with files, that are known to be damaged.
        """
        index, before = self.shelf.index, self.shelf.segments.sizes()
        with _fresh_index(self.shelf) as fresh:
            if fresh is None:  # then this one is of this process alone
                return
            index.rows("attach database ? as fresh", (str(fresh),))
            try:
                wrong = self._wrong_rows(before, started, damaged)
                codes = index.rows(LOST_CODES)
                with index.change() as base:
                    base.executemany("delete from main.results where key = ?", wrong)
                    for statement in PUT_RIGHT:
                        base.execute(statement)
            finally:
                index.rows("detach database fresh")
        for code, function, parts in codes:
            self.shelf.note_code(Origin(function, code, json.loads(parts)))
        self.shelf.segments.seal()

    def _wrong_rows(
        self, before: dict[str, int], started: float, damaged: Collection[str]
    ) -> list[tuple[bytes]]:
        """Keys of results of which the index says something else than the folder."""
        index, segments = self.shelf.index, self.shelf.segments
        rows = index.rows(WRONG, (started, time.time() + CLOCKS))
        new = segments.sizes().keys() - before.keys()  # of which the fresh index knows nothing
        rows = [row for row in rows if row[1] not in new]
        lost: Counter[str] = Counter()
        for key, segment, is_lost in rows:
            if segment in damaged or key.hex() in damaged:
                continue
            if is_lost and segment in before:
                lost[segment] += 1
            else:
                self.found.stale += 1
        self.found.damaged += [
            f"{segments.path(name)} has lost {n:,} results that the index has in its {before[name]:,} "
            "bytes: it was cut short, or is an older copy."
            for name, n in lost.items()
        ]
        return [row[:1] for row in rows]


def _path(index: Index) -> Path | None:
    """Where a database is; None where there is no place for one but in memory."""
    name = index.rows("pragma database_list")[0][2]
    return Path(name) if name else None


@contextmanager
def _fresh_index(shelf: Shelf) -> Iterator[Path | None]:
    """An index that is made anew, beside the one that is there."""
    with tempfile.TemporaryDirectory() as nowhere:
        fresh = Index(Path(nowhere))
        path = _path(fresh)
        try:
            survey_segments(fresh, shelf.segments)
            survey_files(fresh, shelf.folder, describe_file)
            yield path
        finally:
            fresh.close()
            if path is not None:
                remove_index(path)
