"""Arrow's memory by way of jemalloc while a run goes on, given back afterwards.

Readers ask for many short-lived buffers of about a megabyte, and what an allocator keeps of them counts
as much as the buffers themselves. mimalloc, Arrow's choice, holds up to three times what is in use,
the more the more threads there are; jemalloc holds less than half as much again, in the same time. One
counter serves all overlapping runs, as for BLAS: the first puts jemalloc in place, the last puts back
what was there. Buffers know where they came from, so that changing it is safe at any time.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa


class ArrowAllocator:
    """Counts its users; the first changes Arrow's memory pool, the last restores it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._before: pa.MemoryPool | None = None

    def acquire(self) -> None:
        """Change the pool, if this is the first user, where the system has a better one."""
        with self._lock:
            if self._users == 0:
                self._before = pa.default_memory_pool()
                pa.set_memory_pool(_pool_for_runs() or self._before)
            self._users += 1

    def release(self) -> None:
        """Restore the pool, if this was the last user; hand what is free back to the system."""
        with self._lock:
            self._users -= 1
            if self._users == 0:
                used = pa.default_memory_pool()
                pa.set_memory_pool(self._before)
                self._before = None
                # What threads that are gone have left would add to the next run.
                used.release_unused()


def _pool_for_runs() -> pa.MemoryPool | None:
    """Find jemalloc, unless it is not there or somebody has chosen for this process."""
    if "ARROW_DEFAULT_MEMORY_POOL" in os.environ:
        return None
    try:
        return pa.jemalloc_memory_pool()
    except NotImplementedError:  # Windows, and Arrow built without it
        return None


_allocator = ArrowAllocator()


@contextmanager
def compact_arrow_memory() -> Iterator[None]:
    """Let Arrow take its memory from where least of it is held."""
    _allocator.acquire()
    try:
        yield
    finally:
        _allocator.release()
