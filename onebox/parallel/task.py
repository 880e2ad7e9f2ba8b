"""What a call to `pmap` is made of: the call, its tasks and their outcomes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import NoneType
from typing import Any, NamedTuple

import numpy as np

from onebox.parallel.brief import brief

Arguments = tuple[Any, ...]

PLAIN = frozenset(
    {NoneType, bool, int, float, complex, str, bytes, np.float64, np.float32, np.int64, np.int32,
     np.bool_}
)  # fmt: skip
"""Types that nobody can change, and that pickle does fast and without help."""

GIVE_BACK_AFTER = 0.2
"""Seconds after which a chunk that took longer than was thought is given back, but for what is done."""


@dataclass(frozen=True)
class Call:
    """What is done for every input.

    Attributes
    ----------
    function : callable
    entropy : int or None
        What the generators of all tasks are made from; None when they get none.
    """

    function: Callable[..., Any]
    entropy: int | None = None

    @property
    def name(self) -> str:
        """What messages call the function."""
        function = getattr(self.function, "func", self.function)  # functools.partial has none
        return getattr(function, "__qualname__", type(function).__qualname__)

    def run(self, index: int, arguments: Arguments) -> Any:
        """One task."""
        if self.entropy is None:
            return self.function(*arguments)
        return self.function(*arguments, random_state=generator_of(self.entropy, index))


def generator_of(entropy: int, index: int) -> np.random.Generator:
    """Make the random generator of a task: it depends on the seed and the task's number alone.

    >>> generator_of(0, 7).integers(100, size=3)
    array([85, 30, 68])
    """
    return np.random.default_rng(np.random.SeedSequence(entropy, spawn_key=(index,)))


@dataclass(slots=True)
class Chunk:
    """Consecutive tasks that are handed over together, and run in this order.

    Attributes
    ----------
    first : int
        The first one's place in the order of inputs.
    arguments : list of tuple
    attempts : int
        How often the task, which is alone then, has failed.
    held : list or None
        What the backend keeps for each task, None for those that need nothing.
    """

    first: int
    arguments: list[Arguments]
    attempts: int = 0
    held: list[Any] | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.arguments)

    def part(self, start: int, stop: int | None = None) -> Chunk:
        """Some of its tasks."""
        held = self.held[start:stop] if self.held else None
        tasks = self.arguments[start:stop]
        return Chunk(self.first + start, tasks, self.attempts, held)

    def describe(self, name: str) -> str:
        """What the note on the exception of a single task says."""
        again = f", attempt {self.attempts + 1}" if self.attempts else ""
        return f"In task {self.first} of pmap{again}: {name}({brief(self.arguments[0])})"


class Done(NamedTuple):
    """What consecutive tasks returned.

    Attributes
    ----------
    first : int
    values : list
    seconds : float
        How long they ran.
    nbytes : int
        Memory that the values take, as far as it is known.
    """

    first: int
    values: list[Any]
    seconds: float
    nbytes: int


class Failed(NamedTuple):
    """What a task raised, or what happened to it instead."""

    task: Chunk
    error: Exception
    seconds: float


Outcome = Done | Failed
