"""One fit's scans: what it opens, the order of its work, and what it keeps between passes."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from functools import cached_property, partial
from types import TracebackType
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from onebox.aggregates.aggregate import Aggregate, RowState, parts_of
from onebox.config import Settings, memory_budget, resolve
from onebox.data.block import Block
from onebox.data.partition import Unit
from onebox.data.scratch import FreshMemory
from onebox.data.view import View
from onebox.engine.allocator import compact_arrow_memory
from onebox.engine.fold import Groups
from onebox.engine.kept import Found, Keeper, KeptScan, State, held_bytes
from onebox.engine.large import LargeWalk
from onebox.engine.limiter import single_threaded_blas
from onebox.engine.need import is_large
from onebox.engine.plan import disk_limit, make_plan
from onebox.engine.progress import Reporter, listener_for
from onebox.engine.reader import Reader, located
from onebox.engine.report import FitReport, Meter
from onebox.engine.small import SmallWalk
from onebox.engine.states import StateTrail
from onebox.engine.store import BlockStore, DiskStore, MemoryStore, RowStates, SpillFile
from onebox.engine.tasks import Results, Tasks
from onebox.errors import SinglePass
from onebox.executors import opened
from onebox.storage.spill import SpillFolder, default_cache_folder

logger = logging.getLogger(__name__)

T = TypeVar("T")
Item = TypeVar("Item")


class Run:
    """The scans of one fit over one view, under one plan.

    Parameters
    ----------
    view : View
    aggregates : sequence of Aggregate
        What will be scanned for, each in a scan of its own and at its largest: the plan is for
        these.
    settings : Settings
        How to run.
    many_passes : bool
        Whether there will be several scans, so that blocks should be kept from one to the next.
    job : str
        What progress and messages call it.
    result_bytes : int
        What the caller fills in while running, and holds beside what the scans need.
    task_bytes : int
        What a task of `map` or `each` takes beside its blocks.

    Raises
    ------
    NotEnoughMemory
        When the plan cannot fit the budget.
    SinglePass
        When several scans are asked of data that can be read once.
    BadValue
        When a footer tells of nulls that an aggregate refuses. Nothing has been read in any case.
    """

    def __init__(
        self,
        view: View,
        aggregates: Sequence[Aggregate[Any]],
        *,
        settings: Settings | None = None,
        many_passes: bool = False,
        job: str = "scan",
        result_bytes: int = 0,
        task_bytes: int = 0,
    ) -> None:
        self.view, self.job, self.many_passes = view, job, many_passes
        self.settings = settings if settings is not None else resolve()
        scans = [parts_of(aggregate) for aggregate in aggregates]
        if many_passes and view.source.single_pass:
            raise self._single_pass()
        if any(part.refuses_missing for parts in scans for part in parts):
            view.refuse_known_nulls()
        held = held_bytes(view, scans, self.settings, memory_budget(self.settings))
        self.plan = make_plan(
            view, scans, self.settings, job=job, many_passes=many_passes,
            result_bytes=result_bytes + held, task_bytes=task_bytes,
        )  # fmt: skip
        logger.debug("%s: %s", job, self.plan)
        self.meter = Meter()
        self.report = FitReport(
            projected_memory=self.plan.peak_bytes,
            budget=self.plan.budget,
            n_workers=self.plan.n_workers,
            partitions=self.plan.n_partitions,
        )
        self._listener = listener_for(self.settings.progress)
        self._reporter = Reporter(job, None, None)
        self._stack = ExitStack()
        self._start = time.perf_counter()
        self._spill: SpillFile | None = None

    def __enter__(self) -> Run:
        with ExitStack() as self._stack:
            self._stack.enter_context(single_threaded_blas())
            self._stack.enter_context(compact_arrow_memory())
            store = self._open_store()
            states = RowStates(self._spill_file() if self.plan.states_on_disk else None)
            self._trail = StateTrail(states, self.view.schema)
            asked = self.settings.executor or "threads"
            executor = self._stack.enter_context(opened(asked, self.plan.n_workers))
            self._tasks = Tasks(executor, self.plan.in_flight, self._tell)
            self._stack.callback(self._tasks.close)  # first of all, before what tasks use is closed
            self._reader = Reader(self.view, store, self.meter, self._tasks.check)
            self._stack = self._stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()
        # They refer to this run: without them it goes, and what it holds, when nobody needs it.
        del self._tasks, self._reader
        self.meter.sample_memory()
        self.report.seconds = time.perf_counter() - self._start
        self.report.peak_memory = self.meter.peak
        self.report.bytes_read = self.meter.bytes_read
        self.report.bytes_reused = self.meter.bytes_found
        self.report.bytes_spilled = self._spill.nbytes if self._spill else 0

    def scan(self, aggregate: Aggregate[Any], *, job: str | None = None) -> Any:
        """One pass; returns the merged summary."""
        parts = parts_of(aggregate)
        kept = self._keep_of(parts) if self.many_passes else None
        found = None if kept is None else kept.result()
        if found is not None:
            merged = self._pass_found(found, parts)
        else:
            groups = self.empty_groups(aggregate)
            for _ in self.scan_steps(groups, job=job, kept=kept):
                pass
            merged = [one.merged() for one in groups]
            if kept is not None:
                kept.keep_result(merged, self.meter.rows, self.meter.rows_dropped)
        return tuple(merged) if len(parts) > 1 else merged[0]

    def scan_groups(self, aggregate: Aggregate[Any], *, job: str | None = None) -> list[Groups]:
        """One pass; returns the group summaries of every part."""
        groups = self.empty_groups(aggregate)
        for _ in self.scan_steps(groups, job=job):
            pass
        return groups

    def empty_groups(self, aggregate: Aggregate[Any]) -> list[Groups]:
        """The group summaries of every part before anything has been seen."""
        return [Groups(part, self.view.schema) for part in parts_of(aggregate)]

    def scan_steps(
        self, groups: Sequence[Groups], units: Sequence[Unit] | None = None, *,
        job: str | None = None, kept: KeptScan | None = None,
    ) -> Iterator[int]:  # fmt: skip
        """One pass over some units, all by default, which ends early when nobody asks for more.

        What a unit holds is merged into the groups before the next is asked for; yields 1 a unit.
        `kept` is what the cache has of this scan, where that has been looked for.
        """
        if self.report.passes and self.view.source.single_pass:
            raise self._single_pass()
        layout = self.view.layout
        if units is not None:
            layout = replace(layout, units=tuple(units))
        self.meter.start_pass()
        self._reporter = Reporter(job or self.job, self._listener, layout.n_rows)
        parts = [one.aggregate for one in groups]
        self._trail.begin(parts)
        kept = self._keep_of(parts) if kept is None else kept
        completed = False
        try:
            with closing(self._walk(groups, layout.units, kept, whole=units is None)) as steps:
                for _ in steps:
                    yield 1
            completed = True
        finally:
            self._reporter.finish(self.meter, completed=completed)
            if kept is not None:
                kept.close(completed=completed)
        self._pass_over()

    def _walk(
        self, groups: Sequence[Groups], units: Sequence[Unit], kept: KeptScan | None, *, whole: bool
    ) -> Results[None]:
        state = None
        if kept is not None:
            kept.open(units)
            state = kept.state(units) if whole else None
            if state is not None:
                self._go_on(groups, units, kept, state)
        if any(self._is_large(g) for g in groups):
            walk = LargeWalk(groups, self.view, units, self._reader, self._tasks, kept, state)
            return walk.steps()
        n_done = 0 if state is None else state.n_units
        return SmallWalk(
            groups, self.view, units, self._reader, self._tasks, self._trail, kept, n_done
        ).steps()

    def _go_on(
        self, groups: Sequence[Groups], units: Sequence[Unit], kept: KeptScan, state: State
    ) -> None:
        """Take over what an earlier run had seen."""
        for group, summaries in zip(groups, state.groups, strict=True):
            group.summaries = list(summaries)
        kept.rows, kept.dropped = state.rows, state.dropped
        self.meter.saw(rows=state.rows)
        self.meter.dropped(state.dropped)
        for unit in units[: state.n_units]:
            self.meter.saw(position=unit.n_rows or 0)
            nbytes = self._reader.source_bytes(unit)
            self.meter.reused(partitions=unit.n_partitions, nbytes=nbytes)

    def _pass_found(self, found: Found, parts: Sequence[Aggregate[Any]]) -> list[Any]:
        """Count a pass whose result was in the cache."""
        self.meter.start_pass()
        self._trail.begin(parts)
        self.meter.saw(rows=found.rows)
        self.meter.dropped(found.dropped)
        self.meter.reused(partitions=0, nbytes=self.view.stored_bytes)
        self.report.passes_reused += 1
        self._pass_over()
        return [share[0] for share in found.shares]

    def _pass_over(self) -> None:
        report, meter = self.report, self.meter
        report.passes += 1
        report.rows = meter.rows
        report.cache_hits += meter.found
        report.partitions_reused = max(report.partitions_reused, meter.partitions_found)
        if report.passes == 1:  # blocks that are kept from then on have lost theirs
            report.rows_dropped = meter.rows_dropped

    def _keep_of(self, parts: Sequence[Aggregate[Any]]) -> KeptScan | None:
        """What is kept of a scan."""
        keeper = self._keeper
        return None if keeper is None else KeptScan.of(keeper, parts, passing=self.many_passes)

    @cached_property
    def _keeper(self) -> Keeper | None:
        keeper = Keeper.of(self.view, self.settings, self.job)
        if keeper is not None:
            self.meter.saw(nbytes=keeper.history.bytes_read)
        return keeper

    def _is_large(self, groups: Groups) -> bool:
        return is_large(groups.aggregate, self.view)

    def map(
        self, task: Callable[[Unit, Iterator[Block]], T], units: Sequence[Unit] | None = None
    ) -> Results[T]:
        """What a task makes of the blocks of each unit, all by default, in order."""
        units = self.view.layout.units if units is None else units
        return self.each(partial(self._reader.work, task=task), units)

    def each(self, task: Callable[[Item], T], items: Iterable[Item]) -> Results[T]:
        """What a task makes of each item, in order, with a bounded number in flight."""
        return self._tasks.in_order(task, items)

    def blocks(self) -> Iterator[Block]:
        """Every block in order, the next one made while one is worked on; each may be kept."""

        def made() -> Iterator[Block]:
            for unit in self.view.layout.units:
                with located(unit):
                    yield from self._reader.blocks(unit, FreshMemory())

        return self._tasks.ahead(made())

    def blocks_of(self, units: Sequence[Unit]) -> Iterator[Block]:
        """The blocks of some units in order, for a task that takes several."""
        with self._reader.scratch() as scratch:
            for unit in units:
                yield from self._reader.blocks(unit, scratch)

    def row_state(self, state: RowState) -> NDArray[Any]:
        """A row state as the last scan left it, over all rows in order."""
        lost = self._trail.missing(self.view.layout.units)
        for _ in self.map(self._trail.again, lost):
            pass
        parts = self._trail.states.in_order(state)
        return np.concatenate(parts) if parts else np.empty(0, state.dtype)

    def _tell(self) -> None:
        self._reporter.tell(self.meter)

    def _single_pass(self) -> SinglePass:
        return SinglePass(
            f"{self.job} needs more than one pass over {self.view.source.describe()}, which can be read "
            "once. Write it down first: ob.dataset(...).persist(path)."
        )

    def _open_store(self) -> BlockStore | None:
        if self.plan.keep == "memory":
            sparse = self.view.entry_row_bytes is not None
            return MemoryStore(self.view.schema, sparse=sparse)
        return DiskStore(self.view.schema, self._spill_file()) if self.plan.keep == "disk" else None

    def _spill_file(self) -> SpillFile:
        if self._spill is None:
            root = self.settings.cache_folder or default_cache_folder()
            folder = self._stack.enter_context(SpillFolder(root, disk_limit(self.settings)))
            self._spill = self._stack.enter_context(closing(SpillFile(folder)))
        return self._spill


def scan(
    view: View,
    aggregate: Aggregate[Any],
    *,
    settings: Settings | None = None,
    job: str | None = None,
) -> tuple[Any, FitReport]:
    """One pass of an aggregate over a view: the merged summary, and what it cost.

    Cost: 1 pass. Small summaries: one a partition in work and one a group (32) held; a tiled
    summary over 2 MiB: one accumulator a file.

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

    Merging them with `merged_in_tree` gives the summary of `scan`, bit for bit.
    """
    run = Run(view, [aggregate], settings=settings, job=job or type(aggregate).__name__)
    with run:
        groups = run.scan_groups(aggregate)
    return [group.by_group() for group in groups], run.report
