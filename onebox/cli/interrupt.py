"""Ctrl-C: answered once, from the first moment on, and never lost."""

from __future__ import annotations

import math
import signal
import sys
import threading
import time
from types import FrameType

CLEANING_UP = 5.0  # seconds that are given to it before a further Ctrl-C counts
AGAIN = 0.05  # seconds until a lost one is sent again


class CtrlC:
    """Turns the first Ctrl-C into a KeyboardInterrupt and lets those right after it pass.

    A second one would otherwise cut short what removes half-written files.
    """

    def __init__(self) -> None:
        self._answered = -math.inf

    def install(self) -> None:
        """Answer the signal from here on."""
        signal.signal(signal.SIGINT, self._answer)
        sys.unraisablehook = self._lost

    @staticmethod
    def settle() -> None:
        """Answer no more, and let the process end by its exit code."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        # CPython takes a Ctrl-C that passed through an exec, as in the making of a dataclass, for
        # unhandled until something else is run, and would end by the signal instead.
        exec("")

    def _answer(self, number: int, frame: FrameType | None) -> None:
        if time.monotonic() - self._answered > CLEANING_UP:
            self._answered = time.monotonic()
            raise KeyboardInterrupt

    def _lost(self, lost: sys.UnraisableHookArgs) -> None:
        """Send again what Python dropped: it was raised in a destructor or a callback."""
        if lost.exc_type is not KeyboardInterrupt:
            sys.__unraisablehook__(lost)
            return
        self._answered = -math.inf
        threading.Timer(AGAIN, _send_again).start()


def _send_again() -> None:
    if hasattr(signal, "pthread_kill"):  # to the main thread, or what it waits in goes on waiting
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
    else:
        signal.raise_signal(signal.SIGINT)
