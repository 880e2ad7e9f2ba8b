"""Which X, y and weights belong together, and how they are read."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import sklearn.linear_model

import onebox as ob
from onebox.aggregates import Gram
from onebox.data.scratch import FreshMemory
from onebox.dataset import pair
from onebox.engine.run import scan
from onebox.errors import MismatchedRows
from onebox.linear_model import Ridge
from onebox.preprocessing import StandardScaler

APART = "filtered or drawn differently"


def gram(X, y=None, weight=None):
    return ob.aggregate(X, Gram(), y=y, sample_weight=weight)


@pytest.fixture
def numbers(data) -> ob.Dataset:
    return data.select("x", "k", "on")


@pytest.fixture
def columns(table):
    return {name: table[name].to_numpy().astype(float) for name in ("x", "k", "on")}


def test_columns_of_one_dataset_belong_together(numbers, columns):
    made = gram(numbers[["k"]], numbers["x"], numbers["on"])
    w, k, x = columns["on"], columns["k"], columns["x"]
    k_mean, x_mean = np.average(k, weights=w), np.average(x, weights=w)
    np.testing.assert_allclose(made.xy, [[(w * (k - k_mean) * (x - x_mean)).sum()]], rtol=1e-9)
    assert made.weight == w.sum()


def test_any_way_to_the_same_columns(numbers):
    expected = gram(numbers[["k"]], numbers["x"]).xy
    for X, y in [
        (numbers.select("k"), numbers.drop("k", "on")["x"]),
        (numbers.rename({"k": "q"})[["q"]], numbers["x"]),
        (numbers.cast({"k": "float64"})[["k"]], numbers.assign(z=lambda b: b["x"])["z"]),
    ]:
        assert gram(X, y).xy == expected


def test_a_table_of_targets(numbers, columns):
    made = gram(numbers[["k"]], numbers[["x", "on"]])
    assert made.xy.shape == (1, 2)
    assert made.yy.shape == (2, 2)


def test_arrays_pair_by_row_number(numbers, table):
    y = table["x"].to_numpy()
    if numbers.view.source_rows is None:  # a stream tells its length at the end
        with pytest.raises(MismatchedRows, match="known after reading only"):
            gram(numbers[["k"]], y)
    else:
        assert gram(numbers[["k"]], y).xy == gram(numbers[["k"]], numbers["x"]).xy


def test_arrays_of_text_pair_too(table):
    names = np.array(["a", "b"] * 500)
    view = pair(ob.dataset(table)[["x"]], names)
    units = view.layout.units
    seen = [block.y for unit in units for block in view.blocks(unit, FreshMemory())]
    assert np.concatenate(seen).tolist() == names.tolist()


def test_the_same_filter_on_both_sides(numbers, table):
    positive = pc.field("x") > 0
    kept = table.filter(positive)
    for some in (numbers.filter(positive), numbers.drop_missing("x").filter(positive)):
        made = gram(some[["k"]], some["x"])
        assert made.n_rows == len(kept)
    apart = gram(numbers.drop("on").filter(positive)[["k"]], numbers.filter(positive)["x"])
    assert apart.xy == gram(numbers.filter(positive)[["k"]], numbers.filter(positive)["x"]).xy


def test_the_same_draw_on_both_sides(numbers):
    X = numbers[["k"]].sample(fraction=0.5, random_state=2)
    y = numbers["x"].sample(fraction=0.5, random_state=2)
    half = numbers.sample(fraction=0.5, random_state=2)
    assert gram(X, y).xy == gram(half[["k"]], half["x"]).xy
    train, test = numbers.split(random_state=3)
    assert gram(train[["k"]], train["x"]).n_rows == train.n_rows
    with pytest.raises(MismatchedRows, match=APART):
        gram(train[["k"]], test["x"])


@pytest.mark.parametrize(
    "other",
    [
        lambda d: d,
        lambda d: d.filter(pc.field("x") > 0.5),
        lambda d: d.filter(pc.field("x") > 0).filter(pc.field("k") > 3),
        lambda d: d.filter(pc.field("x") > 0).sample(fraction=0.5),
        lambda d: d.drop_missing("x"),
        lambda d: d.assign(x=lambda b: -b["x"]).filter(pc.field("x") > 0),
        lambda d: d.rename({"x": "k", "k": "x"}).filter(pc.field("x") > 0),
        lambda d: ob.dataset(d.filter(pc.field("x") > 0), on_missing="drop"),
    ],
)
def test_rows_that_differ_or_may_differ_are_refused(numbers, other):
    X = numbers.filter(pc.field("x") > 0)[["k"]]
    with pytest.raises(MismatchedRows, match=APART):
        gram(X, other(numbers)["on"])


def test_what_changes_columns_only_does_not_matter(numbers):
    positive = pc.field("x") > 0
    X = numbers.filter(positive).assign(q=lambda b: b["k"] * 2)[["q"]]
    y = numbers.filter(positive).cast({"on": "float64"})["on"]
    assert gram(X, y).n_rows == numbers.filter(positive).n_rows
    # A draw by place looks at no column, so that what became of the columns is no matter to it.
    scaled = StandardScaler().fit(numbers).transform(numbers).sample(fraction=0.5)
    assert gram(scaled, numbers["x"].sample(fraction=0.5)).n_rows == scaled.n_rows


def test_one_function_is_the_same_and_another_is_not(numbers):
    def above(block):
        return block["x"] > 0

    made = numbers.assign(up=above)
    again = numbers.assign(up=above)
    keep = pc.field("up")
    assert gram(made.filter(keep)[["k"]], again.filter(keep)["x"]).n_rows > 0
    with pytest.raises(MismatchedRows, match=APART):
        gram(made.filter(keep)[["k"]], numbers.assign(up=lambda b: b["x"] > 0).filter(keep)["x"])


def test_sources_that_are_the_same_and_others(table, folder, tmp_path):
    assert gram(ob.dataset(folder)[["k"]], ob.dataset(folder)["x"]).n_rows == 1000
    assert gram(ob.dataset(table)[["k"]], ob.dataset(table)["x"]).n_rows == 1000
    X = np.ones((10, 2))
    assert gram(ob.dataset(X), ob.dataset(X)["x1"]).n_rows == 10
    with pytest.raises(MismatchedRows, match="different sources"):
        gram(ob.dataset(X), ob.dataset(X.copy())["x1"])
    with pytest.raises(MismatchedRows, match="different sources"):
        gram(ob.dataset(folder)[["k"]], ob.dataset(folder / "0.parquet")["x"])


def test_a_file_that_was_written_again_is_another_source(folder, table):
    before = ob.dataset(folder)[["k"]]
    pq.write_table(table[:300], folder / "0.parquet", row_group_size=50)
    with pytest.raises(MismatchedRows, match="different sources"):
        gram(before, ob.dataset(folder)["x"])


def test_together_means_read_once(folder):
    data = ob.dataset(folder)
    _, report = scan(pair(data[["k"]], data["x"], data["on"]), Gram())
    alone = [scan(data[[name]].view, Gram())[1].bytes_read for name in ("k", "x", "on")]
    assert report.passes == 1
    assert report.bytes_read == sum(alone)


def test_missing_values_are_dropped_jointly():
    X = np.array([[1.0], [np.nan], [3.0], [4.0], [5.0]])
    y = np.array([1.0, 2.0, np.nan, 4.0, 6.0])
    data = ob.dataset({"a": X[:, 0], "y": y, "w": [1.0, 1, 1, np.nan, 2]}, on_missing="drop")
    model = Ridge().fit(data[["a"]], data["y"], sample_weight=data["w"])
    assert (model.fit_report_.rows, model.fit_report_.rows_dropped) == (2, 3)
    peer = sklearn.linear_model.Ridge().fit([[1.0], [5.0]], [1.0, 6.0], sample_weight=[1.0, 2.0])
    np.testing.assert_allclose(model.coef_, peer.coef_)


def test_lazy_answers_pair_with_what_they_were_made_of(numbers):
    scaled = StandardScaler().fit(numbers[["k", "x"]]).transform(numbers[["k", "x"]])
    model = Ridge().fit(scaled, numbers["on"])
    assert model.fit_report_.rows == 1000
    residual = model.predict(scaled)
    assert gram(numbers[["x"]], residual).n_rows == 1000


def test_targets_in_a_stream_of_their_own(table):
    stream = ob.dataset(lambda: iter(table.select(["x", "k"]).to_batches(max_chunksize=77)))
    assert (
        gram(stream[["k"]], stream["x"]).xy
        == gram(*(lambda d: (d[["k"]], d["x"]))(ob.dataset(table))).xy
    )


def test_weights_that_are_negative_or_missing_are_named(table):
    data = ob.dataset(table)
    with pytest.raises(ValueError, match=r"sample_weight.*row 0"):
        gram(data[["x"]], None, -np.ones(1000))
    holes = data.cast({"hole": "float64"})["hole"]
    with pytest.raises(ValueError, match=r"sample_weight.*row 3|hole"):
        gram(data[["x"]], None, holes)


def test_pairs_of_pyarrow_arrays(table):
    made = gram(ob.dataset(table)[["k"]], table["x"])
    assert made.xy == gram(ob.dataset(table)[["k"]], ob.dataset(table)["x"]).xy
    assert isinstance(table["x"], pa.ChunkedArray)
