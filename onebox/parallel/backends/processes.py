"""Tasks in processes of our own: each worker has at most one chunk to run and one waiting.

Chunks that wait are bound to a worker, so that it goes on while the caller is busy with a result. When
another worker has nothing to do, they are taken back: a byte in a pipe decides who has them.
"""

from __future__ import annotations

import os
import pickle
import selectors
import time
from contextlib import suppress

import cloudpickle

from onebox.parallel.backends.backend import Backend, Ending
from onebox.parallel.backends.findings import Findings
from onebox.parallel.backends.packing import hold, release, wired
from onebox.parallel.shared.parcel import Parcel, close_all
from onebox.parallel.shared.senders import Arguments
from onebox.parallel.task import Call, Chunk, Outcome
from onebox.parallel.workers import messages
from onebox.parallel.workers.channel import Frame
from onebox.parallel.workers.pool import POOL
from onebox.parallel.workers.remote import Handed, Remote
from onebox.parallel.workers.setup import Setup

GRACE = 0.1
"""Seconds that workers get to end what they run when nobody wants it any more."""
ASK_FIRST = 0.2
"""Seconds that a hanging worker gets to write down where it hangs."""


class Processes(Backend):
    """Runs tasks in workers of the pool.

    Parameters
    ----------
    call : Call
    n_workers : int
    timeout : float or None
        Seconds that a task may take.
    cores, memory : int
        What each worker may use.
    budget : int
        Most bytes of arguments that are copied into shared memory at a time.
    """

    def __init__(
        self, call: Call, n_workers: int, *, timeout: float | None, cores: int, memory: int,
        budget: int,
    ) -> None:  # fmt: skip
        self._call, self._n_workers, self._timeout = call, n_workers, timeout
        self._arguments = Arguments(budget=budget, keep_bytes=memory // 8)
        self._workers: list[Remote] = []
        self._selector = selectors.DefaultSelector()
        self._found = Findings(call.name, self._arguments, timeout)
        self._numbers = 0
        self._owner = os.getpid()
        self._setup = cloudpickle.dumps(Setup.here(call.entropy, cores, memory))
        self._function: Parcel | None = None

    # Handing over

    def has_room(self) -> bool:
        if len(self._workers) < self._n_workers:
            return True
        return any(len(one.chunks) < 2 and not one.recalled for one in self._workers)

    def hold(self, chunk: Chunk) -> bool:
        return hold(chunk, self._arguments)

    def submit(self, chunk: Chunk, *, divisible: bool) -> None:
        chunk = self._found.without_refused(chunk)
        if not len(chunk):
            return
        body, count, descriptors = wired(chunk, self._arguments)
        try:
            worker = self._free_worker()
            self._numbers += 1
            head = messages.CHUNK.pack(self._numbers, divisible, chunk.first, count)
            worker.hand_over(Handed(self._numbers, chunk), head + body, descriptors)
        finally:
            close_all(descriptors)

    def _free_worker(self) -> Remote:
        """An idle worker, else a new one, else one with a chunk to run and none waiting."""
        for worker in self._workers:
            if worker.quiet:
                return worker
        if len(self._workers) < self._n_workers:
            return self._new_worker()
        return next(one for one in self._workers if len(one.chunks) < 2 and not one.recalled)

    def _new_worker(self) -> Remote:
        if self._function is None:
            self._function, _ = self._arguments.pack(self._call.function)
        worker = POOL.lease()
        self._workers.append(worker)
        self._selector.register(worker.channel, selectors.EVENT_READ, worker)
        worker.page.cancelled = False
        descriptors: list[int] = []
        try:
            head = messages.NUMBER.pack(len(self._setup)) + self._setup
            wire = self._function.wire(descriptors)
            with suppress(ConnectionError):
                worker.channel.send(messages.CALL, head + wire, descriptors)
        finally:
            close_all(descriptors)
        return worker

    # Taking back

    def collect(self, *, wait: bool) -> list[Outcome]:
        if wait:
            self._share_out()
        while not self._found and self._workers:
            unheard = [worker for worker in self._workers if worker.channel.unheard]
            events = self._selector.select(self._longest_wait() if wait and not unheard else 0)
            for worker in {*unheard, *(key.data for key, _ in events)}:
                self._hear(worker)
            self._stop_overdue()
            if not wait:
                break
        outcomes, self._found.outcomes = self._found.outcomes, []
        return outcomes

    def given_back(self) -> list[Chunk]:
        back, self._found.back = self._found.back, []
        return back

    def let_go(self, task: Chunk) -> None:
        release(task, self._arguments)

    def _share_out(self) -> None:
        """Take chunks that wait for a busy worker back, if another one has nothing to do."""
        idle = self._n_workers - len(self._workers) + sum(one.quiet for one in self._workers)
        for worker in self._workers:
            chunk = worker.recall() if idle > 0 else None
            if chunk is not None:
                self._found.back.append(chunk)
                idle -= 1

    def _longest_wait(self) -> float | None:
        if self._timeout is None:
            return None
        now, waits = time.monotonic(), [self._timeout]
        for worker in self._workers:
            if worker.page.task >= 0 and worker.overdue is None:
                waits.append(worker.page.started + self._timeout - now)
        return max(0.001, min(waits))

    def _hear(self, worker: Remote) -> None:
        for frame in worker.channel.frames():
            try:
                self._found.take(worker, frame)
            finally:
                close_all(frame.descriptors)
        if worker.channel.ended:
            self._bury(worker)
            self._found.mourn(worker)

    # Ends of workers

    def _stop_overdue(self) -> None:
        if self._timeout is None:
            return
        for worker in self._workers:
            page, index = worker.page, worker.page.task
            is_late = time.monotonic() - page.started > self._timeout
            if index >= 0 and worker.overdue is None and is_late and page.task == index:
                worker.overdue = index
                POOL.kill(worker, ask_first=ASK_FIRST)

    def _bury(self, worker: Remote) -> None:
        self._selector.unregister(worker.channel)
        self._workers.remove(worker)
        POOL.discard(worker)

    # The end

    def close(self, ending: Ending) -> None:
        if os.getpid() != self._owner:
            return  # a forked child has a copy of the loop; the workers are its parent's
        try:
            if ending != "interrupted":
                self._calm_down()
            for worker in list(self._workers):
                if ending != "interrupted" and worker.quiet and not worker.channel.ended:
                    self._release(worker)
                else:
                    POOL.kill(worker)
                    self._bury(worker)
        finally:
            self._selector.close()
            self._arguments.close()
            if ending == "interrupted":
                POOL.shut_down(if_unused=True)

    def _release(self, worker: Remote) -> None:
        self._selector.unregister(worker.channel)
        self._workers.remove(worker)
        with suppress(ConnectionError):
            worker.channel.send(messages.END, b"")
        POOL.release(worker)

    def _calm_down(self) -> None:
        """Let workers finish the task that they run, if that takes no time, and begin no other."""
        deadline = time.monotonic() + GRACE
        for worker in self._workers:
            worker.page.cancelled = True
            worker.recall()
        while not all(one.quiet for one in self._workers) and time.monotonic() < deadline:
            for key, _ in self._selector.select(GRACE / 10):
                worker = key.data
                for frame in worker.channel.frames():
                    close_all(frame.descriptors)
                    _discount(worker, frame)
                if worker.channel.ended:
                    self._bury(worker)


def _discount(worker: Remote, frame: Frame) -> None:
    """Take notice of what nobody wants any more."""
    if frame.kind == messages.SKIPPED:
        worker.skipped(messages.NUMBER.unpack_from(frame.payload)[0])
    elif frame.kind == messages.VALUES:
        _, first, _ = messages.RUN.unpack_from(frame.payload)
        worker.finished(first, len(pickle.loads(frame.payload[messages.RUN.size :])))
    elif frame.kind in (messages.RECORDS, messages.LARGE):
        start = messages.NUMBER.size if frame.kind == messages.RECORDS else 0
        for record in messages.records(frame.payload[start:]):
            worker.finished(record.task, 1)
