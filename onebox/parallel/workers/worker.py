"""The worker: takes chunks of tasks off its socket, runs them one after the other, sends outcomes.

Before a task begins, its number is written to the page that the parent sees; what a task returns is
put into the outbox there, and sent a few milliseconds later, or at the end of the chunk. So at its
death, whenever that comes, nothing that was finished is lost, and it is known which task to blame.
"""

from __future__ import annotations

import ctypes
import faulthandler
import gc
import math
import os
import pickle
import signal
import socket
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import numpy as np

from onebox._kernels import placement
from onebox.executors.failures import as_failure, pack_failure
from onebox.parallel import echo
from onebox.parallel.shared.parcel import Parcel, close_all, unpack
from onebox.parallel.shared.senders import Results
from onebox.parallel.task import GIVE_BACK_AFTER, PLAIN, Call
from onebox.parallel.workers import messages
from onebox.parallel.workers.channel import Channel, Frame
from onebox.parallel.workers.page import HEADER, IDLE, LOADING, OUTBOX, Page
from onebox.parallel.workers.setup import Setup

FLUSH_AFTER = 0.005
"""Seconds that an outcome may wait for others to be sent with."""
LEASED_IDLE = 60.0
"""Seconds that a worker waits for a caller who went on to something else."""
FREE_AFTER = 1.0
"""Seconds of idleness after which memory that was kept for the next results is freed."""

MOST_TEXT = 2**14
"""Characters of a simple value."""

READ_ONLY = (
    "Arrays of 1 MB and more are shared with other tasks and cannot be written to: copy them first "
    "(x = x.copy())."
)


