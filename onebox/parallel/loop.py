"""The loop itself: draws inputs, hands over tasks, puts outcomes in order, tries again, stops.

It runs in the thread that takes the results, while that waits for the next one. So inputs are drawn,
warnings appear and Ctrl-C is heard where the caller is, and there is no thread to be left behind.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Generator, Iterator
from itertools import islice
from typing import Any

from onebox.parallel.backends import Backend, Ending
from onebox.parallel.pace import Pace
from onebox.parallel.progress import Watch
from onebox.parallel.task import PLAIN, Arguments, Chunk, Done, Failed, Outcome

LOOK_AFTER = 0.005
"""Seconds after which workers are looked after although there are results to hand out."""


class Loop:
    """One call to `pmap`.

    Parameters
    ----------
    name : str
        Of the function.
    inputs : iterator of tuple
        The arguments of each task.
    backend : Backend
    pace : Pace
    watch : Watch
    ordered : bool
    catch : bool
        Whether exceptions come back in place of results.
    retries : int
        How often a task that failed is run again.
    """

    def __init__(
        self, name: str, inputs: Iterator[Arguments], backend: Backend, pace: Pace,
        watch: Watch, *, ordered: bool, catch: bool, retries: int,
    ) -> None:  # fmt: skip
        self._name, self._inputs, self._backend = name, inputs, backend
        self._pace, self._watch = pace, watch
        self._ordered, self._catch, self._retries = ordered, catch, retries
        self._drawn = self._handed_out = self._in_flight = 0
        self._again: deque[Chunk] = deque()
        self._ready: deque[Any] = deque()
        self._put = 0  # how many have been put there
        self._sizes: dict[int, int] = {}  # bytes of those that are known to take some
        self._early: dict[int, Done] = {}
        self._waiting_bytes = 0
        self._exhausted = False
        self._input_error: Exception | None = None
        self._failure: tuple[int, Exception] | None = None

    def results(self) -> Generator[Any, None, None]:
        """Hand out results, as they are asked for."""
        ending: Ending = "dropped"
        ready, pace, clock = self._ready, self._pace, time.perf_counter
        try:
            while self._advance():
                now = looked = clock()
                while ready and now - looked < LOOK_AFTER:
                    # No name for the result: the generator would keep it alive until the next one.
                    yield ready.popleft()
                    before, now = now, clock()
                    self._handed_out += 1
                    pace.consumed(now - before)
                    if self._sizes:
                        self._waiting_bytes -= self._sizes.pop(self._handed_out - 1, 0)
            ending = "finished"
        except KeyboardInterrupt:
            ending = "interrupted"
            raise
        finally:
            self._backend.close(ending)
            self._watch.finish(completed=ending == "finished")

    def _advance(self) -> bool:
        """Get a result ready; False when there are no more."""
        if self._ready:
            self._take(self._backend.collect(wait=False))
        while True:
            self._fill()
            self._watch.tell()
            if self._ready:
                return True
            if self._failure is not None and self._failure[0] <= self._put:
                raise self._failure[1]
            if not self._in_flight and not self._again:
                if self._input_error is not None:
                    raise self._input_error
                return False
            self._take(self._backend.collect(wait=True))

    # Handing over

    def _fill(self) -> None:
        """Hand over tasks while there is room for them."""
        while self._backend.has_room():
            chunk = self._chunk_again() if self._again else self._drawn_chunk()
            if chunk is None:
                return
            self._in_flight += len(chunk)
            self._backend.submit(chunk, divisible=self._pace.divisible)

    def _chunk_again(self) -> Chunk:
        chunk = self._again.popleft()
        size = self._pace.chunk
        if len(chunk) > size:  # it took longer than was thought
            self._again.appendleft(chunk.part(size))
            chunk = chunk.part(0, size)
        return chunk

    def _drawn_chunk(self) -> Chunk | None:
        room = min(self._pace.chunk, self._pace.window - (self._drawn - self._handed_out))
        room = min(room, self._pace.fitting(self._waiting_bytes, self._in_flight))
        if room <= 0 or self._exhausted:
            return None
        chunk = Chunk(self._drawn, [])
        try:
            for arguments in islice(self._inputs, room):
                chunk.arguments.append(arguments)
                # Now, not when the chunk is whole: the next input may be made in the same place.
                if not PLAIN.issuperset(map(type, arguments)) and self._backend.hold(chunk):
                    break
            else:
                self._exhausted = len(chunk) < room
        except Exception as error:
            # As in a plain loop: what was drawn before comes first.
            self._exhausted, self._input_error = True, error
        self._drawn += len(chunk)
        return chunk if len(chunk) else None

    # Taking back

    def _take(self, outcomes: list[Outcome]) -> None:
        """Sort outcomes into those that are ready, those that come too early, and failures."""
        for chunk in self._backend.given_back():
            self._in_flight -= len(chunk)
            if self._is_wanted(chunk.first):
                self._again.appendleft(chunk)
        for outcome in outcomes:
            if isinstance(outcome, Failed):
                self._in_flight -= 1
                self._fail(outcome)
            else:
                self._in_flight -= len(outcome.values)
                self._pace.ran(len(outcome.values), outcome.seconds, outcome.nbytes)
                self._finish(outcome)

    def _is_wanted(self, index: int) -> bool:
        return self._failure is None or index < self._failure[0]

    def _fail(self, failed: Failed) -> None:
        """Try a task again, or put its exception in its place, or stop."""
        task, error, index = failed.task, failed.error, failed.task.first
        if task.attempts < self._retries:
            task.attempts += 1
            if self._is_wanted(index):
                self._again.append(task)
            return
        error.add_note(task.describe(self._name))
        if task.held is not None:
            self._backend.let_go(task)
        self._watch.failed()
        if self._catch:
            self._finish(Done(index, [error], failed.seconds, 0))
            return
        self._exhausted, self._input_error = True, None
        if not self._ordered:
            raise error
        # Results before this one come first, so that the same ones come whatever the workers do.
        if self._is_wanted(index):
            self._failure = (index, error)
        self._again = deque(chunk for chunk in self._again if self._is_wanted(chunk.first))

    def _finish(self, done: Done) -> None:
        self._watch.ran(len(done.values), done.nbytes)
        self._waiting_bytes += done.nbytes
        if not self._ordered:
            self._make_ready(done)
            return
        self._early[done.first] = done
        while (following := self._early.pop(self._put, None)) is not None:
            self._make_ready(following)

    def _make_ready(self, done: Done) -> None:
        if done.nbytes:
            self._sizes[self._put + len(done.values) - 1] = done.nbytes
        self._put += len(done.values)
        self._ready.extend(done.values)
