"""One thread for the libraries that a task calls, where tasks run in the caller's own process.

BLAS is limited for the whole process, and given back when no task runs; OpenMP for the thread that
runs a task, as it counts threads for each thread that asks.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from threadpoolctl import ThreadpoolController

from onebox.engine.limiter import single_threaded_blas

_seen = 0
_openmp: list[Any] = []


@contextmanager
def one_thread() -> Iterator[None]:
    """Hold every BLAS of the process and every OpenMP of this thread at one thread."""
    with single_threaded_blas():
        libraries = _openmp_libraries()
        before = [library.get_num_threads() for library in libraries]
        for library in libraries:
            library.set_num_threads(1)
        try:
            yield
        finally:
            for library, threads in zip(libraries, before, strict=True):
                library.set_num_threads(threads)


def _openmp_libraries() -> list[Any]:
    """Find them again when modules have been imported, which is when libraries are loaded."""
    global _seen, _openmp
    if len(sys.modules) != _seen:
        _openmp = list(ThreadpoolController().select(user_api="openmp").lib_controllers)
        _seen = len(sys.modules)
    return list(_openmp)
