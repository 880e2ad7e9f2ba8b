"""Generator functions whose items are kept."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable
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
        layers = self._entries.layers()
        layer = next((layer for layer in layers if layer.plays(call.key, self._expires)), None)
        if layer is not None:
            try:
                playing = self._played(layer, call)
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
                layer.damaged(call.key, error)
            except (NotTrusted, MissingDependency, OSError) as error:
                warn(f"{error} The items are computed again.")
        items: Any = self.function(*args, **kwargs)
        kept = _recorded(items, self._entries.layers(), call)
        # what has been handed out before the damage is not handed out again
        return (yield from _without_first(kept, n))

    def _played(self, layer: Entries, call: Call) -> Generator[Any, None, Any]:
        """Yield kept items; those from behind are kept in front, too."""
        items = layer.play(call.key)
        if layer is self._entries:
            return items
        return _recorded(items, [self._entries], call, layer.recipe(call.key)[1])


def _recorded(
    items: Generator[Any, None, Any], layers: Iterable[Entries], call: Call,
    seconds: float | None = None,
) -> Generator[Any, None, Any]:  # fmt: skip
    """Hand items on, and keep them; `seconds` is what they took, if that is known."""
    with ExitStack() as stack:
        recordings = [
            stack.enter_context(Recording(layer, call.key, call.recipe))
            for layer in layers
            if not layer.readonly
        ]
        took, started = 0.0, time.perf_counter()
        while True:
            try:
                item = next(items)
            except StopIteration as end:
                took += time.perf_counter() - started
                for recording in recordings:
                    recording.finish(end.value, took if seconds is None else seconds)
                return end.value
            for recording in recordings:
                recording.item(item)
            took += time.perf_counter() - started
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
