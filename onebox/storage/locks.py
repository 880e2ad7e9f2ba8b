"""Locks on open files, which the system takes back when the file is closed or its owner dies."""

from __future__ import annotations

import os
import sys

if sys.platform == "win32":
    import msvcrt

    LOCKED_BYTE = 0x7FFF_0000  # one that nobody reads: locks are mandatory there


else:
    import fcntl


def try_lock(descriptor: int, *, shared: bool = False) -> bool:
    """Lock an open file, unless somebody else holds it.

    Parameters
    ----------
    descriptor : int
        The open file. What is made of it by ``dup``, as memory maps are, keeps the lock alive.
    shared : bool, default=False
        Share the lock with others who do. Not on Windows, which keeps open files by itself.

    Returns
    -------
    bool
        Whether the file is locked now. On a file system without locks always True.
    """
    if sys.platform == "win32":
        if not shared:
            try:
                os.lseek(descriptor, LOCKED_BYTE, os.SEEK_SET)
                msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
            except OSError:
                return False
        return True
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True
