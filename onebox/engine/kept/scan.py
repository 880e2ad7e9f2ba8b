"""What a scan asks of the cache: is this unit's summary here, and keep this one."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from onebox.aggregates.aggregate import Aggregate, parts_of
from onebox.data.partition import Unit
from onebox.engine.fold import Groups
from onebox.engine.kept import beginnings
from onebox.engine.kept.batches import Packed, Shares
from onebox.engine.kept.checkpoint import Checkpoint
from onebox.engine.kept.files import FileSummaries, FoundFile
from onebox.engine.kept.keeper import Keeper
from onebox.engine.kept.keys import recipe_key
from onebox.engine.kept.packing import classes_of
from onebox.engine.kept.shelf import warn_of_another_version
from onebox.engine.kept.states import State, WalkStates
from onebox.engine.kept.unit_keys import UnitKeys
from onebox.engine.kept.units import Found, UnitSummaries
from onebox.engine.need import is_large
from onebox.errors import BadInput, WrongType


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
        self._units: UnitSummaries | None = None
        self.files: FileSummaries | None = None
        self._states: WalkStates | None = None
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
        for kept in (self._units, self._states):
            if kept is not None:
                kept.forget()

    # Parts of a scan

    def open(self, units: Sequence[Unit]) -> None:
        """Look what is there, before any thread asks for it."""
        keeper, recipe, about = self._keeper, self._recipe, self._about
        parts, classes = self._aggregates, self._classes
        keys = UnitKeys(keeper, recipe, units)
        self._states = WalkStates(keeper, recipe, about, parts, classes, keys, units)
        if any(self._large):
            if not self._passing:
                self.files = FileSummaries(keeper, recipe, about, parts, self._large, classes)
            return
        if self._passing:  # its units go when it is complete: no other data are among them
            recipe += str(keeper.everything(recipe))
        self._units = UnitSummaries(keeper, recipe, about, units, parts, classes, keys)

    def has(self, unit: Unit) -> bool:
        """Whether the summaries of a unit are likely to be found."""
        return not self._refused and self._units is not None and self._units.has(unit)

    def find(self, unit: Unit) -> Found | None:
        """The summaries of a unit, read at some time before; safe to call from any thread."""
        if self._refused or self._units is None:
            return None
        return self._units.find(unit)

    def find_beginning(self, unit: Unit) -> tuple[Unit, Found] | None:
        """What the unit begins with, read when it was shorter."""
        if self._refused or self._units is None or self._passing:
            return None
        return self._units.find_beginning(unit)

    def beginning_to_keep(self, unit: Unit) -> Unit | None:
        """The part of a unit whose summaries are worth keeping beside those of the unit."""
        if self._refused or self._units is None or self._passing:
            return None
        return beginnings.full_blocks_of(self._keeper.view, unit)

    def keep(self, unit: Unit, shares: Shares, rows: int, dropped: int) -> None:
        """Keep the summaries of a unit; they are copied now. Safe to call from any thread."""
        if self._refused or self._units is None or self._units.full:
            return
        try:
            self._units.keep(unit, shares, rows, dropped)
        except WrongType as error:
            self._refuse(error)

    def keep_file(self, units: Sequence[Unit], found: FoundFile) -> None:
        """Keep what a whole file has come to, where units are not kept one by one."""
        if self.files is None or self._refused:
            return
        assert self._states is not None
        self._states.wait()  # one copy at a time
        try:
            self.files.keep(units, found)
        except WrongType as error:
            self._refuse(error)

    def state(self) -> State | None:
        """What the walk over all units can go on from."""
        if self._refused or self._states is None:
            return None
        state = self._states.find()
        if state is None and self._units is not None and not self._passing:
            state = self._units.prefixes.find()
        return state

    def note_state(
        self, n_done: int, groups: Sequence[Groups], held: Sequence[Any], *, last: bool = False
    ) -> None:
        """Keep the state of a walk, if it is time."""
        assert self._states is not None
        if self._units is not None and not self._refused:
            self._note_prefix(n_done, groups, last=last)
        if self._refused or not (self._units is None or self._units.full):
            return
        if not (last or self._states.is_due(n_done)):
            return
        if self.files is not None:
            if self.files.is_busy() and not last:
                return  # one copy at a time
            self.files.wait()
        try:
            self._states.keep(n_done, groups, held, self.rows, self.dropped)
        except WrongType as error:
            self._refuse(error)

    def _note_prefix(self, n_done: int, groups: Sequence[Groups], *, last: bool) -> None:
        """Keep a state among the units' summaries."""
        assert self._units is not None
        if self._passing:
            return
        try:
            if not self._units.full:
                self._units.prefixes.offer(n_done, groups, self.rows, self.dropped)
        except WrongType as error:
            self._refuse(error)
        if last:
            self._units.settle()  # whether all are taken shows when they have been

    # The end

    def close(self, *, completed: bool) -> None:
        """Write what is left; remember which files these were."""
        for kept in (self._states, self.files):
            if kept is not None:
                kept.wait()
        if self._units is not None:
            trouble = self._units.close(write=not (self._passing and completed))
            if trouble is not None:
                warnings.warn(f"What {self._keeper.job} reads is not kept: {trouble}", stacklevel=2)
        if not self._refused:
            self._keeper.remember()

    def _refuse(self, error: Exception) -> None:
        self._refused = True
        warnings.warn(f"What {self._keeper.job} reads is not kept: {error}.", stacklevel=4)
