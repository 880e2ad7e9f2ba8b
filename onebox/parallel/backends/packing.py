"""Arguments of tasks on their way to worker processes."""

from __future__ import annotations

import pickle
from dataclasses import dataclass

from onebox.errors import NotEnoughMemory
from onebox.parallel.shared.parcel import BIG, Parcel, close_all
from onebox.parallel.shared.senders import ARGUMENT_INLINE, Arguments, Shared
from onebox.parallel.task import Chunk
from onebox.parallel.workers import messages


@dataclass(frozen=True)
class Held:
    """The arguments of a task, packed, so that a second attempt finds what the first one found."""

    parcel: Parcel
    used: list[Shared]


@dataclass(frozen=True)
class NotPickled:
    """Why the arguments of a task cannot be packed."""

    error: Exception


def hold(chunk: Chunk, arguments: Arguments) -> bool:
    """Pack the last arguments of a chunk; True when no others should follow in it.

    Raises
    ------
    NotEnoughMemory
        When they have to be copied and are larger than the budget.
    """
    if chunk.held is None:
        chunk.held = []
    chunk.held += [None] * (len(chunk) - 1 - len(chunk.held))
    held = _packed(chunk.arguments[-1], arguments)
    chunk.held.append(held)
    return isinstance(held, NotPickled) or held.parcel.nbytes >= BIG


def refusal(chunk: Chunk) -> Exception | None:
    """Tell why the last arguments of a chunk cannot be packed, if so."""
    last = chunk.held[-1] if chunk.held and len(chunk.held) == len(chunk) else None
    return last.error if isinstance(last, NotPickled) else None


def wired(chunk: Chunk, arguments: Arguments) -> tuple[bytes, int, list[int]]:
    """Turn the arguments of a chunk into bytes, a count, and descriptors to be closed when sent."""
    if not chunk.held:
        data = pickle.dumps(chunk.arguments, 5)
        if len(data) <= ARGUMENT_INLINE:
            return data, messages.PLAIN, []
        chunk.held = []
    chunk.held += [None] * (len(chunk) - len(chunk.held))
    parts, descriptors = list[bytes](), list[int]()
    try:
        for at, held in enumerate(chunk.held):
            if held is None:
                held = chunk.held[at] = _packed(chunk.arguments[at], arguments)
            wire = held.parcel.wire(descriptors)
            parts += [messages.NUMBER.pack(len(wire)), wire]
    except BaseException:
        close_all(descriptors)
        raise
    return b"".join(parts), len(chunk), descriptors


def release(chunk: Chunk, arguments: Arguments) -> None:
    """Free what the tasks of a chunk share."""
    for held in chunk.held or ():
        if isinstance(held, Held):
            arguments.release(held.used)
    chunk.held = None


def _packed(values: object, arguments: Arguments) -> Held | NotPickled:
    try:
        return Held(*arguments.pack(values))
    except NotEnoughMemory:
        raise
    except Exception as error:
        error.add_note("The arguments could not be pickled for a worker process.")
        return NotPickled(error)
