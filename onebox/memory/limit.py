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
from pathlib import Path

import numpy as np

from onebox.config import format_bytes
from onebox.errors import NotEnoughDisk
from onebox.memory.index import HALF_LIFE, Index, file_name
from onebox.memory.lease import lease
from onebox.memory.rewrite import rewrite
from onebox.memory.segments import Segments
from onebox.memory.survey import BLOCK_BYTES
from onebox.storage.locks import try_lock
from onebox.storage.processes import owner_is_dead, owner_of_this_process
from onebox.storage.records import BINARY

KEPT = 0.8  # of the limit, when room is made
SHORTEST = 1e-6  # seconds that a result is worth at least
ROUNDS = 5


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
        with self._index.change() as base:
            number = base.execute("insert into promised values (?, 0)", (owner_of_this_process(),))
        row = number.lastrowid

        def more(size: int) -> None:
            with self._index.change() as base:
                base.execute("update promised set bytes = bytes + ? where rowid = ?", (size, row))
            self.require(0)

        try:
            more(needed)
            yield more
        finally:
            with self._index.change() as base:
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
        with lease(os.path.join(self.folder, ".room.lease")):
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
        if used + needed > limit:
            raise NotEnoughDisk(
                f"{format_bytes(needed + self.promised())} do not fit into the cache {self.folder}, "
                f"whose limit is {format_bytes(limit)}. Raise `limit`."
            )
        return used

    def _delete(self, needed: int, busy: set[str]) -> int:
        """Delete results of so many bytes, unless they are in use; how many were chosen."""
        chosen = self._cheapest(needed, busy)
        n_chosen = sum(map(len, chosen.values()))
        for key, path in chosen.pop(None, []):
            if delete_unless_open(path):
                self._index.forget(key)
            else:
                busy.add(path.name)
        for name, victims in chosen.items():
            keys = {key for key, _ in victims}
            if not rewrite(self._index, self._segments, str(name), keys):
                busy.add(str(name))
        return n_chosen

    def _cheapest(self, needed: int, busy: set[str]) -> dict[str | None, list[tuple[bytes, Path]]]:
        """Results that are worth least, by segment."""
        rows = self._index.rows(
            "select key, results.segment, body, bytes, seconds, weight, used, function from results"
            " left join codes using (code)"
        )
        rows = [row for row in rows if (row[1] or file_name(row[0], row[2])) not in busy]
        if not rows:
            return {}
        _, _, _, sizes, seconds, weights, used, _ = zip(*rows, strict=True)
        size = np.asarray(sizes, dtype=float)
        age = np.asarray(used) - time.time()
        with np.errstate(divide="ignore"):
            worth = np.log2(np.maximum(seconds, SHORTEST)) + np.log2(weights) - np.log2(size)
        order = np.argsort(worth + age / HALF_LIFE, kind="stable")
        n = int(np.searchsorted(np.cumsum(size[order]), needed)) + 1
        chosen = defaultdict(list)
        for i in order[:n]:
            key, segment, body, *_, function = rows[i]
            name = "" if segment else file_name(key, body)
            chosen[segment].append((key, self.folder / (function or "") / name))
        return chosen

    def _forget_promises_of_the_dead(self) -> None:
        for (owner,) in self._index.rows("select distinct owner from promised"):
            if owner_is_dead(owner):
                with self._index.change() as base:
                    base.execute("delete from promised where owner = ?", (owner,))


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
