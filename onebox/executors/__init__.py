"""Where tasks run: here, in a ``concurrent.futures.Executor`` of any kind, or by a crew elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import closing, contextmanager
from importlib import import_module

from onebox.config import CREWS, crew_name
from onebox.errors import BadInput, MissingDependency
from onebox.executors.crew import Crew
from onebox.executors.pool import PoolCrew
from onebox.executors.portable import Portable
from onebox.executors.serial import SerialExecutor

__all__ = ["Crew", "Portable", "SerialExecutor", "hired", "opened"]


@contextmanager
def opened(executor: object, n_workers: int) -> Iterator[Executor]:
    """Open what runs tasks in this process, and close it afterwards; what is given is left open.

    One worker is the caller itself: a thread would add nothing but the time to start it. Where scans
    run elsewhere, what needs the caller's memory runs on threads.
    """
    if isinstance(executor, Executor) and _is_here(executor):
        yield executor
    elif executor == "serial" or n_workers == 1:
        yield SerialExecutor()
    else:
        pool = ThreadPoolExecutor(n_workers, thread_name_prefix="onebox")
        try:
            yield pool
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def hired(executor: object, n_workers: int) -> Iterator[Crew | None]:
    """Find who runs scans in other processes; None when they run here, as with one worker of ours.

    Raises
    ------
    BadInput
        Nobody answers at an address, or there is no worker.
    MissingDependency
        The library that it takes is not installed.
    """
    if isinstance(executor, Crew):
        yield executor
        return
    name = crew_name(executor)
    if name == "processes" and n_workers == 1:
        yield None
    elif name is not None:
        with closing(_made(name, executor, n_workers)) as made:
            yield made
    elif isinstance(executor, Executor) and not _is_here(executor):
        yield PoolCrew(executor, n_workers)
    else:
        yield None


def _made(name: str, asked: object, n_workers: int) -> Crew:
    try:
        module = import_module(CREWS[name])
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("onebox"):
            raise
        raise MissingDependency(
            f"executor={asked!r} needs {error.name}, which is not installed. "
            f"Install it: pip install 'onebox[{name}]'."
        ) from error
    made: Crew = module.crew(asked, n_workers)
    return made


class _Mark:
    """Comes back as itself, or as a copy."""


_MARK = _Mark()


def _is_here(executor: Executor) -> bool:
    """Whether tasks share memory with their caller."""
    try:
        return executor.submit(_same, _MARK).result() is _MARK
    except Exception as error:
        raise BadInput(
            f"{type(executor).__name__} did not run a task: {error}. Make a new one, or use 'threads', "
            "'processes' or 'serial'."
        ) from error


def _same(value: object) -> object:
    return value
