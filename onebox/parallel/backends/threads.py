"""Tasks on threads of this process."""

from __future__ import annotations

import threading
from contextvars import Context
from queue import Empty, SimpleQueue

from onebox.parallel import share
from onebox.parallel.backends.backend import Backend, Ending
from onebox.parallel.backends.chunks import Ran, run_chunk, sorted_out
from onebox.parallel.task import Call, Chunk, Outcome


class Threads(Backend):
    """Runs tasks on threads of its own, which do not keep the process alive.

    Parameters
    ----------
    call : Call
    n_workers : int
    cores : int
        What the loops that a task runs may use.
    context : contextvars.Context
        The caller's, with the settings for tasks.
    """

    def __init__(self, call: Call, n_workers: int, *, cores: int, context: Context) -> None:
        self._call, self._n_workers = call, n_workers
        self._cores, self._context = cores, context
        self._threads: list[threading.Thread] = []
        self._todo: SimpleQueue[tuple[Chunk, bool] | None] = SimpleQueue()
        self._done: SimpleQueue[tuple[Chunk, list[Ran] | BaseException]] = SimpleQueue()
        self._in_flight = 0
        self._back: list[Chunk] = []
        self._stop = threading.Event()

    def has_room(self) -> bool:
        return self._in_flight < 2 * self._n_workers

    def submit(self, chunk: Chunk, *, divisible: bool) -> None:
        self._in_flight += 1
        self._todo.put((chunk, divisible))
        if len(self._threads) < min(self._n_workers, self._in_flight):
            thread = threading.Thread(
                target=self._context.copy().run, args=(self._work,), name="onebox-pmap", daemon=True
            )
            thread.start()
            self._threads.append(thread)

    def _work(self) -> None:
        share.give_task(self._cores)
        while (work := self._todo.get()) is not None:
            chunk, divisible = work
            result: list[Ran] | BaseException
            try:
                result = run_chunk(
                    self._call, chunk.first, chunk.arguments, divisible, self._stop.is_set
                )
            except BaseException as error:  # nothing of a task's: it must not vanish in a thread
                result = error
            self._done.put((chunk, result))
            del work, chunk, result

    def collect(self, *, wait: bool) -> list[Outcome]:
        outcomes: list[Outcome] = []
        while self._in_flight and not self._back:
            try:
                chunk, ran = self._done.get(block=wait and not outcomes)
            except Empty:
                break
            self._in_flight -= 1
            if isinstance(ran, BaseException):
                raise ran
            made, rest = sorted_out(chunk, ran)
            outcomes += made
            if rest is not None:
                self._back.append(rest)
        return outcomes

    def given_back(self) -> list[Chunk]:
        back, self._back = self._back, []
        return back

    def close(self, ending: Ending) -> None:
        self._stop.set()
        for _ in self._threads:
            self._todo.put(None)
        if ending != "interrupted":  # what runs cannot be stopped, only waited for
            for thread in self._threads:
                thread.join()
