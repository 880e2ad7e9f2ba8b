"""Log records, warnings and what is printed: from where a task runs to who called."""

from __future__ import annotations

import io
import logging
import pickle
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from typing import Any, TextIO

import cloudpickle

Post = Callable[[bytes], None]

LOG, WARNING, PRINT = "log", "warning", "print"


class LogEcho(logging.Handler):
    """Sends records of the root logger to the caller.

    Parameters
    ----------
    post : callable
        Sends bytes.
    """

    def __init__(self, post: Post) -> None:
        super().__init__()
        self._post = post

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._post(pickle.dumps((LOG, _portable(record))))
        except Exception:
            self.handleError(record)


def _portable(record: logging.LogRecord) -> dict[str, Any]:
    """A record whose message is made and which holds nothing that cannot be pickled."""
    made = dict(record.__dict__)
    made["msg"], made["args"] = record.getMessage(), None
    if record.exc_info and not record.exc_text:
        made["exc_text"] = logging.Formatter().formatException(record.exc_info)
    made["exc_info"] = None
    for name, value in list(made.items()):
        try:
            pickle.dumps(value)
        except Exception:
            made[name] = repr(value)
    return made


class PrintEcho(io.TextIOBase):
    """Stands for ``sys.stdout`` or ``sys.stderr``: lines are printed by the caller.

    Parameters
    ----------
    name : {"stdout", "stderr"}
    number : int
        The descriptor it stands for.
    post : callable
        Sends bytes.
    """

    def __init__(self, name: str, number: int, post: Post) -> None:
        self.name, self._number, self._post = name, number, post
        self._line = ""

    encoding = "utf-8"
    errors = "replace"

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._number

    def write(self, text: str) -> int:
        self._line += text
        if "\n" in text or len(self._line) > 8192:
            self.flush()
        return len(text)

    def flush(self) -> None:
        if self._line:
            line, self._line = self._line, ""
            self._post(pickle.dumps((PRINT, (self.name, line))))


def install(post: Post) -> tuple[PrintEcho, PrintEcho]:
    """Send what this process, a worker, says to its caller; returns what must be flushed."""
    logging.root.handlers[:] = [LogEcho(post)]

    def show(
        message: Warning | str, category: type[Warning], filename: str, lineno: int,
        file: TextIO | None = None, line: str | None = None,
    ) -> None:  # fmt: skip
        with suppress(Exception):  # a warning that cannot be pickled is not worth a task
            module = _module_of(filename)
            said = message, category, filename, lineno, module
            post(cloudpickle.dumps((WARNING, said)))

    warnings.showwarning = show
    out, err = PrintEcho("stdout", 1, post), PrintEcho("stderr", 2, post)
    sys.stdout, sys.stderr = out, err
    return out, err


@cache
def _module_of(filename: str) -> str | None:
    for name, module in list(sys.modules.items()):
        if getattr(module, "__file__", None) == filename:
            return name
    return None


def hear(payload: bytes | memoryview) -> None:
    """Say what a worker said, in the caller.

    Raises
    ------
    Warning
        When the caller's filters make an error of it.
    """
    kind, said = pickle.loads(payload)
    if kind == LOG:
        record = logging.makeLogRecord(said)
        logger = logging.getLogger(record.name)
        if logger.isEnabledFor(record.levelno):
            logger.handle(record)
    elif kind == PRINT:
        stream = sys.stdout if said[0] == "stdout" else sys.stderr
        if stream is not None:
            stream.write(said[1])
    else:
        message, category, filename, lineno, module = said
        # The caller's own name for it first: workers may or may not have imported it by name.
        module = _module_of(filename) or module or filename.removesuffix(".py")
        registry = _registry(module)
        warnings.warn_explicit(message, category, filename, lineno, module, registry=registry)


_registries: dict[str, dict[Any, Any]] = {}


def _registry(module: str) -> dict[Any, Any]:
    """Where Python notes which warnings of a module have been shown."""
    loaded = sys.modules.get(module)
    if loaded is None:
        return _registries.setdefault(module, {})
    made: dict[Any, Any] = loaded.__dict__.setdefault("__warningregistry__", {})
    return made
