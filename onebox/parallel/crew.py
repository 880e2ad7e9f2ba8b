"""Tasks of a scan in processes of our own, with what lies in memory mapped by all of them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Iterable, Sequence
from functools import partial
from typing import Any, TypeVar

from onebox.config import memory_budget, resolve
from onebox.executors.crew import RETRIES, Crew
from onebox.parallel.pmap import pmap

if sys.platform != "win32":
    from onebox.parallel.shared.parcel import close_all, unpack
    from onebox.parallel.shared.senders import Arguments
    from onebox.parallel.workers.pool import POOL

T = TypeVar("T")
Item = TypeVar("Item")


class ProcessCrew(Crew):
    """Runs tasks by `pmap`: a worker that dies costs the one that it was running, which runs again.

    Parameters
    ----------
    n_workers : int
    """

    maps_memory = sys.platform != "win32"  # where "processes" are those of loky

    def __init__(self, n_workers: int) -> None:
        self.n_workers = n_workers

    def map(
        self, function: Callable[..., T], items: Iterable[Item], common: Sequence[Any] = ()
    ) -> Generator[T, None, None]:
        if self.maps_memory and function.__module__.startswith("onebox."):
            POOL.prepare({function.__module__})
        return pmap(
            partial(function, *common), items, n_jobs=self.n_workers, executor="processes",
            retries=RETRIES,
        )  # fmt: skip

    def share(self, value: T) -> T:
        return shared(value) if self.maps_memory else value


def shared(value: T) -> T:
    """The same value with its large arrays in shared memory; sent on, they are not copied again.

    Raises
    ------
    NotEnoughMemory
        When they are larger than the budget.
    """
    arguments = Arguments(budget=memory_budget(resolve()), keep_bytes=0)
    descriptors: list[int] = []
    try:
        parcel, _ = arguments.pack(value)
        made: T = unpack(parcel.wire(descriptors), descriptors, keep=True)
        return made
    finally:
        close_all(descriptors)
        arguments.close()


def crew(asked: object, n_workers: int) -> ProcessCrew:
    """Make the crew for "processes"."""
    return ProcessCrew(n_workers)
