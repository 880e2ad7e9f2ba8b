"""What a scan asks of the cache: is this unit's summary here, and keep this one."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from onebox.aggregates.aggregate import Aggregate, parts_of
from onebox.data.partition import Unit
from onebox.engine.fold import Groups, n_groups
from onebox.engine.kept import beginnings
from onebox.engine.kept.batches import Packed, Shares
from onebox.engine.kept.checkpoint import Checkpoint
from onebox.engine.kept.files import FileSummaries, FoundFile
from onebox.engine.kept.keeper import Keeper
from onebox.engine.kept.keys import place_key, recipe_key, unit_key
from onebox.engine.kept.packing import classes_of
from onebox.engine.kept.shelf import KEY_BYTES, Shelf, warn_of_another_version
from onebox.engine.need import is_large
from onebox.errors import BadInput, WrongType
from onebox.memory.entries import MISSING
from onebox.storage.hashing import hash_bytes


@dataclass(frozen=True)
class Found:
    """The summaries of a unit that were kept.

    Attributes
    ----------
    shares : list of dict of int to summary
        By group.
    rows, dropped : int
    """

    shares: Shares
    rows: int
    dropped: int


@dataclass(frozen=True)
class State:
    """What a walk goes on from.

    Attributes
    ----------
    n_units : int
        That are done.
    groups : list of list of summary or None
        For each aggregate, one a group.
    held : list of summary or None
        For each aggregate, the accumulator of the file that is not complete.
    rows, dropped : int
    """

    n_units: int
    groups: list[list[Any]]
    held: list[Any]
    rows: int
    dropped: int


class KeptScan:
    """What is kept of one scan.

    Attributes
    ----------
    files : FileSummaries or None
        What is kept of whole files, where units are not kept one by one.
    rows, dropped : int
        So far.
    """

    def __init__(
        self, keeper: Keeper, recipe: str, aggregates: Sequence[Aggregate[Any]], *, passing: bool
    ) -> None:
        self._keeper, self._recipe, self._passing = keeper, recipe, passing
        self._aggregates = [part for one in aggregates for part in parts_of(one)]
        schema = keeper.view.schema
        self._large = [is_large(part, keeper.view) for part in self._aggregates]
        self._classes = [
            {} if large else classes_of(part.empty(schema))
            for part, large in zip(self._aggregates, self._large, strict=True)
        ]
        names = ", ".join(type(part).__name__ for part in self._aggregates)
        self._about = {
            "arguments": {"job": keeper.job, "summaries": names},
            "code": [],
            "version": "",
        }
        self._shelf: Shelf | None = None
        self.files: FileSummaries | None = None
        self._checkpoints: list[Checkpoint] = []
        self._refused = False
        self.rows = self.dropped = 0

    @classmethod
    def of(
        cls, keeper: Keeper, aggregates: Sequence[Aggregate[Any]], *, passing: bool
    ) -> KeptScan | None:
        """What is kept of one scan; None, with a warning, when it cannot have a key.

        Parameters
        ----------
        keeper : Keeper
        aggregates : sequence of Aggregate
            That share the scan.
        passing : bool
            Whether only the whole result matters once the scan is complete.
        """
        try:
            recipe = recipe_key(keeper.view, aggregates)
        except (WrongType, BadInput) as error:
            warnings.warn(f"What {keeper.job} reads is not kept: {error}", stacklevel=2)
            return None
        return cls(keeper, recipe, aggregates, passing=passing)

    # The result of a whole scan

    def result(self) -> Found | None:
        """The merged summaries of a complete scan of these very units."""
        key = self._keeper.everything(f"result {self._recipe}")
        if key is None:
            return None
        loaded = Checkpoint(self._keeper.entries, key, self._about).load()
        if loaded is None:
            return None
        packed = loaded[1]
        try:
            return Found(packed.shares(self._classes), packed.rows, packed.dropped)
        except Exception:
            warn_of_another_version()
            return None

    def keep_result(self, merged: Sequence[Any], rows: int, dropped: int) -> None:
        """Keep the merged summaries of a complete scan, in place of those of its units."""
        key = self._keeper.everything(f"result {self._recipe}")
        if key is None or self._refused:
            return
        try:
            packed = Packed.of([{0: one} for one in merged], rows, dropped)
        except WrongType as error:
            self._refuse(error)
            return
        state = Checkpoint(self._keeper.entries, key, self._about)
        state.write("complete", lambda: packed)
        state.wait()
        if self._shelf is not None:
            self._shelf.forget()
        for entry in self._checkpoints:
            entry.forget()

    # Units

    def find(self, unit: Unit) -> Found | None:
        """The summaries of a unit, read at some time before; safe to call from any thread."""
        if self._refused or self._shelf is None:
            return None
        return self._find(unit, self._keys(unit))

    def find_beginning(self, unit: Unit) -> tuple[Unit, Found] | None:
        """What the unit begins with, read when it was shorter."""
        shelf, view = self._shelf, self._keeper.view
        if self._refused or shelf is None or self._passing:
            return None
        for begun in beginnings.possible(view, unit):
            keys = [key for key in self._new_keys(begun) if key in shelf]
            found = self._find(begun, keys) if keys else None
            if found is not None:
                return begun, found
        return None

    def beginning_to_keep(self, unit: Unit) -> Unit | None:
        """The part of a unit whose summaries are worth keeping beside those of the unit."""
        if self._refused or self._shelf is None or self._passing:
            return None
        return beginnings.full_blocks_of(self._keeper.view, unit)

    def keep(self, unit: Unit, shares: Shares, rows: int, dropped: int) -> None:
        """Keep the summaries of a unit; they are copied now. Safe to call from any thread."""
        if self._refused or self._shelf is None or self._shelf.full:
            return
        known = self._unit_keys.get(unit.first_partition)
        keys = self._new_keys(unit) if known is None or unit.stop != known[0] else known[1]
        if not keys:
            return
        first = unit.first_partition
        turned = [
            {(group - first) % n_groups(part): one for group, one in share.items()}
            for part, share in zip(self._aggregates, shares, strict=True)
        ]
        try:
            packed = Packed.of(turned, rows, dropped)
        except WrongType as error:
            self._refuse(error)
            return
        self._shelf.put(keys[0], packed, self._keeper.bytes_of(unit))

    def _find(self, unit: Unit, keys: Sequence[bytes]) -> Found | None:
        assert self._shelf is not None
        for key in keys:
            packed = self._shelf.find(key)
            if packed is None:
                continue
            try:
                shares = packed.shares(self._classes)
            except Exception:
                warn_of_another_version()
                return None
            first = unit.first_partition
            turned = [
                {(first + group) % n_groups(part): one for group, one in share.items()}
                for part, share in zip(self._aggregates, shares, strict=True)
            ]
            return Found(turned, packed.rows, packed.dropped)
        return None

    def _new_keys(self, unit: Unit) -> list[bytes]:
        """Keys of a unit that is none of the layout's."""
        place = place_key(self._keeper.view, unit)
        versions = self._keeper.history.versions(unit.span.file)
        return [unit_key(self._recipe, place, version) for version in versions]

    def open(self, units: Sequence[Unit]) -> None:
        """Look what is there, before any thread asks for it."""
        keeper, recipe = self._keeper, self._recipe
        self._unit_keys = {
            unit.first_partition: (
                unit.stop,
                [
                    unit_key(recipe, keeper.places[unit.first_partition], version)
                    for version in keeper.history.versions(unit.span.file)
                ],
            )
            for unit in units
        }
        if any(self._large):
            if not self._passing:
                self.files = FileSummaries(
                    keeper, recipe, self._about, self._aggregates, self._large, self._classes
                )
            return
        if self._passing:  # its units go when it is complete: no other data are among them
            recipe += str(keeper.everything(recipe))
        self._shelf = Shelf(
            keeper.entries, MISSING, recipe, self._about, keeper.view.stored_bytes,
            keeper.batch_bytes,
        )  # fmt: skip

    def keep_file(self, units: Sequence[Unit], found: FoundFile) -> None:
        """Keep what a whole file has come to, where units are not kept one by one."""
        if self.files is None or self._refused:
            return
        for entry in self._checkpoints:
            entry.wait()  # one copy at a time
        try:
            self.files.keep(units, found)
        except WrongType as error:
            self._refuse(error)

    def _keys(self, unit: Unit) -> list[bytes]:
        return self._unit_keys[unit.first_partition][1]

    # States

    def state(self, units: Sequence[Unit]) -> State | None:
        """What a walk over units can go on from, when its first units are those of a state."""
        if self._refused or not units:
            return None
        keys = [self._keys(unit) for unit in units]
        for entry in self._state_entries(units):
            loaded = entry.load()
            n_units = 0 if loaded is None else _n_common(loaded[0], keys)
            if loaded is not None and n_units:
                return self._state_of(n_units, loaded[1])
        return None

    def _state_of(self, n_units: int, packed: Packed) -> State | None:
        try:
            parts = packed.shares(self._classes)
        except Exception:
            warn_of_another_version()
            return None
        groups = [
            [share.get(g) for g in range(n_groups(part))]
            for part, share in zip(self._aggregates, parts, strict=True)
        ]
        held = [share.get(-1) for share in parts]
        return State(n_units, groups, held, packed.rows, packed.dropped)

    def note_state(
        self, units: Sequence[Unit], n_done: int, groups: Sequence[Groups], held: Sequence[Any],
        *, last: bool = False,
    ) -> None:  # fmt: skip
        """Keep the state of a walk, when units are not kept one by one and it is time.

        That before the last unit is kept for itself: the unit changes when rows are added to it.
        """
        if self._shelf is not None and last and not self._passing:
            self._shelf.close()  # whether it takes all of them shows when it has
        if self._refused or not (self._shelf is None or self._shelf.full):
            return
        latest, before_last = self._state_entries(units)
        entry = before_last if n_done == len(units) - 1 else latest
        if not (last or entry is before_last or entry.is_due()):
            return
        if self.files is not None:
            if self.files.is_busy() and not last:
                return  # one copy at a time
            self.files.wait()
        keys = [self._keys(unit) for unit in units[:n_done]]
        if not all(keys):
            return
        position = np.frombuffer(b"".join(one[0] for one in keys), np.uint8)

        def copied() -> Packed:
            shares: Shares = []
            for group, holds in zip(groups, held, strict=True):
                share = {g: one for g, one in enumerate(group.summaries) if one is not None}
                shares.append(share if holds is None else {**share, -1: holds})
            return Packed.of(shares, self.rows, self.dropped)

        try:
            entry.write(position, copied)
        except WrongType as error:
            self._refuse(error)

    def _state_entries(self, units: Sequence[Unit]) -> list[Checkpoint]:
        """Where the latest state is kept, and that before the last unit."""
        if not self._checkpoints:
            place = self._keeper.places[units[0].first_partition]
            for which in ("state", "state before"):
                key = hash_bytes(f"{which} {self._recipe} {place}".encode())
                self._checkpoints.append(Checkpoint(self._keeper.entries, key, self._about))
        return self._checkpoints

    # The end

    def close(self, *, completed: bool) -> None:
        """Write what is left; remember which files these were."""
        for entry in self._checkpoints:
            entry.wait()
        if self.files is not None:
            self.files.wait()
        if self._shelf is not None:
            self._shelf.close(write=not (self._passing and completed))
            if self._shelf.trouble is not None:
                warnings.warn(
                    f"What {self._keeper.job} reads is not kept: {self._shelf.trouble}",
                    stacklevel=2,
                )
        if not self._refused:
            self._keeper.remember()

    def _refuse(self, error: Exception) -> None:
        self._refused = True
        warnings.warn(f"What {self._keeper.job} reads is not kept: {error}.", stacklevel=4)


def _n_common(position: NDArray[np.uint8], keys: Sequence[Sequence[bytes]]) -> int:
    """How many units a state has seen, when these are the first of the units now; else 0."""
    seen = position.tobytes()
    n_units = len(seen) // KEY_BYTES
    if n_units > len(keys):
        return 0
    for i in range(n_units):
        if seen[i * KEY_BYTES : (i + 1) * KEY_BYTES] not in keys[i]:
            return 0
    return n_units
