"""Tasks in an executor of the user's: threads, processes or machines, as it likes."""

from __future__ import annotations

from collections.abc import Collection
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait

from onebox.errors import WorkerDied
from onebox.parallel.backends.backend import Backend, Ending
from onebox.parallel.backends.chunks import Ran, never, run_chunk, sorted_out
from onebox.parallel.portable import Portable
from onebox.parallel.task import Call, Chunk, Failed, Outcome


class Foreign(Backend):
    """Submits chunks of tasks to an executor, which is left open.

    Parameters
    ----------
    call : Call
    executor : concurrent.futures.Executor
    n_workers : int
        Twice as many chunks are submitted at a time.
    """

    def __init__(self, call: Call, executor: Executor, n_workers: int) -> None:
        self._call = Call(Portable(call.function), call.entropy)
        self._executor, self._n_workers = executor, n_workers
        self._in_flight: dict[Future[list[Ran]], Chunk] = {}
        self._back: list[Chunk] = []

    def has_room(self) -> bool:
        return len(self._in_flight) < 2 * self._n_workers

    def submit(self, chunk: Chunk, *, divisible: bool) -> None:
        future = self._executor.submit(
            run_chunk, self._call, chunk.first, chunk.arguments, divisible, never
        )
        self._in_flight[future] = chunk

    def collect(self, *, wait: bool) -> list[Outcome]:
        outcomes: list[Outcome] = []
        for future in _done(self._in_flight, forever=wait):
            chunk = self._in_flight.pop(future)
            try:
                ran = future.result()
            except BrokenExecutor as error:
                raise WorkerDied(
                    f"{type(self._executor).__name__} is broken: {error} It cannot tell which task did "
                    "it; executor='processes' loses only that one."
                ) from error
            except Exception as error:  # arguments or results that it could not move
                outcomes += [Failed(chunk.part(at, at + 1), error, 0) for at in range(len(chunk))]
                continue
            made, rest = sorted_out(chunk, ran)
            outcomes += made
            if rest is not None:
                self._back.append(rest)
        return outcomes

    def given_back(self) -> list[Chunk]:
        back, self._back = self._back, []
        return back

    def close(self, ending: Ending) -> None:
        for future in self._in_flight:
            future.cancel()
        self._in_flight.clear()


def _done(futures: Collection[Future[list[Ran]]], *, forever: bool) -> set[Future[list[Ran]]]:
    if not futures:
        return set()
    return wait(futures, None if forever else 0, FIRST_COMPLETED).done
