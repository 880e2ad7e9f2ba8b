"""Summaries of which there is one a file: a state is kept, and the walk goes on from it."""

from __future__ import annotations

import numpy as np
import pytest

import onebox as ob
from onebox.aggregates import Gram, Moments
from onebox.engine.kept import checkpoint
from onebox.engine.large import LargeWalk

P = 600  # 2.9 MB of summary


@pytest.fixture
def rows():
    rng = np.random.default_rng(3)
    return rng.standard_normal((9000, P)).astype(np.float32) + 10


def ask(folder, memory=None):
    with ob.config(cache=memory) if memory is not None else ob.config():
        data = ob.dataset(str(folder))
        return ob.aggregate(data, Gram(), Moments())


class Broken(Exception):
    pass


def test_a_walk_that_broke_off_goes_on(rows, tmp_path, memory, sha256, monkeypatch):
    folder = tmp_path / "npy"
    folder.mkdir()
    for i, part in enumerate(np.split(rows, [3500, 7000])):
        np.save(folder / f"{i}.npy", part)
    expected = sha256(ask(folder))
    monkeypatch.setattr(checkpoint, "EVERY_SECONDS", 0.0)
    monkeypatch.setattr(checkpoint, "LEISURE", 0)
    original, seen = LargeWalk._update, []

    def update(self, block):
        seen.append(block.partition.number)
        if len(seen) == fails_at:
            raise Broken
        original(self, block)

    monkeypatch.setattr(LargeWalk, "_update", update)
    numbers: list[int] = []
    fails_at = 0
    for moment in (4, 5, 3, 0):
        fails_at = moment
        seen.clear()
        try:
            assert sha256(ask(folder, memory)) == expected
        except Broken:
            numbers += seen[:-1]
        else:
            numbers += seen
    repeated = len(numbers) - len(set(numbers))
    assert repeated <= 3  # one state may have been on its way at every break
    seen.clear()
    assert sha256(ask(folder, memory)) == expected
    assert not seen

    np.save(folder / "3.npy", rows[:1000])  # a file more: only that is read
    monkeypatch.setattr(LargeWalk, "_update", original)
    scratch = sha256(ask(folder))
    monkeypatch.setattr(LargeWalk, "_update", update)
    assert sha256(ask(folder, memory)) == scratch
    n_new = len(seen)
    assert 0 < n_new <= 3

    np.save(folder / "3.npy", rows[:2048])  # rows more at the end of the last file
    monkeypatch.setattr(LargeWalk, "_update", original)
    scratch = sha256(ask(folder))
    monkeypatch.setattr(LargeWalk, "_update", update)
    seen.clear()
    assert sha256(ask(folder, memory)) == scratch
    assert len(seen) <= n_new + 2  # the piece that was not full, and what is new


@pytest.fixture
def seen(monkeypatch):
    """Files of the blocks that walks have read."""
    files: list[str] = []
    original = LargeWalk._update

    def update(self, block):
        files.append(block.partition.file)
        original(self, block)

    monkeypatch.setattr(LargeWalk, "_update", update)
    return files


def test_of_files_that_come_go_and_change_only_those_are_read(rows, tmp_path, memory, sha256, seen):
    folder = tmp_path / "npy"
    folder.mkdir()
    parts = np.split(rows, 3)

    def check(*new: str) -> None:
        seen.clear()
        made = sha256(ask(folder, memory))
        assert set(seen) == {f"{name}.npy" for name in new}
        assert made == sha256(ask(folder))

    for name, part in zip("bdf", parts, strict=True):
        np.save(folder / f"{name}.npy", part)
    check("b", "d", "f")
    np.save(folder / "c.npy", parts[0] + 1)  # between others
    check("c")
    np.save(folder / "a.npy", parts[1] + 1)  # before all
    check("a")
    np.save(folder / "d.npy", parts[2] + 2)  # another content
    check("d")
    (folder / "c.npy").unlink()
    check()
    (folder / "f.npy").unlink()  # the last
    check()


def test_a_file_smaller_than_twice_its_summary_is_read_again(rows, tmp_path, memory, sha256, seen):
    for name in "ac":
        np.save(tmp_path / f"{name}.npy", rows[:1000])  # 2.4 MB, and a summary of 2.9
    ask(tmp_path / "*.npy", memory)
    np.save(tmp_path / "b.npy", rows[1000:2000])
    seen.clear()
    assert sha256(ask(tmp_path / "*.npy", memory)) == sha256(ask(tmp_path / "*.npy"))
    assert "a.npy" in seen
