"""Where tasks run: anything with the interface of ``concurrent.futures.Executor``."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager

from onebox.errors import BadInput
from onebox.executors.serial import SerialExecutor

__all__ = ["SerialExecutor", "opened"]


@contextmanager
def opened(executor: str | Executor, n_workers: int) -> Iterator[Executor]:
    """An executor by name, closed afterwards, or the one given, left open.

    One worker is the caller itself: a thread would add nothing but the time to start it.
    """
    if isinstance(executor, Executor):
        yield executor
    elif executor == "serial" or (executor == "threads" and n_workers == 1):
        yield SerialExecutor()
    elif executor == "threads":
        pool = ThreadPoolExecutor(n_workers, thread_name_prefix="onebox")
        try:
            yield pool
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
    else:
        raise BadInput(f"executor={executor!r} is not known; use 'threads' or 'serial'.")
