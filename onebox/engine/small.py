"""A pass for small summaries: units are independent tasks, and what they bring merges in order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, Protocol

from onebox.aggregates.aggregate import Aggregate
from onebox.data.block import Block
from onebox.data.partition import Unit
from onebox.engine.fold import Groups, UnitFold
from onebox.engine.kept import KeptScan
from onebox.engine.kept.beginnings import rest_of
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
            self.kept.note_state(self._done, self.groups, none, last=last)


class Here:
    """Makes them in this process: a task a unit that the cache does not have.

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
        known = None if kept is None else _Kept(kept, self.reader)
        yield from self.tasks.in_order(partial(self._read, kept=kept), units, known)

    def _read(self, unit: Unit, kept: KeptScan | None) -> Made:
        aggregates = [one.aggregate for one in self.groups]
        used = [one.used for one in self.groups]
        made = read(unit, aggregates, self.reader, self.trail, used, kept)
        return made._replace(reusable=True)


@dataclass(frozen=True)
class _Kept:
    """What the cache has of units."""

    kept: KeptScan
    reader: Reader

    def has(self, unit: Unit) -> bool:
        return self.kept.has(unit)

    def find(self, unit: Unit) -> Made | None:
        return found_in(self.kept, unit, self.reader)


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
    used: Sequence[list[Any]], kept: KeptScan | None = None,
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
    kept : KeptScan, optional
        What is known of the unit when it was shorter is not read again.
    """
    dropped = [0]

    def count(rows: int) -> None:
        dropped[0] += rows

    folds = [
        UnitFold(one, trail.schema, spare) for one, spare in zip(aggregates, used, strict=True)
    ]
    rest, before = (unit, 0) if kept is None else _begin(unit, folds, kept, reader)
    full = _FullBlocks(unit, folds, before, kept)

    def work(unit: Unit, blocks: Iterator[Block]) -> tuple[Shares, int]:
        return _folded(folds, blocks, trail.of(unit), full)

    shares, rows = reader.work(rest, work, count)
    return Made(shares, before + rows, dropped[0])


def _begin(
    unit: Unit, folds: Sequence[UnitFold], kept: KeptScan, reader: Reader
) -> tuple[Unit, int]:
    """Take over what is kept of the beginning of a unit: what is left of it, and the rows done."""
    begun = kept.find_beginning(unit)
    if begun is None:
        return unit, 0
    part, found = begun
    for fold, share in zip(folds, found.shares, strict=True):
        fold.go_on(share, unit.first_partition)
    reader.meter.saw(rows=found.rows, position=part.n_rows or 0)
    reader.meter.reused(partitions=0, nbytes=reader.source_bytes(part))
    return rest_of(unit, part), found.rows


class _FullBlocks:
    """Keeps what the full blocks of a unit hold, when they are through, if rows can follow them."""

    def __init__(
        self, unit: Unit, folds: Sequence[UnitFold], before: int, kept: KeptScan | None
    ) -> None:
        self._unit, self._folds, self._before, self._kept = unit, folds, before, kept
        self._part = None if kept is None else kept.beginning_to_keep(unit)

    def look(self, block: Block, rows: int) -> None:
        """Look at a block before it is folded, so many rows after the first one read."""
        part = self._part
        if part is not None and block.first_row >= self._unit.span.first_row + part.stop:
            assert self._kept is not None
            shares = [fold.so_far() for fold in self._folds]
            self._kept.keep(part, shares, self._before + rows, 0)
            self._part = None


def _folded(
    folds: Sequence[UnitFold], blocks: Iterator[Block], states: UnitStates, full: _FullBlocks
) -> tuple[Shares, int]:
    rows = 0
    for ordinal, block in enumerate(blocks):
        full.look(block, rows)
        with states.lent(block, ordinal):
            for fold in folds:
                fold.update(block)
        rows += block.n_rows
    states.done()
    return [fold.finish() for fold in folds], rows
