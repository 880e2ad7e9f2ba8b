"""The pool: workers that are kept warm for a few seconds between calls, and the nursery behind them."""

from __future__ import annotations

import atexit
import itertools
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from onebox.errors import WorkerDied
from onebox.parallel.workers.nursery import ASK, FORK, IMPORT, KILL, REQUEST
from onebox.parallel.workers.remote import Remote
from onebox.parallel.workers.setup import ONE_THREAD

START = """
import sys
sys.path[:] = {path!r}
from onebox.parallel.workers.nursery import main
main({descriptor})
"""
SILENCE = 0.02
"""Seconds after which nothing more is written."""
ENDS_WITHIN = 1.0
"""Seconds to wait for the nursery to end, which takes it milliseconds."""


class NurseryProcess:
    """The process that forks workers, from the caller's side.

    Parameters
    ----------
    when_ended : callable
        Called in a thread when it has ended.
    """

    def __init__(self, when_ended: Callable[[], None]) -> None:
        self._control, theirs = socket.socketpair()
        with theirs:
            script = START.format(path=[str(one) for one in sys.path], descriptor=theirs.fileno())
            self._process = subprocess.Popen(
                # -P: no module of the current folder is taken for one of Python's
                [sys.executable, *_flags(), "-P", "-c", script],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env=_without_threads(),
                start_new_session=True,
            )
        self._imported: set[str] = set()
        # So that it leaves no zombie when it ends by itself, however long nobody asks.
        self._when_ended = when_ended
        self._waiter = threading.Thread(target=self._wait, name="onebox-pool", daemon=True)
        self._waiter.start()

    def ask(self, what: int, worker: Remote) -> None:
        """Send a request.

        Raises
        ------
        OSError
            When the process has ended.
        """
        descriptors = list(worker.descriptors) if what == FORK else []
        socket.send_fds(self._control, [REQUEST.pack(what, worker.number)], descriptors)

    def have_imported(self, modules: set[str]) -> None:
        """Send for modules to be imported, as far as they have not been.

        Raises
        ------
        OSError
            When the process has ended.
        """
        missing = " ".join(sorted(modules - self._imported)).encode()
        if missing:
            self._control.sendall(REQUEST.pack(IMPORT, len(missing)) + missing)
            self._imported |= modules

    def _wait(self) -> None:
        self._process.wait()
        self._when_ended()

    def end(self) -> None:
        """End it and all workers, and wait for that."""
        self._control.close()
        self._waiter.join(ENDS_WITHIN)

    def forget(self) -> None:
        """Close the copy that a forked child has of our end."""
        self._control.close()


class Pool:
    """All workers of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._nursery: NurseryProcess | None = None
        self._idle: list[Remote] = []
        self._leased: set[Remote] = set()
        self._numbers = itertools.count()
        self._modules: set[str] = set()

    def prepare(self, modules: set[str]) -> None:
        """Name modules of this project that workers need: they are imported once, before a fork.

        It holds as long as the nursery does. Workers that are there already import for themselves.
        """
        with self._lock:
            self._modules |= modules

    def lease(self) -> Remote:
        """A worker for one call alone.

        Raises
        ------
        WorkerDied
            When no process can be started.
        """
        with self._lock:
            while self._idle:
                worker = self._idle.pop()
                worker.channel.frames()
                if not worker.channel.ended:
                    self._leased.add(worker)
                    return worker
                worker.close()
            worker = self._forked()
            self._leased.add(worker)
            return worker

    def release(self, worker: Remote) -> None:
        """A worker from which nothing is to come is free for other calls."""
        with self._lock:
            self._leased.discard(worker)
            self._idle.append(worker)

    def discard(self, worker: Remote) -> None:
        """A worker that has ended."""
        with self._lock:
            self._leased.discard(worker)
        worker.close()

    def kill(self, worker: Remote, *, ask_first: float = 0.0) -> None:
        """Kill a worker, with all that it has started; its end is heard on its socket.

        Parameters
        ----------
        worker : Remote
        ask_first : float
            Seconds to wait for it to write down where it is.
        """
        nursery = self._nursery
        if nursery is None:
            return
        with suppress(OSError):
            if ask_first:
                nursery.ask(ASK, worker)
                _listen(worker, time.monotonic() + ask_first)
            nursery.ask(KILL, worker)

    def shut_down(self, *, if_unused: bool = False) -> None:
        """End all processes.

        Parameters
        ----------
        if_unused : bool
            Not while another call has workers.
        """
        with self._lock:
            if if_unused and self._leased:
                return
            nursery, self._nursery = self._nursery, None
            self._modules.clear()
            idle, self._idle = self._idle, []
        for worker in idle:
            worker.close()
        if nursery is not None:
            nursery.end()

    def forget(self) -> None:
        """In a forked child: leave all processes to the parent."""
        for worker in (*self._idle, *self._leased):
            worker.close()
        if self._nursery is not None:
            self._nursery.forget()
        self.__init__()  # type: ignore[misc]

    def _sweep(self) -> None:
        """The nursery has ended: let go of its workers that nobody uses, and of what they needed."""
        with self._lock:
            self._modules.clear()
            for worker in list(self._idle):
                worker.channel.frames()
                if worker.channel.ended:
                    self._idle.remove(worker)
                    worker.close()

    def _forked(self) -> Remote:
        worker = Remote(next(self._numbers))
        try:
            for _ in range(2):  # the nursery may have ended, as it was idle or killed
                if self._nursery is None:
                    self._nursery = NurseryProcess(self._sweep)
                try:
                    self._nursery.have_imported(self._modules)
                    self._nursery.ask(FORK, worker)
                except OSError:
                    self._nursery.end()
                    self._nursery = None
                else:
                    worker.forked()
                    return worker
            raise WorkerDied(
                f"The process that starts workers ended at once, twice. Its own message is on standard "
                f"error; try {sys.executable} -c 'import onebox.parallel.workers.nursery'."
            )
        except BaseException:
            worker.close()
            raise


def _listen(worker: Remote, deadline: float) -> None:
    """Wait until a worker has written where it is, which it does piece by piece."""
    heard, since = "", time.monotonic()
    while time.monotonic() < deadline:
        time.sleep(0.001)
        words = worker.last_words()
        if words != heard:
            heard, since = words, time.monotonic()
        elif heard and time.monotonic() - since > SILENCE:
            return


def _without_threads() -> dict[str, str]:
    """An environment in which libraries start no threads when they are imported."""
    arrow = "JE_ARROW_MALLOC_CONF"  # what its jemalloc is told; the last word counts
    told = ",".join(filter(None, (os.environ.get(arrow), "background_thread:false")))
    return {**os.environ, **ONE_THREAD, arrow: told}


def _flags() -> list[str]:
    """The options that this Python was started with, such as -O and -X dev."""
    return subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined, no-any-return]


POOL = Pool()
atexit.register(POOL.shut_down)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=POOL.forget)
