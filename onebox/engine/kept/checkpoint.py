"""One state that a walk goes on from, written every few seconds over the one before."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from onebox.engine.kept.batches import Packed, batch_of, packed_of
from onebox.engine.kept.shelf import Entries

EVERY_SECONDS = 2.0
LEISURE = (
    40  # as long as it takes to write a state, times this, nothing is written: 2.5 % of the time
)


class Checkpoint:
    """A state under one key, with how far it had come.

    Parameters
    ----------
    entries : Entries
    key : str
    about : dict
        What is written beside it, for people.

    Notes
    -----
    A state is copied where the walk stands still, and written by a thread while it goes on.
    """

    def __init__(self, entries: Entries, key: str, about: dict[str, Any]) -> None:
        self._entries, self._key, self._about = entries, key, about
        self._next = time.monotonic() + EVERY_SECONDS
        self._thread: threading.Thread | None = None
        self.is_there = False

    def load(self) -> tuple[Any, Packed] | None:
        """How far the last state had come, and the state; None when there is none."""
        value = self._entries.read(self._key)
        try:
            found = value["position"], packed_of(value)[0]
        except Exception:  # there is none, or it is of another version
            return None
        self.is_there = True
        return found

    def is_due(self) -> bool:
        """Whether it is time for the next state."""
        return time.monotonic() >= self._next and not self.is_busy()

    def write(self, position: Any, make: Callable[[], Packed]) -> None:
        """Keep a state; `make` copies it now."""
        self.wait()
        start = time.monotonic()
        packed = make()
        self.is_there = True
        copying = time.monotonic() - start
        work = (position, packed, copying)
        self._thread = threading.Thread(target=self._write, args=work, daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Until the last state is on the disk."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def forget(self) -> None:
        """Delete the state: what it led to is there."""
        self.wait()
        if self.is_there:
            self._entries.forget(self._key)

    def is_busy(self) -> bool:
        """Whether a state is being written."""
        return self._thread is not None and self._thread.is_alive()

    def _write(self, position: Any, packed: Packed, copying: float) -> None:
        start = time.monotonic()
        try:
            value = {"position": position, **batch_of([packed])}
            self._entries.write(self._key, value, self._about)
        except Exception:
            self._next = float("inf")  # a warning that is an error: the run goes on without
            return
        took = copying + time.monotonic() - start
        self._next = time.monotonic() + max(EVERY_SECONDS, LEISURE * took)
