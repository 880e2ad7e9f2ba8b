"""Frames, series and indexes of pandas and polars come back as they were, or are refused."""

from __future__ import annotations

import datetime as dt
import mmap
import subprocess
import sys
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import onebox
from onebox.errors import BadInput, MissingDependency, NotTrusted, WrongType

HOURS = pd.date_range("2025-03-29", periods=4, freq="6h", tz=ZoneInfo("Europe/Paris"))
NAN = np.array([0x7FF8000000000123, 0x7FF0000000000000], np.uint64).view(float)  # a payload

COLUMNS = {
    "int8": pd.Series([1, 2, 3, -128], dtype=np.int8),
    "uint64": pd.Series([0, 1, 2, 2**64 - 1], dtype=np.uint64),
    "float": pd.Series([*NAN, -0.0, np.nan]),
    "half": pd.Series([1, 2, 3, 4], dtype=np.float16),
    "complex": pd.Series([1j, 2, np.nan, 0]),
    "bool": pd.Series([True, False, True, True]),
    "time": pd.Series(pd.date_range("2025-01-01", periods=4).as_unit("s")),
    "nat": pd.Series([pd.NaT, pd.Timestamp(0)] * 2, dtype="datetime64[ns]"),
    "span": pd.Series(pd.timedelta_range("1h", periods=4)),
    "zone": pd.Series(HOURS),
    "offset": pd.Series(HOURS.tz_convert(dt.timezone(dt.timedelta(hours=2)))),
    "utc": pd.Series(HOURS.tz_convert("UTC")),
    "period": pd.Series(pd.period_range("2025-01", periods=4, freq="M")),
    "interval": pd.Series(pd.interval_range(0, 4, closed="left")),
    "interval of times": pd.Series(pd.interval_range(pd.Timestamp(0), periods=4)),
    "category": pd.Series(["b", "a", None, "b"], dtype="category"),
    "ordered": pd.Series(pd.Categorical([3, 1, 2, 3], [3, 2, 1], ordered=True)),
    "category of times": pd.Series(HOURS).astype("category"),
    "Int16": pd.Series([1, None, 3, 4], dtype="Int16"),
    "UInt64": pd.Series([1, None, 3, 2**64 - 1], dtype="UInt64"),
    "Float32": pd.Series([1.5, None, 3, -0.0], dtype="Float32"),
    "boolean": pd.Series([True, None, False, True], dtype="boolean"),
    "text": pd.Series(["a", "ä", "", None], dtype="str"),
    "python text": pd.Series(["a", "ä", "", None], dtype=pd.StringDtype("python")),
    "arrow text": pd.Series(["a", "ä", "", None], dtype=pd.StringDtype("pyarrow")),
    "nan text": pd.Series(["a", None, "", "b"], dtype=pd.StringDtype("python", na_value=np.nan)),
    "objects": pd.Series(["a", 1, None, 2.5], dtype=object),
    "objects with nan": pd.Series([np.nan, None, b"x", 2**70], dtype=object),
    "arrow int": pd.Series([1, None, 3, 4], dtype=pd.ArrowDtype(pa.int32())),
    "arrow list": pd.Series([[1], None, [], [2, 3]], dtype=pd.ArrowDtype(pa.list_(pa.int64()))),
    "arrow decimal": pd.Series([1, None, 3, 4], dtype=pd.ArrowDtype(pa.decimal128(9, 2))),
}

INDEXES = {
    "range": pd.RangeIndex(5, -1, -2, name="r"),
    "int": pd.Index([3, 1, 1], name="n"),
    "text": pd.Index(["a", "b", None]),
    "objects": pd.Index(["a", 1, None], dtype=object),
    "days": pd.date_range("2025-01-01", periods=5, name="day"),
    "hours": HOURS,
    "no freq": pd.DatetimeIndex(["2025-01-01", "2025-01-03"]),
    "spans": pd.timedelta_range("1h", periods=3, freq="30min"),
    "months": pd.period_range("2025-01", periods=4, freq="M"),
    "bins": pd.interval_range(0, 4),
    "category": pd.CategoricalIndex(["x", "y", "x"], name="c"),
    "multi": pd.MultiIndex.from_product([["a", "b"], HOURS[:2]], names=["k", None]),
    "tuple name": pd.Index([1.5], name=("a", 1)),
    "empty": pd.Index([], dtype=object),
    "empty multi": pd.MultiIndex.from_arrays([[], []], names=["a", "b"]),
}

