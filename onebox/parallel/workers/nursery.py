"""The nursery: a small process that forks workers.

Forking the caller itself would copy its threads' locks without its threads; starting Python anew for
every worker takes a third of a second. So one fresh process is started, imports numpy, and forks:
a worker that was killed is replaced in milliseconds. What else workers will need it imports when it is
told to, in its only thread: modules of this project, which start none.

It is also who ends workers. They are its children, so that it can signal them without meeting another
process under the same number; each has a session of its own, so that a Ctrl-C in the terminal does not
reach it, and what it started ends with it. When the caller is gone, however it went, the nursery reads
the end of its socket, ends everybody and exits. When the nursery itself is killed, Linux kills the
workers; elsewhere they exit when they next look at their socket.
"""

from __future__ import annotations

import ctypes
import gc
import os
import select
import signal
import socket
import struct
import sys
import time
from contextlib import suppress
from importlib import import_module
from typing import NamedTuple

import cloudpickle  # noqa: F401 (imported once, for all workers)
import numpy as np

from onebox.config import resolve
from onebox.parallel.workers import worker
from onebox.parallel.workers.channel import MARK, OBITUARY

REQUEST = struct.Struct("<BQ")
FORK, KILL, ASK, IMPORT = 1, 2, 3, 4
IDLE = 3.0
"""Seconds after which a worker without a call ends, and the nursery without workers."""

ASKED_BY = signal.SIGRTMAX - 3 if hasattr(signal, "SIGRTMAX") else signal.SIGUSR2
"""The signal that makes a worker write down where it is."""

SET_DEATH_SIGNAL = 1  # prctl(2)


class Child(NamedTuple):
    """A worker, and a copy of its end of the socket, in which its end is told."""

    pid: int
    socket: socket.socket


class Nursery:
    """Serves one process until that is gone.

    Parameters
    ----------
    control : socket.socket
        Where requests come from.
    """

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._children: dict[int, Child] = {}
        self._asked = time.monotonic()
        self._woken, wake = os.pipe()
        os.set_blocking(wake, False)
        os.set_blocking(self._woken, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        self._wake = wake

    def serve(self) -> None:
        """Fork and kill on request."""
        watched = select.poll()  # select(2) takes no descriptor from 1024 on
        watched.register(self._control, select.POLLIN)
        watched.register(self._woken, select.POLLIN)
        while self._children or time.monotonic() - self._asked < IDLE:
            ready = {descriptor for descriptor, _ in watched.poll(IDLE / 4 * 1e3)}
            if self._woken in ready:
                with suppress(BlockingIOError):
                    os.read(self._woken, 4096)
            self._bury()
            if self._control.fileno() in ready and not self._obey():
                break
        self._end_all()

    def _obey(self) -> bool:
        """Do what is asked; False when nobody is there to ask any more."""
        received, descriptors, _, _ = socket.recv_fds(
            self._control, REQUEST.size, 3, socket.MSG_WAITALL
        )
        if len(received) < REQUEST.size:
            return False
        what, number = REQUEST.unpack(received)
        if what == FORK:
            self._fork(number, descriptors)
        elif what == IMPORT:
            _import(self._control.recv(number, socket.MSG_WAITALL).decode().split())
        elif number in self._children:
            pid = self._children[number].pid
            with suppress(ProcessLookupError):
                if what == ASK:
                    os.kill(pid, ASKED_BY)
                else:
                    _kill_group(pid)
        self._asked = time.monotonic()  # not before: importing takes its time
        return True

    def _fork(self, number: int, descriptors: list[int]) -> None:
        connection = socket.socket(fileno=descriptors[0])
        nursery = os.getpid()
        pid = os.fork()
        if pid == 0:
            status = 70
            try:
                self._become_worker(nursery)
                worker.main(connection, descriptors[1], descriptors[2], ASKED_BY, IDLE)
                status = 0
            finally:
                os._exit(status)
        for descriptor in descriptors[1:]:
            os.close(descriptor)
        self._children[number] = Child(pid, connection)

    def _become_worker(self, nursery: int) -> None:
        os.setsid()
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(SET_DEATH_SIGNAL, signal.SIGKILL)
            if os.getppid() != nursery:  # it was killed before it could be watched
                os._exit(0)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for descriptor in (self._woken, self._wake):
            os.close(descriptor)
        self._control.close()
        for child in self._children.values():
            child.socket.close()
        self._children.clear()

    def _bury(self) -> None:
        """Reap the dead, with all that they started, and tell how they ended."""
        while True:
            try:
                if hasattr(os, "waitid"):
                    found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
                    if found is None:
                        return
                    _kill_group(found.si_pid)  # while its number is still its own
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self._tell(pid, status)

    def _tell(self, pid: int, status: int) -> None:
        for number, child in list(self._children.items()):
            if child.pid == pid:
                with suppress(OSError):
                    told = OBITUARY.pack(MARK, 0, status)
                    child.socket.send(told, socket.MSG_DONTWAIT)
                child.socket.close()
                del self._children[number]

    def _end_all(self) -> None:
        for child in self._children.values():
            _kill_group(child.pid)
        for child in self._children.values():
            with suppress(ChildProcessError):
                os.waitpid(child.pid, 0)


def _kill_group(pid: int) -> None:
    """Kill a worker and what it started; one that has no session of its own yet, alone."""
    for kill in (os.killpg, os.kill):
        with suppress(ProcessLookupError, PermissionError):
            kill(pid, signal.SIGKILL)


def _import(modules: list[str]) -> None:
    """Import what workers would have to, once for all that are forked from now on."""
    for module in modules:
        with suppress(Exception):  # who needs it will be told
            import_module(module)
    gc.collect()
    gc.freeze()


def main(descriptor: int) -> None:
    """What the new process runs."""
    np.random.default_rng()
    resolve()
    _import([])
    Nursery(socket.socket(fileno=descriptor)).serve()
