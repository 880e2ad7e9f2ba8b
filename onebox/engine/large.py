"""A pass for summaries too large to keep one a partition and group.

Blocks come in order, read ahead by one; the update of a block is spread over tiles of the summary.
There is one accumulator a file, so that memory does not grow with the number of workers.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import takewhile
from typing import Any, NamedTuple

from onebox.aggregates.aggregate import Tiled
from onebox.data.block import Block
from onebox.data.partition import Unit
from onebox.data.scratch import FreshMemory
from onebox.data.view import View
from onebox.engine.fold import Groups, UnitFold
from onebox.engine.kept import FoundFile, KeptScan, State
from onebox.engine.need import is_large
from onebox.engine.reader import Reader, located
from onebox.engine.tasks import Results, Tasks

Shares = list[dict[int, Any]]


class _Read(NamedTuple):
    unit: Unit
    block: Block | None
    n_done: int = 0
    rows: int = 0
    dropped: int = 0
    found: FoundFile | None = None


class _Done(NamedTuple):
    unit: Unit
    shares: Shares
    rows: int
    dropped: int


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
        self._file: list[_Done] = []  # of the file in work, if all of it is read here
        self._noting = False

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
            if read.found is None:
                self._take_unit(read)
                n_units = 1
            else:
                n_units = self._take_file(read, read.found)
            for _ in range(n_units):
                yield
            if self.kept is not None:
                self.kept.rows += read.rows
                self.kept.dropped += read.dropped
                last = read.n_done == len(self.units)
                self.kept.note_state(read.n_done, self.groups, self._held, last=last)
            self._close_file(read.n_done)

    def _take_unit(self, read: _Read) -> None:
        """Merge what a unit has of small summaries, and note it for its file."""
        shares: Shares = []
        for k, fold in enumerate(self._folds):
            shares.append({} if self._large[k] else fold.finish())
        self._folds = []
        if self._is_noted(read):
            noted = copy.deepcopy(shares) or [{} for _ in self.parts]
            self._file.append(_Done(read.unit, noted, read.rows, read.dropped))
        for group, share in zip(self.groups, shares, strict=False):  # none of a unit without rows
            group.add(share)

    def _take_file(self, read: _Read, found: FoundFile) -> int:
        """Take over what is kept of a file; returns the number of its units."""
        units = self.units[read.n_done - len(found.shares) : read.n_done]
        meter = self.reader.meter
        meter.saw(rows=found.rows, position=sum(unit.n_rows or 0 for unit in units))
        meter.dropped(found.dropped)
        for unit, shares in zip(units, found.shares, strict=True):
            meter.reused(partitions=unit.n_partitions, nbytes=self.reader.source_bytes(unit))
            for group, share in zip(self.groups, shares, strict=True):
                group.add(share, reuse=False)
        self._held = list(found.held)
        return len(units)

    def _is_noted(self, read: _Read) -> bool:
        """Whether a unit is of a file that is kept as a whole."""
        if self.kept is None or self.kept.files is None:
            return False
        if self._begins(read.n_done - 1):
            self._noting = self.kept.files.is_worth_it(self._file_from(read.n_done - 1))
        return self._noting

    def _begins(self, number: int) -> bool:
        """Whether a file begins with a unit."""
        units = self.units
        return not number or units[number - 1].span.file != units[number].span.file

    def _file_from(self, number: int) -> list[Unit]:
        """The units from one on that are of its file."""
        file = self.units[number].span.file
        return list(takewhile(lambda unit: unit.span.file == file, self.units[number:]))

    def _read(self, n_done: int) -> Iterator[_Read]:
        """The blocks of units in order, and after those of each, that it is complete."""
        dropped = [0]

        def count(rows: int) -> None:
            dropped[0] += rows

        while n_done < len(self.units):
            if (found := self._found(n_done)) is not None:
                n_done += len(found.shares)
                yield _Read(self.units[n_done - 1], None, n_done, found.rows, found.dropped, found)
                continue
            unit, n_done = self.units[n_done], n_done + 1
            rows, dropped[0] = 0, 0
            with located(unit):
                for block in self.reader.blocks(unit, FreshMemory(), count):
                    yield _Read(unit, block)
                    rows += block.n_rows
            yield _Read(unit, None, n_done, rows, dropped[0])
            self.reader.meter.sample_memory()

    def _found(self, n_done: int) -> FoundFile | None:
        """What is kept of the file that begins with a unit, if it is kept."""
        if self.kept is None or self.kept.files is None or not self._begins(n_done):
            return None
        return self.kept.files.find(self._file_from(n_done))

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
        self._keep_file()
        for k, held in enumerate(self._held):
            if held is not None:
                self.groups[k].add({0: held}, reuse=False)
                self._held[k] = None

    def _keep_file(self) -> None:
        """Keep what a file has come to, when all of it has been read in this walk."""
        done, self._file = self._file, []
        if not done or self.kept is None:
            return
        rows, dropped = sum(one.rows for one in done), sum(one.dropped for one in done)
        found = FoundFile(self._held, [one.shares for one in done], rows, dropped)
        self.kept.keep_file([one.unit for one in done], found)
