"""Summaries of whole files, for aggregates too large to be kept a unit at a time.

With these a file may come, go or change between others, and only it is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from onebox.aggregates.aggregate import Aggregate
from onebox.data.partition import Unit
from onebox.engine.fold import N_GROUPS, n_groups
from onebox.engine.kept.batches import Packed, Shares
from onebox.engine.kept.checkpoint import Checkpoint
from onebox.engine.kept.keeper import Keeper
from onebox.engine.kept.keys import unit_key
from onebox.engine.kept.shelf import FREE_BYTES, SHARE, warn_of_another_version
from onebox.storage.hashing import hash_bytes

WORTH = 1 / 2  # of a file's bytes, at the most: what is larger is as soon read again


@dataclass(frozen=True)
class FoundFile:
    """What was kept of a file.

    Attributes
    ----------
    held : list of summary or None
        The accumulator of each large aggregate.
    shares : list of list of dict of int to summary
        By unit, and for each of the other aggregates by group.
    rows, dropped : int
    """

    held: list[Any]
    shares: list[Shares]
    rows: int
    dropped: int


class FileSummaries:
    """What a scan keeps of whole files.

    Parameters
    ----------
    keeper : Keeper
    recipe : str
    about : dict
        What is written beside them, for people.
    parts : sequence of Aggregate
    large : sequence of bool
        Which of them have one accumulator a file.
    classes : list of dict of str to type
        Of their summaries.
    """

    def __init__(
        self, keeper: Keeper, recipe: str, about: dict[str, Any], parts: Sequence[Aggregate[Any]],
        large: Sequence[bool], classes: list[dict[str, type]],
    ) -> None:  # fmt: skip
        self._keeper, self._recipe, self._about = keeper, recipe, about
        self._parts, self._large, self._classes = parts, large, classes
        schema = keeper.view.schema
        sizes = [part.nbytes(schema) for part in parts]
        self._nbytes = sum(n for n, one in zip(sizes, large, strict=True) if one)
        self._small = [
            (n, n_groups(part)) for n, part, one in zip(sizes, parts, large, strict=True) if not one
        ]
        self._left = max(FREE_BYTES, int(SHARE * keeper.view.stored_bytes))
        self._writing: Checkpoint | None = None

    def find(self, units: Sequence[Unit]) -> FoundFile | None:
        """What was kept of a file, given all its units."""
        entry = self._entry(units)
        loaded = None if entry is None else entry.load()
        if loaded is None:
            return None
        packed = loaded[1]
        try:
            parts = packed.shares(self._classes)
        except Exception:
            warn_of_another_version()
            return None
        shares: list[Shares] = [[{} for _ in parts] for _ in units]
        held: list[Any] = [None] * len(parts)
        for k, part in enumerate(parts):
            for number, one in part.items():
                if self._large[k]:
                    held[k] = one
                    continue
                at, group = divmod(number, N_GROUPS)
                turned = (units[at].first_partition + group) % n_groups(self._parts[k])
                shares[at][k][turned] = one
        self._left -= self._nbytes
        return FoundFile(held, shares, packed.rows, packed.dropped)

    def is_worth_it(self, units: Sequence[Unit]) -> bool:
        """Whether what these units come to is to be kept: it is little beside them."""
        small = sum(n * min(g, unit.n_partitions) for unit in units for n, g in self._small)
        read = sum(map(self._keeper.bytes_of, units))
        # What is small, but held a unit at a time, is not in the plan of the scan.
        return small <= self._nbytes / 4 and self._nbytes + small <= min(WORTH * read, self._left)

    def keep(self, units: Sequence[Unit], found: FoundFile) -> None:
        """Keep what a file has come to; copied now, and written while the scan goes on.

        Raises
        ------
        WrongType
            When it holds what cannot be kept.
        """
        entry = self._entry(units)
        if entry is None:
            return
        self.wait()
        parts: Shares = [{} if one is None else {0: one} for one in found.held]
        for at, (unit, shares) in enumerate(zip(units, found.shares, strict=True)):
            for k, share in enumerate(shares):
                for group, one in share.items():
                    turned = (group - unit.first_partition) % n_groups(self._parts[k])
                    parts[k][at * N_GROUPS + turned] = one
        self._left -= self._nbytes
        self._writing = entry
        entry.write("file", lambda: Packed.of(parts, found.rows, found.dropped))

    def is_busy(self) -> bool:
        """Whether a file's summaries are being written."""
        return self._writing is not None and self._writing.is_busy()

    def wait(self) -> None:
        """Until they are on the disk."""
        if self._writing is not None:
            self._writing.wait()

    def _entry(self, units: Sequence[Unit]) -> Checkpoint | None:
        versions = self._keeper.history.versions(units[0].span.file)
        if not versions:
            return None
        keys = [
            unit_key(self._recipe, self._keeper.places[unit.first_partition], versions[0])
            for unit in units
        ]
        return Checkpoint(self._keeper.entries, hash_bytes(b"file" + b"".join(keys)), self._about)
