"""A pass for summaries too large to keep one a partition and group.

Blocks come in order, read ahead by one; the update of a block is spread over tiles of the summary.
There is one accumulator a file, so that memory does not grow with the number of workers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

from onebox.aggregates.aggregate import Tiled
from onebox.data.block import Block
from onebox.data.partition import Unit
from onebox.data.scratch import FreshMemory
from onebox.data.view import View
from onebox.engine.fold import Groups, UnitFold
from onebox.engine.kept import KeptScan, State
from onebox.engine.need import is_large
from onebox.engine.reader import Reader, located
from onebox.engine.tasks import Results, Tasks


class _Read(NamedTuple):
    unit: Unit
    block: Block | None
    n_done: int = 0
    rows: int = 0
    dropped: int = 0


class LargeWalk:
    """One pass of several aggregates of which at least one is large.

    Parameters
    ----------
    groups : sequence of Groups
    view : View
    units : sequence of Unit
    reader : Reader
    tasks : Tasks
    kept : KeptScan or None
    state : State, optional
        Where an earlier walk over the same first units has stopped.
    """

    def __init__(
        self, groups: Sequence[Groups], view: View, units: Sequence[Unit], reader: Reader,
        tasks: Tasks, kept: KeptScan | None = None, state: State | None = None,
    ) -> None:  # fmt: skip
        self.groups, self.view, self.units = groups, view, units
        self.reader, self.tasks, self.kept = reader, tasks, kept
        self.parts = [one.aggregate for one in groups]
        self._large = [is_large(part, view) for part in self.parts]
        self._done = 0 if state is None else state.n_units
        self._held: list[Any] = [None] * len(groups) if state is None else list(state.held)
        self._folds: list[UnitFold] = []

    def steps(self) -> Results[None]:
        """Merge what every unit has into the groups; of large summaries, what every file has."""
        self._close_file(self._done)
        # Fresh memory: two blocks are alive at a time, and a scratch serves one.
        for read in self.tasks.ahead(self._read(self._done)):
            if read.block is not None:
                with located(read.unit) as at:
                    at.append(read.block)
                    self._update(read.block)
                continue
            for k, fold in enumerate(self._folds):
                if not self._large[k]:
                    self.groups[k].add(fold.finish())
            self._folds = []
            yield
            if self.kept is not None:
                self.kept.rows += read.rows
                self.kept.dropped += read.dropped
                last = read.n_done == len(self.units)
                self.kept.note_state(self.units, read.n_done, self.groups, self._held, last=last)
            self._close_file(read.n_done)

    def _read(self, first: int) -> Iterator[_Read]:
        """The blocks of units in order, and after those of each, that it is complete."""
        dropped = [0]

        def count(rows: int) -> None:
            dropped[0] += rows

        for n_done, unit in enumerate(self.units[first:], first + 1):
            rows, dropped[0] = 0, 0
            with located(unit):
                for block in self.reader.blocks(unit, FreshMemory(), count):
                    yield _Read(unit, block)
                    rows += block.n_rows
            yield _Read(unit, None, n_done, rows, dropped[0])
            self.reader.meter.sample_memory()

    def _update(self, block: Block) -> None:
        schema = self.view.schema
        if not self._folds:
            self._folds = [UnitFold(g.aggregate, schema, g.used) for g in self.groups]
        for k, (part, large) in enumerate(zip(self.parts, self._large, strict=True)):
            if not large:
                self._folds[k].update(block)
                continue
            assert isinstance(part, Tiled)
            if self._held[k] is None:
                self._held[k] = part.empty(schema)
            summary = self._held[k]
            prepared = part.prepare(summary, block)
            # The last tiles of a triangle are the longest: they go first.
            tiles = reversed(range(part.n_tiles(summary)))
            self.tasks.all(partial(part.update_tile, summary, prepared), tiles)

    def _close_file(self, n_done: int) -> None:
        """Merge the accumulators of a file when its last unit is done."""
        if not n_done:
            return
        file = self.units[n_done - 1].span.file
        if n_done < len(self.units) and self.units[n_done].span.file == file:
            return
        for k, held in enumerate(self._held):
            if held is not None:
                self.groups[k].add({0: held}, reuse=False)
                self._held[k] = None
