"""Shared, layered and read-only folders, and machines that do not share an index."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

import onebox as ob

CALLS: list[object] = []


def made(x, size=1):
    CALLS.append(x)
    return np.full(size, x)


@pytest.fixture
def calls():
    CALLS.clear()
    return CALLS


SIZES = pytest.mark.parametrize("size", [1, 100_000], ids=["packed", "file"])


def other_machine(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "another"))


@SIZES
def test_another_machine_finds_them(tmp_path, monkeypatch, size, calls):
    ob.Memory(tmp_path / "cache").cache(made)(1, size)
    other_machine(tmp_path, monkeypatch)
    there = ob.Memory(tmp_path / "cache").cache(made)
    there(1, size)
    assert calls == [1]
    assert "A hit" in there.explain(1, size)
    assert there.explain(2, size).splitlines()[1] == "argument x"
    assert there.forget(1, size)
    monkeypatch.undo()
    there = ob.Memory(tmp_path / "cache").cache(made)
    there(2, size)  # a miss looks for what others have written and deleted
    there(1, size)
    assert calls == [1, 2, 1]


@SIZES
def test_a_moved_folder(tmp_path, size, calls):
    ob.Memory(tmp_path / "cache").cache(made)(1, size)
    shutil.move(tmp_path / "cache", tmp_path / "moved")
    ob.Memory(tmp_path / "moved").cache(made)(1, size)
    assert calls == [1]
    ob.Memory(tmp_path / "cache").cache(made)(1, size)
    assert calls == [1, 1]


@SIZES
def test_a_folder_that_is_deleted_meanwhile(tmp_path, size, calls):
    kept = ob.Memory(tmp_path / "cache").cache(made)
    kept(1, size)
    shutil.rmtree(tmp_path / "cache")
    assert not kept.is_cached(1, size)
    kept(1, size)
    kept(1, size)
    assert calls == [1, 1]
    assert ob.Memory(tmp_path / "cache").cache(made).is_cached(1, size)


@SIZES
def test_a_local_folder_in_front(tmp_path, monkeypatch, size, calls):
    ob.Memory(tmp_path / "shared").cache(made)(1, size)
    front = ob.Memory(tmp_path / "local", behind=tmp_path / "shared").cache(made)
    assert front.is_cached(1, size)
    assert (front(1, size) == 1).all()
    assert calls == [1]
    assert ob.Memory(tmp_path / "local").cache(made).is_cached(1, size)
    front(2, size)
    assert ob.Memory(tmp_path / "shared").cache(made).is_cached(2, size)
    assert calls == [1, 2]


@SIZES
def test_behind_only_to_read(tmp_path, size, calls):
    shared = ob.Memory(tmp_path / "shared", readonly=True)
    front = ob.Memory(tmp_path / "local", behind=shared).cache(made)
    front(1, size)
    front(1, size)
    assert calls == [1]
    assert not (tmp_path / "shared").exists()


@SIZES
def test_read_only(tmp_path, size, calls):
    ob.Memory(tmp_path / "cache").cache(made)(1, size)
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "cache").rglob("*") if p.is_file()}
    kept = ob.Memory(tmp_path / "cache", readonly=True).cache(made)
    kept(1, size), kept(2, size), kept(2, size)
    assert calls == [1, 2, 2]
    assert not kept.forget(1, size)
    after = {p: p.stat().st_mtime_ns for p in (tmp_path / "cache").rglob("*") if p.is_file()}
    assert after == before


def test_streams_from_behind(tmp_path, calls):
    def items(n):
        CALLS.append(n)
        yield from range(n)

    list(ob.Memory(tmp_path / "shared").cache(items)(3))
    front = ob.Memory(tmp_path / "local", behind=tmp_path / "shared").cache(items)
    assert list(front(3)) == [0, 1, 2]
    assert calls == [3]


def test_a_damaged_index_is_made_anew(tmp_path, monkeypatch, calls):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    ob.Memory(tmp_path / "cache").cache(made)(1)
    (path,) = (tmp_path / "home").rglob("*.sqlite")
    path.write_bytes(b"no database" * 1000)
    for rest in path.parent.glob("*-*"):
        rest.unlink()
    ob.Memory(tmp_path / "cache").cache(made)(1)
    assert calls == [1]
