"""Tasks of a scan in a pool of the user's: a ``concurrent.futures.Executor`` of any kind."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future
from functools import partial
from typing import Any, TypeVar

import cloudpickle

from onebox.errors import WorkerDied
from onebox.executors.crew import RETRIES, Crew
from onebox.executors.portable import Portable

T = TypeVar("T")
Item = TypeVar("Item")


class PoolCrew(Crew):
    """Submits tasks to an executor, which is left open.

    Parameters
    ----------
    executor : concurrent.futures.Executor
    n_workers : int
        Twice as many tasks are submitted at a time.
    """

    def __init__(self, executor: Executor, n_workers: int) -> None:
        self._executor, self.n_workers = executor, n_workers

    def map(
        self, function: Callable[..., T], items: Iterable[Item], common: Sequence[Any] = ()
    ) -> Generator[T, None, None]:
        # Pickled by value both ways: pools know only what can be imported.
        task = Portable(partial(_dumped, partial(function, *common)))
        waiting: deque[tuple[Item, Future[bytes]]] = deque()
        try:
            for item in items:
                waiting.append((item, self._executor.submit(task, item)))
                if len(waiting) >= 2 * self.n_workers:
                    yield self._result(task, *waiting.popleft())
            while waiting:
                yield self._result(task, *waiting.popleft())
        finally:
            for _, future in waiting:
                future.cancel()

    def _result(self, task: Portable, item: Any, future: Future[bytes]) -> Any:
        for _ in range(RETRIES):
            try:
                return cloudpickle.loads(future.result())
            except BrokenExecutor as error:
                raise WorkerDied(
                    f"{type(self._executor).__name__} lost a worker and is broken: {error} "
                    "executor='processes' loses one task, which is run again."
                ) from error
            except Exception:
                future = self._executor.submit(task, item)
        return cloudpickle.loads(future.result())


def _dumped(function: Callable[[Any], Any], item: Any) -> bytes:
    dumped: bytes = cloudpickle.dumps(function(item), 5)
    return dumped
