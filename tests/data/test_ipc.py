from __future__ import annotations

import pickle

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.ipc as ipc
import pytest

from onebox.data.open import open_source
from onebox.errors import CorruptFile, DataChanged, SchemaMismatch


def write(path, table, rows=None, compression=None, *, stream=False):
    options = ipc.IpcWriteOptions(compression=compression)
    make = ipc.new_stream if stream else ipc.new_file
    with make(path, table.schema, options=options) as writer:
        writer.write_table(table, max_chunksize=rows)
    return path


@pytest.mark.parametrize("compression", [None, "lz4", "zstd"])
def test_record_batches_are_spans(tmp_path, mixed, read, compression):
    path = write(tmp_path / "x.arrow", mixed, 2000, compression)
    source = open_source(path)
    assert [(s.index, s.first_row, s.n_rows) for s in source.spans()] == [
        (0, 0, 2000), (1, 2000, 2000), (2, 4000, 1000),
    ]  # fmt: skip
    assert all(span.seekable == (compression is None) for span in source.spans())
    assert read(source).equals(mixed)
    assert read(path, columns=["word", "real"]).equals(mixed.select(["word", "real"]))
    assert read(pickle.loads(pickle.dumps(source))).equals(mixed)


def test_feather_files(tmp_path, mixed, read):
    feather.write_feather(mixed, tmp_path / "x.feather")
    assert read(tmp_path / "x.feather").equals(mixed)


def test_any_piece_of_a_plain_batch_can_be_read_alone(tmp_path, mixed):
    source = open_source(write(tmp_path / "x.arrow", mixed))
    (span,) = source.spans()
    parts = list(source.read(span, 777, 3210, mixed.column_names, 1000))
    assert [part.n_rows for part in parts] == [1000, 1000, 433]
    got = pa.Table.from_batches([part.to_batch() for part in parts])
    assert got.equals(mixed.slice(777, 3210 - 777))


def test_rows_outlive_the_mapping(tmp_path, mixed):
    source = open_source(write(tmp_path / "x.arrow", mixed))
    (span,) = source.spans()
    parts = list(source.read(span, 0, 5000, ["real"], 1000))
    del source
    got = pa.chunked_array([part.array("real") for part in parts])
    assert got.equals(mixed["real"])


def test_plain_columns_are_not_copied(tmp_path):
    table = pa.table({"a": np.arange(500_000.0), "b": np.arange(500_000.0)})
    source = open_source(write(tmp_path / "x.arrow", table))
    (span,) = source.spans()
    before = pa.total_allocated_bytes()
    for part in source.read(span, 0, 500_000, ["a"], 100_000):
        assert pa.total_allocated_bytes() - before < 100_000
        assert part.array("a")[0].as_py() is not None
    assert source.reading_bytes(span, ["a"], 100_000) == 0


def test_packed_batches_are_unpacked_for_the_columns_asked_only(tmp_path):
    table = pa.table({name: np.random.default_rng(0).random(100_000) for name in "abcd"})
    source = open_source(write(tmp_path / "x.arrow", table, compression="lz4"))
    (span,) = source.spans()
    assert source.reading_bytes(span, ["a"], 1000) < source.reading_bytes(span, list("abcd"), 1000)
    before = pa.total_allocated_bytes()
    next(iter(source.read(span, 0, 100_000, ["a"], 1000)))
    assert pa.total_allocated_bytes() - before <= source.reading_bytes(span, ["a"], 1000)
    assert source.stored_bytes(span, ["a"]) == span.nbytes // 4


@pytest.mark.parametrize("name", ["x.arrows", "x.arrow"])
def test_streams_are_one_span_of_unknown_length(tmp_path, mixed, read, name):
    path = write(tmp_path / name, mixed, 700, stream=True)
    source = open_source(path)
    (span,) = source.spans()
    assert span.n_rows is None
    assert read(source).equals(mixed)
    assert read(source).equals(mixed)


def test_polars_files(tmp_path, read):
    frame = pl.DataFrame({"t": ["a", None, "long enough to leave the view"], "n": [1, 2, 3]})
    frame = frame.with_columns(c=pl.col("t").cast(pl.Categorical))
    for compression in ("uncompressed", "lz4"):
        frame.write_ipc(tmp_path / "x.ipc", compression=compression)
        got = read(tmp_path / "x.ipc")
        assert got.to_pydict() == frame.to_dict(as_series=False)
        assert got.schema.field("t").type == pa.large_string()


