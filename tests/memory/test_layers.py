"""Shared, layered and read-only folders, and machines that do not share an index."""

from __future__ import annotations

import shutil
import warnings

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


def counted(n):
    for i in range(n):
        CALLS.append(i)
        yield np.full(1000, i)
    return "all"


def test_items_from_behind_are_kept_in_front_when_all_were_played(tmp_path, calls):
    list(ob.Memory(tmp_path / "shared").cache(counted)(5))
    front = ob.Memory(tmp_path / "local", behind=tmp_path / "shared").cache(counted)
    next(front(5))  # and left early
    assert not ob.Memory(tmp_path / "local").cache(counted).is_cached(5)
    assert [item[0] for item in front(5)] == [0, 1, 2, 3, 4]
    assert calls == [0, 1, 2, 3, 4]
    shutil.rmtree(tmp_path / "shared")
    assert [item[0] for item in front(5)] == [0, 1, 2, 3, 4]
    assert calls == [0, 1, 2, 3, 4]


def test_new_items_are_kept_in_both(tmp_path, calls):
    front = ob.Memory(tmp_path / "local", behind=tmp_path / "shared").cache(counted)
    list(front(3))
    for folder in ("local", "shared"):
        assert ob.Memory(tmp_path / folder, readonly=True).cache(counted).is_cached(3)


def test_items_behind_a_folder_that_is_only_read(tmp_path, recwarn, calls):
    list(ob.Memory(tmp_path / "shared").cache(counted)(3))
    shared = ob.Memory(tmp_path / "shared", readonly=True)
    front = ob.Memory(tmp_path / "local", behind=shared).cache(counted)
    list(front(3))
    list(front(2))
    assert calls == [0, 1, 2, 0, 1]
    assert not ob.Memory(tmp_path / "shared").cache(counted).is_cached(2)
    assert not recwarn.list


@pytest.mark.parametrize("question", range(3))
def test_a_new_index_answers_as_the_old_one(tmp_path, monkeypatch, question, calls):
    ob.Memory(tmp_path / "cache").cache(made)(1)
    other_machine(tmp_path, monkeypatch)
    there = ob.Memory(tmp_path / "cache").cache(made)
    answers = [
        lambda: there.is_cached(1),
        lambda: "A hit" in there.explain(1),
        lambda: there.forget(1) and not there.is_cached(1),
    ]
    assert answers[question]()
    assert calls == [1]


def test_two_machines_do_not_write_to_one_segment(tmp_path, monkeypatch, calls):
    # as where locks are not seen by other machines
    monkeypatch.setattr("onebox.memory.segments.try_lock", lambda *_, **__: True)
    first = ob.Memory(tmp_path / "cache").cache(made)
    first(1)
    other_machine(tmp_path, monkeypatch)
    monkeypatch.setattr("onebox.memory.segments.this_machine", lambda: "12345678")
    second = ob.Memory(tmp_path / "cache").cache(made)
    for x in range(2, 5):
        second(x)
        first(10 * x)
    assert len(list((tmp_path / "cache" / "packed").glob("*.records"))) == 2
    calls.clear()
    for x in (1, 2, 3, 4, 20, 30, 40):
        assert ob.Memory(tmp_path / "cache").cache(made)(x)[0] == x
    assert not calls


def test_an_older_copy_in_the_place_of_a_folder(tmp_path, calls):
    kept = ob.Memory(tmp_path / "cache").cache(made)
    for x in range(3):
        kept(x)
    kept._entries.shelf.segments.seal()
    shutil.copytree(tmp_path / "cache", tmp_path / "copy")
    for x in range(3, 9):
        kept(x)
    kept._entries.shelf.segments.seal()
    shutil.rmtree(tmp_path / "cache")
    shutil.move(tmp_path / "copy", tmp_path / "cache")
    calls.clear()
    again = ob.Memory(tmp_path / "cache").cache(made)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert [again(x)[0] for x in (8, 0, 1, 2)] == [8, 0, 1, 2]
        assert calls == [8]
        assert [again(x)[0] for x in range(9)] == list(range(9))
        assert ob.Memory(tmp_path / "cache").cache(made)(5)[0] == 5
    assert calls == [8, 3, 4, 5, 6, 7]
