"""Ctrl-C in the middle of the work: a signal to a real process that has begun to read."""

import signal
import sys

import numpy as np
import pytest

# Stops at the first sign of progress, in the middle of a scan, and waits there for the signal.
STOPPED = """
import sys
import onebox as ob
from onebox.cli import main

waiting = iter(["once"])

def stop(event):
    if next(waiting, None):
        print("running", flush=True)
        sys.stdin.readline()

ob.config(progress=stop)
main(sys.argv[1:])
"""


def interrupted(process):
    """Interrupt a process; its code and its last words."""
    process.send_signal(signal.SIGINT)
    code = process.wait(timeout=60)
    return code, process.stderr.read()


def interrupted_scan(onebox, *arguments, **environment):
    """Start a command and interrupt it in the middle of a scan."""
    command = [sys.executable, "-c", STOPPED, *map(str, arguments)]
    with onebox.begun(command, **environment) as process:
        first = process.stdout.readline()
        assert first == "running\n", process.stderr.read()
        return interrupted(process)


@pytest.fixture
def matrix_file(tmp_path):
    """320 MB of zeros, as a hole in a file: read in no time, but not all at once."""
    np.lib.format.open_memmap(tmp_path / "X.npy", "w+", np.float64, (2_000_000, 20)).flush()


def test_a_fit(onebox, matrix_file, tmp_path):
    code, said = interrupted_scan(onebox, "fit", "standard_scaler", "X.npy", "-o", "s.onebox")
    assert (code, said) == (130, "onebox: interrupted\n")
    assert [entry.name for entry in tmp_path.iterdir()] == ["X.npy"]


def test_blocks_on_disk_are_removed(onebox, trip_files, tmp_path):
    cache = tmp_path / "cache"
    cache.mkdir()
    code, _ = interrupted_scan(
        onebox, "fit", "k_means n_clusters=2", "trips", "--columns", "tip", "-o", "k.onebox",
        ONEBOX_CACHE=str(cache),
    )  # fmt: skip
    assert code == 130
    assert not any(entry.is_file() for entry in cache.rglob("*"))
    assert not (tmp_path / "k.onebox").exists()


def test_a_folder_of_predictions(onebox, matrix_file, tmp_path):
    np.save(tmp_path / "few.npy", np.eye(20))
    onebox.good("fit", "standard_scaler", "few.npy", "-o", "s.onebox", "--quiet")
    command = [sys.executable, "-m", "onebox.cli", "transform", "s.onebox", "X.npy", "-o", "out"]
    with onebox.begun(command) as process:
        while not list(tmp_path.glob(".out.*/*.parquet")):
            assert process.poll() is None, process.stderr.read()
        assert interrupted(process) == (130, "onebox: interrupted\n")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["X.npy", "few.npy", "s.onebox"]


# The signal arrives while a destructor runs, where Python can only drop the exception.
LOST = """
import os, signal, sys
from onebox.cli import program
import onebox.cli

class Dropping:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        [None for _ in range(1000)]  # somewhere here the exception is raised

def command(arguments):
    Dropping()
    print("went on", flush=True)
    signal.pause()

program.outcome = command
onebox.cli.main([])
"""


def test_none_is_lost(onebox):
    with onebox.begun([sys.executable, "-c", LOST]) as process:
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, "went on\n", "onebox: interrupted\n")


# The exception passes through an exec, which CPython remembers until the end.
THROUGH_EXEC = """
import os, signal
from onebox.cli import program
import onebox.cli

program.outcome = lambda arguments: exec("os.kill(os.getpid(), signal.SIGINT); signal.pause()")
onebox.cli.main([])
"""


def test_one_in_an_exec_has_the_same_code(onebox):
    with onebox.begun([sys.executable, "-c", THROUGH_EXEC]) as process:
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "onebox: interrupted\n")


# A second signal while the first one's cleaning up is under way.
TWICE = """
import os, signal
from onebox.cli import program
import onebox.cli

def command(arguments):
    try:
        os.kill(os.getpid(), signal.SIGINT)
        signal.pause()
    finally:
        os.kill(os.getpid(), signal.SIGINT)
        print("cleaned up", flush=True)

program.outcome = command
onebox.cli.main([])
"""


def test_a_second_one_does_not_disturb_the_cleaning_up(onebox):
    with onebox.begun([sys.executable, "-c", TWICE]) as process:
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, "cleaned up\n", "onebox: interrupted\n")
