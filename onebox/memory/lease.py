"""One caller computes, the others wait: a lock file that the system gives back when its owner dies."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


@contextmanager
def lease(path: Path) -> Iterator[None]:
    """Hold a lock file for as long as the block runs, after waiting for whoever holds it.

    Threads and processes of one machine exclude each other. The system takes the lock from a killed
    owner at once. On a shared folder of another machine it may exclude nobody, which costs a
    second computation and no more.
    """
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            _lock(descriptor)
            if _is_still(path, descriptor):
                break
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # its last owner has deleted it: whoever comes next makes a new one
    try:
        yield
    finally:
        with suppress(OSError):  # Windows deletes no open file
            path.unlink()
        os.close(descriptor)


def _is_still(path: Path, descriptor: int) -> bool:
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return False
    mine = os.fstat(descriptor)
    return (found.st_ino, found.st_dev) == (mine.st_ino, mine.st_dev)


if sys.platform == "win32":

    def _lock(descriptor: int) -> None:
        while True:  # msvcrt gives up after ten seconds
            with suppress(OSError):
                msvcrt.locking(descriptor, msvcrt.LK_LOCK, 1)
                return

else:

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
