"""Blocks for the tasks of one run: from the source, or from where an earlier pass kept them.

Everything a run counts is counted here, and here an error learns which rows it came from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

from onebox.data.block import Block
from onebox.data.partition import Unit
from onebox.data.reading import Ahead
from onebox.data.scratch import Scratch
from onebox.data.view import View
from onebox.engine.report import Meter
from onebox.engine.store import BlockStore
from onebox.engine.tasks import Stopped, made_ahead
from onebox.errors import OneboxError

T = TypeVar("T")
OnDrop = Callable[[int], None]


class Reader:
    """Hands out the blocks of units.

    Parameters
    ----------
    view : View
    store : BlockStore or None
        Where blocks stay between passes.
    meter : Meter
        Told of every block.
    check : callable
        Called before every block; raises when the run is over.
    scratches : list of Scratch, optional
        Memory that nobody uses just now.
    has_idle : callable, optional
        Whether a thread is free to read while another works on what has been read. None: there are
        no others.
    """

    def __init__(
        self, view: View, store: BlockStore | None, meter: Meter, check: Callable[[], None],
        scratches: list[Scratch] | None = None, has_idle: Callable[[], bool] | None = None,
    ) -> None:  # fmt: skip
        self.view, self.store, self.meter = view, store, meter
        self._check = check
        self._ahead: Ahead | None = None
        source = view.source  # a stream stays with the thread that began it
        if has_idle is not None and not (source.in_memory or source.raw or source.single_pass):
            self._ahead = partial(made_ahead, has_idle=has_idle)
        self._scratches = [] if scratches is None else scratches

    def work(
        self, unit: Unit, task: Callable[[Unit, Iterator[Block]], T], on_drop: OnDrop | None = None
    ) -> T:
        """What a task makes of the blocks of a unit; an error says what was being read."""
        with self.scratch() as scratch, located(unit) as at:
            made = task(unit, self._watched(unit, scratch, at, on_drop))
        self.meter.sample_memory()
        return made

    def blocks(
        self, unit: Unit, scratch: Scratch, on_drop: OnDrop | None = None,
        ahead: Ahead | None = None,
    ) -> Iterator[Block]:  # fmt: skip
        """The blocks of a unit, counted; one that is asked for ends when the run is over.

        `on_drop` is told of the rows that a missing value took; `ahead` reads a batch while blocks
        are worked on.
        """
        rows = 0
        for block in self._stored_or_read(unit, scratch, on_drop, ahead):
            self._check()
            yield block
            rows += block.n_rows
            self.meter.saw(rows=block.n_rows, position=block.n_rows)
        if unit.n_rows is not None:
            self.meter.saw(position=unit.n_rows - rows)  # what filters took

    @contextmanager
    def scratch(self) -> Iterator[Scratch]:
        """Memory for one task at a time, used again by the next."""
        # Not one a thread: a pool of the user's may have many more threads than tasks in flight.
        try:
            mine = self._scratches.pop()
        except IndexError:
            mine = Scratch()
        try:
            yield mine
        finally:
            self._scratches.append(mine)

    def _watched(
        self, unit: Unit, scratch: Scratch, at: list[Block], on_drop: OnDrop | None
    ) -> Iterator[Block]:
        for block in self.blocks(unit, scratch, on_drop, self._ahead):
            at[:] = [block]
            yield block
            at.clear()

    def _stored_or_read(
        self, unit: Unit, scratch: Scratch, on_drop: OnDrop | None, ahead: Ahead | None
    ) -> Iterator[Block]:
        store = self.store
        if store is not None and store.has(unit):
            width = self.view.row_bytes if store.from_disk else 0
            for block in store.blocks(unit, scratch):
                yield block
                self.meter.saw(nbytes=block.n_rows * width)
            return
        shelf: list[Any] = []

        def dropped(rows: int) -> None:
            self.meter.dropped(rows)
            if on_drop is not None:
                on_drop(rows)

        for block in self.view.blocks(unit, scratch, dropped, ahead):
            if store is not None:
                store.keep(block, shelf)
            yield block
        if store is not None:
            store.complete(unit, shelf)
        self.meter.saw(nbytes=self.source_bytes(unit))

    def source_bytes(self, unit: Unit) -> int:
        """Bytes that reading a unit takes from the disk."""
        if self.view.skips(unit):
            return 0
        span = unit.span
        total = self.view.source.stored_bytes(span, self.view.source_columns)
        return (
            total if not span.n_rows or unit.n_rows is None else total * unit.n_rows // span.n_rows
        )


@contextmanager
def located(unit: Unit) -> Iterator[list[Block]]:
    """Note on an error what was being read: the block that the yielded list holds, or the unit."""
    at: list[Block] = []
    try:
        yield at
    except (OneboxError, Stopped):
        raise
    except Exception as error:
        if not any(note.startswith("onebox:") for note in getattr(error, "__notes__", ())):
            where = f"working on {at[0].where}" if at else f"reading {unit.span.place}"
            error.add_note(f"onebox: while {where}")
        raise
