"""The caller's side of a scan elsewhere: sends errands, merges what comes back in the fixed order."""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Callable, Iterable
from contextlib import closing
from functools import cached_property
from typing import Any

from numpy.typing import NDArray

from onebox.aggregates.aggregate import RowState
from onebox.data.partition import Unit
from onebox.data.view import View
from onebox.engine.elsewhere import workshop
from onebox.engine.elsewhere.merging import Failed, Gathered
from onebox.engine.elsewhere.travel import (
    Commission,
    Errand,
    Failure,
    Order,
    here,
    rows_of,
    travelling,
)  # fmt: skip
from onebox.engine.report import Meter
from onebox.engine.states import StateTrail
from onebox.engine.tasks import Results
from onebox.errors import BadInput
from onebox.executors.crew import Crew


class Elsewhere:
    """What the scans of one run share that are in the hands of a crew.

    Parameters
    ----------
    crew : Crew
    view : View
    trail : StateTrail
    meter : Meter
        Counts what workers read.
    keep_bytes : int
        Decoded blocks that all workers together may keep from pass to pass.
    tell : callable
        Called after every step.
    """

    def __init__(
        self, crew: Crew, view: View, trail: StateTrail, meter: Meter, keep_bytes: int,
        tell: Callable[[], None],
    ) -> None:  # fmt: skip
        self.crew, self.view, self.trail, self.meter, self.tell = crew, view, trail, meter, tell
        self._keep_bytes = keep_bytes // crew.n_workers
        self._run = uuid.uuid4().hex
        self._grown: dict[str, int] = {}

    @cached_property
    def commission(self) -> Any:
        """What goes out once."""
        whole = self.crew.maps_memory
        keep = self._keep_bytes if self.view.source.travels else 0
        made = Commission(self._run, travelling(self.view, whole=whole), keep)
        return self.crew.share(made)

    def can_read(self, units: Iterable[Unit]) -> bool:
        """Whether workers get at the rows: not at those of a stream."""
        return self.view.source.travels or all(unit.n_rows is not None for unit in units)

    def errand(self, unit: Unit) -> Errand:
        """What a task on one unit is told."""
        return Errand((unit,), None if self.crew.maps_memory else rows_of(self.view, unit))

    def map(
        self, function: Callable[..., Any], errands: Iterable[Errand], *common: object
    ) -> Results[Any]:
        """What comes back, in order; failures are raised."""
        with closing(self.crew.map(function, errands, [self.commission, *common])) as results:
            for one in results:
                if isinstance(one, Failure):
                    raise self.exception(one)
                yield one
                self.tell()

    def fold(
        self, function: Callable[..., Any], add: Any, end: Any, errands: Iterable[Errand],
        *common: object,
    ) -> Results[int]:  # fmt: skip
        """The same, merged where it is; the outcome is left in `outcome`."""
        steps = self.crew.fold(function, add, end, errands, [self.commission, *common])
        with closing(steps):
            try:
                while True:
                    try:
                        count = next(steps)
                    except StopIteration as last:
                        self.outcome: Gathered = last.value
                        return
                    self.tell()
                    yield count
            except Failed as ended:
                raise self.exception(ended.failure) from None

    def row_state(self, state: RowState, units: Iterable[Unit]) -> list[NDArray[Any]]:
        """The state that the last scan left, in the order of the rows."""
        order = Order((), self.trail.scans)
        parts: list[NDArray[Any]] = []
        for arrays in self.map(workshop.row_state, map(self.errand, units), order, state):
            parts += arrays
        return parts

    def count(self, found: Gathered) -> None:
        """Count what workers have counted."""
        self.meter.saw(rows=found.rows, nbytes=found.nbytes)
        self.meter.dropped(found.dropped)
        for worker, grown in found.grown.items():
            self._grown[worker] = max(self._grown.get(worker, 0), grown)

    @property
    def grown(self) -> int:
        """By how much the memory of workers of this machine has grown, together."""
        place = f" on {socket.gethostname()}"
        return sum(
            grown for worker, grown in self._grown.items()
            if worker.endswith(place) and worker != here()
        )  # fmt: skip

    def exception(self, failure: Failure) -> Exception:
        """What to raise for a failure."""
        error = failure.exception()
        if failure.missing is None or not os.path.exists(failure.missing):
            return error
        unseen = BadInput(
            f"{failure.missing} is there for this process and not for {failure.worker}, which was to "
            "read it: it is a path of one machine. Put the files where every worker sees them under the "
            "same path (a shared folder, s3://...), or use executor='threads' or 'processes'."
        )
        unseen.__cause__ = error
        return unseen

    def close(self) -> None:
        """Let workers forget the run."""
        self.crew.tell(workshop.forget, self._run)
