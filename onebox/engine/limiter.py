"""BLAS at one thread while tasks run, and given back afterwards.

Every BLAS library of the process is limited, as numpy and scipy carry a copy each. One counter
serves all overlapping uses: contexts that each remember what they found would leave the process at
one thread for good when they close out of order.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import scipy.linalg.cython_blas  # noqa: F401 (its BLAS must be loaded to be found)
from threadpoolctl import ThreadpoolController

# A matrix of so many columns fits one core's cache: handing its columns to threads takes longer, and
# much longer where another process has the other cores.
ONE_CORE = 1024


class BlasLimiter:
    """Counts its users; the first limits, the last restores."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._libraries: list[Any] | None = None
        self._before: list[int] = []

    def acquire(self) -> None:
        """Limit every BLAS, if this is the first user."""
        with self._lock:
            if self._libraries is None:
                found = ThreadpoolController().select(user_api="blas").lib_controllers
                self._libraries = list(found)
            if self._users == 0:
                self._before = [library.get_num_threads() for library in self._libraries]
                for library in self._libraries:
                    _set(library, 1)
            self._users += 1

    def release(self) -> None:
        """Restore every BLAS, if this was the last user."""
        with self._lock:
            self._users -= 1
            if self._users == 0:
                for library, threads in zip(self._libraries or (), self._before, strict=True):
                    _set(library, threads)


def _set(library: Any, threads: int) -> None:
    # threadpoolctl lets the first thread that sets OpenBLAS's threads do so, and ignores all others
    # without a word, unless that one gives the right back.
    give_back = getattr(library, "clear_controlling_thread", lambda force: None)
    give_back(force=True)
    library.set_num_threads(threads)
    give_back(force=True)


_limiter = BlasLimiter()


@contextmanager
def single_threaded_blas() -> Iterator[None]:
    """Hold every BLAS of the process at one thread."""
    _limiter.acquire()
    try:
        yield
    finally:
        _limiter.release()


def blas_for(n_columns: int) -> AbstractContextManager[None]:
    """Hold BLAS at one thread where that serves a square matrix best."""
    return single_threaded_blas() if n_columns <= ONE_CORE else nullcontext()
