"""Progress of a loop: a bar, or events for a function."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from operator import length_hint
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from onebox.engine.progress import BETWEEN_EVENTS, ProgressEvent

Listener = Callable[[ProgressEvent], None]


class Watch:
    """Counts outcomes, and tells a listener ten times a second and at the end.

    Parameters
    ----------
    job : str
        What runs.
    listener : callable or None
    total : int or None
        Tasks there are, where that is known.
    """

    def __init__(self, job: str, listener: Listener | None, total: int | None) -> None:
        self._job, self._listener, self._total = job, listener, total
        self._done = self._nbytes = self._failed = 0
        self._start = self._told = time.perf_counter()

    def ran(self, n_tasks: int, nbytes: int) -> None:
        """Tasks have an outcome."""
        self._done += n_tasks
        self._nbytes += nbytes

    def failed(self) -> None:
        """It is a failure."""
        self._failed += 1

    def tell(self) -> None:
        """How far the loop is, unless that was told just now."""
        if self._listener is not None:
            now = time.perf_counter()
            if now - self._told >= BETWEEN_EVENTS:
                self._told = now
                self._listener(self._event(done=False))

    def finish(self, *, completed: bool) -> None:
        """The loop is over."""
        if self._listener is not None:
            if completed:
                self._total = self._done
            self._listener(self._event(done=True))

    def _event(self, *, done: bool) -> ProgressEvent:
        share = min(self._done / self._total, 1.0) if self._total else float(done)
        seconds = time.perf_counter() - self._start
        job = f"{self._job}, {self._failed} failed" if self._failed else self._job
        return ProgressEvent(job, share, self._done, self._nbytes, seconds, done)


class TaskBar:
    """A listener that draws one line in the terminal.

    Parameters
    ----------
    total : int or None
    """

    def __init__(self, total: int | None) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
            TimeRemainingColumn(), console=Console(stderr=True), transient=True,
        )  # fmt: skip
        self._bar: Any = None
        self._total = total

    def __call__(self, event: ProgressEvent) -> None:
        if event.done:
            self._progress.stop()
            return
        if self._bar is None:
            self._progress.start()
            self._bar = self._progress.add_task(event.job, total=self._total)
        self._progress.update(self._bar, completed=event.rows, description=event.job)


def watch(job: str, asked: bool | Listener, iterables: Iterable[Iterable[Any]]) -> Watch:
    """Make a watch for who asked: nobody, somebody at the terminal, or a function."""
    if asked is False:
        return Watch(job, None, None)
    total = min((length_hint(one, -1) for one in iterables), default=-1)
    known = None if total < 0 else total
    return Watch(job, asked if callable(asked) else TaskBar(known), known)
