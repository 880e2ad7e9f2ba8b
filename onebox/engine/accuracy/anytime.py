"""Answers that stop early: units in random order, until the intervals are narrow enough.

Every unit visited is one cluster of a random sample of clusters, and belongs to group number i mod
32 of the visit, so the jackknife holds whatever order the rows have on disk. Looks come at a
doubling number of units: few, so that stopping at the first that looks good costs little coverage.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from onebox.aggregates.aggregate import Aggregate, join
from onebox.config import Settings
from onebox.data.recut import in_random_order
from onebox.data.view import View
from onebox.engine.accuracy.design import Likeness
from onebox.engine.accuracy.estimate import Estimate
from onebox.engine.accuracy.scanning import kept_bytes, refuse_large, states_of
from onebox.engine.accuracy.states import GroupStates
from onebox.engine.accuracy.target import Target
from onebox.engine.fold import Groups
from onebox.engine.report import FitReport, Reading
from onebox.engine.run import Run
from onebox.errors import BadInput, SinglePass

FIRST_LOOK = 20  # units: fewer groups give no t quantile worth stopping on

OnInterrupt = Literal["raise", "answer"]
Judge = Callable[[list[Any], list[GroupStates]], list[tuple[Estimate, ...]]]


@dataclass(frozen=True)
class EarlyStop:
    """When to stop, and in which order to read until then.

    Attributes
    ----------
    target : Target
    random_state : int
        Seed of the order.
    on_interrupt : {"raise", "answer"}
        What Ctrl-C does: end the program's run as ever, or give the answer so far.
    """

    target: Target
    random_state: int = 0
    on_interrupt: OnInterrupt = "raise"

    def __post_init__(self) -> None:
        if self.on_interrupt not in ("raise", "answer"):
            raise BadInput(f"on_interrupt={self.on_interrupt!r} must be 'raise' or 'answer'.")
        if isinstance(self.random_state, bool) or not isinstance(self.random_state, int):
            raise BadInput(f"random_state={self.random_state!r} must be a whole number.")


@dataclass(frozen=True)
class Found:
    """Where a scan stopped.

    Attributes
    ----------
    summaries : list
        One a part.
    states : list of GroupStates
        One a part.
    report : FitReport
    """

    summaries: list[Any]
    states: list[GroupStates]
    report: FitReport


def scan_until(
    view: View, aggregate: Aggregate[Any], stop: EarlyStop, judge: Judge, *, settings: Settings,
    job: str,
) -> Found:  # fmt: skip
    """Read units in random order until the estimates meet a target, or nothing is left.

    Parameters
    ----------
    view : View
    aggregate : Aggregate
    stop : EarlyStop
    judge : callable
        From the summaries and states of the parts to the estimates that the target is about.

    Raises
    ------
    SinglePass
        When the rows come in one order only.
    NotEnoughMemory
        When the summary is too large to keep one a group.
    KeyboardInterrupt
        On Ctrl-C, unless an answer was asked for and there is one.
    """
    if view.source.single_pass:
        raise SinglePass(
            f"{view.source.describe()} can be read once, in its own order, and what comes first may "
            "be unlike the rest: stopping early needs a random order. Write it down first: "
            "ob.dataset(...).persist(path)."
        )
    refuse_large(view, aggregate, settings)
    visited = in_random_order(view, stop.random_state)
    recipe = join(aggregate, Likeness())
    run = Run(
        visited, [recipe], settings=settings, job=job, result_bytes=kept_bytes(view, aggregate)
    )
    with run, _interrupts(stop.on_interrupt) as interrupted:
        looks = _Looks(run, run.empty_groups(recipe), judge, stop.target)
        looks.go_on(interrupted)
    return looks.found(interrupted())


class _Looks:
    """The looks of one scan."""

    def __init__(self, run: Run, groups: list[Groups], judge: Judge, target: Target) -> None:
        self.run, self.groups, self.judge, self.target = run, groups, judge, target
        self.units = run.view.layout.units
        self.n_seen = self.n_looks = self.n_dropped = 0
        self.met = False
        self._start = time.perf_counter()
        self._seconds = 0.0

    def go_on(self, interrupted: Callable[[], bool]) -> None:
        """Scan from look to look."""
        stop = FIRST_LOOK
        while self.n_seen < len(self.units) and not self.met and not interrupted():
            stop = min(stop, len(self.units))
            self._scan(stop, interrupted)
            self.n_looks += 1
            if FIRST_LOOK <= self.n_seen < len(self.units) and not interrupted():
                states = self.states()
                self.met = self.target.met(self.judge([one.merged() for one in states], states))
            stop *= 2
        self._seconds = time.perf_counter() - self._start

    def _scan(self, stop: int, interrupted: Callable[[], bool]) -> None:
        for n_done in self.run.scan_steps(self.groups, self.units[self.n_seen : stop]):
            self.n_seen += n_done
            if interrupted():
                break
        self.n_dropped += self.run.meter.rows_dropped

    @property
    def share(self) -> float:
        """Of the rows before filters, or of the bytes where nobody knows the rows."""
        sizes = [unit.n_rows for unit in self.units]
        if None in sizes:
            sizes = [unit.nbytes for unit in self.units]
        total = sum(size or 0 for size in sizes)
        return sum(size or 0 for size in sizes[: self.n_seen]) / total if total else 1.0

    def states(self) -> list[GroupStates]:
        return states_of(self.groups, read=self.share, at_random=True)

    def found(self, interrupted: bool) -> Found:
        states = self.states()
        if interrupted and not any(len(one.groups) > 1 for one in states):
            raise KeyboardInterrupt("Interrupted before two units had been read: no answer yet.")
        if self.n_seen < FIRST_LOOK:  # nothing has been judged yet
            self.judge([one.merged() for one in states], states)
        report, view = self.run.report, self.run.view
        report.rows, report.rows_dropped = states[0].design.n_rows, self.n_dropped
        report.passes = 1
        full = sum(view.source.stored_bytes(s, view.source_columns) for s in view.source.spans())
        report.reading = Reading(
            share=self.share, met=self.met, looks=self.n_looks, interrupted=interrupted,
            full_bytes=full, full_seconds=self._seconds / max(self.share, 1e-9),
        )  # fmt: skip
        return Found([one.merged() for one in states], states, report)


@contextmanager
def _interrupts(what: OnInterrupt) -> Iterator[Callable[[], bool]]:
    """Ctrl-C as a question between two merges, where it cannot tear a summary; the second raises."""
    if what == "raise" or threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    pressed = threading.Event()

    def note(number: int, frame: Any) -> None:
        if pressed.is_set():
            raise KeyboardInterrupt
        pressed.set()

    before = signal.signal(signal.SIGINT, note)
    try:
        yield pressed.is_set
    finally:
        signal.signal(signal.SIGINT, before)
