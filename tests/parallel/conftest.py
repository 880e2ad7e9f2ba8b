"""Processes, looked at from outside."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest


def name_of(pid: int) -> str:
    """The command of a process; empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def children_of(pid: int) -> list[int]:
    """All processes below one, however deep, that have not ended."""
    parents: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if words[0] != "Z":
            parents.setdefault(int(words[1]), []).append(int(folder.name))
    found, todo = [], [pid]
    while todo:
        below = parents.get(todo.pop(), [])
        found += below
        todo += below
    return found


def workers_of(pid: int) -> list[int]:
    """The nursery and the workers below a process."""

    def command(one: int) -> bytes:
        try:
            return Path(f"/proc/{one}/cmdline").read_bytes()
        except OSError:
            return b""

    return [one for one in children_of(pid) if b"onebox.parallel.workers" in command(one)]


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait for something to become true, and tell whether it did."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


@pytest.fixture
def processes():
    """Who is below this process, and who is alive."""
    if not os.path.isdir("/proc/self"):
        pytest.skip("processes are looked at through /proc")

    class Look:
        children = staticmethod(children_of)
        name = staticmethod(name_of)
        workers = staticmethod(workers_of)
        wait_until = staticmethod(wait_until)

        @staticmethod
        def gone(pids: list[int], within: float) -> bool:
            return wait_until(lambda: not any(name_of(pid) for pid in pids), within)

    return Look
