"""How many tasks to hand over at a time, and how many to run ahead of who takes the results."""

from __future__ import annotations

CHUNK_SECONDS = 0.05
"""What a chunk of tiny tasks should take: much longer than handing it over."""
AHEAD_SECONDS = 0.1
"""Results may be ready for as long as it takes to consume them in this time."""
MOST_AHEAD = 10_000
"""Tiny results that may be ready, when they are consumed as fast as that."""
AHEAD_PER_WORKER = 4
"""Tasks a worker that may be in work or ready whatever the consumer's speed."""
GROWTH = 4
WEIGHT = 0.2


class Pace:
    """Learns how long tasks take, how large results are, and how fast they are consumed.

    Parameters
    ----------
    n_workers : int
    chunk : int or None
        Tasks to hand over at a time; None to find out.
    budget : int
        Most bytes of results that wait to be consumed.
    ahead : bool
        Whether any task may run before it is asked for.
    """

    def __init__(self, n_workers: int, chunk: int | None, budget: int, *, ahead: bool) -> None:
        self._n_workers, self._fixed, self._budget = n_workers, chunk, budget
        self._ahead = ahead
        self._task_seconds = 0.0
        self._consumer_seconds = AHEAD_SECONDS  # until shown otherwise
        self._size = chunk or 1
        self._largest = 0.0

    @property
    def divisible(self) -> bool:
        """Whether a chunk may be given back in part."""
        return self._fixed is None

    def ran(self, n_tasks: int, seconds: float, nbytes: int) -> None:
        """Some tasks have run, and returned so many bytes."""
        mean = seconds / n_tasks
        if mean > self._task_seconds:
            self._task_seconds = (
                mean  # what is too large a chunk blocks a worker; be quick to see it
            )
        else:
            self._task_seconds += WEIGHT * (mean - self._task_seconds)
        self._largest = max(nbytes / n_tasks, (1 - WEIGHT) * self._largest)
        if self._fixed is None:
            wanted = CHUNK_SECONDS / max(self._task_seconds, 1e-7)
            share = self.window // (AHEAD_PER_WORKER * self._n_workers)
            self._size = max(1, min(int(wanted), share, GROWTH * self._size))

    def consumed(self, seconds: float) -> None:
        """Somebody was busy with a result for so long."""
        self._consumer_seconds += WEIGHT * (seconds - self._consumer_seconds)

    @property
    def chunk(self) -> int:
        """Tasks for the next chunk."""
        return self._size

    @property
    def window(self) -> int:
        """Most tasks that may have been drawn and not consumed."""
        if not self._ahead:
            return 1
        least = AHEAD_PER_WORKER * self._n_workers
        if self._fixed is not None:
            return max(least, 2 * self._n_workers * self._fixed)
        soon = AHEAD_SECONDS / max(self._consumer_seconds, 1e-7)
        return max(least, min(MOST_AHEAD, int(soon)))

    def fitting(self, waiting_bytes: int, in_flight: int) -> int:
        """How many more tasks can run until results fill the budget; one can in any case."""
        if not self._largest:
            return MOST_AHEAD
        free = self._budget - waiting_bytes - in_flight * self._largest
        return max(int(free / self._largest), int(not in_flight))
