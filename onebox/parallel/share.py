"""The share of cores and memory that a task has, where tasks run loops of their own.

A loop inside a task of another loop gets what the outer one left: with eight cores and four workers,
two each. So however deep loops are nested, the machine is shared out once.
"""

from __future__ import annotations

from contextvars import ContextVar

from onebox.config import resolve
from onebox.errors import BadInput
from onebox.machine import available_cores

_process: int | None = None
_task: ContextVar[int | None] = ContextVar("onebox_share", default=None)


def give(cores: int) -> None:
    """Say what this process, a worker, may use."""
    global _process
    _process = cores


def give_task(cores: int) -> None:
    """Say what tasks in this context may use."""
    _task.set(cores)


def given() -> int | None:
    """What the task that runs here may use; None outside tasks."""
    cores = _task.get()
    return _process if cores is None else cores


def workers_for(n_jobs: int | None) -> int:
    """How many workers a loop gets that asked for `n_jobs`.

    Raises
    ------
    BadInput
        When that is no number of workers.
    """
    if n_jobs is None:
        asked = resolve().n_jobs or 1
    elif n_jobs == -1:
        asked = available_cores()
    elif _is_count(n_jobs):
        asked = n_jobs
    else:
        raise BadInput(f"n_jobs={n_jobs!r} must be 1 or more, or -1 for every core.")
    cores = given()
    return asked if cores is None else min(asked, cores)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and value >= 1


def cores_of_each(n_workers: int) -> int:
    """How many cores each of so many workers has for itself."""
    cores = given() or available_cores()
    return max(1, cores // n_workers)
