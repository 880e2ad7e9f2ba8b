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
