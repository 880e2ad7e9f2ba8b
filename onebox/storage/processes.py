"""Which process a temporary name belongs to, and whether that process is still alive.

Temporary files and spill folders carry their owner in the name, so that a later run can remove
what a killed one left behind, and never what a living one still uses.
"""

from __future__ import annotations

import os
import platform
import sys
from functools import cache

from xxhash import xxh3_64_hexdigest

if sys.platform == "win32":
    import ctypes

OWNER_PATTERN = r"[0-9a-f]{8}-\d+-\d+"


def owner_of_this_process() -> str:
    """Machine, process id and start time, as a part of a file name."""
    pid = os.getpid()
    return f"{this_machine()}-{pid}-{_start_time(pid)}"


def owner_is_dead(owner: str) -> bool:
    """Whether the process with that mark is known to be gone.

    Processes of other machines and containers that share the folder cannot be looked up: they
    count as alive.
    """
    machine, pid, start = owner.split("-")
    if machine != this_machine():
        return False
    if not _exists(int(pid)):
        return True
    started = _start_time(int(pid))
    # The number may have been given to a new process; 0 means that the system does not tell.
    return started != int(start) and started != 0 and start != "0"


@cache
def this_machine() -> str:
    """Eight hexadecimal digits for this machine, or this container."""
    try:
        namespace = os.readlink("/proc/self/ns/pid")  # containers number their own processes
    except OSError:
        namespace = ""
    return xxh3_64_hexdigest(f"{platform.node()} {namespace}".encode())[:8]


def _start_time(pid: int) -> int:
    """Clock ticks since boot, from Linux's process table; 0 elsewhere."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            # The command name, in brackets, may itself hold spaces and brackets.
            return int(file.read().rpartition(b")")[2].split()[19])
    except OSError:
        return 0


def _exists(pid: int) -> bool:
    if sys.platform == "win32":
        synchronize, still_running = 0x00100000, 0x102
        # os.kill(pid, 0) would end the process on Windows.
        handle = ctypes.windll.kernel32.OpenProcess(synchronize, False, pid)
        if not handle:
            return False
        try:
            return bool(ctypes.windll.kernel32.WaitForSingleObject(handle, 0) == still_running)
        finally:
            ctypes.windll.kernel32.CloseHandle(handle)
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