FRAMES = {
    "mixed": pd.DataFrame(COLUMNS),
    "one type": pd.DataFrame(np.arange(12.0).reshape(4, 3), columns=["x", "y", "z"]),
    "one type in pieces": pd.DataFrame({"x": [1.0], "y": [2.0]}).assign(z=[3.0]),
    "text only": pd.DataFrame([["a", "b"], ["c", None]], columns=["x", "y"]),
    "objects only": pd.DataFrame([["a", 1], ["c", None]], dtype=object),
    "no columns": pd.DataFrame(index=["a", "b"]),
    "no rows": pd.DataFrame({"a": np.array([], np.int8), "b": pd.Series([], dtype="str")}),
    "nothing": pd.DataFrame(),
    "equal names": pd.DataFrame([[1, "a"], [2, "b"]], columns=["x", "x"]),
    "two levels": pd.DataFrame(
        [[1, 2.0]],
        index=pd.MultiIndex.from_tuples([("a", 1)], names=["k", "l"]),
        columns=pd.MultiIndex.from_tuples([("x", 1), ("y", 2)], names=["c", "d"]),
    ),
    "times only": pd.DataFrame({"a": HOURS.tz_localize(None), "b": HOURS.tz_localize(None)}),
    "named columns": pd.DataFrame([[1]], columns=pd.Index(["a"], name="field")),
}


def assert_equal(one, other):
    assert type(one) is type(other)
    if isinstance(one, pd.DataFrame):
        pd.testing.assert_frame_equal(one, other, check_exact=True, check_freq=True)
    elif isinstance(one, pd.Series):
        pd.testing.assert_series_equal(one, other, check_exact=True, check_freq=True)
        if isinstance(one.dtype, np.dtype) and one.dtype != object:
            assert one.to_numpy().tobytes() == other.to_numpy().tobytes()
        elif one.dtype == object:
            assert list(map(repr, one)) == list(map(repr, other))
    elif isinstance(one, pd.Index):
        pd.testing.assert_index_equal(one, other, exact=True, check_exact=True)
        assert getattr(one, "freq", None) == getattr(other, "freq", None)
    else:
        assert one.equals(other)
        assert one.dtype == other.dtype


@pytest.mark.parametrize("compress", [None, "zstd"])
@pytest.mark.parametrize("mapped", [False, True])
def test_all_columns_in_one_frame(there_and_back, mapped, compress):
    frame = FRAMES["mixed"]
    loaded = there_and_back(frame, mmap=mapped, compress=compress)
    assert_equal(frame, loaded)
    for name in frame:
        assert_equal(frame[name], loaded[name])


@pytest.mark.parametrize("name", FRAMES)
def test_frames(there_and_back, name):
    assert_equal(FRAMES[name], there_and_back(FRAMES[name]))


@pytest.mark.parametrize("name", COLUMNS)
def test_series_their_parts_and_their_arrays(there_and_back, name):
    series = COLUMNS[name].rename(("name", 1))
    for part in (series, series[1:3], series[:0], series[::-1]):
        assert_equal(part, there_and_back(part))
    if not isinstance(series.dtype, np.dtype):
        assert_equal(series.array, there_and_back(series.array))


@pytest.mark.parametrize("name", INDEXES)
def test_indexes(there_and_back, name):
    index = INDEXES[name]
    assert_equal(index, there_and_back(index))
    assert_equal(index[:1], there_and_back(index[:1]))
    series = pd.Series(range(len(index)), index=index)
    assert_equal(series, there_and_back(series))


def test_attributes_and_flags_of_frames(there_and_back):
    frame = pd.DataFrame({"a": [1, 2]}).set_flags(allows_duplicate_labels=False)
    frame.attrs = {"unit": "m", "source": [1, 2]}
    loaded = there_and_back({"frame": frame, "column": frame["a"]})
    for part in loaded.values():
        assert part.attrs == frame.attrs
        assert not part.flags.allows_duplicate_labels


def test_what_frames_share_is_stored_once(there_and_back):
    index = pd.date_range("2025", periods=5)
    one, other = there_and_back([pd.Series(range(5), index), pd.DataFrame({"a": index}, index)])
    assert one.index is other.index or one.index.equals(other.index)


def test_frames_of_models_are_loaded_without_trust(there_and_back, models):
    model = models.Model()
    model.table_ = FRAMES["mixed"]
    assert_equal(model.table_, there_and_back(model).table_)


