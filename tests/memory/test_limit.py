"""A limit that is kept, by what results are worth, and never at the cost of what is open."""

from __future__ import annotations

import os
import textwrap
import time

import numpy as np
import pytest

import onebox as ob
from onebox.errors import BadInput, NotEnoughDisk


def on_disk(folder) -> int:
    """What the files in a folder take."""
    return sum(p.stat().st_blocks * 512 for p in folder.rglob("*") if p.is_file())


@pytest.mark.parametrize("size", [500, 3_000, 300_000], ids=["tiny", "small", "large"])
def test_ten_times_the_limit(tmp_path, size):
    limit = 6_000_000 if size > 10_000 else 600_000
    memory = ob.Memory(tmp_path / "cache", limit=limit)

    @memory.cache
    def made(i):
        return np.random.default_rng(i).bytes(size)

    highest = written = i = 0
    while written < 10 * limit:
        made(i)
        i, written = i + 1, written + size + 200
        if i % max(1, 20_000 // size) == 0:
            highest = max(highest, on_disk(memory.folder))
    assert limit / 2 < highest <= 1.05 * limit
    kept = [j for j in range(i) if made.is_cached(j)]
    assert len(kept) * (size + 500) > limit / 2
    assert made(kept[-1]) == np.random.default_rng(kept[-1]).bytes(size)


def test_streams_keep_within_it_while_they_grow(tmp_path):
    memory = ob.Memory(tmp_path / "cache", limit="2MB")

    @memory.cache
    def items(seed, n):
        rng = np.random.default_rng(seed)
        for _ in range(n):
            yield rng.bytes(50_000)

    highest = 0
    for seed in range(12):
        for _ in items(seed, 20):
            highest = max(highest, on_disk(memory.folder))
    assert highest <= 1.05 * 2_000_000
    assert items.is_cached(11, 20)
    with pytest.warns(UserWarning, match="not kept: .*limit is 2 MB"):
        assert sum(len(item) for item in items(0, 100)) == 5_000_000
    assert not items.is_cached(0, 100)


def test_what_saves_most_stays(tmp_path):
    memory = ob.Memory(tmp_path / "cache", limit="1MB")

    @memory.cache
    def dear(i):
        time.sleep(0.1)
        return np.zeros(5_000) + i

    @memory.cache
    def cheap(i):
        return np.zeros(5_000) + i

    dear(0), dear(1)
    for i in range(200):
        cheap(i)
    assert dear.is_cached(0)
    assert dear.is_cached(1)
    assert sum(cheap.is_cached(i) for i in range(200)) < 25


def test_what_is_used_stays(tmp_path):
    memory = ob.Memory(tmp_path / "cache", limit="1MB")

    @memory.cache
    def made(i):
        time.sleep(0.002)
        return np.zeros(5_000) + i

    made(0)
    for i in range(1, 100):
        made(0), made(0), made(0), made(i)
    assert made.is_cached(0)
    assert sum(made.is_cached(i) for i in range(1, 100)) < 25


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps open files by itself")
def test_what_is_open_stays(tmp_path):
    memory = ob.Memory(tmp_path / "cache", limit="1MB")

    @memory.cache
    def made(i):
        return np.full(20_000, i)

    held = made.ref(0).get()
    path = made.ref(0).path
    for i in range(1, 100):
        made(i)
    assert path.exists()
    with pytest.raises(NotEnoughDisk):
        memory._folder.shelf.room.shrink(0)
    assert path.exists()
    assert (held == 0).all()
    del held
    memory._folder.shelf.room.shrink(0)
    assert not path.exists()


def test_a_result_larger_than_the_limit_is_handed_on(tmp_path):
    memory = ob.Memory(tmp_path / "cache", limit="100kB")

    @memory.cache
    def made(n):
        return np.zeros(n)

    made(1000)
    with pytest.warns(UserWarning, match=r"not kept: .*Raise `limit`"):
        assert len(made(100_000)) == 100_000
    assert made.is_cached(1000)
    with pytest.raises(BadInput, match="limit"):
        ob.Memory(tmp_path, limit="much")


def test_two_memories_on_one_folder_share_the_limit(tmp_path):
    one = ob.Memory(tmp_path / "cache", limit="1MB")
    two = ob.Memory(tmp_path / "cache", limit="1MB")

    def made(i):
        return np.full(20_000, i)

    for i in range(20):
        one.cache(made)(i), two.cache(made)(1000 + i)
        assert on_disk(one.folder) <= 1.05e6


def test_what_a_killed_writer_was_promised_is_given_back(tmp_path, child):
    script = """
        import sys, numpy as np, onebox as ob
        memory = ob.Memory(sys.argv[1], limit="1MB")
        @memory.cache
        def items(n):
            for i in range(n):
                yield np.zeros(10_000) + i
                print(i, flush=True)
        for i in items(1000):
            pass
    """
    with child(textwrap.dedent(script), tmp_path / "cache") as process:
        for _ in range(5):
            process.line()
    memory = ob.Memory(tmp_path / "cache", limit="1MB")

    @memory.cache
    def made(i):
        return np.full(20_000, i)

    for i in range(20):
        made(i)
    assert made.is_cached(19)
    assert not list(memory.folder.rglob("*.onebox-tmp"))
