from __future__ import annotations

import pickle

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from onebox.data.open import open_source
from onebox.data.view import View
from onebox.errors import BadInput, CorruptFile, DataChanged, MissingColumn, SchemaMismatch


@pytest.fixture
def file(tmp_path, mixed):
    path = tmp_path / "mixed.parquet"
    pq.write_table(mixed, path, row_group_size=1500)
    return path


def test_row_groups_are_spans(file, mixed, read):
    source = open_source(file)
    assert [(s.index, s.first_row, s.n_rows) for s in source.spans()] == [
        (0, 0, 1500), (1, 1500, 1500), (2, 3000, 1500), (3, 4500, 500),
    ]  # fmt: skip
    assert source.describe() == f"1 Parquet file in {file}"
    assert read(source).equals(mixed)


def test_a_source_travels_to_other_processes(file, mixed, read):
    source = open_source(file)
    assert read(pickle.loads(pickle.dumps(source))).equals(mixed)
    assert read(source).equals(mixed)
    assert read(pickle.loads(pickle.dumps(source))).equals(mixed)


def test_columns_come_in_the_order_asked_for(file, mixed, read):
    names = ["word", "real", "kind"]
    assert read(file, columns=names).equals(mixed.select(names))
    source = open_source(file)
    (batch, *_) = source.read(source.spans()[0], 0, -1, ["yes", "real"], 700)
    assert batch.names == ("yes", "real")


def test_batches_are_no_longer_than_asked(file):
    source = open_source(file)
    batches = list(source.read(source.spans()[0], 0, 1500, ["real"], 400))
    assert [batch.n_rows for batch in batches] == [400, 400, 400, 300]


def test_nested_columns_are_seen_and_others_can_be_read(tmp_path, read):
    table = pa.table(
        {
            "a": [1, 2, 3],
            "pair": [{"a": 1, "b": "x"}, None, {"a": 3, "b": None}],
            "list": [[1, 2], [], None],
            "b": [0.5, None, 1.5],
        }
    )
    pq.write_table(table, tmp_path / "n.parquet")
    source = open_source(tmp_path / "n.parquet")
    assert source.schema.names == table.column_names
    (span,) = source.spans()
    assert read(source, columns=None).to_pydict() == table.to_pydict()
    assert read(tmp_path / "n.parquet", columns=["b", "a"]).equals(table.select(["b", "a"]))
    # A leaf of the struct has the name of a column: counts are those of the column.
    assert source.null_counts(span, ["a"])[0] == 0
    assert source.null_counts(span, ["b"])[0] == 1
    assert source.null_counts(span, ["pair"])[0] is None
    both = source.stored_bytes(span, ["a", "pair"])
    assert (
        0 < source.stored_bytes(span, ["a"]) < both < source.stored_bytes(span, table.column_names)
    )


def test_names_with_dots(tmp_path, read):
    table = pa.table({"a": [1, 2], "a.b": [3, 4], "a.b.c": [5, None]})
    pq.write_table(table, tmp_path / "d.parquet")
    source = open_source(tmp_path / "d.parquet")
    (span,) = source.spans()
    for name in table.column_names:
        assert read(tmp_path / "d.parquet", columns=[name]).equals(table.select([name]))
    assert read(source).equals(table)
    assert source.null_counts(span, table.column_names) == [0, 0, 1]
    assert source.stored_bytes(span, ["a"]) < source.stored_bytes(span, ["a", "a.b"])


def test_reading_needs_more_for_more_columns(file):
    source = open_source(file)
    span = source.spans()[0]
    one, two = (source.reading_bytes(span, names, 512) for names in (["real"], ["real", "word"]))
    assert 0 < one < two


def test_files_with_their_columns_in_another_order(tmp_path, mixed, read):
    pq.write_table(mixed, tmp_path / "a.parquet")
    pq.write_table(mixed.select(mixed.column_names[::-1]), tmp_path / "b.parquet")
    assert read(tmp_path).equals(pa.concat_tables([mixed, mixed]))


