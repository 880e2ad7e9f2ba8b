"""A pass for summaries too large to keep one a partition and group.

Blocks come in order, read ahead by one; the update of a block is spread over tiles of the summary.
There is one accumulator a file, so that memory does not grow with the number of workers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from onebox.aggregates.aggregate import Tiled
from onebox.data.block import Block
from onebox.data.partition import Unit
from onebox.data.scratch import FreshMemory
from onebox.data.view import View
from onebox.engine.fold import Groups, UnitFold
from onebox.engine.need import is_large
from onebox.engine.reader import Reader, located
from onebox.engine.tasks import Results, Tasks

Shares = list[dict[int, Any]]


class LargeWalk:
    """One pass of several aggregates of which at least one is large."""

    def __init__(
        self, groups: Sequence[Groups], view: View, units: Sequence[Unit], reader: Reader,
        tasks: Tasks,
    ) -> None:  # fmt: skip
        self.groups, self.view, self.units = groups, view, units
        self.reader, self.tasks = reader, tasks
        self.parts = [one.aggregate for one in groups]
        self._large = [is_large(part, view) for part in self.parts]
        self._held: list[Any] = [None] * len(groups)
        self._folds: list[UnitFold] = []

    def shares(self) -> Results[Shares]:
        """What every unit adds to the groups: small summaries its shares, large ones theirs a file."""
        current: Unit | None = None
        # Fresh memory: two blocks are alive at a time, and a scratch serves one.
        for unit, block in self.tasks.ahead(self._blocks()):
            if unit is not current:
                if current is not None:
                    yield self._finish(file_ends=unit.span.file != current.span.file)
                current = unit
                schema = self.view.schema
                self._folds = [UnitFold(g.aggregate, schema, g.used) for g in self.groups]
            with located(unit) as at:
                at.append(block)
                self._update(block)
        if current is not None:
            yield self._finish(file_ends=True)

    def _blocks(self) -> Iterator[tuple[Unit, Block]]:
        for unit in self.units:
            with located(unit):
                for block in self.reader.blocks(unit, FreshMemory()):
                    yield unit, block
            self.reader.meter.sample_memory()

    def _update(self, block: Block) -> None:
        for k, (part, large) in enumerate(zip(self.parts, self._large, strict=True)):
            if not large:
                self._folds[k].update(block)
                continue
            assert isinstance(part, Tiled)
            if self._held[k] is None:
                self._held[k] = part.empty(self.view.schema)
            summary = self._held[k]
            prepared = part.prepare(summary, block)
            # The last tiles of a triangle are the longest: they go first.
            tiles = reversed(range(part.n_tiles(summary)))
            self.tasks.all(partial(part.update_tile, summary, prepared), tiles)

    def _finish(self, *, file_ends: bool) -> Shares:
        shares: Shares = []
        for k, large in enumerate(self._large):
            if not large:
                shares.append(self._folds[k].finish())
            elif file_ends:
                shares.append({0: self._held[k]})
                self._held[k] = None
            else:
                shares.append({})
        return shares
