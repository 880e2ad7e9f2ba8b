"""A pass for small summaries: units are independent tasks, and what they bring merges in order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol

from onebox.aggregates.aggregate import Aggregate
from onebox.data.block import Block
from onebox.data.partition import Unit
from onebox.engine.fold import Groups, UnitFold
from onebox.engine.kept import KeptScan
from onebox.engine.reader import Reader
from onebox.engine.states import StateTrail, UnitStates
from onebox.engine.tasks import Results, Tasks

Shares = list[dict[int, Any]]


class Made(NamedTuple):
    """What a task has made of a unit.

    Attributes
    ----------
    shares : list of dict of int to summary
        For each aggregate, by group.
    rows, dropped : int
    found : bool
        Whether it was found in the cache.
    reusable : bool
        Whether the memory of shares that have been merged is wanted for others.
    """

    shares: Shares
    rows: int
    dropped: int
    found: bool = False
    reusable: bool = False


class Maker(Protocol):
    """Makes summaries of units, somewhere."""

    def in_order(self, units: Sequence[Unit], kept: KeptScan | None) -> Results[Made]:
        """What every unit has, in the order of the units."""


class SmallWalk:
    """One pass of several aggregates of which none is large.

    Parameters
    ----------
    groups : sequence of Groups
    units : sequence of Unit
    maker : Maker
    kept : KeptScan or None
    n_done : int
        Units whose summaries are in the groups already.
    """

    def __init__(
        self, groups: Sequence[Groups], units: Sequence[Unit], maker: Maker,
        kept: KeptScan | None, n_done: int = 0,
    ) -> None:  # fmt: skip
        self.groups, self.units, self.maker, self.kept = groups, units, maker, kept
        self._done = n_done

    def steps(self) -> Results[None]:
        """Merge what every unit has into the groups, in the order of the units."""
        merging = False
        try:
            for made in self.maker.in_order(self.units[self._done :], self.kept):
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
            group.add(share, reuse=made.reusable)

    def _note(self, *, last: bool) -> None:
        if self.kept is not None and self._done:
            none = [None] * len(self.groups)
            self.kept.note_state(self.units, self._done, self.groups, none, last=last)


class Here:
    """Makes them in this process: a task a unit, which looks into the cache itself.

    Parameters
    ----------
    groups : sequence of Groups
    reader : Reader
    tasks : Tasks
    trail : StateTrail
    """

    def __init__(
        self, groups: Sequence[Groups], reader: Reader, tasks: Tasks, trail: StateTrail
    ) -> None:
        self.groups, self.reader, self.tasks, self.trail = groups, reader, tasks, trail

    def in_order(self, units: Sequence[Unit], kept: KeptScan | None) -> Results[Made]:
        def work(unit: Unit) -> Made:
            made = None if kept is None else found_in(kept, unit, self.reader)
            return self._read(unit) if made is None else made

        yield from self.tasks.in_order(work, units)

    def _read(self, unit: Unit) -> Made:
        aggregates = [one.aggregate for one in self.groups]
        used = [one.used for one in self.groups]
        return read(unit, aggregates, self.reader, self.trail, used)._replace(reusable=True)


def found_in(kept: KeptScan, unit: Unit, reader: Reader) -> Made | None:
    """What the cache has of a unit, counted."""
    found = kept.find(unit)
    if found is None:
        return None
    meter = reader.meter
    meter.saw(rows=found.rows, position=found.rows if unit.n_rows is None else unit.n_rows)
    meter.dropped(found.dropped)
    meter.reused(partitions=unit.n_partitions, nbytes=reader.source_bytes(unit))
    return Made(found.shares, found.rows, found.dropped, found=True)


def read(
    unit: Unit, aggregates: Sequence[Aggregate[Any]], reader: Reader, trail: StateTrail,
    used: Sequence[list[Any]],
) -> Made:  # fmt: skip
    """What the blocks of a unit hold.

    Parameters
    ----------
    unit : Unit
    aggregates : sequence of Aggregate
    reader : Reader
    trail : StateTrail
    used : sequence of list
        For each aggregate, summaries whose memory may be taken.
    """
    dropped = [0]

    def count(rows: int) -> None:
        dropped[0] += rows

    def work(unit: Unit, blocks: Iterator[Block]) -> tuple[Shares, int]:
        folds = [
            UnitFold(one, trail.schema, spare) for one, spare in zip(aggregates, used, strict=True)
        ]
        return _folded(folds, blocks, trail.of(unit))

    shares, rows = reader.work(unit, work, count)
    return Made(shares, rows, dropped[0])


def _folded(
    folds: Sequence[UnitFold], blocks: Iterator[Block], states: UnitStates
) -> tuple[Shares, int]:
    rows = 0
    for ordinal, block in enumerate(blocks):
        with states.lent(block, ordinal):
            for fold in folds:
                fold.update(block)
        rows += block.n_rows
    states.done()
    return [fold.finish() for fold in folds], rows
