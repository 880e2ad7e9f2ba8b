"""Processes and disks that are real, for tests of what happens when they fail."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from hypothesis import settings

# Children import the onebox that is tested, not a source folder they happen to start in.
os.environ["PYTHONSAFEPATH"] = "1"

# A busy disk is no failure; and where a machine decides, it decides the same twice.
settings.register_profile("onebox", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("onebox")


@pytest.fixture(scope="session", autouse=True)
def own_cache_folder(tmp_path_factory):
    """What is kept between runs goes with the tests, and nothing of the user's own is found."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("home-cache")))
        yield


# Most of the life of a short process goes into importing libraries. Here one process has done so, and
# forks another for every script that it is sent; that one runs and ends as any process does.
NURSERY = """
import gc, json, os, signal, socket, sys
import numpy, pandas, pyarrow.parquet
import onebox.cli.program, onebox.cluster, onebox.decomposition, onebox.describe, onebox.impute
import onebox.linear_model, onebox.memory, onebox.preprocessing, onebox.random_projection

gc.freeze()  # nothing of it is touched, hence copied, when a process ends

def next_script():
    # Returns in forked processes only.
    asked = socket.socket(fileno=int(sys.argv[1]))
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while fds := socket.recv_fds(asked, 1, 5)[1]:
        if not os.fork():
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            pid = os.fork()
            if not pid:
                break
            os.write(fds[4], b"%d\\n" % pid)
            for fd in fds[:4]:
                os.close(fd)
            os.write(fds[4], b"%d\\n" % os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
            os._exit(0)
        for fd in fds:
            os.close(fd)
    else:
        os._exit(0)
    asked.close()
    for place in range(3):
        os.dup2(fds[place], place)
    with open(fds[3]) as file:
        order = json.load(file)
    for fd in (*fds[:3], fds[4]):
        os.close(fd)
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["environment"])
    sys.argv[1:] = order["arguments"]
    return order["script"]

exec(compile(next_script(), "<string>", "exec"))
"""


class Forked:
    """A process that a nursery has forked; of `subprocess.Popen`, what is used here."""

    def __init__(self, told: int) -> None:
        self._told = open(told)  # noqa: SIM115 (closed when the process has ended)
        self.pid = int(self._told.readline())
        self.returncode: int | None = None

    def wait(self) -> int:
        if self.returncode is None:
            self.returncode = int(self._told.readline())
            self._told.close()
        return self.returncode

    def kill(self) -> None:
        if self.returncode is None:
            os.kill(self.pid, signal.SIGKILL)


class Newly:
    """Starts processes that import what they need: elsewhere than on Linux, where forking is not safe."""

    def begin(
        self, script: str, *arguments: object, stdin: int, stdout: int, stderr: int,
        folder: object = None, **environment: str,
    ) -> Forked | subprocess.Popen[bytes]:  # fmt: skip
        """Start a script in the environment of this moment, and in this folder or another one."""
        return subprocess.Popen(
            [sys.executable, "-c", script, *map(str, arguments)], cwd=folder,
            env={**os.environ, **environment}, stdin=stdin, stdout=stdout, stderr=stderr,
        )  # fmt: skip

    def run(
        self, script: str, *arguments: object, **options: Any
    ) -> subprocess.CompletedProcess[str]:
        """Do as `subprocess.run` does with ``python -c``; what the script prints is captured."""
        with (
            open(os.devnull) as nothing,
            tempfile.TemporaryFile("w+") as out,
            tempfile.TemporaryFile("w+") as err,
        ):
            stdin, stdout, stderr = nothing.fileno(), out.fileno(), err.fileno()
            process = self.begin(
                script, *arguments, stdin=stdin, stdout=stdout, stderr=stderr, **options
            )
            code = process.wait()
            out.seek(0)
            err.seek(0)
            return subprocess.CompletedProcess(arguments, code, out.read(), err.read())

    def close(self) -> None:
        """Nothing is left."""


class Nursery(Newly):
    """Starts processes that have imported everything."""

    def __init__(self) -> None:
        self.socket, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-c", NURSERY, str(theirs.fileno())], pass_fds=[theirs.fileno()]
            )

    def begin(
        self, script: str, *arguments: object, stdin: int, stdout: int, stderr: int,
        folder: object = None, **environment: str,
    ) -> Forked:  # fmt: skip
        order = {
            "script": script, "arguments": list(map(str, arguments)),
            "folder": str(folder or os.getcwd()), "environment": {**os.environ, **environment},
        }  # fmt: skip
        told, telling = os.pipe()
        with tempfile.TemporaryFile("w+") as file:
            json.dump(order, file)
            file.seek(0)
            fds = [stdin, stdout, stderr, file.fileno(), telling]
            socket.send_fds(self.socket, [b"."], fds)
        os.close(telling)
        return Forked(told)

    def close(self) -> None:
        self.socket.close()
        self.process.wait()


class Child:
    """A real process that runs a script, and is asked and killed by its parent."""

    def __init__(self, nursery: Newly, script: str, *arguments: object) -> None:
        reading, stdin = os.pipe()
        stdout, writing = os.pipe()
        self.process = nursery.begin(
            script, *arguments, stdin=reading, stdout=writing, stderr=sys.__stderr__.fileno()
        )
        os.close(reading)
        os.close(writing)
        self.stdin, self.stdout = open(stdin, "w"), open(stdout)  # noqa: SIM115 (closed with it)

    def line(self) -> str:
        """Wait for the next line that it prints."""
        line = self.stdout.readline()
        assert line, f"the process ended with code {self.process.wait()}"
        return line.strip()

    def go_on(self) -> None:
        self.stdin.write("\n")
        self.stdin.flush()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="session")
def nursery():
    """Run scripts in processes that need not import anything; one `Nursery` for all tests."""
    made = Nursery() if sys.platform == "linux" else Newly()
    yield made
    made.close()


@pytest.fixture
def child(nursery):
    @contextmanager
    def start(script: str, *arguments: object) -> Iterator[Child]:
        made = Child(nursery, script, *arguments)
        try:
            yield made
        finally:
            made.kill()
            made.stdin.close()
            made.stdout.close()

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
