"""Room on the disk: the results that are worth least go first, and none that is open.

A result is worth the seconds that it saves at each use, times its uses, the older ones counting
less (half after `onebox.memory.index.HALF_LIFE`), for every byte that it takes.
"""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import compress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from onebox.config import format_bytes
from onebox.errors import NotEnoughDisk
from onebox.memory.index import HALF_LIFE, Index, file_name
from onebox.memory.lease import lease
from onebox.memory.rewrite import codes_in_use, rewrite
from onebox.memory.segments import Segments
from onebox.memory.survey import BLOCK_BYTES
from onebox.storage.locks import try_lock
from onebox.storage.processes import owner_is_dead, owner_of_this_process
from onebox.storage.records import BINARY

KEPT = 0.8  # of the limit, when room is made
SHORTEST = 1e-6  # seconds that a result is worth at least
ROUNDS = 5
INDEX_BYTES = 64 << 20  # of the index in memory while room is made


class Room:
    """Keeps a cache folder within its limit.

    Parameters
    ----------
    folder : path
    limit : int or None
        Most bytes on the disk; None: no limit.
    index, segments : Index, Segments
    survey : callable
        Takes note of all that is in the folder.
    """

    def __init__(
        self, folder: Path, limit: int | None, index: Index, segments: Segments,
        survey: Callable[[], None],
    ) -> None:  # fmt: skip
        self.folder, self.limit = folder, limit
        self._index, self._segments, self._survey = index, segments, survey

    def used(self) -> int:
        """Bytes in the folder, with what is promised to files that are being written."""
        ((used,),) = self._index.rows(
            "select (select bytes from size)"
            " + (select coalesce(sum((scanned + ?) / ? * ?), 0) from segments)"
            " + (select coalesce(sum(bytes), 0) from promised)",
            (BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES),
        )
        return int(used)

    def promised(self) -> int:
        """Bytes of files that are being written."""
        ((promised,),) = self._index.rows("select coalesce(sum(bytes), 0) from promised")
        return int(promised)

    def require(self, needed: int) -> None:
        """Make room for some bytes, if there is none.

        Raises
        ------
        NotEnoughDisk
            There is none to be made.
        """
        if self.limit is not None and self.used() + needed > self.limit:
            self.shrink(self.limit, needed)

    @contextmanager
    def promise(self, needed: int) -> Iterator[Callable[[int], None]]:
        """Hold room for a file while it is written.

        Yields
        ------
        callable
            To ask for so many bytes more.

        Raises
        ------
        NotEnoughDisk
            There is none to be made.
        """
        if self.limit is None:
            yield lambda _: None
            return
        with self._index.change(moves=False) as base:
            number = base.execute("insert into promised values (?, 0)", (owner_of_this_process(),))
        row = number.lastrowid

        def more(size: int) -> None:
            with self._index.change(moves=False) as base:
                base.execute("update promised set bytes = bytes + ? where rowid = ?", (size, row))
            self.require(0)

        try:
            more(needed)
            yield more
        finally:
            with self._index.change(moves=False) as base:
                base.execute("delete from promised where rowid = ?", (row,))

    def shrink(self, limit: int, needed: int = 0) -> int:
        """Delete what is worth least until so many bytes more fit into a limit.

        Returns
        -------
        int
            Bytes that are used now.

        Raises
        ------
        NotEnoughDisk
            It is not to be done: what is left is open, or promised to files being written. What
            would not make room enough is not deleted.
        """
        with (
            lease(os.path.join(self.folder, ".room.lease")),
            self._index.holding(INDEX_BYTES),
        ):
            self._forget_promises_of_the_dead()
            self._segments.seal()
            self._survey()
            goal = max(min(int(KEPT * limit), limit - needed), self.promised())
            if self.promised() + needed <= limit < self.used() + needed:
                busy: set[str] = set()
                for _ in range(ROUNDS):
                    if self.used() <= goal or not self._delete(self.used() - goal, busy):
                        break
            used = self.used()
        if used + needed <= limit:
            return used
        wanted = needed + self.promised()
        if wanted > limit:
            raise NotEnoughDisk(
                f"{format_bytes(wanted)} do not fit into the cache {self.folder}, whose limit is "
                f"{format_bytes(limit)}. Raise `limit`."
            )
        more = f", and needs {format_bytes(needed)} more" if needed else ""
        raise NotEnoughDisk(
            f"The cache {self.folder} takes {format_bytes(used)} of {format_bytes(limit)}{more}: "
            "what is left is open, or being written. Let go of its results, or raise `limit`."
        )

    def _delete(self, needed: int, busy: set[str]) -> int:
        """Delete results of so many bytes, unless they are in use; how many were chosen."""
        chosen = self._cheapest(needed, busy)
        n_chosen = sum(map(len, chosen.values()))
        for key, path in chosen.pop(None, []):
            if delete_unless_open(self.folder / path):
                self._index.forget(key)
            else:
                busy.add(os.path.basename(path))
        codes = codes_in_use(self._index)
        for name, victims in chosen.items():
            if not rewrite(self._index, self._segments, str(name), set(victims), codes):
                busy.add(str(name))
        return n_chosen

    def _cheapest(self, needed: int, busy: set[str]) -> dict[str | None, list[Any]]:
        """Results that are worth least: keys by segment; keys and paths of files under None."""
        chosen = defaultdict(list)
        with self._index.snapshot() as base:
            rows = base.execute(
                "select key, segment, body, bytes, seconds, weight, used from results order by rowid"
            )
            table = np.fromiter((_numbers(row, busy) for row in rows), dtype=(float, 4))
            among = base.execute(
                "select key, results.segment, body, function from results"
                " left join codes using (code) order by results.rowid"
            )
            for key, segment, body, function in compress(among, _worth_least(table, needed)):
                file = None if segment else os.path.join(function or "", file_name(key, body))
                chosen[segment].append((key, file) if file else key)
        return chosen

    def _forget_promises_of_the_dead(self) -> None:
        for (owner,) in self._index.rows("select distinct owner from promised"):
            if owner_is_dead(owner):
                with self._index.change(moves=False) as base:
                    base.execute("delete from promised where owner = ?", (owner,))


def _numbers(row: tuple[Any, ...], busy: set[str]) -> tuple[float, ...]:
    """Bytes, seconds, uses and time of the last one; no bytes if nothing is to be had."""
    key, segment, body, *numbers = row
    if busy and (segment or file_name(key, body)) in busy:
        numbers[0] = 0
    return tuple(numbers)


def _worth_least(table: npt.NDArray[Any], needed: int) -> npt.NDArray[np.bool_]:
    """Mark the rows that are worth least and have so many bytes together."""
    size, seconds, weight, used = table.T
    with np.errstate(divide="ignore"):
        worth = np.log2(np.maximum(seconds, SHORTEST)) + np.log2(weight) - np.log2(size)
    worth += (used - time.time()) / HALF_LIFE  # infinite without bytes
    order = np.argsort(worth, kind="stable")
    n = int(np.searchsorted(np.cumsum(size[order]), needed)) + 1
    marks = np.zeros(len(size), dtype=bool)
    marks[order[:n]] = True
    marks &= size > 0
    return marks


def delete_unless_open(path: Path) -> bool:
    """Delete a file that nobody has mapped; whether it is gone."""
    try:
        # for writing, without which network file systems give no exclusive lock
        descriptor = os.open(path, os.O_RDWR | BINARY)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    try:
        if not try_lock(descriptor):
            return False
        path.unlink()
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True
