"""A pass for small summaries: units are independent tasks, found in the cache or read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

from onebox.data.block import Block
from onebox.data.partition import Unit
from onebox.data.view import View
from onebox.engine.fold import Groups, UnitFold
from onebox.engine.kept import Found, KeptScan
from onebox.engine.kept.beginnings import rest_of
from onebox.engine.reader import Reader
from onebox.engine.states import StateTrail
from onebox.engine.tasks import Results, Tasks

Shares = list[dict[int, Any]]


class Made(NamedTuple):
    """What a task has made of a unit."""

    shares: Shares
    rows: int
    dropped: int
    found: bool


class SmallWalk:
    """One pass of several aggregates of which none is large.

    Parameters
    ----------
    groups : sequence of Groups
    view : View
    units : sequence of Unit
    reader : Reader
    tasks : Tasks
    trail : StateTrail
    kept : KeptScan or None
    n_done : int
        Units whose summaries are in the groups already.
    """

    def __init__(
        self, groups: Sequence[Groups], view: View, units: Sequence[Unit], reader: Reader,
        tasks: Tasks, trail: StateTrail, kept: KeptScan | None, n_done: int = 0,
    ) -> None:  # fmt: skip
        self.groups, self.view, self.units = groups, view, units
        self.reader, self.tasks, self.trail, self.kept = reader, tasks, trail, kept
        self._done = n_done

    def steps(self) -> Results[None]:
        """Merge what every unit has into the groups, in the order of the units."""
        merging = False
        try:
            for made in self.tasks.in_order(self._work, self.units[self._done :]):
                merging = True
                self._take(made)
                merging = False
                yield
                self._note(last=self._done == len(self.units))
        except Exception:
            if not merging:  # a unit failed: what came before it is whole
                self._note(last=True)
            raise

    def _take(self, made: Made) -> None:
        unit = self.units[self._done]
        self._done += 1
        if self.kept is not None:
            self.kept.rows += made.rows
            self.kept.dropped += made.dropped
            if not made.found:
                self.kept.keep(unit, made.shares, made.rows, made.dropped)
        for group, share in zip(self.groups, made.shares, strict=True):
            group.add(share, reuse=not made.found)

    def _note(self, *, last: bool) -> None:
        if self.kept is not None and self._done:
            none = [None] * len(self.groups)
            self.kept.note_state(self.units, self._done, self.groups, none, last=last)

    def _work(self, unit: Unit) -> Made:
        found = None if self.kept is None else self.kept.find(unit)
        if found is None:
            return self._read_anew(unit)
        meter = self.reader.meter
        meter.saw(rows=found.rows, position=found.rows if unit.n_rows is None else unit.n_rows)
        meter.dropped(found.dropped)
        meter.reused(partitions=unit.n_partitions, nbytes=self.reader.source_bytes(unit))
        return Made(found.shares, found.rows, found.dropped, True)

    def _read_anew(self, unit: Unit) -> Made:
        """Read a unit, or what follows the part of it that was kept when it was shorter."""
        dropped = [0]

        def count(rows: int) -> None:
            dropped[0] += rows

        begun = None if self.kept is None else self.kept.find_beginning(unit)
        if begun is None:
            shares, rows = self.reader.work(unit, self._read, count)
            return Made(shares, rows, dropped[0], False)
        part, found = begun
        rest, meter = rest_of(unit, part), self.reader.meter
        meter.saw(rows=found.rows, position=part.n_rows or 0)
        meter.reused(partitions=0, nbytes=self.reader.source_bytes(part))
        shares, rows = self.reader.work(rest, partial(self._read, begun=found, whole=unit), count)
        return Made(shares, found.rows + rows, dropped[0], False)

    def _read(
        self, unit: Unit, blocks: Iterator[Block], begun: Found | None = None,
        whole: Unit | None = None,
    ) -> tuple[Shares, int]:  # fmt: skip
        """What the blocks of a unit come to, after what the `whole` of it has `begun` with."""
        folds = [UnitFold(g.aggregate, self.view.schema, g.used) for g in self.groups]
        before = 0 if begun is None else begun.rows
        if begun is not None:
            for fold, share in zip(folds, begun.shares, strict=True):
                fold.go_on(share, unit.first_partition)
        part = None if self.kept is None else self.kept.beginning_to_keep(whole or unit)
        rows = 0
        states = self.trail.of(unit)
        for ordinal, block in enumerate(blocks):
            if part is not None and block.first_row >= unit.span.first_row + part.stop:
                self._keep_beginning(part, folds, before + rows)
                part = None
            with states.lent(block, ordinal):
                for fold in folds:
                    fold.update(block)
            rows += block.n_rows
        states.done()
        return [fold.finish() for fold in folds], rows

    def _keep_beginning(self, part: Unit, folds: Sequence[UnitFold], rows: int) -> None:
        assert self.kept is not None
        self.kept.keep(part, [fold.so_far() for fold in folds], rows, 0)
