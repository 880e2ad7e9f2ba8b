"""Keys of tables: chunks, offsets and what lies beneath a null do not count."""

from __future__ import annotations

import datetime as dt
import decimal
from itertools import pairwise

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onebox.memory.keys import key_of

TYPES = {
    "int": (pa.int32(), [1, None, 3, 4, None, 6]),
    "float": (pa.float64(), [1.0, None, float("nan"), 4.0, -0.0, 6.0]),
    "bool": (pa.bool_(), [True, None, False, True, True, None]),
    "text": (pa.string(), ["a", None, "", "dé", None, "fff"]),
    "large": (pa.large_string(), ["a", None, "", "dé", None, "fff"]),
    "view": (pa.string_view(), ["a", None, "", "dé", None, "longer than twelve bytes"]),
    "bytes": (pa.binary(), [b"a", None, b"", b"d", None, b"fff"]),
    "fixed": (pa.binary(2), [b"aa", None, b"bb", b"cc", None, b"dd"]),
    "date": (pa.date32(), [dt.date(2020, 1, i) for i in range(1, 6)] + [None]),
    "time": (pa.timestamp("us", "UTC"), [None] + [dt.datetime(2020, 1, i) for i in range(1, 6)]),
    "decimal": (pa.decimal128(5, 2), [decimal.Decimal("1.25"), None, *map(decimal.Decimal, "1234")]),
    "list": (pa.list_(pa.int8()), [[1], None, [], [2, None], [3, 4, 5], [6]]),
    "strings": (pa.large_list(pa.string()), [["a"], None, [], ["b", None], ["cc", "d"], ["e"]]),
    "pairs": (pa.list_(pa.float32(), 2), [[1, 2], None, [3, None], [4, 5], None, [6, 7]]),
    "struct": (
        pa.struct([("a", pa.int8()), ("b", pa.list_(pa.string()))]),
        [{"a": 1, "b": ["x"]}, None, {"a": None, "b": None}, {"a": 2, "b": []}, None, {"a": 3}],
    ),
    "map": (pa.map_(pa.string(), pa.int8()), [[("a", 1)], None, [], [("b", 2), ("c", None)], [], []]),
    "null": (pa.null(), [None] * 6),
    "dictionary": (pa.dictionary(pa.int8(), pa.string()), ["a", None, "b", "a", None, "c"]),
    "union": (None, None),
    "ends": (None, None),
}  # fmt: skip


def column(name):
    if name == "union":
        parts = [pa.array([1, 2, 3, 4, 5, 6]), pa.array(list("abcdef"))]
        return pa.UnionArray.from_sparse(pa.array([0, 1, 0, 1, 1, 0], pa.int8()), parts)
    if name == "ends":
        return pa.RunEndEncodedArray.from_arrays(pa.array([2, 6], pa.int32()), pa.array([5, 7]))
    kind, values = TYPES[name]
    return pa.array(values, kind)


def shifted(array):
    """The same values at an offset, between others."""
    around = pa.concat_arrays([array.slice(3), array, array.slice(0, 2)])
    return around.slice(3, len(array))


@pytest.mark.parametrize("name", TYPES)
def test_slices_have_the_key_of_their_copies(name):
    array = column(name)
    assert key_of(shifted(array)) == key_of(array)
    for start, stop in [(0, 6), (1, 5), (2, 2), (3, 6), (0, 1)]:
        part = array.slice(start, stop - start)
        copied = pa.concat_arrays([part])
        if name not in ("union", "ends", "dictionary"):
            copied = pa.array(part.to_pylist(), array.type)
        assert key_of(part) == key_of(copied)


@pytest.mark.parametrize("name", TYPES)
def test_chunks_do_not_count(name):
    array = column(name)
    keys = set()
    for cuts in ([0, 6], [0, 1, 6], [0, 0, 3, 3, 6], list(range(7)), [0, 2, 5, 6, 6]):
        chunks = [array.slice(a, b - a) for a, b in pairwise(cuts)]
        keys.add(key_of(pa.chunked_array(chunks, array.type)))
    assert len(keys) == 1
    assert keys != {key_of(array)}


@pytest.mark.parametrize("name", [name for name in TYPES if name not in ("null", "ends")])
def test_every_value_counts(name):
    array = column(name)
    keys = [key_of(array.slice(start, n)) for start, n in [(0, 6), (0, 5), (1, 5), (0, 3), (3, 3)]]
    assert len(set(keys)) == len(keys)


