"""Tasks of one run: a bounded number at a time, results in order, none left behind.

Results are waited for in short turns, so that progress is told and Ctrl-C is heard by the thread
that called; the tasks themselves ask between blocks whether the run is over.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

T = TypeVar("T")
Item = TypeVar("Item")
Asked = TypeVar("Asked", contravariant=True)
Found = TypeVar("Found", covariant=True)

Results: TypeAlias = Generator[T, None, None]

TURN = 0.1  # seconds
PASSED_OVER = 4096  # known items, to begin tasks behind them


class Stopped(Exception):
    """Raised inside tasks when the run is over early; never seen outside."""


class Known(Protocol[Asked, Found]):
    """What is at hand without a task; asked by the collecting thread."""

    def has(self, item: Asked) -> bool:
        """Whether it is likely to be found."""

    def find(self, item: Asked) -> Found | None:
        """What is known of an item."""


class Tasks:
    """Submits the tasks of one run and collects what they return.

    Parameters
    ----------
    executor : Executor
        Runs them in this process.
    in_flight : int
        Tasks begun or waiting to be collected, at the most.
    each_turn : callable
        Called in the collecting thread, after every result and while waiting for one.
    """

    def __init__(self, executor: Executor, in_flight: int, each_turn: Callable[[], None]) -> None:
        self._executor, self._in_flight, self._each_turn = executor, in_flight, each_turn
        self._caller = threading.get_ident()
        self._unfinished: set[Future[Any]] = set()
        self._stop = threading.Event()

    def in_order(
        self, task: Callable[[Item], T], items: Iterable[Item], known: Known[Item, T] | None = None
    ) -> Results[T]:
        """What a task makes of each item, in the order of the items; none for what is known."""
        waiting: deque[tuple[Item, Future[T] | None]] = deque()
        n_begun = 0
        for item in items:
            expected = known is not None and known.has(item)
            waiting.append((item, None if expected else self._submit(task, item)))
            n_begun += not expected
            while n_begun >= self._in_flight or len(waiting) > PASSED_OVER:
                n_begun -= waiting[0][1] is not None
                yield self._made(task, *waiting.popleft(), known)
        while waiting:
            yield self._made(task, *waiting.popleft(), known)

    def all(self, task: Callable[[Item], object], items: Iterable[Item]) -> None:
        """Run a task on all items at once."""
        for future in [self._submit(task, item) for item in items]:
            self._result(future)

    def ahead(self, items: Iterator[T]) -> Iterator[T]:
        """The items, each made by a task while the one before is worked on."""
        following = self._submit(_next, items)
        while (item := self._result(following)) is not None:
            following = self._submit(_next, items)
            yield item

    def check(self) -> None:
        """Inside a task: end it when the run is over."""
        if self._stop.is_set():
            raise Stopped
        if threading.get_ident() == self._caller:  # who collects results has no turn meanwhile
            self._each_turn()

    def close(self) -> None:
        """Leave no task behind, whatever ended the run."""
        if self._unfinished:
            self._stop.set()
            for future in self._unfinished:
                future.cancel()
            wait(self._unfinished)
            self._unfinished.clear()

    def n_running(self) -> int:
        """How many are begun and not done; safe to call from any thread."""
        return sum(not future.done() for future in list(self._unfinished))

    def _made(
        self, task: Callable[[Item], T], item: Item, future: Future[T] | None,
        known: Known[Item, T] | None,
    ) -> T:  # fmt: skip
        if future is not None:
            return self._result(future)
        found = None if known is None else known.find(item)
        if found is None:  # it was expected, and is lost
            return self._result(self._submit(task, item))
        self._each_turn()
        return found

    def _submit(self, task: Callable[[Item], T], item: Item) -> Future[T]:
        future = self._executor.submit(task, item)
        self._unfinished.add(future)
        return future

    def _result(self, future: Future[T]) -> T:
        while not future.done():
            wait([future], TURN)
            self._each_turn()
        self._unfinished.discard(future)
        self._each_turn()
        return future.result()


def _next(items: Iterator[T]) -> T | None:
    return next(items, None)


class _Turn(Generic[T]):
    """The next items of some iterators, made by whoever has time."""

    def __init__(self, iterators: Sequence[Iterator[T]]) -> None:
        self._left = list(enumerate(iterators))
        self.items: list[T | None] = [None] * len(iterators)

    def work(self) -> None:
        """Make what nobody has begun."""
        while True:
            try:
                at, items = self._left.pop()
            except IndexError:
                return
            self.items[at] = _next(items)


def made_ahead(iterators: Sequence[Iterator[T]], has_idle: Callable[[], bool]) -> Iterator[list[T]]:
    """Items of several iterators of one length side by side; the next ones are made meanwhile.

    A thread of its own begins with them while these are worked on, if one is idle. Who then asks for
    them makes what that thread has not begun.
    """
    with ThreadPoolExecutor(1) as thread:

        def begun() -> tuple[_Turn[T], Future[None] | None]:
            turn = _Turn(iterators)
            return turn, thread.submit(turn.work) if has_idle() else None

        following = begun()
        while True:
            turn, helper = following
            turn.work()
            if helper is not None:
                helper.result()
            items = [item for item in turn.items if item is not None]
            if len(items) < len(iterators):
                return
            following = begun()
            yield items
