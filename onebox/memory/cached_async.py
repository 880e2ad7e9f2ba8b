"""``async`` functions whose results are kept."""

from __future__ import annotations

import asyncio
import inspect
import time
from typing import Any, ParamSpec, TypeVar

from onebox.errors import BadInput
from onebox.memory.cached import Cached, Call, Ref, name_of
from onebox.memory.entries import MISSING
from onebox.memory.kinds import is_lazy

P = ParamSpec("P")
T = TypeVar("T")


class CachedCoroutine(Cached[P, T]):
    """An ``async`` function whose results are kept: awaited once for callers at the same time."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        if hasattr(inspect, "markcoroutinefunction"):  # from Python 3.12 on
            inspect.markcoroutinefunction(self)
        self._running: dict[tuple[int, str], asyncio.Task[Any]] = {}

    async def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Any:  # type: ignore[override]
        call = self._call(args, kwargs)
        value = await asyncio.to_thread(self._found, call)
        if value is not MISSING:
            return value
        at = (id(asyncio.get_running_loop()), call.key)
        task = self._running.get(at)
        if task is None:
            task = asyncio.ensure_future(self._compute(call, args, kwargs))
            self._running[at] = task
            task.add_done_callback(lambda _: self._running.pop(at, None))
        return await asyncio.shield(task)

    async def _compute(self, call: Call, args: Any, kwargs: Any) -> Any:
        async with self._entries.async_leased(call.key) as waited:
            await asyncio.to_thread(self._entries.refresh, now=waited)
            value = await asyncio.to_thread(self._found, call)
            if value is MISSING:
                started = time.perf_counter()
                value = await self.function(*args, **kwargs)  # type: ignore[misc]
                seconds = time.perf_counter() - started
                kept = await asyncio.to_thread(
                    self._entries.write, call.key, value, call.recipe, seconds
                )
                if kept and is_lazy(value):
                    value = await asyncio.to_thread(self._found, call)  # not computed again
        return value

    def ref(self, *args: P.args, **kwargs: P.kwargs) -> Ref:
        """A handle on a result that is there.

        Raises
        ------
        BadInput
            When it is not: await the function first.
        """
        call = self._call(args, kwargs)
        if not self._fresh(call):
            raise BadInput(f"Await {name_of(self.function)}(...) first; its result is not kept.")
        return Ref(self._entries.path(call.key), self._entries, call.key)
