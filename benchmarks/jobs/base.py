"""What a job is.

A side is a function of (size, threads) that opens its input and returns the timed part. The timed
part is called with ``warm=True`` first, on next to nothing, so that lazy imports and thread pools
of either side are not measured. It returns a note, or a function that makes one when the clock has
stopped; a side may also hand back the seconds that count, where it does more than one thing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

Size = tuple[int, ...]
Note = str | Callable[[], str] | tuple[str, float]
Timed = Callable[..., Note]


class Job(ABC):
    """Something that both sides do."""

    title: ClassVar[str]
    peer_name: ClassVar[str]
    target: ClassVar[str]
    sizes: ClassVar[list[Size]]
    on_request: ClassVar[int] = 0  # how many of the sizes, the last ones, only --sizes largest runs

    @staticmethod
    @abstractmethod
    def prepare(size: Size) -> None:
        """Make the input."""

    @staticmethod
    @abstractmethod
    def ours(size: Size, threads: int) -> Timed: ...

    @staticmethod
    @abstractmethod
    def peer(size: Size, threads: int) -> Timed: ...


JOBS: dict[str, type[Job]] = {}


def job(cls: type[Job]) -> type[Job]:
    JOBS[cls.__name__] = cls
    return cls
