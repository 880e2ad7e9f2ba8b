"""One fit's scans: what it opens, the order of its work, and what it keeps between passes."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from functools import partial
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
from onebox.engine.elsewhere import Elsewhere
from onebox.engine.fold import Groups
from onebox.engine.kept import held_bytes
from onebox.engine.limiter import single_threaded_blas
from onebox.engine.passes import Passes, single_pass
from onebox.engine.plan import disk_limit, make_plan
from onebox.engine.reader import Reader, located
from onebox.engine.report import FitReport, Meter
from onebox.engine.states import StateTrail
from onebox.engine.store import BlockStore, DiskStore, MemoryStore, RowStates, SpillFile
from onebox.engine.tasks import Results, Tasks
from onebox.executors import hired, opened
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
        When several scans are asked of data that can be read once. Nothing has been read in any case.
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
            raise single_pass(view, job)
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
        refuses_missing = any(part.refuses_missing for parts in scans for part in parts)
        self._passes = Passes(
            view, self.settings, job, self.report, self.meter, many_passes=many_passes,
            refuses_missing=refuses_missing,
        )  # fmt: skip
        self._stack = ExitStack()
        self._start = time.perf_counter()
        self._spill: SpillFile | None = None

    def __enter__(self) -> Run:
        passes, asked = self._passes, self.settings.executor or "threads"
        with ExitStack() as self._stack:
            self._stack.enter_context(single_threaded_blas())
            self._stack.enter_context(compact_arrow_memory())
            store = self._open_store()
            states = RowStates(self._spill_file() if self.plan.states_on_disk else None)
            passes.trail = StateTrail(states, self.view.schema)
            executor = self._stack.enter_context(opened(asked, self.plan.n_workers))
            passes.tasks = Tasks(executor, self.plan.in_flight, passes.tell)
            # First of all, before what tasks use is closed.
            self._stack.callback(passes.tasks.close)
            idle = self._has_idle if self.plan.n_threads > 1 else None
            passes.reader = Reader(
                self.view, store, self.meter, passes.tasks.check, has_idle=idle
            )  # fmt: skip
            passes.hire = self._hire
            self._stack = self._stack.pop_all()
        return self

    def _has_idle(self) -> bool:
        """Whether every task that runs could have one more thread."""
        return 2 * self._passes.tasks.n_running() <= self.plan.n_threads

    def _hire(self) -> Elsewhere | None:
        """Who makes scans elsewhere, if that was asked for."""
        passes, plan = self._passes, self.plan
        crew = self._stack.enter_context(hired(self.settings.executor, plan.n_workers))
        if crew is None:
            return None
        there = Elsewhere(
            crew, self.view, passes.trail, self.meter, plan.held_bytes, passes.tell
        )  # fmt: skip
        self.report.n_workers = crew.n_workers
        self._stack.callback(there.close)
        return there

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()
        passes = self._passes
        elsewhere = passes.__dict__.pop("elsewhere", None)  # it may never have been wanted
        # They refer to this run: without them it goes, and what it holds, when nobody needs it.
        del passes.tasks, passes.reader, passes.hire
        self.meter.sample_memory()
        self.report.seconds = time.perf_counter() - self._start
        self.report.peak_memory = self.meter.peak + (elsewhere.grown if elsewhere else 0)
        self.report.bytes_read = self.meter.bytes_read
        self.report.bytes_reused = self.meter.bytes_found
        self.report.bytes_spilled = self._spill.nbytes if self._spill else 0

    def scan(self, aggregate: Aggregate[Any], *, job: str | None = None) -> Any:
        """One pass; returns the merged summary."""
        merged = self._passes.scan(aggregate, job)
        return tuple(merged) if len(parts_of(aggregate)) > 1 else merged[0]

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
        job: str | None = None,
    ) -> Iterator[int]:  # fmt: skip
        """One pass over some units, all by default, which ends early when nobody asks for more.

        What a unit holds is merged into the groups before the next is asked for; yields 1 a unit.
        """
        return self._passes.steps(groups, units, job=job)

    def map(
        self, task: Callable[[Unit, Iterator[Block]], T], units: Sequence[Unit] | None = None
    ) -> Results[T]:
        """What a task makes of the blocks of each unit, all by default, in order."""
        units = self.view.layout.units if units is None else units
        return self.each(partial(self._passes.reader.work, task=task), units)

    def each(self, task: Callable[[Item], T], items: Iterable[Item]) -> Results[T]:
        """What a task makes of each item, in order, with a bounded number in flight."""
        return self._passes.tasks.in_order(task, items)

    def blocks(self) -> Iterator[Block]:
        """Every block in order, the next one made while one is worked on; each may be kept."""

        def made() -> Iterator[Block]:
            for unit in self.view.layout.units:
                with located(unit):
                    yield from self._passes.reader.blocks(unit, FreshMemory())

        return self._passes.tasks.ahead(made())

    def blocks_of(self, units: Sequence[Unit]) -> Iterator[Block]:
        """The blocks of some units in order, for a task that takes several."""
        reader = self._passes.reader
        with reader.scratch() as scratch:
            for unit in units:
                yield from reader.blocks(unit, scratch)

    def row_state(self, state: RowState) -> NDArray[Any]:
        """A row state as the last scan left it, over all rows in order."""
        passes, units = self._passes, self.view.layout.units
        if passes.elsewhere is not None and passes.elsewhere.can_read(units):
            parts = passes.elsewhere.row_state(state, units)
        else:
            lost = [unit for unit in units if not passes.trail.has(unit)]
            for _ in self.map(passes.trail.again, lost):
                pass
            parts = passes.trail.states.in_order(state)
        return np.concatenate(parts) if parts else np.empty(0, state.dtype)

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
