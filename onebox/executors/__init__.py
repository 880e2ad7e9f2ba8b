"""Where tasks run: anything with the interface of ``concurrent.futures.Executor``."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager

from onebox.errors import BadInput
from onebox.executors.serial import SerialExecutor

__all__ = ["SerialExecutor", "opened"]

REMEDY = "Use 'threads', 'serial' or a concurrent.futures.ThreadPoolExecutor."


@contextmanager
def opened(executor: str | Executor, n_workers: int) -> Iterator[Executor]:
    """Open an executor by name and close it afterwards; one that is given is left open.

    One worker is the caller itself: a thread would add nothing but the time to start it.

    Raises
    ------
    BadInput
        The name is not known, or the executor runs its tasks in other processes.
    """
    if isinstance(executor, Executor):
        _require_this_process(executor)
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
        raise BadInput(f"executor={executor!r} is not known. {REMEDY}")


def _require_this_process(executor: Executor) -> None:
    here = object()
    try:
        is_here = executor.submit(lambda: here).result() is here
    except Exception as error:
        raise BadInput(
            f"{type(executor).__name__} did not run a task that shares memory with its caller: "
            f"{error}. {REMEDY}"
        ) from error
    if not is_here:
        raise BadInput(
            f"{type(executor).__name__} runs tasks in other processes, and the tasks of a scan share "
            f"memory. {REMEDY}"
        )
