"""A few pages that a worker shares with its parent, and that outlive the worker.

They tell, at any moment and after any death: which task runs and since when; what the worker has
finished but not sent yet; and, when it crashed or was stopped, where in the code it was.
"""

from __future__ import annotations

import mmap
import os
import sys
import tempfile

IDLE, LOADING = -1, -2
"""What stands for a task when there is none: nothing runs; the function is being loaded."""

OUTBOX = 2**18
LAST_WORDS = 2**15
HEADER = 4096
SIZE = HEADER + OUTBOX + LAST_WORDS
TASK, SEQUENCE, USED, CANCELLED = range(4)
STARTED = 4  # in doubles


def make_file() -> int:
    """Open the nameless file that both map."""
    if sys.platform == "linux":
        descriptor = os.memfd_create("onebox-page")
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    os.ftruncate(descriptor, SIZE)
    return descriptor


class Page:
    """The shared pages, from either side.

    Every number is eight bytes at a multiple of eight, so that it is read and written at once.

    Parameters
    ----------
    descriptor : int
        The file; it may be closed afterwards.
    """

    def __init__(self, descriptor: int) -> None:
        self._memory = mmap.mmap(descriptor, SIZE)
        view = memoryview(self._memory)
        self._numbers = view[:HEADER].cast("q")
        self._seconds = view[:HEADER].cast("d")
        self._outbox = view[HEADER : HEADER + OUTBOX]
        self._words = view[HEADER + OUTBOX :]

    # The worker's side

    def begin(self, task: int, now: float) -> None:
        """A task starts; or loading does, or nothing runs any more."""
        self._seconds[STARTED] = now
        self._numbers[TASK] = task

    def put(self, record: bytes) -> bool:
        """Add a record to the outbox; False when there is no room."""
        used = self._numbers[USED]
        end = used + len(record)
        if end > OUTBOX:
            return False
        self._outbox[used:end] = record
        self._numbers[USED] = end
        return True

    def sent(self) -> None:
        """All that is in the outbox has been sent."""
        self._numbers[SEQUENCE] += 1
        self._numbers[USED] = 0

    @property
    def holds_some(self) -> bool:
        """Whether there is something in the outbox."""
        return self._numbers[USED] > 0

    @property
    def outbox(self) -> bytes:
        """What has been finished and not sent."""
        return bytes(self._outbox[: self._numbers[USED]])

    # The parent's side

    @property
    def task(self) -> int:
        """The number of the task that runs, IDLE or LOADING."""
        return self._numbers[TASK]

    @property
    def started(self) -> float:
        """When it began, on the monotonic clock."""
        return self._seconds[STARTED]

    @property
    def sequence(self) -> int:
        """How often the outbox has been sent."""
        return self._numbers[SEQUENCE]

    @property
    def cancelled(self) -> bool:
        """Whether no further task of what was handed over should begin."""
        return bool(self._numbers[CANCELLED])

    @cancelled.setter
    def cancelled(self, value: bool) -> None:
        self._numbers[CANCELLED] = value

    @property
    def last_words(self) -> str:
        """Where the worker was when it crashed or was asked."""
        return bytes(self._words).partition(b"\0")[0].decode(errors="replace")
