"""Progress: a bar in terminals and notebooks, events for whoever asked for them, silence in pipes."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from onebox.engine.report import Meter

BETWEEN_EVENTS = 0.1  # seconds
SHOW_AFTER = 0.5  # seconds: what is done sooner needs no bar


@dataclass(frozen=True)
class ProgressEvent:
    """How far a scan is.

    Attributes
    ----------
    job : str
        What runs, e.g. "Ridge" or "KMeans pass 3".
    share : float
        From 0 to 1.
    rows, n_bytes : int
        Rows done and bytes read so far in this pass.
    seconds : float
        Since the pass began.
    done : bool
        Whether this is the pass's last event.
    """

    job: str
    share: float
    rows: int
    n_bytes: int
    seconds: float
    done: bool = False

    @property
    def seconds_left(self) -> float | None:
        """What is left at the speed so far; None before anything is done."""
        return self.seconds * (1 / self.share - 1) if self.share > 0 else None


class Reporter:
    """Tells one listener about one pass, ten times a second and when it is over.

    Parameters
    ----------
    job : str
    listener : callable or None
    total : int or None
        Rows that the pass goes through, before filters; None when nobody knows.
    """

    def __init__(
        self, job: str, listener: Callable[[ProgressEvent], None] | None, total: int | None
    ) -> None:
        self.job, self.listener, self.total = job, listener, total
        self._start = self._told = time.perf_counter()

    def tell(self, meter: Meter) -> None:
        """How far the pass is, unless that was told just now."""
        now = time.perf_counter()
        if self.listener is not None and now - self._told >= BETWEEN_EVENTS:
            self._told = now
            share = min(meter.position / self.total, 1.0) if self.total else 0.0
            self._send(meter, share, done=False)

    def finish(self, meter: Meter, *, completed: bool) -> None:
        """That the pass is over; its share is 1 if it went to the end."""
        if self.listener is not None:
            share = min(meter.position / self.total, 1.0) if self.total else 0.0
            self._send(meter, 1.0 if completed else share, done=True)

    def _send(self, meter: Meter, share: float, *, done: bool) -> None:
        assert self.listener is not None
        seconds = time.perf_counter() - self._start
        self.listener(ProgressEvent(self.job, share, meter.rows, meter.pass_bytes, seconds, done))


class Bar:
    """A listener that draws one line in the terminal, once a pass has taken half a second."""

    def __init__(self) -> None:
        self._progress: Progress | None = None
        self._task: Any = None

    def __call__(self, event: ProgressEvent) -> None:
        if event.done:
            self.close()
            return
        if self._progress is None:
            if event.seconds < SHOW_AFTER:
                return
            self._progress = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.percentage:>3.0f}%  {task.fields[speed]}"),
                TimeRemainingColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            self._progress.start()
            self._task = self._progress.add_task(event.job, total=1.0, speed="")
        per_second = event.rows / event.seconds
        speed = f"{per_second / 1e6:.2f} M rows/s  {event.n_bytes / 1e9 / event.seconds:.2f} GB/s"
        self._progress.update(self._task, completed=event.share, speed=speed, description=event.job)

    def close(self) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None


def listener_for(asked: bool | Callable[[Any], None] | None) -> Callable[[Any], None] | None:
    """Who is to be told: the function asked for, a bar where somebody can see one, or nobody."""
    if callable(asked):
        return asked
    if asked is None:
        asked = sys.stderr.isatty() or "ipykernel" in sys.modules
    return Bar() if asked else None
