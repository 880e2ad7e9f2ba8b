"""A worker as its parent sees it: what it has been given, and what can be known of its end."""

from __future__ import annotations

import os
import signal
import socket
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from onebox.parallel.task import Chunk
from onebox.parallel.workers import messages
from onebox.parallel.workers.channel import Channel
from onebox.parallel.workers.page import IDLE, Page, make_file


@dataclass
class Handed:
    """A chunk that was handed over, and how many of its tasks have an outcome."""

    number: int
    chunk: Chunk
    done: int = 0

    @property
    def next(self) -> int:
        """The task that runs, or comes next."""
        return self.chunk.first + self.done


class Remote:
    """One worker.

    Parameters
    ----------
    number : int
        Of the worker, for the nursery.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.chunks: deque[Handed] = deque()
        self.recalled = False
        """Whether a chunk was taken back from it, and it has not seen that yet."""
        self.overdue: int | None = None
        """The task for which it is being stopped."""
        self.seen = -1
        """The last outbox that arrived."""
        ours, self._theirs = socket.socketpair()
        ours.setblocking(False)
        self.channel = Channel(ours)
        self._file = make_file()
        self.page = Page(self._file)
        self.page.begin(IDLE, 0.0)
        self._take, self._put = os.pipe()
        os.set_blocking(self._take, False)

    @property
    def descriptors(self) -> tuple[int, int, int]:
        """What the nursery gives to the process."""
        return self._theirs.fileno(), self._file, self._take

    def forked(self) -> None:
        """The nursery has been asked; its copies of the descriptors are the ones that count."""
        self._theirs.close()
        os.close(self._file)
        self._file = -1

    def hand_over(self, handed: Handed, payload: bytes, descriptors: list[int]) -> None:
        """Give it a chunk, to be run after the one that it has."""
        self.chunks.append(handed)
        os.write(self._put, b"+")
        with suppress(ConnectionError):  # its end will be heard of
            self.channel.send(messages.TASKS, payload, descriptors)

    def recall(self) -> Chunk | None:
        """Take back the chunk that it has not begun, if there is one."""
        if len(self.chunks) < 2 or self.recalled:
            return None
        try:
            os.read(self._take, 1)  # whoever gets this byte has the chunk
        except BlockingIOError:
            return None
        self.recalled = True
        return self.chunks.pop().chunk

    def skipped(self, number: int) -> Chunk | None:
        """It will not run what is left of a chunk: that was taken back, or is given back."""
        for handed in self.chunks:
            if handed.number == number:
                self.chunks.remove(handed)
                return handed.chunk.part(handed.done)
        self.recalled = False
        return None

    def finished(self, first: int, count: int) -> Chunk | None:
        """Tasks have an outcome; returns them, or None if that is known already."""
        if not self.chunks or self.chunks[0].next != first:
            return None
        handed = self.chunks[0]
        tasks = handed.chunk.part(handed.done, handed.done + count)
        handed.done += count
        if handed.done == len(handed.chunk):
            self.chunks.popleft()
        return tasks

    @property
    def quiet(self) -> bool:
        """Whether nothing is to come from it."""
        return not self.chunks and not self.recalled

    def ending(self) -> str:
        """How it ended, in words."""
        status = self.channel.exit_status()
        if status is None:
            return "ended"
        if os.WIFSIGNALED(status):
            number = os.WTERMSIG(status)
            with suppress(ValueError):
                return f"was killed by signal {number} ({signal.Signals(number).name})"
            return f"was killed by signal {number}"
        return f"ended with exit code {os.WEXITSTATUS(status)}"

    def last_words(self) -> str:
        """Where it was when it crashed or was asked."""
        return self.page.last_words.strip()

    def close(self) -> None:
        """Let go of it; it ends when it sees that."""
        self.channel.close()
        self._theirs.close()
        if self._take >= 0:
            os.close(self._take)
            os.close(self._put)
            self._take = self._put = -1
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def __enter__(self) -> Remote:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()