def test_a_frame_of_one_type_is_not_copied(tmp_path):
    frame = pd.DataFrame(np.random.default_rng(0).random((1000, 5)))
    onebox.save(frame, tmp_path / "x")
    memory = onebox.load(tmp_path / "x", mmap=True).to_numpy()
    assert not memory.flags.writeable
    while isinstance(memory, np.ndarray):
        memory = memory.base
    assert isinstance(memory, mmap.mmap)
    assert_equal(frame, onebox.load(tmp_path / "x"))


class Subclass(pd.DataFrame):
    pass


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (pd.Series([[1], None]), r"object\.values\[0\] is of kind list"),
        (pd.DataFrame({"a": [1], "b": [pd.NA]}), r"object\[1\]\[0\] is a pandas"),
        (pd.Series(pd.arrays.SparseArray([0, 1])), r"object\.values holds the dtype Sparse"),
        (Subclass({"a": [1]}), r"Subclass, which cannot be saved.*pickle=True"),
        (pd.Timestamp(0), "Timestamp, which cannot be saved"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_would_not_come_back_is_refused_and_pickled_on_request(tmp_path, value, message):
    with pytest.raises(BadInput, match=message):
        onebox.save(value, tmp_path / "x")
    onebox.save(value, tmp_path / "x", pickle=True)
    with pytest.raises(NotTrusted, match=r"pickles of .*load\(path, trust=True\)"):
        onebox.load(tmp_path / "x")
    loaded = onebox.load(tmp_path / "x", trust=True)
    assert type(loaded) is type(value)
    assert repr(loaded) == repr(value)


POLARS = pl.DataFrame(
    {
        "n": [1, None, 3],
        "small": pl.Series([1, 2, 3], dtype=pl.UInt8),
        "x": [0.5, float("nan"), None],
        "text": ["a", "ä", None],
        "kind": pl.Series(["x", "y", "x"], dtype=pl.Categorical),
        "fixed": pl.Series(["x", "y", None], dtype=pl.Enum(["y", "x"])),
        "time": pl.Series([dt.datetime(2025, 1, 1), None, dt.datetime(1900, 1, 1)]).cast(
            pl.Datetime("ns", "Europe/Paris")
        ),
        "day": [dt.date(2025, 1, 1), None, dt.date(1, 1, 1)],
        "clock": [dt.time(1, 2), None, dt.time(23)],
        "span": [dt.timedelta(1), None, dt.timedelta(-1)],
        "lists": [[1], [], None],
        "array": pl.Series([[1, 2], [3, 4], None], dtype=pl.Array(pl.Int8, 2)),
        "struct": [{"a": 1, "b": "x"}, {"a": None, "b": "y"}, None],
        "bytes": [b"a", b"", None],
        "flag": [True, False, None],
        "nothing": [None, None, None],
        "decimal": pl.Series(["1.50", None, "2.25"]).cast(pl.Decimal(10, 2)),
    }
)


@pytest.mark.parametrize("mapped", [False, True])
@pytest.mark.parametrize("frame", [POLARS, POLARS[1:2], POLARS[:0], POLARS[["n"]], pl.DataFrame()])
def test_polars(there_and_back, frame, mapped):
    loaded = there_and_back({"frame": frame, "columns": frame.get_columns()}, mmap=mapped)
    assert loaded["frame"].schema == frame.schema
    assert loaded["frame"].equals(frame)
    for one, other in zip(frame.get_columns(), loaded["columns"], strict=True):
        assert (one.name, one.dtype) == (other.name, other.dtype)
        assert one.equals(other)


def test_objects_in_polars_are_refused_and_pickled_on_request(tmp_path):
    frame = pl.DataFrame({"a": pl.Series([object()], dtype=pl.Object)})
    with pytest.raises(WrongType, match=r"would come back from Arrow as Schema.*pickle=True"):
        onebox.save(frame, tmp_path / "x")
    frame = pl.LazyFrame({"a": [1]})
    with pytest.raises(WrongType, match=r"LazyFrame, which cannot be saved"):
        onebox.save(frame, tmp_path / "x")


@pytest.mark.parametrize(("package", "value"), [("pandas", COLUMNS["text"]), ("polars", POLARS)])
def test_packages_that_are_not_installed_are_named(tmp_path, monkeypatch, package, value):
    onebox.save(value, tmp_path / "x")
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingDependency, match=f"data of {package}, which is not installed"):
        onebox.load(tmp_path / "x")


def test_other_values_load_neither_of_them(tmp_path):
    script = """
import sys
import numpy as np
import onebox
onebox.save([np.zeros(3), "text"], sys.argv[1])
onebox.load(sys.argv[1])
print(*[name for name in ("pandas", "polars") if name in sys.modules])
"""
    ended = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "x")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert ended.stdout.split() == []