def test_what_lies_beneath_a_null_does_not_count():
    mask = np.array([False, True, False])
    for values in ([1, 2, 3], [1.0, 2.0, 3.0], ["a", "bb", "c"], [True, True, False]):
        hidden = pa.array(values).filter(pa.array([True] * 3))
        bitmap = pa.array(~mask).buffers()[1]
        other = pa.Array.from_buffers(hidden.type, 3, [bitmap, *hidden.buffers()[1:]])
        assert other.to_pylist() == [values[0], None, values[2]]
        assert key_of(other) == key_of(pa.array(other.to_pylist(), hidden.type))
    inner = pa.StructArray.from_arrays([pa.array([1, 2, 3])], ["a"], mask=pa.array(mask))
    assert key_of(inner) == key_of(pa.array([{"a": 1}, None, {"a": 3}], inner.type))
    lists = pa.ListArray.from_arrays(
        pa.array([0, 2, 4, 5]), pa.array(range(5)), mask=pa.array(mask)
    )
    assert key_of(lists) == key_of(pa.array([[0, 1], None, [4]], lists.type))


def test_nulls_are_no_values():
    assert key_of(pa.array([0, None])) != key_of(pa.array([0, 0]))
    assert key_of(pa.array(["", None])) != key_of(pa.array(["", ""]))
    assert key_of(pa.array([None, 0])) != key_of(pa.array([0, None]))
    assert key_of(pa.array([[]], pa.list_(pa.int8()))) != key_of(
        pa.array([None], pa.list_(pa.int8()))
    )


def test_long_columns_with_nulls():
    values = np.arange(200_000.0)
    for kind in (
        pa.float64(),
        pa.int16(),
        pa.decimal128(20),
        pa.string(),
        pa.bool_(),
        pa.float16(),
    ):
        array = pa.array(values % 100, pa.float64(), mask=values % 7 == 0)
        array = array.cast(pa.int64()).cast(kind) if kind != pa.float16() else array.cast(kind)
        chunks = pa.chunked_array([array.slice(0, 99_999), array.slice(99_999)])
        assert key_of(chunks) == key_of(pa.chunked_array([array]))
        assert key_of(array.slice(1)) != key_of(array.slice(0, 199_999))


ROWS = st.lists(st.none() | st.text(max_size=3), min_size=1, max_size=20)


@given(ROWS, ROWS, st.integers(0, 20))
def test_text_columns(one, other, cut):
    whole = pa.table({"a": pa.array(one, pa.string())})
    pieces = pa.concat_tables([whole.slice(0, cut), whole.slice(cut)])
    assert key_of(pieces) == key_of(whole)
    assert (key_of(pa.table({"a": pa.array(other, pa.string())})) == key_of(whole)) == (
        one == other
    )


def test_tables_batches_and_schemas():
    table = pa.table({"a": [1, 2], "b": ["x", None]})
    batch = table.to_batches()[0]
    values = [
        table, batch, table.schema, table.rename_columns(["b", "a"]), table.select(["b", "a"]),
        table.select(["a"]), table.cast(pa.schema([("a", pa.int32()), ("b", pa.string())])),
        table.replace_schema_metadata({"k": "v"}), table["a"], table["a"].chunk(0), table["a"][0],
        table.schema.field(0), table.schema.field(0).type, pa.py_buffer(b"a"), table.slice(0, 0),
        pa.field("a", pa.int64(), nullable=False), pa.struct([("a", pa.int64())]), pa.null(),
        pa.struct([pa.field("a", pa.int64(), nullable=False)]), pa.struct([("a: int64, b", pa.int8())]),
        pa.scalar(1), pa.scalar(None, pa.int64()), pa.scalar("1"),
    ]  # fmt: skip
    keys = [key_of(value) for value in values]
    equal = {(10, 20)}  # the first value of column a is the scalar 1
    pairs = {(i, j) for i in range(len(keys)) for j in range(i) if keys[i] == keys[j]}
    assert {(j, i) for i, j in pairs} == equal
    assert key_of(pa.table({"a": [1, 2], "b": ["x", None]})) == keys[0]


def test_dictionaries_of_chunks_are_unified():
    one, other = pa.array(["a", "b"]).dictionary_encode(), pa.array(["c", "b"]).dictionary_encode()
    chunked = pa.chunked_array([one, other])
    assert key_of(chunked) == key_of(pa.chunked_array([chunked.combine_chunks()]))


