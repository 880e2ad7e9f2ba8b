"""A count of changes that several processes share, which costs a look at memory to ask for."""

from __future__ import annotations

import mmap
import os
from contextlib import suppress
from pathlib import Path

BYTES = 8


class Changes:
    """Counts changes by which something that was looked up before may no longer be so.

    Parameters
    ----------
    path : path or None
        The file that the processes map into memory, made when it is not there. Without one, or where it
        cannot be mapped, nothing may be taken from before.

    Notes
    -----
    Whoever changes something counts it when that can be seen, and before anybody is told that it is done.
    What was looked up after the count was read holds as long as the count stays the same. Changes at
    the same time may be counted as one, which is enough.
    """

    def __init__(self, path: Path | None) -> None:
        self._shared: mmap.mmap | None = None
        with suppress(OSError, ValueError):
            if path is not None:
                self._shared = _mapped(path)
        self._alone = 0

    def count(self) -> int:
        """The number of changes so far, or so."""
        if self._shared is None:
            self._alone += 1
            return self._alone
        return int.from_bytes(self._shared[:BYTES], "little")

    def note(self) -> None:
        """Count a change."""
        if self._shared is not None:
            self._shared[:BYTES] = ((self.count() + 1) % 2**63).to_bytes(BYTES, "little")


def _mapped(path: Path) -> mmap.mmap:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if os.fstat(descriptor).st_size < BYTES:
            os.ftruncate(descriptor, BYTES)
        return mmap.mmap(descriptor, BYTES)
    finally:
        os.close(descriptor)
