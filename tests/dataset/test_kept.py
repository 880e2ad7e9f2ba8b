"""Datasets as results of cached functions."""

from __future__ import annotations

import os

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import onebox as ob
from onebox.errors import NotEnoughDisk


class Counter:
    def __init__(self) -> None:
        self.blocks = 0

    def __onebox_key__(self) -> None:
        return None


@pytest.fixture
def memory(tmp_path) -> ob.Memory:
    return ob.Memory(tmp_path / "cache")


@pytest.fixture
def count():
    return Counter()


@pytest.fixture
def path(tmp_path):
    rng = np.random.default_rng(0)
    n = 10_000
    table = {
        "a": rng.normal(size=n), "b": rng.integers(0, 9, n), "text": [f"row {i}" for i in range(n)],
    }  # fmt: skip
    pq.write_table(pa.table(table), tmp_path / "data.parquet", row_group_size=1000)
    return tmp_path / "data.parquet"


@pytest.fixture
def prepared(memory, count):
    @memory.cache
    def prepared(path, least):
        def doubled(block):
            count.blocks += 1
            return 2 * block["a"]

        data = ob.dataset(path)
        return data.filter(pa.compute.field("a") > least).assign(c=doubled)

    return prepared


def test_it_comes_back_as_a_dataset(prepared, count, path):
    first, again = prepared(str(path), 0.5), prepared(str(path), 0.5)
    computed = count.blocks
    assert isinstance(first, ob.Dataset)
    assert first.columns == again.columns == ["a", "b", "text", "c"]
    assert first.schema.types == again.schema.types
    assert first.to_arrow().equals(again.to_arrow())
    assert count.blocks == computed
    table = first.to_arrow().to_pydict()
    assert min(table["a"]) > 0.5
    assert np.array_equal(np.array(table["c"]), 2 * np.array(table["a"]))
    assert prepared.is_cached(str(path), 0.5)
    assert prepared.ref(str(path), 0.5).get().n_rows == first.n_rows
    assert "A hit" in prepared.explain(str(path), 0.5)


def test_one_dimension_stays_one(memory):
    @memory.cache
    def column(n):
        return ob.dataset({"a": np.arange(n), "b": np.ones(n)})["b"]

    assert column(5).ndim == column(5).ndim == 1
    assert column(5).to_numpy().tolist() == [1.0] * 5


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps open files by itself")
def test_what_is_held_is_not_deleted(memory):
    @memory.cache
    def made(n):
        return ob.dataset({"a": np.arange(n)})

    held = made(50_000).select("a")
    file = made.ref(50_000).path
    with pytest.raises(NotEnoughDisk):
        memory._folder.shelf.room.shrink(0)
    assert held.to_numpy().sum() == np.arange(50_000).sum()
    del held
    memory._folder.shelf.room.shrink(0)
    assert not file.exists()


def test_a_damaged_one_is_made_again(prepared, path):
    prepared(str(path), 0.5)
    file = prepared.ref(str(path), 0.5).path
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.warns(UserWarning, match="computed again"):
        assert prepared(str(path), 0.5).n_rows > 0


def test_within_the_limit(tmp_path):
    memory = ob.Memory(tmp_path / "cache", limit="3MB")

    @memory.cache
    def made(seed):
        return ob.dataset(np.random.default_rng(seed).normal(size=(100_000, 1)))

    for seed in range(8):
        assert made(seed).n_rows == 100_000
        used = sum(p.stat().st_size for p in memory.folder.rglob("*") if p.is_file())
        assert used < 3.15e6


def test_as_arguments(memory, count, path, tmp_path):
    @memory.cache
    def total(data):
        count.blocks += 1
        return float(data["a"].to_numpy().sum())

    data = ob.dataset(str(path))
    assert total(data) == total(ob.dataset(path))
    assert count.blocks == 1
    total(data.filter(pa.compute.field("a") > 0)), total(data.select("a"))
    assert count.blocks == 3
    table = pq.read_table(path)
    total(ob.dataset(table)), total(ob.dataset(pq.read_table(path)))
    assert count.blocks == 4
    total(ob.dataset(table).assign(c=lambda block: block["a"]))
    total(ob.dataset(table).assign(c=lambda block: block["a"] + 1))
    total(ob.dataset(table).assign(c=lambda block: block["a"]))
    assert count.blocks == 6
    pq.write_table(table.slice(5), path)
    total(ob.dataset(path))
    assert count.blocks == 7
