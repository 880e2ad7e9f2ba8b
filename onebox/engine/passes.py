"""The passes of one run: which walk goes over the units, what is kept of it, what it counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from functools import cached_property
from typing import Any

from onebox.aggregates.aggregate import Aggregate, parts_of
from onebox.config import Settings
from onebox.data.partition import Unit
from onebox.data.view import View
from onebox.engine.elsewhere import Elsewhere, Passing
from onebox.engine.fold import Groups
from onebox.engine.kept import Found, Keeper, KeptScan, State
from onebox.engine.large import LargeWalk
from onebox.engine.need import is_large
from onebox.engine.progress import Reporter, listener_for
from onebox.engine.reader import Reader
from onebox.engine.report import FitReport, Meter
from onebox.engine.small import Here, SmallWalk
from onebox.engine.states import StateTrail
from onebox.engine.tasks import Results, Tasks
from onebox.errors import SinglePass


class Passes:
    """Goes over one view, again and again.

    Parameters
    ----------
    view : View
    settings : Settings
    job : str
        What progress and messages call it.
    many_passes : bool
        Whether the result of a whole pass is what is kept of it.
    report : FitReport
    meter : Meter
    refuses_missing : bool
        Whether any scan of the run refuses missing values: what footers tell of is refused first.
    """

    reader: Reader
    tasks: Tasks
    trail: StateTrail
    hire: Callable[[], Elsewhere | None]
    """Finds who makes scans elsewhere; asked when there is one to make."""

    def __init__(
        self, view: View, settings: Settings, job: str, report: FitReport, meter: Meter, *,
        many_passes: bool, refuses_missing: bool,
    ) -> None:  # fmt: skip
        self.view, self.settings, self.job, self.many_passes = view, settings, job, many_passes
        self.report, self.meter = report, meter
        self._look_for_nulls = refuses_missing
        self._listener: Callable[[Any], None] | None = listener_for(settings.progress)
        self._reporter = Reporter(job, None, None)

    def scan(self, aggregate: Aggregate[Any], job: str | None) -> list[Any]:
        """The merged summaries of every part; those of a pass of many are kept."""
        parts = parts_of(aggregate)
        kept = self._keep_of(parts) if self.many_passes else None
        found = None if kept is None else kept.result()
        if found is not None:
            return self._pass_found(found, parts)
        groups = [Groups(part, self.view.schema) for part in parts]
        for _ in self.steps(groups, job=job, kept=kept, merge=True):
            pass
        merged = [one.merged() for one in groups]
        if kept is not None:
            kept.keep_result(merged, self.meter.rows, self.meter.rows_dropped)
        return merged

    def steps(
        self, groups: Sequence[Groups], units: Sequence[Unit] | None = None, *,
        job: str | None = None, kept: KeptScan | None = None, merge: bool = False,
    ) -> Iterator[int]:  # fmt: skip
        """One pass over some units, all by default; yields 1 a unit.

        `kept` is what the cache has of this scan, where that has been looked for; `merge` allows to
        leave one summary of everything in place of one a group.
        """
        if self.report.passes and self.view.source.single_pass:
            raise single_pass(self.view, self.job)
        layout = self.view.layout
        if units is not None:
            layout = replace(layout, units=tuple(units))
        self.meter.start_pass()
        self._reporter = Reporter(job or self.job, self._listener, layout.n_rows)
        parts = [one.aggregate for one in groups]
        self.trail.begin(parts)
        kept = self._keep_of(parts) if kept is None else kept
        completed, whole = False, units is None
        try:
            walk = self._walk(groups, layout.units, kept, whole=whole, merge=merge)
            with closing(walk) as steps:
                for _ in steps:
                    yield 1
            completed = True
        finally:
            self._reporter.finish(self.meter, completed=completed)
            if kept is not None:
                kept.close(completed=completed)
        self._pass_over()

    def tell(self) -> None:
        """How far the pass is."""
        self._reporter.tell(self.meter)

    @cached_property
    def elsewhere(self) -> Elsewhere | None:
        """Who makes scans elsewhere, if anybody does."""
        return self.hire()

    def _walk(
        self, groups: Sequence[Groups], units: Sequence[Unit], kept: KeptScan | None, *,
        whole: bool, merge: bool,
    ) -> Results[None]:  # fmt: skip
        state = None
        if kept is not None:
            kept.open(units)
            state = kept.state() if whole else None
            if state is not None:
                self._go_on(groups, units, kept, state)
        if self._look_for_nulls:
            self._refuse_known_nulls(kept, [one.aggregate for one in groups])
        n_done = 0 if state is None else state.n_units
        if self.elsewhere is not None:
            there = Passing(self.elsewhere, groups, self.reader)
            if there.takes(units, state):
                return there.steps(units, kept, n_done, whole=whole, merge=merge)
        if any(is_large(one.aggregate, self.view) for one in groups):
            walk = LargeWalk(groups, self.view, units, self.reader, self.tasks, kept, state)
            return walk.steps()
        maker = Here(groups, self.reader, self.tasks, self.trail)
        return SmallWalk(groups, units, maker, kept, n_done).steps()

    def _refuse_known_nulls(self, kept: KeptScan | None, parts: Sequence[Aggregate[Any]]) -> None:
        """Refuse nulls that footers tell of, before the first pass reads a row."""
        units = self.view.layout.units
        if kept is not None and any(part.refuses_missing for part in parts):
            units = tuple(unit for unit in units if not kept.has(unit))  # those were looked at
        self.view.refuse_known_nulls(list(dict.fromkeys(unit.span for unit in units)))
        self._look_for_nulls = False

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
            nbytes = self.reader.source_bytes(unit)
            self.meter.reused(partitions=unit.n_partitions, nbytes=nbytes)

    def _pass_found(self, found: Found, parts: Sequence[Aggregate[Any]]) -> list[Any]:
        """Count a pass whose result was in the cache."""
        self.meter.start_pass()
        self.trail.begin(parts)
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


def single_pass(view: View, job: str) -> SinglePass:
    """Make the error to raise when rows are wanted again that come once."""
    return SinglePass(
        f"{job} needs more than one pass over {view.source.describe()}, which can be read once. Write "
        "it down first: ob.dataset(...).persist(path)."
    )
