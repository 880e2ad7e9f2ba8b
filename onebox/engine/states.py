"""Row states from scan to scan, also where a scan found a unit's summary in the cache and read nothing.

Such a unit has not the state that the scan would have left. The next one that reads it makes up for
that: it runs the scan before over the block first, for its state only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from onebox.aggregates.aggregate import Aggregate, RowState
from onebox.data.block import Block
from onebox.data.partition import Unit
from onebox.data.schema import Schema
from onebox.engine.store import RowStates

Stateful = tuple[Aggregate[Any], ...]


class StateTrail:
    """Which scan has left the state of which unit.

    Parameters
    ----------
    states : RowStates
    schema : Schema
    """

    def __init__(self, states: RowStates, schema: Schema) -> None:
        self.states, self.schema = states, schema
        self._last: Stateful = ()
        self._before: Stateful = ()
        self._n_scans = 0
        self._seen: dict[int, int] = {}

    def begin(self, aggregates: Sequence[Aggregate[Any]]) -> None:
        """A scan begins, or has been found in the cache as a whole."""
        some = tuple(one for one in aggregates if one.row_state(self.schema))
        if some:
            self._before, self._last = self._last, some
            self._n_scans += 1
        self._stateful = bool(some)

    def of(self, unit: Unit) -> UnitStates:
        """The states of a unit for the scan that has begun."""
        if not self._stateful:
            return UnitStates(self, unit, (), ())
        behind = self._seen.get(unit.first_partition, 0) < self._n_scans - 1
        before = tuple(one.afresh() for one in self._before) if behind else ()
        return UnitStates(self, unit, self._states_of(self._last), before)

    def missing(self, units: Sequence[Unit]) -> list[Unit]:
        """Units whose state is not that of the last scan that has any."""
        return [u for u in units if self._seen.get(u.first_partition, 0) < self._n_scans]

    def again(self, unit: Unit, blocks: Iterator[Block]) -> None:
        """Make the state that the last scan would have left."""
        last = tuple(one.afresh() for one in self._last)
        states = UnitStates(self, unit, self._states_of(last), last)
        for ordinal, block in enumerate(blocks):
            with states.lent(block, ordinal):
                pass
        states.done()

    def _states_of(self, aggregates: Stateful) -> tuple[RowState, ...]:
        return tuple(state for one in aggregates for state in one.row_state(self.schema))


class UnitStates:
    """The states of the blocks of one unit, in one scan."""

    def __init__(
        self, trail: StateTrail, unit: Unit, states: tuple[RowState, ...], before: Stateful
    ) -> None:
        self._trail, self._unit, self._states, self._before = trail, unit, states, before

    @contextmanager
    def lent(self, block: Block, ordinal: int) -> Iterator[None]:
        """Give a block its state, and keep what is written to it."""
        store, schema = self._trail.states, self._trail.schema
        if self._before:
            lost = self._trail._states_of(self._before)
            store.lend(block, self._unit, ordinal, lost)
            for aggregate in self._before:
                aggregate.update(aggregate.empty(schema), block)
            store.take_back(block, self._unit, ordinal)
        if self._states:
            store.lend(block, self._unit, ordinal, self._states)
        yield
        store.take_back(block, self._unit, ordinal)

    def done(self) -> None:
        """All blocks have been seen."""
        if self._states:
            self._trail._seen[self._unit.first_partition] = self._trail._n_scans
