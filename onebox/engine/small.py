"""A pass for small summaries: units are independent tasks, found in the cache or read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from onebox.data.block import Block
from onebox.data.partition import Unit
from onebox.data.view import View
from onebox.engine.fold import Groups, UnitFold
from onebox.engine.kept import KeptScan
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
            dropped = [0]

            def count(rows: int) -> None:
                dropped[0] += rows

            shares, rows = self.reader.work(unit, self._read, count)
            return Made(shares, rows, dropped[0], False)
        meter = self.reader.meter
        meter.saw(rows=found.rows, position=found.rows if unit.n_rows is None else unit.n_rows)
        meter.dropped(found.dropped)
        meter.reused(partitions=unit.n_partitions, nbytes=self.reader.source_bytes(unit))
        return Made(found.shares, found.rows, found.dropped, True)

    def _read(self, unit: Unit, blocks: Iterator[Block]) -> tuple[Shares, int]:
        folds = [UnitFold(g.aggregate, self.view.schema, g.used) for g in self.groups]
        rows = 0
        states = self.trail.of(unit)
        for ordinal, block in enumerate(blocks):
            with states.lent(block, ordinal):
                for fold in folds:
                    fold.update(block)
            rows += block.n_rows
        states.done()
        return [fold.finish() for fold in folds], rows