class Worker:
    """Serves one parent at a time, one call after the other.

    Parameters
    ----------
    channel : Channel
    page : Page
    tokens : int
        A pipe with one byte for every chunk that still is to be run.
    idle : float
        Seconds without a call after which to end.
    """

    def __init__(self, channel: Channel, page: Page, tokens: int, idle: float) -> None:
        self._channel, self._page, self._tokens, self._idle = channel, page, tokens, idle
        self._posting = threading.RLock()  # a task may log from threads of its own
        self._flushed = time.monotonic()
        self._values: list[Any] = []  # those in the outbox, if it holds nothing else
        self._first, self._since, self._until = 0, 0.0, 0.0
        self._call: Call | None = None
        self._stack = ExitStack()
        self._results = Results(0)
        self._streams = echo.install(self._post_echo)
        placement.install()
        os.register_at_fork(before=self._results.offers.before_fork)

    def serve(self) -> None:
        """Do what comes, until nothing has come for long enough."""
        waited = 0.0
        while True:
            most = self._idle if self._call is None else LEASED_IDLE
            frame = self._channel.wait(FREE_AFTER)
            if frame is not None:
                self._handle(frame)
                del frame
                waited = 0.0
                continue
            if self._channel.ended or waited >= most:
                return
            if not waited:
                self._free()
            waited += FREE_AFTER

    def _free(self) -> None:
        """Give back what was kept for tasks to come, as none have come."""
        self._results.close()
        gc.collect()  # exceptions hold frames, which hold arguments
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)

    def _handle(self, frame: Frame) -> None:
        try:
            if frame.kind == messages.CALL:
                self._load(frame)
            elif frame.kind == messages.TASKS:
                self._run_chunk(frame)
            else:
                self._forget()
        finally:
            close_all(frame.descriptors)

    def _load(self, frame: Frame) -> None:
        self._forget()
        self._page.begin(LOADING, time.monotonic())
        try:
            length, *_ = messages.NUMBER.unpack_from(frame.payload)
            at = messages.NUMBER.size + length
            setup: Setup = pickle.loads(frame.payload[messages.NUMBER.size : at])
            setup.apply(self._stack)
            self._results.segments.keep_bytes = setup.spare_bytes
            function = unpack(frame.payload[at:], frame.descriptors, keep=True)
            self._call = Call(function, setup.entropy)
        except BaseException as error:
            self._channel.send(messages.UNLOADABLE, pack_failure(as_failure(error)))
        self._page.begin(IDLE, 0.0)

    def _forget(self) -> None:
        self._call = None
        self._stack.close()

    def _run_chunk(self, frame: Frame) -> None:
        try:
            os.read(self._tokens, 1)
        except BlockingIOError:  # the parent took the chunk back
            self._channel.send(messages.SKIPPED, frame.payload[: messages.NUMBER.size])
            return
        number, divisible, first, count = messages.CHUNK.unpack_from(frame.payload)
        # A function that could not be loaded runs nothing; the parent knows.
        whole = self._call is not None and self._run_tasks(
            self._call, first, self._items(frame, count), GIVE_BACK_AFTER if divisible else math.inf
        )
        self._flush()
        self._page.begin(IDLE, 0.0)
        if not whole:
            self._channel.send(messages.SKIPPED, messages.NUMBER.pack(number))

    def _run_tasks(self, call: Call, first: int, items: Iterator[Any], limit: float) -> bool:
        """Run tasks as long as nobody minds; False when some are left."""
        page, begun = self._page, time.monotonic()
        for index, arguments in enumerate(items, first):
            now = time.monotonic()
            if page.cancelled or (index > first and now - begun > limit):
                return False
            page.begin(index, now)
            self._run(call, index, arguments, now)
        return True

    def _items(self, frame: Frame, count: int) -> Iterator[Any]:
        """Yield each task's arguments, or what makes them when the task begins."""
        payload, at = memoryview(frame.payload), messages.CHUNK.size
        if count == messages.PLAIN:
            yield from pickle.loads(payload[at:])
            return
        for _ in range(count):
            length, *_ = messages.NUMBER.unpack_from(payload, at)
            at += messages.NUMBER.size
            yield _Load(payload[at : at + length], frame.descriptors)
            at += length

    def _run(self, call: Call, index: int, arguments: Any, now: float) -> None:
        failure = None
        try:
            if type(arguments) is _Load:
                arguments = arguments.make()
            value = call.run(index, arguments)
            del arguments
            self._flush_streams()  # before the result, after which the caller may stop listening
            if _is_simple(value):
                self._post_value(index, now, value)
            else:
                parcel = self._results.pack(value)
                del value
                self._post_parcel(index, now, parcel)
        except BaseException as error:
            failure = _noted(error)
        if failure is not None:
            self._results.sent()
            self._flush_streams()
            data = pack_failure(failure)
            del failure
            self._post(messages.FAILURE, index, time.monotonic() - now, data)

    def _flush_streams(self) -> None:
        for stream in self._streams:
            stream.flush()

    def _post_value(self, index: int, begun: float, value: Any) -> None:
        now = time.monotonic()
        data = pickle.dumps(value, 5)
        record = messages.RECORD.pack(messages.VALUE, index, now - begun, len(data)) + data
        with self._posting:
            if self._page.holds_some and not self._values:
                self._flush()  # of other kinds
            if not self._page.put(record):
                self._flush()
                self._page.put(record)
            if not self._values:
                self._first, self._since = index, begun
            self._values.append(value)
            self._until = now
            if now - self._flushed > FLUSH_AFTER:
                self._flush()

    def _post_parcel(self, index: int, begun: float, parcel: Parcel) -> None:
        descriptors: list[int] = []
        seconds = time.monotonic() - begun
        try:
            wire = parcel.wire(descriptors)
            if descriptors:
                head = messages.RECORD.pack(messages.PARCEL, index, seconds, len(wire))
                with self._posting:
                    self._flush()
                    self._channel.send(messages.LARGE, head + wire, descriptors)
            else:
                self._post(messages.PARCEL, index, seconds, wire)
        finally:
            close_all(descriptors)
            self._results.sent()

    def _post_echo(self, data: bytes) -> None:
        with self._posting:
            self._post(messages.ECHO, IDLE, 0.0, data)
            self._flush()

    def _post(self, kind: int, index: int, seconds: float, data: bytes) -> None:
        record = messages.RECORD.pack(kind, index, seconds, len(data)) + data
        with self._posting:
            if self._values:
                self._flush()
            if not self._page.put(record):
                self._flush()
                if not self._page.put(record):  # larger than the outbox
                    self._send_records(record)
                    return
            if time.monotonic() - self._flushed > FLUSH_AFTER:
                self._flush()

    def _flush(self) -> None:
        """Send what is in the outbox: simple values in one piece, which is faster to take apart."""
        with self._posting:
            if self._values:
                head = messages.RUN.pack(
                    self._page.sequence, self._first, self._until - self._since
                )
                self._channel.send(messages.VALUES, head + pickle.dumps(self._values, 5))
                self._values.clear()
                self._sent()
            elif self._page.holds_some:
                self._send_records(self._page.outbox)

    def _send_records(self, records: bytes) -> None:
        sequence = messages.NUMBER.pack(self._page.sequence)
        self._channel.send(messages.RECORDS, sequence + records)
        self._sent()

    def _sent(self) -> None:
        self._page.sent()
        self._flushed = time.monotonic()


class _Load:
    """Arguments that are made of a parcel when their task begins."""

    __slots__ = ("_descriptors", "_wire")

    def __init__(self, wire: memoryview, descriptors: list[int]) -> None:
        self._wire, self._descriptors = wire, descriptors

    def make(self) -> Any:
        return unpack(self._wire, self._descriptors, keep=True)


def _is_simple(value: object) -> bool:
    return type(value) in PLAIN and not (isinstance(value, str | bytes) and len(value) > MOST_TEXT)


def _noted(error: BaseException) -> Exception:
    failure = as_failure(error)
    if isinstance(failure, ValueError) and "read-only" in str(failure):
        failure.add_note(READ_ONLY)
    return failure


def main(
    connection: socket.socket, page_file: int, tokens: int, asked_by: int, idle: float
) -> None:
    """What a forked worker runs until it ends."""
    page = Page(page_file)
    os.lseek(page_file, HEADER + OUTBOX, os.SEEK_SET)  # where the last words go
    faulthandler.enable(page_file)
    faulthandler.register(asked_by, page_file, all_threads=False)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.set_blocking(tokens, False)
    np.random.seed(int.from_bytes(os.urandom(4), "little"))  # noqa: NPY002 (else all workers draw alike)
    try:
        Worker(Channel(connection), page, tokens, idle).serve()
    except ConnectionError:
        return  # nobody is there to tell
    except BaseException:
        os.write(page_file, traceback.format_exc().encode())
        raise
