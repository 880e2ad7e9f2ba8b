"""Frames over a socket, with open descriptors beside them."""

from __future__ import annotations

import select
import socket
import struct
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from onebox.parallel.shared.parcel import close_all

HEADER = struct.Struct("<BHQ")
MOST_DESCRIPTORS = 250  # the system takes 253 at a time
READ_BYTES = 2**16
OBITUARY = struct.Struct("<7sBi")
"""What the nursery adds after a worker's last byte: how the worker ended."""
MARK = b"onebox\0"

_ROOM = socket.CMSG_SPACE(253 * 4)
_CLOSED_ON_EXEC = getattr(socket, "MSG_CMSG_CLOEXEC", 0)


class Frame(NamedTuple):
    """What is sent at a time."""

    kind: int
    payload: bytes
    descriptors: list[int]


class Channel:
    """One end of a socket.

    Parameters
    ----------
    connection : socket.socket
        Blocking in a worker. Not blocking in the parent, which reads while it waits to write.
    """

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.ended = False
        self.unheard = False
        """Whether something was read in passing, so that waiting for more might be in vain."""
        self._received = bytearray()
        self._descriptors: deque[int] = deque()

    def fileno(self) -> int:
        return self.socket.fileno()

    def send(self, kind: int, payload: bytes | memoryview, descriptors: Sequence[int] = ()) -> None:
        """Send a frame; the descriptors are copied on their way.

        Raises
        ------
        OSError
            When the other end is gone.
        """
        header = HEADER.pack(kind, len(descriptors), len(payload))
        left = memoryview(header + payload)
        to_go = list(descriptors)
        while left or to_go:
            batch = to_go[:MOST_DESCRIPTORS]
            more = len(to_go) > len(batch)
            try:
                sent = self._send_some(left[:1] if more else left, batch)
            except BlockingIOError:
                self._ready(select.POLLIN | select.POLLOUT)
                # The other end may be waiting for the same.
                self.unheard = self._read() or self.unheard
                continue
            left, to_go = left[sent:], to_go[len(batch) :]

    def frames(self) -> list[Frame]:
        """What has arrived so far, without waiting."""
        self.unheard = False
        while self._read():
            pass
        return self._parsed()

    def wait(self, seconds: float) -> Frame | None:
        """Wait for the next frame; None when none comes, or when the other end is gone."""
        while True:
            frame = self._next()
            if frame is not None or self.ended:
                return frame
            if not self._ready(select.POLLIN, seconds):
                return None
            self._read()

    def exit_status(self) -> int | None:
        """How the worker at the other end ended, as `os.waitpid` tells it; None when nobody knows."""
        last = self._received[-OBITUARY.size :]
        if len(last) == OBITUARY.size:
            mark, _, status = OBITUARY.unpack(last)
            if mark == MARK:
                return int(status)
        return None

    def close(self) -> None:
        close_all(self._descriptors)
        self._descriptors.clear()
        self.socket.close()

    def _send_some(self, data: memoryview, descriptors: list[int]) -> int:
        if not descriptors:
            return self.socket.send(data)
        return socket.send_fds(self.socket, [data], descriptors)

    def _ready(self, event: int, seconds: float | None = None) -> bool:
        poll = select.poll()  # select() knows no descriptors beyond 1,023
        poll.register(self.socket, event)
        return bool(poll.poll(None if seconds is None else seconds * 1000))

    def _read(self) -> bool:
        """Read some bytes; False when there are none, or none any more."""
        if self.ended:
            return False
        try:
            data, extra, flags, _ = self.socket.recvmsg(READ_BYTES, _ROOM, _CLOSED_ON_EXEC)
        except BlockingIOError:
            return False
        except ConnectionError:
            data, extra, flags = b"", [], 0
        for level, kind, packed in extra:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                count = len(packed) // 4
                self._descriptors.extend(struct.unpack(f"{count}i", packed[: count * 4]))
        if flags & socket.MSG_CTRUNC:
            raise OSError(
                "Descriptors of large arrays were lost, as this process has too many files open. Raise "
                "the limit (ulimit -n), or hold fewer large results at a time."
            )
        self.ended = not data
        self._received += data
        return not self.ended

    def _parsed(self) -> list[Frame]:
        frames = []
        while (frame := self._next()) is not None:
            frames.append(frame)
        return frames

    def _next(self) -> Frame | None:
        received = self._received
        if len(received) < HEADER.size or received.startswith(MARK):
            return None
        kind, count, length = HEADER.unpack_from(received)
        end = HEADER.size + length
        if len(received) < end:
            return None
        frame = Frame(
            kind, bytes(memoryview(received)[HEADER.size : end]),
            [self._descriptors.popleft() for _ in range(count)],
        )  # fmt: skip
        del received[:end]
        return frame
