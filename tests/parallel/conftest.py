"""Processes, looked at from outside: one's own ones, as others may run beside the tests."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
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


def files_of(pid: int | str) -> dict[int, tuple[str, int]]:
    """The path and the size of each file that a process has open or mapped, by its inode."""
    found: dict[int, tuple[str, int]] = {}
    with suppress(OSError):
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                about = link.stat()
                found[about.st_ino] = os.readlink(link), about.st_size
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/maps").read_text(errors="replace").splitlines():
            words = line.split(maxsplit=5)
            inode, path = int(words[4]), words[5] if len(words) > 5 else ""
            if inode and inode not in found:
                start, stop = (int(word, 16) for word in words[0].split("-"))
                found[inode] = path, int(words[2], 16) + stop - start
    return found


def segments_of(*pids: int | str) -> dict[int, int]:
    """Sizes of the shared memory of some processes and of nobody else, by inode."""
    files = {inode: file for pid in pids for inode, file in files_of(pid).items()}
    named = {inode: size for inode, (path, size) in files.items() if "/memfd:onebox " in path + " "}
    return {inode: size for inode, size in named.items() if size >= 2**20}


def shared_names_of(*pids: int) -> set[str]:
    """What some processes use of /dev/shm, where things have names that a kill leaves behind."""
    paths = {path for pid in pids for path, _ in files_of(pid).values()}
    return {path for path in paths if path.startswith("/dev/shm/")}


@pytest.fixture
def processes():
    """Who is below this process, and who is alive."""
    if not os.path.isdir("/proc/self"):
        pytest.skip("processes are looked at through /proc")

    class Look:
        children = staticmethod(children_of)
        name = staticmethod(name_of)
        workers = staticmethod(workers_of)
        shared_names = staticmethod(shared_names_of)
        wait_until = staticmethod(wait_until)

        @staticmethod
        def shared_memory() -> int:
            """Bytes of shared memory that this process and its workers hold."""
            own = os.getpid()
            return sum(segments_of(own, *workers_of(own)).values())

        @staticmethod
        def gone(pids: list[int], within: float) -> bool:
            return wait_until(lambda: not any(name_of(pid) for pid in pids), within)

    return Look
