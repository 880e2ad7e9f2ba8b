"""Generators, functions that make them, Arrow streams; and several sources one after the other."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import scipy.sparse as sp

from onebox.data.open import open_source
from onebox.data.sources.concat import ConcatSource
from onebox.data.view import View
from onebox.errors import MissingColumn, SchemaMismatch, SinglePass, WrongType

X = np.random.default_rng(0).normal(size=(1000, 3))


def test_a_generator_is_read_once(read):
    source = open_source(X[i : i + 130] for i in range(0, 1000, 130))
    assert source.single_pass
    assert source.schema.names == ["x0", "x1", "x2"]
    assert not source.named
    (span,) = source.spans()
    assert span.n_rows is None
    assert np.array_equal(read(source).to_pandas().to_numpy(), X)
    with pytest.raises(SinglePass, match=r"can be read once.*persist\(path\)"):
        read(source)


def test_only_the_first_block_is_made_to_open_a_generator():
    made = []

    def blocks():
        for i in range(5):
            made.append(i)
            yield X

    open_source(blocks())
    assert made == [0]


@pytest.mark.parametrize(
    "block",
    [
        {"a": [1, 2], "b": ["x", None]},
        pa.table({"a": [1, 2], "b": ["x", None]}),
        pa.record_batch({"a": [1, 2], "b": ["x", None]}),
        pd.DataFrame({"a": [1, 2], "b": ["x", None]}),
        pl.DataFrame({"a": [1, 2], "b": ["x", None]}),
    ],
    ids=lambda b: type(b).__module__,
)
def test_blocks_of_every_library(read, block):
    got = read(iter([block, block]))
    assert got.to_pydict() == {"a": [1, 2, 1, 2], "b": ["x", None, "x", None]}
    assert read(iter([block, block]), columns=["b"]).column_names == ["b"]


def test_sparse_blocks_and_named_columns(read):
    source = open_source((sp.csr_array(X) for _ in range(2)), columns=["a", "b", "c"])
    assert source.named
    assert np.array_equal(read(source).to_pandas().to_numpy(), np.concatenate([X, X]))


def test_blocks_of_another_dataset(read, blocks):
    frame = pd.DataFrame({"a": np.arange(2000), "t": "x"})
    view = View(open_source(frame))
    assert read(block for block in blocks(view)).to_pydict() == frame.to_dict("list")


def test_a_function_is_called_in_every_pass(read):
    calls = []

    def blocks():
        calls.append(1)
        yield from (X[:400], X[400:])

    source = open_source(blocks)
    assert not source.single_pass
    n_opening = len(calls)
    for _ in range(2):
        assert np.array_equal(read(source).to_pandas().to_numpy(), X)
    assert len(calls) == n_opening + 2


def test_a_function_must_return_an_iterator():
    with pytest.raises(WrongType, match=r"returned a int; it must return an iterator"):
        open_source(lambda: 5)
    with pytest.raises(WrongType, match=r"returned a ndarray"):
        open_source(lambda: X)


def test_a_reader_of_record_batches(read, mixed):
    reader = mixed.to_reader(max_chunksize=999)
    source = open_source(reader)
    assert source.single_pass
    assert source.schema.equals(mixed.schema)
    assert read(source).equals(mixed)
    with pytest.raises(SinglePass):
        read(source)


class Relation:
    """A query whose result can be streamed again and again."""

    def __init__(self, table: pa.Table) -> None:
        self.table, self.n_streams = table, 0

    def __arrow_c_stream__(self, requested_schema=None):
        self.n_streams += 1
        return self.table.__arrow_c_stream__(requested_schema)


def test_other_arrow_streams_are_streamed_anew_in_every_pass(read, mixed):
    relation = Relation(mixed)
    source = open_source(relation)
    for _ in range(2):
        assert read(source).equals(mixed)
    assert relation.n_streams == 3
    assert open_source(relation).token == source.token


class Once(Relation):
    """A stream that objects to being asked again."""

    def __arrow_c_stream__(self, requested_schema=None):
        if self.n_streams == 2:
            raise RuntimeError("already released")
        return super().__arrow_c_stream__(requested_schema)


def test_a_stream_that_refuses_to_begin_again(read, mixed):
    source = open_source(Once(mixed))
    assert read(source).num_rows == mixed.num_rows
    with pytest.raises(
        SinglePass, match=r"Once gave its Arrow stream once.*already released.*persist"
    ):
        read(source)


def test_blocks_that_differ_are_named_by_number(read):
    first = pa.table({"a": [1], "b": ["x"]})
    for other, message in [
        (pa.table({"a": [1]}), r"block 1 of the stream lacks the column 'b' that block 0 has"),
        (
            pa.table({"a": [1.5], "b": ["y"]}),
            r"'a' is int64 in block 0 and double in block 1.*astype",
        ),
        (pa.table({"a": ["z"], "b": ["y"]}), r"'a' is int64 in block 0 and string in block 1"),
        ([1, 2], r"Block 1 of the stream is a list"),
    ]:
        with pytest.raises((SchemaMismatch, WrongType), match=message):
            read(iter([first, other]))


def test_blocks_that_fit_the_first_are_converted(read):
    first = pa.table({"a": [1], "b": ["x"]})
    second = pa.table({"b": pa.nulls(1), "a": pa.array([2], pa.int8())})
    assert read(iter([first, second])).to_pydict() == {"a": [1, 2], "b": ["x", None]}


def test_an_error_of_the_generator_comes_through(read):
    def blocks():
        yield X
        raise RuntimeError("the sensor fell off")

    with pytest.raises(RuntimeError, match=r"the sensor fell off"):
        read(blocks())


def test_a_generator_of_nothing(read):
    assert read(iter([])).num_rows == 0


def test_a_column_that_a_stream_lacks():
    with pytest.raises(MissingColumn, match=r"'z' is not in"):
        open_source(iter([{"a": [1]}]), columns=["z"])


# One after the other


@pytest.fixture
def files(tmp_path):
    for folder in ("p", "q"):
        (tmp_path / folder).mkdir()
        table = pa.table({"a": [f"{folder}{i}" for i in range(5)], "n": np.arange(5)})
        pq.write_table(table, tmp_path / folder / "x.parquet", row_group_size=2)
    return open_source(tmp_path / "p"), open_source(tmp_path / "q")


def test_rows_follow_each_other(files, read):
    source = ConcatSource(files)
    assert read(source).equals(pa.concat_tables([read(one) for one in files]))
    assert source.token == ConcatSource(files).token != ConcatSource(files[::-1]).token
    assert "then" in source.describe()


def test_keys_that_collide_get_the_number_of_their_source(files):
    keys = [span.file for span in ConcatSource(files).spans()]
    assert keys == ["0/x.parquet"] * 3 + ["1/x.parquet"] * 3
    beside = ConcatSource([files[0], open_source(files[1].schema.empty_table())])
    assert [span.file for span in beside.spans()] == ["x.parquet"] * 3 + [""]
    assert [span.file for span in ConcatSource([open_source(X), open_source(X)]).spans()] == [
        "0",
        "1",
    ]


def test_what_the_parts_know_is_known(files):
    source = ConcatSource(files)
    span = source.spans()[-1]
    assert source.null_counts(span, ["n"])[0] == 0
    assert source.stored_bytes(span, ["n"]) > 0
    assert source.reading_bytes(span, ["n"], 10) > 0
    assert [source.may_match(s, pc.field("n") > 3) for s in source.spans()] == [
        False, False, True,
    ] * 2  # fmt: skip


def test_types_widen(read):
    arrays = [open_source(X.astype(np.float32)), open_source(X), open_source(np.eye(3, dtype=int))]
    source = ConcatSource(arrays)
    got = read(source)
    assert got.schema.types == [pa.float64()] * 3
    assert got.num_rows == 2003
    assert not source.raw
    assert ConcatSource([open_source(X), open_source(X)]).raw


def test_one_single_pass_makes_all_single_pass(read):
    source = ConcatSource([open_source(X), open_source(iter([X]))])
    assert source.single_pass
    assert read(source).num_rows == 2000
    with pytest.raises(SinglePass):
        read(source)
