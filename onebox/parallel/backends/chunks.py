"""How a chunk of tasks runs where no process of ours runs it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from onebox.parallel.failures import as_failure
from onebox.parallel.limits import one_thread
from onebox.parallel.task import GIVE_BACK_AFTER, Arguments, Call, Chunk, Done, Failed, Outcome


class Ran(NamedTuple):
    """What the first tasks of a chunk did: returned values, the last one perhaps an exception."""

    values: list[Any]
    error: Exception | None
    seconds: float


def run_chunk(
    call: Call, first: int, arguments: list[Arguments], divisible: bool, stopped: Callable[[], bool]
) -> list[Ran]:
    """Run tasks one after the other; a chunk that turns out to be long is not run to its end."""
    limit = GIVE_BACK_AFTER if divisible else math.inf
    ran: list[Ran] = []
    values: list[Any] = []
    start = since = time.perf_counter()
    with one_thread():
        for at, one in enumerate(arguments):
            if stopped() or (at and time.perf_counter() - start > limit):
                break
            try:
                values.append(call.run(first + at, one))
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                now = time.perf_counter()
                ran.append(Ran(values, as_failure(error), now - since))
                values, since = [], now
    ran.append(Ran(values, None, time.perf_counter() - since))
    return ran


def sorted_out(chunk: Chunk, ran: list[Ran]) -> tuple[list[Outcome], Chunk | None]:
    """Turn what a chunk did into outcomes, and what is left of it."""
    outcomes: list[Outcome] = []
    at = 0
    for values, error, seconds in ran:
        each = seconds / max(1, len(values) + (error is not None))
        if values:
            nbytes = sum(map(_nbytes, values))
            outcomes.append(Done(chunk.first + at, values, each * len(values), nbytes))
            at += len(values)
        if error is not None:
            outcomes.append(Failed(chunk.part(at, at + 1), error, each))
            at += 1
    return outcomes, chunk.part(at) if at < len(chunk) else None


def _nbytes(value: object) -> int:
    nbytes = getattr(value, "nbytes", 0)
    return nbytes if isinstance(nbytes, int) else 0


def never() -> bool:
    """Tasks elsewhere are not stopped."""
    return False
