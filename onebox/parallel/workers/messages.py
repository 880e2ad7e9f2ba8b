"""What parent and worker say to each other."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

# Frames to a worker
CALL, TASKS, END = 1, 2, 3
# Frames from a worker
VALUES, RECORDS, LARGE, SKIPPED, UNLOADABLE = 11, 12, 13, 14, 15
# Records in a frame from a worker
VALUE, PARCEL, FAILURE, ECHO = 1, 2, 3, 4

CHUNK = struct.Struct("<QBQI")  # number, whether it may be given back, first task, how many
NUMBER = struct.Struct("<Q")
RUN = struct.Struct("<QQd")  # which outbox; the first of some tasks, and the seconds they took
RECORD = struct.Struct("<BqdI")

PLAIN = 0xFFFFFFFF
"""In place of the number of tasks: one pickle holds them all."""


class Record(NamedTuple):
    """What a worker tells about one task: a result or a failure, and the seconds that it took."""

    kind: int
    task: int
    seconds: float
    payload: memoryview


def records(data: bytes) -> Iterator[Record]:
    """Take records apart."""
    view, at = memoryview(data), 0
    while at < len(data):
        kind, task, seconds, length = RECORD.unpack_from(data, at)
        at += RECORD.size
        yield Record(kind, task, seconds, view[at : at + length])
        at += length
