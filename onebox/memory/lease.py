"""One caller computes, the others wait: a lock file that the system gives back when its owner dies."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

from onebox.storage.locks import try_lock

FIRST_WAIT, LONGEST_WAIT = 0.0005, 0.05  # seconds between two looks at a lock that is held


@contextmanager
def lease(path: str) -> Iterator[bool]:
    """Hold a lock file for as long as the block runs, after waiting for whoever holds it.

    Threads and processes of one machine exclude each other. The system takes the lock from a killed
    owner at once. On a shared folder of another machine it may exclude nobody, which costs a
    second computation and no more.

    Yields
    ------
    bool
        Whether somebody was waited for.
    """
    descriptor, wait = _take(path), FIRST_WAIT
    waited = descriptor is None
    while descriptor is None:
        time.sleep(wait)
        descriptor, wait = _take(path), min(wait * 1.5, LONGEST_WAIT)
    try:
        yield waited
    finally:
        _give_back(path, descriptor)


@asynccontextmanager
async def async_lease(path: str) -> AsyncIterator[bool]:
    """As `lease`, without stopping the loop of events."""
    descriptor, wait = _take(path), FIRST_WAIT
    waited = descriptor is None
    while descriptor is None:
        await asyncio.sleep(wait)
        descriptor, wait = _take(path), min(wait * 1.5, LONGEST_WAIT)
    try:
        yield waited
    finally:
        _give_back(path, descriptor)


def _take(path: str) -> int | None:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        if try_lock(descriptor) and _is_still(path, descriptor):
            return descriptor
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)  # held, or deleted by its last owner: whoever comes next makes a new one
    return None


def _give_back(path: str, descriptor: int) -> None:
    with suppress(OSError):  # Windows deletes no open file
        os.unlink(path)
    os.close(descriptor)


def _is_still(path: str, descriptor: int) -> bool:
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return False
    mine = os.fstat(descriptor)
    return (found.st_ino, found.st_dev) == (mine.st_ino, mine.st_dev)
