"""What can be done to the columns of a Dataset."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import onebox as ob
from onebox.aggregates import Gram
from onebox.errors import BadInput, MissingColumn, SchemaMismatch, WrongType


def test_what_it_is(data, table):
    assert data.columns == table.column_names
    assert data.schema.types == table.schema.types
    assert data.n_rows == len(data) == 1000
    assert data.shape == (1000, 6)
    assert data["x"].shape == (1000,)
    assert data.to_arrow().equals(table)


def test_select_and_drop(data, table):
    assert data.select("day", "x").to_arrow().equals(table.select(["day", "x"]))
    assert data.select(["day"], "x").columns == ["day", "x"]
    assert data.drop("x", "on").to_arrow().equals(table.drop_columns(["x", "on"]))
    assert data.drop("x").drop("on").columns == ["k", "city", "day", "hole"]


def test_one_name_gives_one_dimension_and_a_list_two(data, table):
    one, two = data["x"], data[["x"]]
    assert (one.ndim, two.ndim) == (1, 2)
    np.testing.assert_array_equal(one.to_numpy(), table["x"].to_numpy())
    np.testing.assert_array_equal(two.to_numpy(), table["x"].to_numpy()[:, None])
    assert data[("k", "x")].columns == ["k", "x"]


@pytest.mark.parametrize("key", [0, slice(3), np.arange(3), [True, False], 1.5], ids=repr)
def test_rows_are_not_picked_one_by_one(data, key):
    with pytest.raises(WrongType) as caught:
        data[key]
    message = str(caught.value)
    assert f"not by {type(key).__name__}" in message
    for remedy in (".split", ".sample", ".filter(expression)", ".head(n)"):
        assert remedy in message


def test_rename(data, table):
    renamed = data.rename({"x": "height", "k": "x"})
    assert renamed.columns == ["height", "x", "city", "day", "on", "hole"]
    assert renamed["height"].to_numpy().tolist() == table["x"].to_pylist()
    with pytest.raises(BadInput, match="two columns one name"):
        data.rename({"x": "k"})
    with pytest.raises(MissingColumn, match="'z' is not in"):
        data.rename({"z": "k"})


def test_cast(data, table):
    cast = data.cast({"k": "float32", "city": "category", "day": pa.timestamp("s")})
    assert cast.schema.field("k").type == pa.float32()
    assert pa.types.is_dictionary(cast.schema.field("city").type)
    made = cast.to_arrow()
    assert made["k"].to_pylist() == table["k"].to_pylist()
    assert made["city"].to_pylist() == table["city"].to_pylist()
    with pytest.raises(BadInput, match=r"'float63' is no type.*'float64'"):
        data.cast({"x": "float63"})
    with pytest.raises(BadInput, match=r"cast\(\{'city': 'int64'\}\) failed"):
        data.cast({"city": "int64"}).to_arrow()


def test_assign(data, table):
    x, k = table["x"].to_numpy(), table["k"].to_numpy()
    made = data.assign(
        sum=lambda block: block["x"] + block["k"],
        x=lambda block: -block["x"],
        text=lambda block: block.column("city").cast(pa.large_string()),
    )
    assert made.columns == [*table.column_names, "sum", "text"]
    arrow = made.to_arrow()
    np.testing.assert_array_equal(arrow["sum"].to_numpy(), x + k)
    np.testing.assert_array_equal(arrow["x"].to_numpy(), -x)
    assert arrow["text"].to_pylist() == table["city"].to_pylist()
    again = made.assign(sum=lambda block: block["sum"] * 2)
    np.testing.assert_array_equal(again["sum"].to_numpy(), 2 * (x + k))


def test_later_columns_may_be_made_of_earlier_ones(data):
    made = data.assign(a=lambda block: block["k"] * 2, b=lambda block: block["a"] + 1)
    assert made["b"].to_numpy()[:3].tolist() == [1, 3, 5]


ANSWERS = {
    "matrix": lambda block: np.column_stack([block["x"], block["x"] * 2]),
    "dict": lambda block: {"x0": block["x"], "x1": block["x"] * 2},
    "batch": lambda block: pa.record_batch({"x0": block["x"], "x1": block["x"] * 2}),
    "table": lambda block: pa.table({"x0": block["x"], "x1": block["x"] * 2}),
    "frame": lambda block: pd.DataFrame({"x0": block["x"], "x1": block["x"] * 2}),
    "polars": lambda block: pl.DataFrame({"x0": block["x"], "x1": block["x"] * 2}),
}


@pytest.mark.parametrize("function", ANSWERS.values(), ids=ANSWERS)
def test_map_takes_many_kinds_of_answers(data, table, function):
    made = data.map(function)
    assert made.columns == ["x0", "x1"]
    x = table["x"].to_numpy()
    np.testing.assert_array_equal(made.to_numpy(), np.column_stack([x, 2 * x]))
    assert made.n_rows == 1000


def test_map_with_a_schema_is_not_tried_on_nothing(data, table):
    def picky(block):
        assert len(block)
        return {"top": np.full(len(block), block["x"].max())}

    made = data.map(picky, schema=pa.schema([("top", pa.float32())]))
    assert made.schema.field("top").type == pa.float32()
    assert made["top"].to_numpy().max() == np.float32(table["x"].to_numpy().max())


def test_a_function_that_changes_its_mind_about_the_columns(data):
    def fickle(block):
        return {"a" if len(block) == 0 else "b": block["x"]}

    with pytest.raises(SchemaMismatch, match=r"gave the columns b in .* and a before"):
        data.map(fickle).to_arrow()
    with pytest.raises(SchemaMismatch, match="x0, x1"):
        data[["x", "k"]].map(lambda block: block.X[:, : 1 + (len(block) > 0)]).to_arrow()


def test_what_functions_return_may_be_views_of_what_they_were_given(tmp_path):
    # Blocks of a scan lie in memory that is used again; answers must not.
    x = np.random.default_rng(0).random(200_000)
    pq.write_table(pa.table({"x": x}), tmp_path / "x.parquet")
    data = ob.dataset(tmp_path / "x.parquet")
    views = data.map(lambda block: block.X).to_parquet(tmp_path / "views")
    np.testing.assert_array_equal(views.to_numpy()[:, 0], x)
    copied = data.assign(copy=lambda block: block.X[:, 0])
    gram = ob.aggregate(copied, Gram())
    np.testing.assert_allclose(gram.xx, np.full((2, 2), gram.xx[0, 0]), rtol=1e-12)
    np.testing.assert_array_equal(copied.to_numpy(), np.column_stack([x, x]))


def test_names_come_from_the_data_or_are_made():
    X = np.ones((3, 2))
    assert not ob.dataset(X).named
    assert ob.dataset(X).columns == ["x0", "x1"]
    assert ob.dataset(X, columns=["a", "b"]).named
    assert ob.dataset(X).rename({"x0": "a"}).named
    assert ob.dataset({"a": [1]}).named


def test_every_method_leaves_the_dataset_as_it_was(data, table):
    data.drop("x").rename({"k": "q"})
    data.assign(x=lambda block: block["x"] * 0)
    data.cast({"x": "float32"})
    assert data.to_arrow().equals(table)


def test_columns_asked_for_at_the_door(table, folder):
    assert ob.dataset(folder, columns=["day", "x"]).columns == ["day", "x"]
    assert ob.dataset(table, columns=["x"]).columns == ["x"]
    assert ob.dataset(ob.dataset(table), columns=["x"]).columns == ["x"]
    with pytest.raises(MissingColumn, match="'z'"):
        ob.dataset(folder, columns=["z"])
    with pytest.raises(BadInput, match="on_missing='keep' must be"):
        ob.dataset(table, on_missing="keep")