def test_types_widen_over_files(tmp_path, read):
    parts = [
        {"n": pa.array([1, 2], pa.int8()), "x": pa.array([1, 2], pa.float32()), "t": pa.nulls(2)},
        {"n": pa.array([300], pa.int64()), "x": pa.array([0.1]), "t": pa.array(["a"])},
    ]
    for i, part in enumerate(parts):
        pq.write_table(pa.table(part), tmp_path / f"{i}.parquet")
    got = read(tmp_path)
    assert got.schema.types == [pa.int64(), pa.float64(), pa.string()]
    assert got.to_pydict() == {"n": [1, 2, 300], "x": [1, 2, 0.1], "t": [None, None, "a"]}


def test_text_and_categories_of_text_are_text_together(tmp_path, read):
    pq.write_table(
        pa.table({"t": pa.array(["a", "b"]).dictionary_encode()}), tmp_path / "0.parquet"
    )
    pq.write_table(pa.table({"t": ["c"]}), tmp_path / "1.parquet")
    got = read(tmp_path)
    assert got.schema.types == [pa.string()]
    assert got["t"].to_pylist() == ["a", "b", "c"]


def test_categories_may_differ_between_row_groups_and_files(tmp_path, read):
    for i, words in enumerate((["a", "b"] * 400, ["c", None, "a"] * 300)):
        column = pa.array(words).dictionary_encode()
        pq.write_table(pa.table({"t": column}), tmp_path / f"{i}.parquet", row_group_size=500)
    got = read(tmp_path)
    assert pa.types.is_dictionary(got.schema.field("t").type)
    assert got["t"].to_pylist() == ["a", "b"] * 400 + ["c", None, "a"] * 300


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"a": [1], "c": [1]}, "1.parquet has a column 'c' that 0.parquet has not"),
        ({"a": [1]}, "1.parquet lacks the column 'b' that 0.parquet has"),
        ({"a": [1], "b": [1]}, "Column 'b' is string in 0.parquet and int64 in 1.parquet"),
    ],
)
def test_files_that_disagree(tmp_path, read, other, message):
    pq.write_table(pa.table({"a": [1], "b": ["x"]}), tmp_path / "0.parquet")
    pq.write_table(pa.table(other), tmp_path / "1.parquet")
    with pytest.raises(SchemaMismatch, match=message):
        read(tmp_path)
    # With columns=[...] they may differ in all others.
    assert read(tmp_path, columns=["a"]).to_pydict() == {"a": [1, 1]}


def test_columns_that_one_file_lacks(tmp_path):
    pq.write_table(pa.table({"a": [1]}), tmp_path / "0.parquet")
    with pytest.raises(MissingColumn, match=r"'b' is not in 0.parquet"):
        _ = open_source(tmp_path, columns=["a", "b"]).schema


def test_two_columns_of_one_name(tmp_path):
    pq.write_table(pa.table([[1], [2]], names=["a", "a"]), tmp_path / "x.parquet")
    with pytest.raises(BadInput, match=r"x.parquet has 2 columns named 'a'"):
        _ = open_source(tmp_path / "x.parquet").schema


def test_statistics_prune_row_groups(tmp_path, read, blocks):
    table = pa.table({"n": np.arange(4000), "t": np.arange(4000).astype(str)})
    pq.write_table(table, tmp_path / "x.parquet", row_group_size=1000)
    source = open_source(tmp_path / "x.parquet")
    n = pc.field("n")

    def matching(expression):
        return [source.may_match(span, expression) for span in source.spans()]

    assert matching(n > 2500) == [False, False, True, True]
    assert matching((n > 2500) & (n < 2600)) == [False, False, True, False]
    assert matching(n.is_null()) == [False] * 4
    assert matching(pc.field("elsewhere") > 1) == [True] * 4
    assert matching(pc.field("t") == "5") == [True, False, False, False] or matching(n == 5)