def test_categories_may_differ_between_batches_and_files(tmp_path, read):
    first = pa.table({"c": pa.array(["a", "b"] * 300).dictionary_encode()})
    small = pa.dictionary(pa.int8(), pa.string())
    second = pa.table({"c": pa.array(["c", None, "a"]).dictionary_encode().cast(small)})
    write(tmp_path / "a.arrow", first)
    write(tmp_path / "b.arrow", second)
    got = read(tmp_path)
    assert got.schema.field("c").type == pa.dictionary(pa.int32(), pa.string())
    assert got["c"].to_pylist() == ["a", "b"] * 300 + ["c", None, "a"]


def test_files_that_disagree(tmp_path):
    write(tmp_path / "a.arrow", pa.table({"a": [1]}))
    write(tmp_path / "b.arrow", pa.table({"a": ["x"]}))
    with pytest.raises(SchemaMismatch, match=r"'a' is int64 in a.arrow and string in b.arrow"):
        _ = open_source(tmp_path).schema


def test_no_batches_and_no_columns(tmp_path, read):
    empty = pa.table({"a": pa.array([], pa.int64())})
    assert read(write(tmp_path / "x.arrow", empty)).num_rows == 0
    assert open_source(write(tmp_path / "y.arrow", pa.table({}))).schema.names == []


# Damage

ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"  # begins every frame


def test_a_truncated_file(tmp_path, mixed):
    path = write(tmp_path / "x.arrow", mixed, 1000)
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(CorruptFile, match=r"x.arrow is damaged .*cut off"):
        _ = open_source(path).schema


@pytest.mark.parametrize("content", [b"", b"hello, this is text", b"ARROW1", b"ARROW1" * 20])
def test_what_is_no_arrow_file(tmp_path, content):
    (tmp_path / "x.arrow").write_bytes(content)
    with pytest.raises(CorruptFile, match=r"x.arrow is damaged or not what its name says"):
        _ = open_source(tmp_path / "x.arrow").schema


def test_the_first_version_of_feather_is_refused(tmp_path):
    (tmp_path / "x.feather").write_bytes(b"FEA1" + bytes(100) + b"FEA1")
    with pytest.raises(CorruptFile, match=r"version 1.*write_feather"):
        _ = open_source(tmp_path / "x.feather").schema


def test_a_batch_that_cannot_be_unpacked_is_named(tmp_path, mixed, read):
    path = write(tmp_path / "x.arrow", mixed.select(["real"]), 2500, "zstd")
    data = bytearray(path.read_bytes())
    data[data.rindex(ZSTD_MAGIC)] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(CorruptFile, match=r"x.arrow, record batch 1, is damaged"):
        read(path)


def test_offsets_that_point_outside_do_not_bring_the_process_down(tmp_path, read):
    path = write(tmp_path / "x.arrow", pa.table({"t": ["ab"] * 1000}))
    offsets = np.arange(0, 2002, 2, dtype=np.int32).tobytes()
    data = path.read_bytes()
    assert offsets in data
    path.write_bytes(data.replace(offsets, offsets[:2000] + b"\xff\xff\xff\x7f" + offsets[2004:]))
    with pytest.raises(CorruptFile, match=r"x.arrow, record batch 0, is damaged"):
        read(path)


def test_a_truncated_stream(tmp_path, mixed, read):
    path = write(tmp_path / "x.arrows", mixed, 700, stream=True)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    with pytest.raises(CorruptFile, match=r"x.arrows, record batch 0, is damaged"):
        read(path)


def test_a_file_that_shrinks_while_it_is_read(tmp_path, mixed):
    path = write(tmp_path / "x.arrow", mixed)
    source = open_source(path)
    (span,) = source.spans()
    parts = source.read(span, 0, 5000, ["real"], 100)
    next(parts)
    with path.open("r+b") as handle:
        handle.truncate(1000)
    with pytest.raises(DataChanged, match=r"x.arrow changed"):
        next(parts)
