"""One fit's scans: the walker, and what it keeps from one pass to the next."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, wait
from contextlib import ExitStack
from types import TracebackType
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from onebox.aggregates.aggregate import Aggregate, RowState, Tiled, parts_of
from onebox.config import Settings, resolve
from onebox.data.block import Block
from onebox.data.partition import Unit
from onebox.data.scratch import FreshMemory, Scratch
from onebox.data.view import View
from onebox.engine.fold import Groups, UnitFold
from onebox.engine.limiter import single_threaded_blas
from onebox.engine.plan import is_large, make_plan
from onebox.engine.progress import Reporter, listener_for
from onebox.engine.report import FitReport, Meter
from onebox.engine.store import BlockStore, DiskStore, MemoryStore, RowStates, SpillFile
from onebox.errors import OneboxError, SinglePass
from onebox.executors import opened
from onebox.storage.spill import SpillFolder, default_cache_folder

Shares = list[dict[int, Any]]
T = TypeVar("T")
Item = TypeVar("Item")


class _Stopped(Exception):
    """Raised inside tasks when the run is over early; never seen outside."""


class Run:
    """The scans of one fit over one view, under one plan.

    Parameters
    ----------
    view : View
    aggregates : sequence of Aggregate
        What will be scanned for, each in a scan of its own and at its largest: the plan is for these.
    settings : Settings
        How to run.
    many_passes : bool
        Whether blocks should be kept from one scan to the next.
    job : str
        What progress and messages call it.
    """

    def __init__(
        self,
        view: View,
        aggregates: Sequence[Aggregate[Any]],
        *,
        settings: Settings | None = None,
        many_passes: bool = False,
        job: str = "scan",
    ) -> None:
        self.view, self.job = view, job
        self.settings = settings if settings is not None else resolve()
        scans = [parts_of(aggregate) for aggregate in aggregates]
        if any(part.refuses_missing for parts in scans for part in parts):
            view.refuse_known_nulls()
        self.plan = make_plan(view, scans, self.settings, many_passes=many_passes)
        self.meter = Meter()
        self.report = FitReport(budget=self.plan.budget, n_workers=self.plan.n_workers)
        self._listener = listener_for(self.settings.progress)
        self._reporter = Reporter(job, self._listener)
        self._pass_start_bytes = 0
        self._stop = threading.Event()
        self._local = threading.local()
        self._stack = ExitStack()
        self._start = time.perf_counter()
        self._spill: SpillFile | None = None

    def __enter__(self) -> Run:
        with self._stack:  # undone here if anything below fails
            self._stack.enter_context(single_threaded_blas())
            asked = self.settings.executor or "threads"
            self._executor: Executor = self._stack.enter_context(
                opened(asked, self.plan.n_workers)
            )
            self._store = self._make_store()
            self._states = RowStates(self._spill_file() if self.plan.states_on_disk else None)
            self._stack = self._stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()
        self.meter.sample_memory()
        self.report.seconds = time.perf_counter() - self._start
        self.report.peak_memory = self.meter.peak
        self.report.bytes_read = self.meter.bytes_read
        self.report.bytes_spilled = self._spill.nbytes if self._spill else 0

    def scan(self, aggregate: Aggregate[Any], *, job: str | None = None) -> Any:
        """One pass; returns the merged summary."""
        merged = [groups.merged() for groups in self.scan_groups(aggregate, job=job)]
        return tuple(merged) if len(parts_of(aggregate)) > 1 else merged[0]

    def scan_groups(self, aggregate: Aggregate[Any], *, job: str | None = None) -> list[Groups]:
        """One pass; returns the group summaries of every part."""
        if self.report.passes and self.view.source.single_pass and self.plan.keep == "source":
            raise SinglePass(
                f"{self.job} needs another pass over {self.view.source.describe()}, which can be read "
                "once. Write it down first: ob.dataset(...).persist(path)."
            )
        parts = parts_of(aggregate)
        groups = [Groups(part, self.view.schema) for part in parts]
        self.meter.rows = 0
        self._pass_start_bytes = self.meter.bytes_read
        self._reporter = Reporter(job or self.job, self._listener)
        walk = self._walk_in_order if any(is_large(p, self.view) for p in parts) else self._walk
        try:
            for shares in walk(parts):
                for group, share in zip(groups, shares, strict=True):
                    group.add(share)
        finally:
            self._tell(done=True)
        self.report.passes += 1
        self.report.rows = self.meter.rows
        return groups

    # Small summaries: units are independent tasks, folded in their order.

    def _walk(self, parts: Sequence[Aggregate[Any]]) -> Iterator[Shares]:
        states = tuple(s for part in parts for s in part.row_state(self.view.schema))

        def task(unit: Unit, blocks: Iterator[Block]) -> Shares:
            folds = [UnitFold(part, self.view.schema) for part in parts]
            for ordinal, block in enumerate(blocks):
                self._states.lend(block, unit, ordinal, states)
                for fold in folds:
                    fold.update(block)
                self._states.take_back(block, unit, ordinal)
            return [fold.finish() for fold in folds]

        return self.map(task)

    def map(self, task: Callable[[Unit, Iterator[Block]], T]) -> Iterator[T]:
        """What a task makes of the blocks of each unit, in the order of the units."""
        return self.each(lambda unit: self._do_unit(unit, task), self.view.layout.units)

    def row_state(self, state: RowState) -> NDArray[Any]:
        """A row state as the last scan left it, over all rows in order."""
        parts = self._states.in_order(state)
        return np.concatenate(parts) if parts else np.empty(0, state.dtype)

    def blocks_of(self, units: Sequence[Unit]) -> Iterator[Block]:
        """The blocks of some units in order, for a task that takes several."""
        for unit in units:
            yield from self._counted_blocks(unit)

    def each(self, task: Callable[[Item], T], items: Iterable[Item]) -> Iterator[T]:
        """What a task makes of each item, in order, with a bounded number in flight."""
        pending: deque[Future[T]] = deque()
        try:
            for item in items:
                pending.append(self._executor.submit(task, item))
                if len(pending) >= self.plan.in_flight:
                    yield pending.popleft().result()
                    self._tell()
            while pending:
                yield pending.popleft().result()
                self._tell()
        finally:
            self._give_up(pending)

    def _do_unit(self, unit: Unit, task: Callable[[Unit, Iterator[Block]], T]) -> T:
        """Run a task over one unit; an error says what was being read."""
        self._local.block = None
        try:
            result = task(unit, self._counted_blocks(unit))
        except (OneboxError, _Stopped):
            raise
        except Exception as error:
            error.add_note(f"onebox: {_where(unit, self._local.block)}")
            raise
        finally:
            self._local.block = None
        self.meter.sample_memory()
        return result

    def _counted_blocks(self, unit: Unit) -> Iterator[Block]:
        for block in self._blocks(unit, self._scratch()):
            if self._stop.is_set():
                raise _Stopped
            self._local.block = block
            yield block
            self.meter.saw(block.n_rows)

    def _blocks(self, unit: Unit, scratch: Scratch) -> Iterator[Block]:
        if self._store is not None and self._store.has(unit):
            yield from self._store.blocks(unit, scratch)
            if self.plan.keep == "disk":
                self.meter.saw(0, (unit.n_rows or 0) * self.view.row_bytes)
            return
        shelf: list[Any] = []
        for block in self.view.blocks(unit, scratch, self._dropped):
            if self._store is not None:
                self._store.keep(block, shelf)
            yield block
        if self._store is not None:
            self._store.complete(unit, shelf)
        self.meter.saw(0, self._stored_bytes(unit))

    # Large summaries: blocks in order, the work of one block spread over tiles.

    def _walk_in_order(self, parts: Sequence[Aggregate[Any]]) -> Iterator[Shares]:
        large = [isinstance(part, Tiled) and is_large(part, self.view) for part in parts]
        units = self.view.layout.units
        held: list[Any] = [None] * len(parts)
        for i, unit in enumerate(units):
            folds = [
                None if big else UnitFold(part, self.view.schema)
                for part, big in zip(parts, large, strict=True)
            ]
            for k, big in enumerate(large):
                if big and held[k] is None:
                    held[k] = parts[k].empty(self.view.schema)
            for block in self._read_ahead(unit):
                for part, fold, summary in zip(parts, folds, held, strict=True):
                    if fold is not None:
                        fold.update(block)
                    else:
                        assert isinstance(part, Tiled)
                        self._update_tiles(part, summary, block)
                self.meter.saw(block.n_rows)
                self._tell()
            last = i + 1 == len(units) or units[i + 1].span.file != unit.span.file
            shares: Shares = []
            for k, fold in enumerate(folds):
                if fold is not None:
                    shares.append(fold.finish())
                elif last:
                    shares.append({0: held[k]})
                    held[k] = None
                else:
                    shares.append({})
            self.meter.sample_memory()
            yield shares

    def _update_tiles(self, part: Tiled[Any, Any], summary: Any, block: Block) -> None:
        prepared = part.prepare(summary, block)
        # The last tiles of a triangle are the longest: they go first.
        futures = [
            self._executor.submit(part.update_tile, summary, prepared, tile)
            for tile in reversed(range(part.n_tiles(summary)))
        ]
        for future in futures:
            future.result()

    def _read_ahead(self, unit: Unit) -> Iterator[Block]:
        """The blocks of a unit, the next one read while one is worked on."""
        # Fresh memory: two blocks are alive at a time, and a scratch serves one.
        blocks = self._blocks(unit, FreshMemory())
        following = self._executor.submit(next, blocks, None)
        while True:
            try:
                block = following.result()
            except OneboxError:
                raise
            except Exception as error:
                error.add_note(f"onebox: {_where(unit, None)}")
                raise
            if block is None:
                return
            following = self._executor.submit(next, blocks, None)
            yield block

    def _make_store(self) -> BlockStore | None:
        if self.plan.keep == "memory":
            return MemoryStore(self.view.schema)
        return DiskStore(self.view.schema, self._spill_file()) if self.plan.keep == "disk" else None

    def _spill_file(self) -> SpillFile:
        if self._spill is None:
            root = self.settings.cache or default_cache_folder()
            folder = SpillFolder(root, self.settings.disk)
            self._stack.callback(folder.close)
            self._spill = SpillFile(folder)
            self._stack.callback(self._spill.close)
        return self._spill

    def _scratch(self) -> Scratch:
        scratch: Scratch | None = getattr(self._local, "scratch", None)
        if scratch is None:
            scratch = self._local.scratch = Scratch()
        return scratch

    def _stored_bytes(self, unit: Unit) -> int:
        span = unit.span
        total = self.view.source.stored_bytes(span, self.view.source_columns)
        return total if not span.n_rows or unit.n_rows is None else total * unit.n_rows // span.n_rows

    def _dropped(self, count: int) -> None:
        if self.report.passes:
            return  # a later pass drops the same rows again
        with self.meter.lock:
            self.report.rows_dropped += count

    def _tell(self, *, done: bool = False) -> None:
        if self._listener is None:
            return
        total = self.view.layout.n_rows
        share = self.meter.rows / total if total else 0.0
        read = self.meter.bytes_read - self._pass_start_bytes
        self._reporter.tell(share, self.meter.rows, read, done=done)

    def _give_up(self, pending: deque[Future[T]]) -> None:
        """Leave no task behind, whatever ended the walk."""
        if not pending:
            return
        self._stop.set()
        for future in pending:
            future.cancel()
        wait(pending)
        self._stop.clear()


def _where(unit: Unit, block: Block | None) -> str:
    if block is None:
        return f"while reading {unit.span.place}"
    return f"while working on the {block.n_rows:,} rows from {block.place(0)} on"


def scan(
    view: View,
    aggregate: Aggregate[Any],
    *,
    settings: Settings | None = None,
    job: str | None = None,
) -> tuple[Any, FitReport]:
    """One pass of an aggregate over a view: the merged summary, and what it cost.

    Cost: 1 pass. Small summaries: one a partition in work and one a group (32) held; a tiled summary
    over 2 MiB: one accumulator a file.

    Raises
    ------
    NotEnoughMemory
        Before anything is read, when the plan cannot fit the budget.
    BadValue
        For missing values that the aggregate refuses.
    """
    run = Run(view, [aggregate], settings=settings, job=job or type(aggregate).__name__)
    with run:
        summary = run.scan(aggregate)
    return summary, run.report


def scan_groups(
    view: View,
    aggregate: Aggregate[Any],
    *,
    settings: Settings | None = None,
    job: str | None = None,
) -> tuple[list[list[Any]], FitReport]:
    """One pass that returns, for every joined part, one summary a group of partitions.

    Merging them with the same tree gives `scan`'s summary, bit for bit.
    """
    run = Run(view, [aggregate], settings=settings, job=job or type(aggregate).__name__)
    with run:
        groups = run.scan_groups(aggregate)
    return [group.by_group() for group in groups], run.report