FRAME = {
    "int": [1, 2, 3], "float": [1.0, np.nan, 3.0], "text": ["a", None, "c"], "flag": [True, False, True],
}  # fmt: skip


def pandas_frame():
    frame = pd.DataFrame(FRAME)
    frame["object"] = pd.Series([1, "a", (2,)], dtype=object)
    frame["category"] = pd.Categorical(["x", "y", "x"])
    frame["nullable"] = pd.array([1, None, 3], dtype="Int64")
    frame["time"] = pd.date_range("2020", periods=3, tz="Europe/Paris")
    frame["naive"] = pd.date_range("2020", periods=3)
    frame["period"] = pd.period_range("2020", periods=3, freq="M")
    frame["interval"] = pd.interval_range(0, 3)
    frame["sparse"] = pd.arrays.SparseArray([0, 0, 1])
    return frame


def test_pandas_frames_by_values_names_and_index():
    frame = pandas_frame()
    key = key_of(frame)
    assert key_of(frame.copy()) == key_of(pandas_frame()) == key
    assert key_of(pd.concat([frame[:1], frame[1:]])[frame.columns]) == key
    others = [frame.rename(columns={"int": "i"}), frame[frame.columns[::-1]], frame.iloc[::-1]]
    others += [frame.set_index("int", drop=False), frame.set_index(["int", "text"]), frame[:2]]
    others += [frame.drop(columns=name) for name in frame]
    for name in frame:
        changed = frame.copy()
        changed[name] = changed[name].to_numpy()[[0, 0, 2]]
        others.append(changed)
    assert len({key_of(other) for other in others} | {key}) == len(others) + 1
    for name in frame:
        assert key_of(frame[name]) == key_of(pandas_frame()[name])
        assert key_of(frame[name]) != key_of(frame[name].rename("x"))
    assert key_of(frame["int"]) != key_of(frame[["int"]]) != key_of(frame["int"].array)


def test_pandas_values():
    moments = [
        pd.Timestamp("2020"),
        pd.Timestamp("2020", tz="UTC"),
        pd.Timestamp("2020").as_unit("s"),
    ]
    moments += [
        dt.datetime(2020, 1, 1),
        np.datetime64("2020-01-01"),
        pd.Timestamp("2020") + pd.Timedelta(1),
    ]
    others = [
        pd.NaT,
        pd.NA,
        None,
        pd.Timedelta(1, "s"),
        dt.timedelta(seconds=1),
        pd.Period("2020", "M"),
    ]
    others += [pd.Interval(0, 1), pd.Interval(0, 1, "left"), pd.Index([1, 2]), pd.RangeIndex(1, 3)]
    others += [pd.Index([1, 2], name="a"), pd.MultiIndex.from_arrays([[1, 2]]), pd.Index(["a"])]
    others += [
        pd.Categorical(["a"], ["a", "b"]),
        pd.Categorical(["a"]),
        pd.array([1], dtype="Int8"),
    ]
    keys = [key_of(value) for value in moments + others]
    assert len(set(keys)) == len(keys)


def test_polars_frames():
    frame = pl.DataFrame({**FRAME, "float": [1.0, None, 3.0], "list": [[1], [], None]})
    frame = frame.with_columns(category=pl.Series(["x", "y", "x"], dtype=pl.Categorical))
    key = key_of(frame)
    assert key_of(pl.concat([frame[:1], frame[1:]], rechunk=False)) == key
    assert key_of(frame.clone()) == key
    others = [frame.drop(name) for name in frame.columns] + [
        frame[::-1],
        frame.rename({"int": "i"}),
    ]
    others += [frame.cast({"int": pl.Int32}), frame.to_arrow(), pl.Series("int", [1, 2, 3])]
    others += [frame["int"].rename("i"), pl.Series("int", [1, 2, 3], pl.Int8)]
    assert len({key_of(other) for other in others} | {key}) == len(others) + 1
    assert key_of(frame["int"]) == key_of(pl.Series("int", [1, 2, 3]))
    objects = pl.Series("o", [{1}, {2}], dtype=pl.Object)
    assert key_of(objects) == key_of(pl.Series("o", [{1}, {2}], dtype=pl.Object))


def test_numbers_of_categories_in_polars_do_not_count():
    one = pl.Series(["x", "y"], dtype=pl.Categorical)
    pl.Series(["q", "y", "x"], dtype=pl.Categorical)
    other = pl.Series(["y", "x"], dtype=pl.Categorical)[::-1]
    assert key_of(one) == key_of(other)
