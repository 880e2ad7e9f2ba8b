"""Tasks in the caller, one after the other, so that ``breakpoint()`` stops where it stands."""

from __future__ import annotations

from onebox.parallel.backends.backend import Backend, Ending
from onebox.parallel.backends.chunks import never, run_chunk, sorted_out
from onebox.parallel.task import Call, Chunk, Outcome


class Serial(Backend):
    """Runs a task when its outcome is asked for.

    Parameters
    ----------
    call : Call
    """

    def __init__(self, call: Call) -> None:
        self._call = call
        self._next: Chunk | None = None

    def has_room(self) -> bool:
        return self._next is None

    def submit(self, chunk: Chunk, *, divisible: bool) -> None:
        self._next = chunk

    def collect(self, *, wait: bool) -> list[Outcome]:
        chunk, self._next = self._next, None
        if chunk is None:
            return []
        ran = run_chunk(self._call, chunk.first, chunk.arguments, False, never)
        return sorted_out(chunk, ran)[0]

    def close(self, ending: Ending) -> None:
        self._next = None
