"""Row states from scan to scan, also where a scan found a unit's summary in the cache and read nothing.

Such a unit has not the state that the scan would have left. The next one that reads it makes up for
that: it runs the scan before over the block first, for its state only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from onebox.aggregates.aggregate import Aggregate, RowState
from onebox.data.block import Block
from onebox.data.partition import Unit
from onebox.data.schema import Schema
from onebox.engine.store import RowStates

Stateful = tuple[Aggregate[Any], ...]

BEING_WRITTEN = -1
"""In place of a scan's number, until all blocks of a unit have been seen."""


@dataclass(frozen=True)
class Scans:
    """The last scans that left states behind.

    Attributes
    ----------
    count : int
        How many there have been, the present one included.
    last, before : tuple of Aggregate
        The aggregates with states of the last of them, and of the one before it.
    leaves_some : bool
        Whether the present scan is one of them.
    """

    count: int = 0
    last: Stateful = ()
    before: Stateful = ()
    leaves_some: bool = False

    def then(self, aggregates: Sequence[Aggregate[Any]], schema: Schema) -> Scans:
        """With one more scan."""
        some = tuple(one for one in aggregates if one.row_state(schema))
        if not some:
            return replace(self, leaves_some=False)
        return Scans(self.count + 1, some, self.last, True)


class StateTrail:
    """Which scan has left the state of which unit.

    Parameters
    ----------
    states : RowStates
    schema : Schema
    scans : Scans
    seen : dict of int to int
        For units, by their first partition, the number of the scan that has left their state.
    """

    def __init__(
        self, states: RowStates, schema: Schema, scans: Scans | None = None,
        seen: dict[int, int] | None = None,
    ) -> None:  # fmt: skip
        self.states, self.schema = states, schema
        self.scans = Scans() if scans is None else scans
        self.seen = {} if seen is None else seen

    def begin(self, aggregates: Sequence[Aggregate[Any]]) -> None:
        """A scan begins, or has been found in the cache as a whole."""
        self.scans = self.scans.then(aggregates, self.schema)

    def of(self, unit: Unit) -> UnitStates:
        """The states of a unit for the scan that has begun."""
        scans = self.scans
        if not scans.leaves_some:
            return UnitStates(self, unit, (), ())
        # Neither too old nor, when a task is done over, too new or half written.
        lost = self.seen.get(unit.first_partition, 0) != scans.count - 1
        self.seen[unit.first_partition] = BEING_WRITTEN
        before = tuple(one.afresh() for one in scans.before) if lost else ()
        return UnitStates(self, unit, self.states_of(scans.last), before, lost=lost)

    def has(self, unit: Unit) -> bool:
        """Whether the state of a unit is that of the last scan that has any."""
        return self.seen.get(unit.first_partition, 0) == self.scans.count

    def again(self, unit: Unit, blocks: Iterator[Block]) -> None:
        """Make the state that the last scan would have left."""
        last = tuple(one.afresh() for one in self.scans.last)
        self.seen[unit.first_partition] = BEING_WRITTEN
        states = UnitStates(self, unit, self.states_of(last), last, lost=True)
        for ordinal, block in enumerate(blocks):
            with states.lent(block, ordinal):
                pass
        states.done()

    def states_of(self, aggregates: Stateful) -> tuple[RowState, ...]:
        """The states that some aggregates carry."""
        return tuple(state for one in aggregates for state in one.row_state(self.schema))


class UnitStates:
    """The states of the blocks of one unit, in one scan."""

    def __init__(
        self, trail: StateTrail, unit: Unit, states: tuple[RowState, ...], before: Stateful, *,
        lost: bool = False,
    ) -> None:  # fmt: skip
        self._trail, self._unit, self._states, self._before = trail, unit, states, before
        made = {state.name for state in trail.states_of(before)}
        self._lost = [state for state in states if lost and state.name not in made]

    @contextmanager
    def lent(self, block: Block, ordinal: int) -> Iterator[None]:
        """Give a block its state, and keep what is written to it."""
        store, schema = self._trail.states, self._trail.schema
        if self._before:
            made = self._trail.states_of(self._before)
            store.lend(block, self._unit, ordinal, made, afresh=made)
            for aggregate in self._before:
                aggregate.update(aggregate.empty(schema), block)
            store.take_back(block, self._unit, ordinal)
        if self._states:
            store.lend(block, self._unit, ordinal, self._states, afresh=self._lost)
        yield
        store.take_back(block, self._unit, ordinal)

    def done(self) -> None:
        """All blocks have been seen."""
        if self._states:
            self._trail.seen[self._unit.first_partition] = self._trail.scans.count
