"""Scans on one more engine: a pool of ``multiprocessing``."""

from collections import deque
from functools import partial

from onebox.executors import Crew, Portable


class MultiprocessingCrew(Crew):
    """Runs the tasks of scans in a ``multiprocessing.Pool``, which is left open."""

    def __init__(self, pool, n_workers):
        self.pool, self.n_workers = pool, n_workers

    def map(self, function, items, common=()):
        task, waiting = Portable(partial(function, *common)), deque()
        for item in items:
            waiting.append(self.pool.apply_async(task, (item,)))
            if len(waiting) >= 2 * self.n_workers:
                yield waiting.popleft().get()
        while waiting:
            yield waiting.popleft().get()
