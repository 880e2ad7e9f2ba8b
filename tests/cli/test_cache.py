"""``onebox cache``: what it prints, its exit codes, and Ctrl-C in the middle."""

import signal
import sys

import numpy as np
import pytest
import sklearn.linear_model

import onebox as ob
from onebox.memory import audit


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    for name in ("CACHE", "CONFIG"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / f"xdg-{name}"))


@pytest.fixture
def memory(tmp_path):
    """Four results of two functions, one of which was found twice."""
    memory = ob.Memory(tmp_path / "cache")
    clean, fit = memory.entries("study.clean"), memory.entries("study.fit")
    for number in range(3):
        clean.write(f"{number:032x}", number, recipe(f"file {number}"), 90.0)
    fit.write(
        f"{1:x}".rjust(32, "f"), np.zeros(100_000), recipe("file 0", function="fit"), 10_000.0
    )
    assert [clean.read(f"{1:032x}") for _ in range(2)] == [1, 1]
    memory._folder.shelf.index.flush()
    memory._folder.shelf.segments.seal()
    return memory


def recipe(argument, constant="1", function="clean"):
    code = [[f"study.{function}", "function", "aa"], ["study.LIMIT", "constant", constant]]
    return {"arguments": {"path": argument}, "code": code, "version": "0"}


def flip(path, at):
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def test_ls(onebox, memory):
    out = onebox.good("cache", "ls", "cache").out.splitlines()
    assert out[0].split() == ["function", "results", "size", "hits", "saved", "took", "last", "use"]
    assert [line.split()[:2] for line in out[1:]] == [
        ["study.fit", "1"],
        ["study.clean", "3"],
        ["total", "4"],
    ]
    assert out[1].split()[2:8] == ["803", "kB", "0", "0.0", "ms", "2.8"]
    assert out[2].split()[4:10] == ["2", "3.0", "min", "4.5", "min", *out[2].split()[9:10]]
    assert len(set(map(len, out[1:]))) == 1


def test_ls_of_long_names_into_a_pipe(onebox, memory):
    name = "a_module.with.a_long_name." * 10 + "function"
    memory.entries(name).write("0" * 31 + "7", 1, recipe("x", function="long"), 1.0)
    assert name in onebox.good("cache", "ls", "cache").out


def test_explain(onebox, memory):
    memory.entries("study.clean").write("e" * 32, 3, recipe("file 1", "2"), 1.0)
    out = onebox.good("cache", "explain", "cache", "study.clean").out
    assert out.splitlines()[1].split()[0] == "e" * 12
    assert out.endswith(f"\nOther in {'e' * 12} than in 000000000000:\n  constant study.LIMIT\n")
    out = onebox.good("cache", "explain", "cache", "study.clean", "eee").out
    assert [line.split() for line in out.splitlines()[2:]] == [
        ["part", "name", "key"],
        ["argument", "path", "file", "1"],
        ["function", "study.clean", "aa"],
        ["constant", "study.LIMIT", "2"],
        ["version", "0"],
    ]
    only = onebox.good("cache", "explain", "cache", "study.fit").out
    assert len(only.splitlines()) == 2
    several = onebox("cache", "explain", "cache", "study.clean", "0000")
    assert several.code == 2
    assert "Several keys begin with '0000'" in several.error


def test_prune(onebox, memory):
    out = onebox.good("cache", "prune", "cache", "--limit", "1GB").out
    assert out == "cache: 0 results deleted, 0 B freed\n"
    out = onebox.good("cache", "prune", "cache", "--limit", "10 kB").out
    assert out == "cache: 1 result deleted, 803 kB freed\n"
    assert "study.fit" not in onebox.good("cache", "ls", "cache").out


def test_what_is_open_cannot_be_pruned(onebox, memory):
    mapped = memory.entries("study.fit").read(f"{1:x}".rjust(32, "f"), mmap=True)
    ended = onebox("cache", "prune", "cache", "--limit", "10kB")
    assert ended.code == 1
    assert ended.error.endswith("(here: --limit 10kB)")
    ended = onebox.good("cache", "clear", "cache")
    assert ended.out.startswith("cache: 0 results deleted, ")  # pruning has deleted the others
    assert ended.out.endswith("; 1 result in use by a running program: clear again later\n")
    assert mapped.sum() == 0


