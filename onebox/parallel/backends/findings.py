"""What workers tell, and what their ends mean: outcomes of tasks, and tasks to be handed over again."""

from __future__ import annotations

import pickle
from typing import Any

from onebox.parallel import echo
from onebox.parallel.backends.packing import refusal, release
from onebox.parallel.backends.verdicts import death, late
from onebox.parallel.failures import unpack_failure
from onebox.parallel.shared.parcel import aside_bytes, unpack
from onebox.parallel.shared.senders import Arguments
from onebox.parallel.task import Chunk, Done, Failed, Outcome
from onebox.parallel.workers import messages
from onebox.parallel.workers.channel import Frame
from onebox.parallel.workers.page import LOADING
from onebox.parallel.workers.remote import Remote

MOST_LOADS = 3
"""How many workers in a row may end while they load the function, until it is blamed."""
MOST_LOSSES = 20
"""How many in a row may end with nothing to blame for it, until the loop gives up."""


class Findings:
    """Gathers outcomes, and tasks that came back without one.

    Parameters
    ----------
    name : str
        Of the function.
    arguments : Arguments
        Where those of tasks are held.
    timeout : float or None
        Seconds that a task may take.
    """

    def __init__(self, name: str, arguments: Arguments, timeout: float | None) -> None:
        self._name, self._arguments, self._timeout = name, arguments, timeout
        self._loads = self._losses = 0  # workers that ended so, since the last outcome
        self.outcomes: list[Outcome] = []
        self.back: list[Chunk] = []

    def __bool__(self) -> bool:
        return bool(self.outcomes or self.back)

    def without_refused(self, chunk: Chunk) -> Chunk:
        """Note a task whose arguments cannot be pickled; returns the others."""
        refused = refusal(chunk)
        if refused is None:
            return chunk
        last = len(chunk) - 1
        self.outcomes.append(Failed(chunk.part(last), refused, 0.0))
        return chunk.part(0, last)

    def take(self, worker: Remote, frame: Frame) -> None:
        payload = frame.payload
        if frame.kind == messages.VALUES:
            worker.seen, first, seconds = messages.RUN.unpack_from(payload)
            values = pickle.loads(memoryview(payload)[messages.RUN.size :])
            self._done(worker, first, values, seconds, 0)
        elif frame.kind == messages.RECORDS:
            worker.seen, *_ = messages.NUMBER.unpack_from(payload)
            self._take_records(worker, payload[messages.NUMBER.size :], [])
        elif frame.kind == messages.LARGE:
            self._take_records(worker, payload, frame.descriptors)
        elif frame.kind == messages.SKIPPED:
            number, *_ = messages.NUMBER.unpack_from(payload)
            chunk = worker.skipped(number)
            if chunk is not None:
                self.back.append(chunk)
        elif frame.kind == messages.UNLOADABLE:
            error = unpack_failure(payload)
            error.add_note(f"While {self._name} was loaded in a worker process.")
            raise error

    def _take_records(self, worker: Remote, data: bytes, descriptors: list[int]) -> None:
        for record in messages.records(data):
            if record.kind == messages.ECHO:
                echo.hear(record.payload)
            else:
                self._take_record(worker, record, descriptors)

    def _take_record(self, worker: Remote, record: messages.Record, descriptors: list[int]) -> None:
        index, seconds = record.task, record.seconds
        if record.kind == messages.FAILURE:
            self._failed(worker, index, unpack_failure(record.payload), seconds)
            return
        try:
            if record.kind == messages.VALUE:
                value, nbytes = pickle.loads(record.payload), 0
            else:
                value = unpack(record.payload, descriptors, keep=True)
                nbytes = len(record.payload) + aside_bytes(record.payload)
        except Exception as error:
            error.add_note("The result came from a worker process and could not be unpickled.")
            self._failed(worker, index, error, seconds)
        else:
            self._done(worker, index, [value], seconds, nbytes)

    def _done(
        self, worker: Remote, first: int, values: list[Any], seconds: float, nbytes: int
    ) -> None:
        self._loads = self._losses = 0
        tasks = worker.finished(first, len(values))
        if tasks is not None:
            release(tasks, self._arguments)
            self.outcomes.append(Done(first, values, seconds, nbytes))

    def _failed(self, worker: Remote, index: int, error: Exception, seconds: float) -> None:
        self._loads = self._losses = 0
        task = worker.finished(index, 1)
        if task is not None:
            self.outcomes.append(Failed(task, error, seconds))

    def mourn(self, worker: Remote) -> None:
        """Find out what the end of a worker means for each of its tasks."""
        if worker.page.sequence > worker.seen:
            self._take_records(worker, worker.page.outbox, [])
        current = worker.page.task
        is_running = bool(worker.chunks) and worker.chunks[0].next == current
        if is_running and worker.overdue is None:
            self._failed(worker, current, death(worker, "in the middle of a task"), 0.0)
        elif is_running and worker.overdue == current:
            self._failed(worker, current, late(worker, self._timeout), 0.0)
        for handed in worker.chunks:
            rest = handed.chunk.part(handed.done)
            if len(rest):
                self.back.append(rest)
        if worker.overdue is None and not is_running:
            self._lost(worker, loading=current == LOADING)

    def _lost(self, worker: Remote, *, loading: bool) -> None:
        """Give up when worker after worker ends before it runs a task: no task can be blamed."""
        self._losses += 1
        self._loads += loading
        if self._loads >= MOST_LOADS:
            raise death(worker, f"{MOST_LOADS} times while it loaded {self._name}")
        if self._losses >= MOST_LOSSES:
            raise death(worker, f"{MOST_LOSSES} times in a row before it ran anything")
