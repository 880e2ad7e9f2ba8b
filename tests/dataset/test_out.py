"""Rows out of a Dataset: arrays, tables, files. Whole or not at all, within the budget."""

from __future__ import annotations

import os

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

import onebox as ob
from onebox.errors import BadInput, NotEnoughMemory, WrongType


@pytest.fixture
def numbers(data):
    return data.select("x", "k", "on")


# Arrays and tables


def test_to_numpy(numbers, table):
    made = numbers.to_numpy()
    expected = np.column_stack([table[name].to_numpy() for name in ("x", "k", "on")])
    np.testing.assert_array_equal(made, expected)
    assert made.dtype == np.float64
    assert made.flags.c_contiguous
    assert numbers[["on"]].to_numpy().dtype == np.float32


def test_columns_to_numpy_keep_their_type(data, table):
    assert data["k"].to_numpy().dtype == np.int32
    assert data["on"].to_numpy().dtype == np.bool_
    assert data["city"].to_numpy().tolist() == table["city"].to_pylist()
    assert data["day"].to_numpy().astype("datetime64[D]")[9] == np.datetime64("1970-01-10")
    hole = data["hole"].to_numpy()
    assert np.isnan(hole[3])
    assert hole[4] == 4
    with pytest.raises(WrongType, match="to_numpy needs numbers, but column 'city'"):
        data.to_numpy()


@pytest.mark.parametrize("n_jobs", [1, 4])
@pytest.mark.parametrize("counted", [False, True])
def test_filtered_rows_to_numpy(numbers, table, n_jobs, counted):
    some = numbers.filter(pc.field("x") > 0)
    if counted:
        assert len(some) == (table["x"].to_numpy() > 0).sum()
    with ob.config(n_jobs=n_jobs):
        made = some.to_numpy()
    np.testing.assert_array_equal(made[:, 1], np.flatnonzero(table["x"].to_numpy() > 0))


def test_as_an_array(numbers, table):
    np.testing.assert_array_equal(np.asarray(numbers["x"]), table["x"].to_numpy())
    assert np.asarray(numbers, dtype=np.float32).dtype == np.float32
    assert np.array(numbers["k"]).sum() == 499_500
    assert np.mean(numbers["k"]) == 499.5


@pytest.mark.parametrize("way", [np.asarray, lambda d: d.to_numpy(), lambda d: d.to_arrow()])
@pytest.mark.parametrize("filtered", [False, True])
@pytest.mark.parametrize("form", ["array", "npy", "stream"])
def test_more_than_the_budget_is_refused(tmp_path, way, filtered, form):
    X = np.ones((200_000, 8))
    data = ob.dataset(X)
    if form == "npy":
        np.save(tmp_path / "x.npy", X)
        data = ob.dataset(tmp_path / "x.npy")
    elif form == "stream":
        data = ob.dataset(lambda: iter(np.split(X, 50)))
    data = data.filter(pc.field("x0") > 0) if filtered else data
    remedies = r"budget is 12 MB.*\.sample.*\.to_parquet.*`memory`"
    needs = "needs .* budget is 12 MB"
    with ob.config(memory="12MB"), pytest.raises(NotEnoughMemory, match=f"{remedies}|{needs}"):
        way(data)


def test_texts_count_too(table):
    long = pa.table({"text": ["x" * 1000] * 20_000})
    with ob.config(memory="15MB"), pytest.raises(NotEnoughMemory, match="to_arrow would hold"):
        ob.dataset(long).to_arrow()
    with ob.config(memory="8MB"), pytest.raises(NotEnoughMemory):
        ob.dataset(pa.table({"text": ["x"] * 200_000}))["text"].to_numpy()


# Parquet


@pytest.mark.parametrize("name", ["one.parquet", "folder"])
@pytest.mark.parametrize("n_jobs", [1, 3])
def test_parquet_there_and_back(data, table, tmp_path, name, n_jobs):
    with ob.config(n_jobs=n_jobs):
        written = data.to_parquet(tmp_path / name)
    assert written.to_arrow().equals(table)
    assert (tmp_path / name).is_dir() == (name == "folder")
    assert sorted(os.listdir(tmp_path)) == sorted({"rows", name} & set(os.listdir(tmp_path)))
    assert pq.read_table(tmp_path / name).equals(table)


def test_made_and_filtered_rows_there_and_back(data, table, tmp_path):
    made = data.filter(pc.field("x") > 0).assign(y=lambda block: block["x"] * 2).drop("city")
    written = made.to_parquet(tmp_path / "made")
    assert written.to_arrow().equals(made.to_arrow())
    assert written.n_rows == made.n_rows


def test_a_dataset_of_one_column_stays_one(data, table, tmp_path):
    written = data["x"].to_parquet(tmp_path / "x.parquet")
    assert written.ndim == 1
    np.testing.assert_array_equal(written.to_numpy(), table["x"].to_numpy())


def test_no_rows_to_parquet(data, table, tmp_path):
    nobody = data.filter(pc.field("x") > 100)
    for name in ("none.parquet", "none"):
        written = nobody.to_parquet(tmp_path / name)
        assert written.to_arrow().equals(table[:0])