def test_nulls_are_known_from_footers(file, mixed):
    source = open_source(file)
    counts = [source.null_counts(span, ["real"])[0] for span in source.spans()]
    assert sum(counts) == mixed["real"].null_count
    assert all(source.null_counts(span, ["whole"])[0] == 0 for span in source.spans())


def test_files_without_statistics_tell_nothing(tmp_path):
    pq.write_table(pa.table({"a": [1, None]}), tmp_path / "x.parquet", write_statistics=False)
    source = open_source(tmp_path / "x.parquet")
    assert source.null_counts(source.spans()[0], ["a"])[0] is None


def test_no_rows(tmp_path, read):
    pq.write_table(pa.table({"a": pa.array([], pa.int64())}), tmp_path / "x.parquet")
    assert read(tmp_path / "x.parquet").num_rows == 0
    assert View(open_source(tmp_path / "x.parquet")).layout.n_rows == 0


def test_a_large_row_group_is_read_in_bounded_memory(tmp_path):
    rng = np.random.default_rng(0)
    n = 1_000_000
    table = pa.table({f"x{j}": rng.normal(size=n) for j in range(8)})  # 64 MB
    pq.write_table(table, tmp_path / "x.parquet", row_group_size=n, use_dictionary=False)
    del table
    source = open_source(tmp_path / "x.parquet")
    (span,) = source.spans()
    rows_per_batch = 4096
    before, peak, n_read = pa.total_allocated_bytes(), 0, 0
    for columns in source.read(span, 0, n, source.schema.names, rows_per_batch):
        n_read += columns.n_rows
        peak = max(peak, pa.total_allocated_bytes() - before)
    assert n_read == n
    batch = rows_per_batch * 8 * 8
    assert peak <= source.reading_bytes(span, source.schema.names, rows_per_batch) + 4 * batch


# Damage

ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"  # begins every frame


def test_a_truncated_file_is_named(file):
    data = file.read_bytes()
    file.write_bytes(data[:-100])
    with pytest.raises(CorruptFile, match=r"mixed.parquet is damaged .*Get a whole copy"):
        _ = open_source(file).schema


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", b"PAR1" + bytes(100) + b"PAR1"])
def test_what_is_no_parquet_file(tmp_path, content):
    (tmp_path / "x.parquet").write_bytes(content)
    with pytest.raises(CorruptFile, match=r"x.parquet is damaged or not what its name says"):
        _ = open_source(tmp_path / "x.parquet").schema


def test_a_page_that_cannot_be_unpacked_is_named_with_its_row_group(tmp_path, read):
    path = tmp_path / "x.parquet"
    table = pa.table({"a": np.random.default_rng(0).normal(size=3000)})
    pq.write_table(table, path, row_group_size=1000, compression="zstd", use_dictionary=False)
    damaged = bytearray(path.read_bytes())
    page = pq.read_metadata(path).row_group(1).column(0).data_page_offset
    damaged[damaged.index(ZSTD_MAGIC, page)] ^= 0xFF
    path.write_bytes(damaged)
    with pytest.raises(CorruptFile, match=r"x.parquet, row group 1, is damaged"):
        read(path)


def test_checksums_find_what_decompression_does_not(tmp_path, read):
    path = tmp_path / "x.parquet"
    pq.write_table(
        pa.table({"a": np.arange(1000.0)}), path, compression="none", use_dictionary=False,
        write_page_checksum=True,
    )  # fmt: skip
    damaged = bytearray(path.read_bytes())
    column = pq.read_metadata(path).row_group(0).column(0)
    damaged[column.data_page_offset + column.total_compressed_size - 9] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(CorruptFile, match="row group 0"):
        read(path)


def test_a_file_that_changes_between_passes(file, mixed, read):
    source = open_source(file)
    assert read(source).equals(mixed)
    pq.write_table(mixed.slice(10), file)
    with pytest.raises(DataChanged, match=r"mixed.parquet changed .*Open the dataset again"):
        read(source)
    file.unlink()
    with pytest.raises(DataChanged, match=r"mixed.parquet is gone"):
        read(source)
