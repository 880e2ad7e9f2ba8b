"""What the loop asks of a place where tasks run."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Literal

from onebox.parallel.task import Chunk, Outcome

Ending = Literal["finished", "dropped", "interrupted"]
"""How a loop ends: everything has run; the caller wants no more; the caller was interrupted."""


class Backend(ABC):
    """Takes chunks of tasks, and tells what became of each."""

    @abstractmethod
    def has_room(self) -> bool:
        """Whether a chunk can be handed over now."""

    def hold(self, chunk: Chunk) -> bool:
        """Take the last arguments of a chunk as they are now; True when they are large."""
        return False

    @abstractmethod
    def submit(self, chunk: Chunk, *, divisible: bool) -> None:
        """Hand over a chunk.

        Parameters
        ----------
        chunk : Chunk
        divisible : bool
            Whether a part of it may come back without an outcome.
        """

    @abstractmethod
    def collect(self, *, wait: bool) -> list[Outcome]:
        """What has become of tasks since the last time; may be nothing."""

    def given_back(self) -> list[Chunk]:
        """Tasks that have no outcome and must be handed over again."""
        return []

    def let_go(self, task: Chunk) -> None:
        """A task has failed for good: free what is held for it."""
        task.held = None

    @abstractmethod
    def close(self, ending: Ending) -> None:
        """Leave nothing running, or what cannot be stopped to itself."""