def test_verify(onebox, memory):
    (segment,) = memory.folder.glob("packed/*")
    (file,) = memory.folder.glob("*/*.onebox")
    size = segment.stat().st_size + file.stat().st_size
    good = onebox.good("cache", "verify", "cache")
    assert good.out == f"cache: 4 results, {size / 1000:.0f} kB read: all is well\n"
    assert good.err == ""
    flip(segment, -20)
    flip(file, 500_000)
    bad = onebox("cache", "verify", "cache")
    assert bad.code == 1
    assert bad.error == (
        "onebox: error: cache was damaged in 2 places. What was there is deleted, and is computed "
        "again when it is needed."
    )
    lines = bad.out.splitlines()
    assert len(lines) == 3
    assert segment.name in lines[0]
    assert f"{file.name}: frame 1 of 1 of member" in lines[1]
    assert lines[2] == f"cache: 2 results, {size / 1000:.0f} kB read: 2 damaged"
    assert onebox.good("cache", "verify", "cache").out.startswith("cache: 2 results, ")


def test_verify_of_what_somebody_else_has_signed(onebox, memory, monkeypatch, tmp_path):
    memory.entries("study.fit").write(
        "a" * 32, sklearn.linear_model.Ridge(), recipe("x", function="fit"), 1.0
    )
    memory._folder.shelf.segments.seal()
    assert onebox.good("cache", "verify", "cache").out.endswith("all is well\n")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "somebody else"))
    out = onebox.good("cache", "verify", "cache").out
    assert out.startswith(f"study.fit: The result {'a' * 32} in cache/packed/")
    assert '"onebox cache clear cache FUNCTION" deletes those of a function.' in out
    assert out.endswith("1 not signed by you\n")


def test_clear(onebox, memory):
    (memory.folder / "notes.txt").write_text("mine")
    out = onebox.good("cache", "clear", "cache", "study.clean").out
    assert out.startswith("cache: 3 results deleted, ")
    assert onebox.good("cache", "clear", "cache").out == "cache: 1 result deleted, 803 kB freed\n"
    assert [path.name for path in memory.folder.rglob("*") if path.is_file()] == ["notes.txt"]
    assert onebox.good("cache", "ls", "cache").out.splitlines()[1].split()[:3] == [
        "total",
        "0",
        "0",
    ]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (
            ["ls", "nowhere"],
            1,
            "nowhere is not there. Name the folder that was given to onebox.Memory",
        ),
        (["ls", "trips.csv"], 1, "trips.csv is a file"),
        (["clear", "trips"], 1, "trips holds no cache"),
        (["verify", "trips"], 1, "trips holds no cache"),
        (["explain", "cache", "study.claen"], 1, "Did you mean 'study.clean'?"),
        (["explain", "cache", "study.clean", "x"], 1, "a key that begins with 'x'"),
        (["clear", "cache", "clean"], 1, "cache holds no result of 'clean'"),
        (["prune", "cache"], 2, "--limit requires an argument"),
        (["prune", "cache", "--limit", "much"], 2, "--limit='much' is not a size"),
        (["ls"], 2, "requires an argument"),
        (["list", "cache"], 2, 'Unknown command "list"'),
    ],
)
def test_what_is_wrong_is_one_line(onebox, memory, trip_files, arguments, code, message):
    ended = onebox("cache", *arguments)
    assert (ended.code, ended.out) == (code, "")
    assert message in ended.error
    assert audit.listing(memory)[0][-1].results == 3


def test_help(onebox):
    for arguments in (["cache"], ["cache", "--help"], ["cache", "verify", "--help"]):
        assert "verify" in onebox.good(*arguments).out


# Stops where results are about to be deleted.
STOPPED = """
import sys
from onebox.cli import main
from onebox.memory.audit import checks, contents

rewritten = checks.rewrite

def stop(*arguments):
    print("running", flush=True)
    sys.stdin.readline()
    return rewritten(*arguments)

checks.rewrite = contents.rewrite = stop
main(sys.argv[1:])
"""


@pytest.mark.parametrize("action", ["verify", "clear"])
def test_an_interrupt(onebox, memory, action):
    (segment,) = memory.folder.glob("packed/*")
    flip(segment, -20)
    command = [sys.executable, "-c", STOPPED, "cache", action, "cache"]
    with onebox.begun(command) as process:
        assert process.stdout.readline() == "running\n"
        process.send_signal(signal.SIGINT)
        code = process.wait(timeout=60)
        assert (code, process.stderr.read()) == (130, "onebox: interrupted\n")
    assert not list(memory.folder.rglob(".*"))
    ended = onebox("cache", "verify", "cache")
    assert ended.code == 1
    assert len(ended.out.splitlines()) == 2
    assert onebox.good("cache", "verify", "cache").out.endswith("all is well\n")
