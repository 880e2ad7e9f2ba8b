"""What steps do to rows: draws that stay, missing values, functions that answer wrongly."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from onebox.data.open import open_source
from onebox.data.sources.table import TableSource
from onebox.data.steps import (
    Assign,
    Cast,
    Draw,
    DropMissing,
    Filter,
    Map,
    Rename,
    Select,
    value_hashes,
)
from onebox.errors import BadInput, MismatchedRows, MissingColumn, WrongType

# Draws


def write_files(folder, names, n_rows=3000):
    for name in names:
        path = folder / f"{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        ids = [f"{name}:{i}" for i in range(n_rows)]
        users = np.random.default_rng(len(name)).integers(0, 50, n_rows)
        pq.write_table(pa.table({"id": ids, "user": users}), path, row_group_size=1000)


def test_a_draw_has_its_share(tmp_path, read):
    write_files(tmp_path, ["a", "b", "c", "d"])
    got = read(tmp_path, Draw(0, "", 0.0, 0.25))
    assert abs(got.num_rows - 3000) < 5 * np.sqrt(12_000 * 0.25 * 0.75)


def test_draws_of_adjoining_shares_part_the_rows(tmp_path, read):
    write_files(tmp_path, ["a", "b"])
    parts = [
        read(tmp_path, Draw(3, "", low, high)) for low, high in ((0, 0.2), (0.2, 0.5), (0.5, 1))
    ]
    ids = [set(part["id"].to_pylist()) for part in parts]
    assert sum(map(len, ids)) == len(set.union(*ids)) == 6000


def test_other_files_move_no_rows_draw(tmp_path, read):
    write_files(tmp_path / "few", ["b", "d"])
    write_files(tmp_path / "many", ["a", "b", "c", "d", "e"])
    few = set(read(tmp_path / "few", Draw(1, "", 0, 0.5))["id"].to_pylist())
    many = set(read(tmp_path / "many", Draw(1, "", 0, 0.5))["id"].to_pylist())
    assert few == {name for name in many if name[0] in "bd"}
    reordered = [tmp_path / "many" / f"{name}.parquet" for name in "edcba"]
    assert set(read(reordered, Draw(1, "", 0, 0.5))["id"].to_pylist()) == many


def test_rows_added_to_a_file_move_no_draw(tmp_path, read):
    write_files(tmp_path, ["a"])
    before = read(tmp_path, Draw(1, "", 0, 0.5))["id"].to_pylist()
    write_files(tmp_path, ["a"], n_rows=5000)
    after = read(tmp_path, Draw(1, "", 0, 0.5))["id"].to_pylist()
    assert after[: len(before)] == before
    assert len(after) > len(before)


def test_a_draw_after_a_filter_knows_the_rows_of_the_file(tmp_path, read):
    write_files(tmp_path, ["a"])
    some = Filter(pc.field("user") < 25)
    drawn = Draw(1, "", 0, 0.5)
    assert read(tmp_path, some, drawn).equals(read(tmp_path, drawn, some))


def test_draws_of_other_seeds_differ(tmp_path, read):
    write_files(tmp_path, ["a"])
    one, other = (read(tmp_path, Draw(seed, "", 0, 0.5))["id"].to_pylist() for seed in (0, 1))
    both = len(set(one) & set(other))
    assert abs(both - 750) < 5 * np.sqrt(3000 * 0.25 * 0.75)


def test_a_draw_by_a_column_keeps_its_rows_together(tmp_path, read):
    write_files(tmp_path, ["a", "bb", "ccc"])
    drawn = set(read(tmp_path, Draw(5, "", 0, 0.4, by="user"))["user"].to_pylist())
    rest = set(read(tmp_path, Draw(5, "", 0.4, 1, by="user"))["user"].to_pylist())
    assert drawn
    assert rest
    assert not drawn & rest


@pytest.mark.parametrize(
    "values",
    [
        pa.array(["x", None, "yy", "x"]),
        pa.array([3, None, 4, 3], pa.int8()),
        pa.array([3, None, 4, 3], pa.date32()),
        pa.array([3, None, 4, 3], pa.timestamp("ns")),
        pa.array([True, None, False, True]),
        pa.array([], pa.string()),
    ],
    ids=lambda a: str(a.type),
)
def test_equal_values_hash_alike_in_every_encoding(values):
    hashes = value_hashes(values)
    assert value_hashes(values.dictionary_encode()).tolist() == hashes.tolist()
    assert len(set(hashes.tolist())) == len(set(values.to_pylist()))
    if pa.types.is_string(values.type):
        assert value_hashes(values.cast(pa.large_string())).tolist() == hashes.tolist()
    if pa.types.is_integer(values.type):
        assert value_hashes(values.cast(pa.int64())).tolist() == hashes.tolist()


# Missing values


@pytest.mark.parametrize("names", [("real",), ("word", "small"), ("kind", "day", "yes", "moment")])
def test_rows_with_gaps_are_dropped(mixed, read, names):
    expected = mixed.filter(pc.fill_null(present(mixed, names), False))
    assert read(TableSource(mixed), DropMissing(names)).equals(expected)


def present(table: pa.Table, names) -> pa.ChunkedArray:
    masks = [pc.is_valid(table[name]) for name in names]
    for other in masks[1:]:
        masks[0] = pc.and_(masks[0], other)
    return masks[0]


def test_nan_and_infinity_are_missing(read):
    table = pa.table({"a": [1.0, np.nan, np.inf, -np.inf, None, 2.0]})
    assert read(table, DropMissing(("a",)))["a"].to_pylist() == [1.0, 2.0]


def test_columns_of_no_values_leave_no_rows(read):
    assert read(pa.table({"a": pa.nulls(3), "b": [1, 2, 3]}), DropMissing(("a",))).num_rows == 0


# Columns


def test_select_rename_and_cast(mixed, read):
    got = read(
        TableSource(mixed),
        Select(("small", "kind", "yes")),
        Rename((("small", "s"),)),
        Cast((("s", pa.float32()), ("kind", pa.string()))),
    )
    expected = mixed.select(["small", "kind", "yes"]).rename_columns(["s", "kind", "yes"])
    assert got.equals(expected.cast(got.schema))
    assert got.schema.types == [pa.float32(), pa.string(), pa.bool_()]


@pytest.mark.parametrize(
    ("step", "kind", "message"),
    [
        (Select(("nope",)), MissingColumn, r"'nope' is not in"),
        (Rename((("nope", "x"),)), MissingColumn, r"'nope' is not in"),
        (Rename((("real", "word"),)), BadInput, r"two columns one name"),
        (DropMissing(("nope",)), MissingColumn, r"'nope'"),
        (Draw(0, "", 0, 1, by="nope"), MissingColumn, r"'nope'"),
        (Filter(pc.field("nope") > 1), BadInput, r"does not fit the columns"),
        (Filter(pc.field("word") > 1), BadInput, r"does not fit the columns"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_steps_that_do_not_fit_are_refused_before_reading(mixed, step, kind, message):
    with pytest.raises(kind, match=message):
        step.schema(mixed.schema)


def test_a_filter_of_names_within_names(read):
    table = pa.table({"a": [1, 2, 3], "aa": [3, 2, 1], "a b": [True, False, True]})
    got = read(table, Filter(pc.field("aa") > 1), Select(("a b",)))
    assert got.to_pydict() == {"a b": [True, False]}


def test_filters_of_text_and_categories(mixed, read):
    frame = mixed.to_pandas()
    for name in ("word", "kind"):
        got = read(TableSource(mixed), Filter(pc.field(name) == "north"))
        assert got.num_rows == int((frame[name] == "north").sum())


def test_functions_of_a_block(mixed, read, small_blocks, blocks):
    double = Assign("double", lambda block: 2 * block["whole"], pa.int64())
    replaced = Assign("whole", lambda block: -block["whole"], pa.float32())
    got = read(TableSource(mixed), double, replaced)
    assert got.column_names == [*mixed.column_names, "double"]
    assert got["double"].to_pylist() == [2 * v for v in mixed["whole"].to_pylist()]
    assert got["whole"].to_pylist() == [-v for v in mixed["whole"].to_pylist()]
    assert got.schema.field("whole").type == pa.float32()


@pytest.mark.parametrize(
    "made",
    [
        lambda block: {"s": block["whole"] + 1},
        lambda block: pd.DataFrame({"s": block["whole"] + 1}),
        lambda block: pa.table({"s": block["whole"] + 1}),
        lambda block: (block["whole"] + 1).reshape(-1, 1),
        lambda block: block["whole"] + 1,
    ],
)
def test_maps_may_answer_in_any_form(mixed, read, made):
    got = read(TableSource(mixed), Map(made, pa.schema([("s", pa.int64())])))
    assert got["s"].to_pylist() == [v + 1 for v in mixed["whole"].to_pylist()]


@pytest.mark.parametrize(
    ("answer", "kind", "message"),
    [
        (lambda block: block["whole"][1:], MismatchedRows, r"gave 4,999 values for 5,000 rows"),
        (lambda block: object(), WrongType, r"assign\(new=...\) gave a object"),
        (lambda block: np.zeros((len(block), 2)), WrongType, r"gave a ndarray that is no column"),
    ],
)
def test_wrong_answers_of_assigned_functions(mixed, read, answer, kind, message):
    with pytest.raises(kind, match=message):
        read(TableSource(mixed), Assign("new", answer, pa.float64()))


def test_wrong_answers_of_mapped_functions(mixed, read):
    schema = pa.schema([("x0", pa.float64())])
    with pytest.raises(MismatchedRows, match=r"turned 5,000 rows into 1 .*it must keep the rows"):
        read(TableSource(mixed), Map(lambda block: np.zeros((1, 1)), schema))
    with pytest.raises(WrongType, match=r"gave a NoneType; return a numpy array"):
        read(TableSource(mixed), Map(lambda block: None, schema))


def test_values_that_cannot_be_cast_are_placed(tmp_path, read):
    pq.write_table(pa.table({"t": ["1", "2", "three"]}), tmp_path / "x.parquet")
    with pytest.raises(
        BadInput, match=r"cast\({'t': 'double'}\) failed in x.parquet, row 0.*three"
    ):
        read(open_source(tmp_path / "x.parquet"), Cast((("t", pa.float64()),)))
