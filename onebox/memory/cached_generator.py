"""Generator functions whose items are kept."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import ExitStack
from itertools import islice
from typing import Any, ParamSpec, TypeVar

from onebox.errors import BadInput, CorruptFile, MissingDependency, NotTrusted
from onebox.memory.cached import Cached, Call, Ref, name_of
from onebox.memory.entries import FAILURES, Entries
from onebox.memory.recipes import Recipe
from onebox.memory.survey import warn

P = ParamSpec("P")
T = TypeVar("T")


class CachedGenerator(Cached[P, T]):
    """A generator function whose items are kept.

    Items are written as they come, and kept when the generator is exhausted; a generator that is
    left early leaves nothing. Played back, they are read one at a time. What is sent into the
    generator is lost. Callers at the same time compute it each for themselves.
    """

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Any:
        return self._items(self._call(args, kwargs), args, kwargs)

    def ref(self, *args: P.args, **kwargs: P.kwargs) -> Ref:
        """A handle on the items, which are computed if they are not there, and not held.

        Raises
        ------
        BadInput
            When they cannot be kept.
        """
        call = self._call(args, kwargs)
        if not self._fresh(call):
            for _ in self(*args, **kwargs):
                pass
        if self._entries.age(call.key) is None:
            raise BadInput(f"The items of {name_of(self.function)} could not be kept.")
        return StreamRef(self._entries.path(call.key), self._entries, call.key)

    def _items(self, call: Call, args: Any, kwargs: Any) -> Generator[Any, None, Any]:
        n = 0
        try:
            self._entries.refresh()
            playing = self._entries.play(call.key, self._expires)
            while True:
                try:
                    item = next(playing)
                except StopIteration as end:
                    return end.value
                yield item
                n += 1
        except FileNotFoundError:
            pass
        except CorruptFile as error:
            self._entries.damaged(call.key, error)
        except (NotTrusted, MissingDependency, OSError) as error:
            warn(f"{error} The items are computed again.")
        # what has been handed out before the damage is not handed out again
        return (yield from _without_first(self._computed(call, args, kwargs), n))

    def _computed(self, call: Call, args: Any, kwargs: Any) -> Generator[Any, None, Any]:
        with Recording(self._entries, call.key, call.recipe) as recording:
            started = time.perf_counter()
            items: Any = self.function(*args, **kwargs)
            seconds = 0.0
            while True:
                try:
                    item = next(items)
                except StopIteration as end:
                    recording.finish(end.value, seconds + time.perf_counter() - started)
                    return end.value
                recording.item(item)
                seconds += time.perf_counter() - started
                yield item
                started = time.perf_counter()


class Recording:
    """Keeps items as long as that goes well, and warns once when it does not.

    Parameters
    ----------
    entries : Entries
    key : str
    recipe : dict
        What the items are made of.
    """

    def __init__(self, entries: Entries, key: str, recipe: Recipe) -> None:
        self._entries, self._key, self._recipe = entries, key, recipe
        self._stack = ExitStack()
        self._recorder: Any = None

    def __enter__(self) -> Recording:
        try:
            opened = self._entries.recording(self._key, self._recipe)
            self._recorder, self._finish = self._stack.enter_context(opened)
        except FAILURES as error:
            self._give_up(error)
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def item(self, value: Any) -> None:
        """Keep an item."""
        if self._recorder is not None:
            try:
                self._recorder.item(value)
            except FAILURES as error:
                self._give_up(error)

    def finish(self, returned: Any, seconds: float) -> None:
        """Keep it all."""
        if self._recorder is not None:
            try:
                self._finish(returned, seconds)
            except FAILURES as error:
                self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        self._recorder = None
        self._stack.close()
        warn(f"The items of {self._entries.name} are not kept: {error}")


class StreamRef(Ref):
    """Kept items that have not been loaded."""

    def get(self) -> Any:
        """An iterator over the items, which are read when they are asked for.

        Raises
        ------
        BadInput
            When they have been deleted since.
        """
        if self._entries.age(self._key) is None:
            raise BadInput(f"{self.path} is not there any more. Call the function again.")
        return self._entries.play(self._key)


def _without_first(items: Generator[Any, None, Any], n: int) -> Generator[Any, None, Any]:
    for _ in islice(items, n):
        pass
    return (yield from items)