def test_a_large_dataset_becomes_several_files_in_order(tmp_path):
    n = 9_000_000
    data = ob.dataset({"k": np.arange(n)}).map(
        lambda block: {f"c{j}": block["k"] for j in range(5)},
        schema=pa.schema([(f"c{j}", pa.int64()) for j in range(5)]),
    )
    with ob.config(n_jobs=2):
        written = data.to_parquet(tmp_path / "many", compression="lz4")
    files = sorted(os.listdir(tmp_path / "many"))
    assert files == ["part-00000.parquet", "part-00001.parquet"]
    groups = pq.read_metadata(tmp_path / "many" / files[0])
    assert groups.row_group(0).num_rows * 40 < 20 * 10**6
    first_of_second = pq.ParquetFile(tmp_path / "many" / files[1]).read_row_group(0)["c4"][0]
    assert first_of_second.as_py() == groups.num_rows
    assert written.n_rows == n


def test_compression(data, tmp_path):
    for compression in ("zstd", "none", "snappy"):
        path = tmp_path / f"{compression}.parquet"
        data.to_parquet(path, compression=compression)
        column = pq.read_metadata(path).row_group(0).column(0)
        assert column.compression == {"none": "UNCOMPRESSED"}.get(compression, compression.upper())


def test_over_its_own_source(folder, table):
    path = folder / "0.parquet"
    data = ob.dataset(path)
    written = data.filter(pc.field("x") > 0).to_parquet(path)
    assert written.to_arrow().equals(table[:300].filter(pc.field("x") > 0))


def test_paths_that_cannot_be_written(data, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "precious").write_text("keep me")
    with pytest.raises(BadInput, match="is not empty"):
        data.to_parquet(tmp_path / "full")
    with pytest.raises(BadInput, match="there is no folder"):
        data.to_parquet(tmp_path / "nowhere" / "x.parquet")
    assert (tmp_path / "full" / "precious").read_text() == "keep me"


# npy


def test_persist_there_and_back(numbers, tmp_path):
    kept = numbers.persist(tmp_path / "kept")
    np.testing.assert_array_equal(kept.to_numpy(), numbers.to_numpy())
    assert kept.columns == numbers.columns
    assert kept.named
    raw = np.load(tmp_path / "kept.npy", mmap_mode="r")
    assert raw.shape == (1000, 3)
    assert raw.flags.c_contiguous
    assert raw.dtype == np.float64
    assert ob.dataset(tmp_path / "kept.npy").columns == ["x0", "x1", "x2"]


def test_persisted_rows_of_a_filter_and_of_one_column(numbers, tmp_path):
    some = numbers.filter(pc.field("x") > 0)
    assert some.persist(tmp_path / "some.npy").to_numpy().tolist() == some.to_numpy().tolist()
    one = numbers["on"].persist(tmp_path / "one")
    assert one.ndim == 1
    assert one.to_numpy().dtype == np.float32
    assert one.to_numpy().sum() == numbers["on"].to_numpy().sum()


def test_what_cannot_be_persisted(data, tmp_path):
    with pytest.raises(WrongType, match=r"'city' has type string.*\.drop\('city'\).*to_parquet"):
        data.persist(tmp_path / "x")
    assert not [name for name in os.listdir(tmp_path) if name != "rows"]


def test_a_stream_that_can_be_read_once_is_persisted(tmp_path):
    blocks = (np.full((100, 2), float(i)) for i in range(30))
    kept = ob.dataset(blocks).persist(tmp_path / "kept")
    assert kept.n_rows == 3000
    assert kept.to_numpy()[:, 0].sum() == 100 * sum(range(30))
    assert kept.to_numpy()[0, 0] == 0, "and a second time"


# Killed in the middle

WRITER = """
import sys
import numpy as np, onebox as ob

def slow(block):
    if len(block) and block.first_row > 0:
        print("writing", flush=True)
        sys.stdin.readline()
    return block["x0"]

data = ob.dataset(np.ones((200_000, 10))).assign(y=slow)
with ob.config(n_jobs=1):
    getattr(data, sys.argv[1])(sys.argv[2])
"""


@pytest.mark.parametrize(
    ("method", "name"),
    [("to_parquet", "out.parquet"), ("to_parquet", "out"), ("persist", "out.npy")],
)
def test_a_kill_in_the_middle_leaves_the_old_file_or_none(child, tmp_path, method, name):
    target = tmp_path / name
    with child(WRITER, method, target) as process:
        assert process.line() == "writing"
        process.go_on()
        assert process.line() == "writing"
        process.kill()
    assert not target.exists()
    if name != "out":
        target.write_bytes(b"old")
        with child(WRITER, method, target) as process:
            assert process.line() == "writing"
            process.kill()
        assert target.read_bytes() == b"old"
        target.unlink()
    data = ob.dataset(np.ones((10, 2)))
    assert getattr(data, method)(target).n_rows == 10, "what was left does not stand in the way"
