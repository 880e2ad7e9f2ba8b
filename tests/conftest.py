"""Processes and disks that are real, for tests of what happens when they fail."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import settings

# Children import the onebox that is tested, not a source folder they happen to start in.
os.environ["PYTHONSAFEPATH"] = "1"

# A busy disk is no failure; and where a machine decides, it decides the same twice.
settings.register_profile("onebox", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("onebox")


class Child:
    """A real process that runs a script, and is asked and killed by its parent."""

    def __init__(self, script: str, *arguments: object) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", script, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def line(self) -> str:
        """Wait for the next line that it prints."""
        line = self.process.stdout.readline()
        assert line, f"the process ended with code {self.process.wait()}"
        return line.strip()

    def go_on(self) -> None:
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="session", autouse=True)
def own_cache_folder(tmp_path_factory):
    """What is kept between runs goes with the tests, and nothing of the user's own is found."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("home-cache")))
        yield


@pytest.fixture
def child():
    @contextmanager
    def start(script: str, *arguments: object) -> Iterator[Child]:
        made = Child(script, *arguments)
        try:
            yield made
        finally:
            made.kill()
            made.process.stdin.close()
            made.process.stdout.close()

    return start


TINY_DISK = """
import os, subprocess, sys
folder, script = sys.argv[1:]
made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "none", folder])
if made.returncode:
    sys.exit(77)
os.chdir(folder)
exec(script)
"""


@pytest.fixture
def on_tiny_disk(tmp_path):
    """Run a script in a folder that is a real disk of 4 MB, and return what it prints."""

    def run(script: str) -> str:
        command = ["unshare", "--mount", "--map-root-user", sys.executable, "-c", TINY_DISK]
        try:
            ended = subprocess.run(
                [*command, str(tmp_path), script], capture_output=True, text=True, check=False
            )
        except FileNotFoundError:
            pytest.skip("a small disk is made with unshare, which this system does not have")
        if ended.returncode == 77 or "unshare: " in ended.stderr:
            pytest.skip(f"this system does not allow mounting a small disk: {ended.stderr.strip()}")
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    return run


def update_digest(digest: hashlib._Hash, value: object) -> None:
    if dataclasses.is_dataclass(value):
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        for name in value:
            digest.update(str(name).encode())
            update_digest(digest, value[name])
    elif isinstance(value, list | tuple):
        for item in value:
            update_digest(digest, item)
    elif isinstance(value, np.ndarray) and value.dtype != object:
        digest.update(f"{value.dtype}{value.shape}".encode())
        digest.update(np.ascontiguousarray(value).tobytes())
    elif isinstance(value, float):
        digest.update(value.hex().encode())
    else:
        digest.update(repr(value).encode())


@pytest.fixture(scope="session")
def sha256():
    """The SHA-256 of everything that nested containers, dataclasses and arrays hold, bit by bit."""

    def of(value: object) -> str:
        digest = hashlib.sha256()
        update_digest(digest, value)
        return digest.hexdigest()

    return of


class Reads:
    """What the system has counted."""

    nbytes: int


@pytest.fixture
def counted_reads():
    """Count the bytes that this process reads from files, by the system's own counter.

    Mapped pages are not in it.
    """

    def so_far() -> int:
        with open("/proc/self/io") as file:
            return int(file.readline().split()[1])

    @contextmanager
    def counting() -> Iterator[Reads]:
        reads, start = Reads(), so_far()
        yield reads
        reads.nbytes = so_far() - start

    if not os.path.exists("/proc/self/io"):
        pytest.skip("this system does not count what a process reads")
    return counting
