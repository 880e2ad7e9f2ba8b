"""What cannot be used gets its own clear error, or its documented answer."""

from __future__ import annotations

import os
import re
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import sklearn.decomposition
import sklearn.linear_model
import sklearn.metrics
import sklearn.pipeline
import sklearn.preprocessing

import onebox as ob
from onebox.aggregates import Gram, Moments
from onebox.cluster import KMeans
from onebox.decomposition import PCA
from onebox.errors import (
    BadInput,
    BadValue,
    CorruptFile,
    DataChanged,
    EmptyData,
    MismatchedRows,
    MissingColumn,
    NotEnoughDisk,
    NotEnoughMemory,
    SchemaMismatch,
    WrongType,
)
from onebox.linear_model import LinearRegression, Ridge
from onebox.pipeline import make_pipeline
from onebox.preprocessing import StandardScaler


def says(*parts: object) -> str:
    """A pattern of these parts in this order, with anything in between."""
    return ".*".join(re.escape(str(part)) for part in parts)


@pytest.fixture
def table() -> pa.Table:
    numbers = np.random.default_rng(0).random((3, 100))
    return pa.table(dict(zip("aby", numbers, strict=True)))


@pytest.fixture
def rows(tmp_path):
    """Write a matrix as Parquet, three row groups, or as npy."""

    def write(matrix: np.ndarray, form: str):
        path = tmp_path / f"rows.{form}"
        if form == "npy":
            np.save(path, matrix)
        else:
            columns = {f"x{j}": column for j, column in enumerate(matrix.T)}
            pq.write_table(pa.table(columns), path, row_group_size=-(-len(matrix) // 3))
        return path

    return write


FITS = {
    "Ridge": lambda data: Ridge().fit(data[["a", "b"]], data["y"]),
    "PCA": lambda data: PCA(1).fit(data),
    "StandardScaler": lambda data: StandardScaler().fit(data),
    "KMeans": lambda data: KMeans(2).fit(data),
}
every_fit = pytest.mark.parametrize(("name", "fit"), FITS.items(), ids=FITS)


# Too little


@every_fit
def test_no_rows(table, name, fit):
    with pytest.raises(EmptyData, match=says(name, "0 rows", "table of 0 rows")):
        fit(ob.dataset(table[:0]))


@every_fit
def test_filters_that_leave_no_rows(table, name, fit):
    nobody = ob.dataset(table).filter(pc.field("a") > 2)
    with pytest.raises(EmptyData, match=says(name, "0 rows", "its filters leave none")):
        fit(nobody)


def test_no_rows_are_described_and_aggregated(table):
    nothing = ob.dataset(table[:0])
    assert ob.describe(nothing).to_arrow()["count"].to_pylist() == [0, 0, 0]
    assert ob.aggregate(nothing, Gram()).n_rows == 0
    assert np.isnan(ob.aggregate(nothing, Moments()).mean).all()
    assert nothing.n_rows == 0
    assert nothing.to_numpy().shape == (0, 3)
    assert list(nothing.blocks()) == []


def test_files_without_rows(tmp_path, table):
    pq.write_table(table[:0], tmp_path / "0.parquet")
    with pytest.raises(EmptyData, match=says("PCA", "0 rows", "1 Parquet file")):
        PCA(1).fit(tmp_path / "0.parquet")
    pq.write_table(table, tmp_path / "1.parquet")
    assert PCA(1).fit(tmp_path).n_samples_ == 100


@pytest.mark.parametrize("estimator", [Ridge(), PCA(), StandardScaler(), KMeans()], ids=repr)
def test_no_columns(table, estimator):
    none = ob.dataset(table).select()
    with pytest.raises(EmptyData, match=says(type(estimator).__name__, "0 columns")):
        estimator.fit(none, np.arange(100.0))


def test_no_columns_to_describe_or_write(table, tmp_path):
    none = ob.dataset(table).select()
    assert none.n_rows == 100
    with pytest.raises(EmptyData, match=r"describe was given 0 columns"):
        ob.describe(none)
    with pytest.raises(EmptyData, match="persist was given a dataset of 0 columns"):
        none.persist(tmp_path / "none")
    assert not list(tmp_path.iterdir())


def test_one_row(table):
    one = ob.dataset(table[:1])
    assert Ridge().fit(one[["a", "b"]], one["y"]).coef_.tolist() == [0, 0]
    assert StandardScaler().fit(one).scale_.tolist() == [1, 1, 1]
    assert KMeans(1).fit(one).inertia_ == 0
    assert ob.describe(one).to_arrow()["count"].to_pylist() == [1, 1, 1]
    with pytest.raises(BadInput, match=says("PCA", "at least 2 rows", "1 sample")):
        PCA(1).fit(one)
    with pytest.raises(BadInput, match=says("n_samples=1", "n_clusters=2", "fewer clusters")):
        KMeans(2).fit(one)


# Missing values


@pytest.fixture
def all_missing(table) -> pa.Table:
    return table.set_column(0, "a", pa.nulls(100, pa.float64()))


def test_columns_without_any_value(all_missing):
    data = ob.dataset(all_missing)
    with pytest.raises(BadValue, match=says("Column 'a'", "100 nulls", "SimpleImputer", "drop")):
        Ridge().fit(data[["a", "b"]], data["y"])
    described = ob.describe(data).to_arrow().to_pylist()[0]
    assert (described["count"], described["missing"], described["mean"]) == (0, 100, None)
    assert np.isnan(StandardScaler().fit(data).mean_[0])
    dropped = ob.dataset(all_missing, on_missing="drop")
    with pytest.raises(EmptyData, match="0 rows"):
        Ridge().fit(dropped[["a", "b"]], dropped["y"])


@pytest.mark.parametrize("form", ["parquet", "npy"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("estimator", [PCA(1), KMeans(2)], ids=repr)
def test_values_that_are_not_finite_are_refused_by_file_row_and_column(
    rows, form, value, estimator
):
    name = "NaN" if np.isnan(value) else "infinity"
    X = np.random.default_rng(0).random((40_000, 3))
    X[39_997, 1] = value
    X[39_998, 0] = np.nan
    path = rows(X, form)
    place = says("contains", name, "column 'x1'", path.name, "row 39,997", "SimpleImputer", "drop")
    with pytest.raises(BadValue, match=place):
        estimator.fit(path)


def test_values_that_are_not_finite_in_an_array_of_targets():
    X, y = np.ones((5, 2)), np.array([1, 2, np.nan, 4, 5])
    with pytest.raises(ValueError, match="NaN"):
        Ridge().fit(ob.dataset(X), y)


def test_a_missing_target_in_a_file(rows):
    X = np.random.default_rng(0).random((100, 3))
    X[71, 2] = np.nan
    data = ob.dataset(rows(X, "npy"))
    with pytest.raises(BadValue, match=says("NaN", "y", "row 71")):
        Ridge().fit(data[["x0", "x1"]], data["x2"])


@pytest.mark.parametrize("form", ["parquet", "npy"])
def test_missing_values_are_dropped_and_counted_when_asked(rows, form):
    rng = np.random.default_rng(0)
    X = rng.random((30_000, 3))
    bad = np.sort(rng.choice(len(X), 17, replace=False))
    X[bad, rng.integers(0, 3, len(bad))] = rng.choice([np.nan, np.inf, -np.inf], len(bad))
    data = ob.dataset(rows(X, form), on_missing="drop")
    good = np.delete(X, bad, axis=0)
    ridge = Ridge().fit(data[["x0", "x1"]], data["x2"])
    assert (ridge.fit_report_.rows, ridge.fit_report_.rows_dropped) == (len(good), 17)
    peer = sklearn.linear_model.Ridge().fit(good[:, :2], good[:, 2])
    np.testing.assert_allclose(ridge.coef_, peer.coef_, rtol=1e-8)
    kmeans = KMeans(3, max_iter=3, random_state=0).fit(data)
    assert (kmeans.fit_report_.rows, kmeans.fit_report_.rows_dropped) == (len(good), 17)
    assert kmeans.labels_.to_numpy().shape == (len(good),)
    assert data.n_rows == len(good)
    np.testing.assert_array_equal(data.to_numpy(), good)


def test_rows_with_missing_values_are_dropped_before_models_see_them(rows):
    X = np.random.default_rng(0).random((2000, 4))
    X[[3, 1500], [0, 3]] = np.nan, -np.inf
    data = ob.dataset(rows(X, "npy"), on_missing="drop")
    features, target = data[["x0", "x1", "x2"]], data["x3"]
    good = np.delete(X, [3, 1500], axis=0)
    model = make_pipeline(StandardScaler(), PCA(2), Ridge()).fit(features, target)
    peer = sklearn.pipeline.make_pipeline(
        sklearn.preprocessing.StandardScaler(),
        sklearn.decomposition.PCA(2),
        sklearn.linear_model.Ridge(),
    )
    # What learns from the features alone sees the row whose target is missing.
    peer[:2].fit(np.delete(X[:, :3], 3, axis=0))
    peer[2].fit(peer[:2].transform(good[:, :3]), good[:, 3])
    predicted = model.predict(features).to_numpy()
    np.testing.assert_allclose(predicted, peer.predict(np.delete(X[:, :3], 3, axis=0)), rtol=1e-9)
    score = sklearn.metrics.r2_score(good[:, 3], peer.predict(good[:, :3]))
    assert model.score(features, target) == pytest.approx(score, rel=1e-9)


def test_values_that_are_not_finite_are_counted_by_describe(rows):
    X = np.ones((100, 2))
    X[:3, 0] = np.nan
    X[3:5, 0] = np.inf
    described = ob.describe(rows(X, "npy")).to_arrow().to_pylist()[0]
    assert [described[name] for name in ("count", "missing", "infinite")] == [95, 3, 2]


@pytest.mark.parametrize("name", ["Ridge", "PCA", "KMeans"])
def test_nulls_that_a_footer_tells_of_are_refused_before_reading(tmp_path, table, name):
    with_nulls = table.set_column(1, "b", pa.array([*[0.5] * 99, None]))
    path = tmp_path / "nulls.parquet"
    pq.write_table(with_nulls, path, row_group_size=40, compression="none")
    content = bytearray(path.read_bytes())
    data_pages = slice(4, pq.read_metadata(path).row_group(2).column(2).data_page_offset)
    content[data_pages] = b"\xff" * len(content[data_pages])  # behind a footer that is good
    path.write_bytes(content)
    data = ob.dataset(path)
    with pytest.raises(BadValue, match=says("Column 'b'", "1 null", "nulls.parquet", "part 2")):
        FITS[name](data)
    with pytest.raises(CorruptFile, match=says("nulls.parquet", "row group 0")):
        FITS["StandardScaler"](data)  # takes nulls, so it reads


# X, y and weights


def test_lengths_that_differ(table):
    data = ob.dataset(table)
    with pytest.raises(MismatchedRows, match=says("100 rows", "y", "99 values")):
        Ridge().fit(data[["a"]], np.arange(99.0))
    with pytest.raises(MismatchedRows, match=says("100 rows", "sample_weight", "3 values")):
        Ridge().fit(data[["a"]], data["y"], sample_weight=np.ones(3))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        Ridge().fit(np.ones((5, 2)), np.ones(4))


def test_rows_of_other_sources(table):
    here, there = ob.dataset(table), ob.dataset(table[:50])
    with pytest.raises(MismatchedRows, match=says("100 rows", "50 rows", "Take both from one")):
        Ridge().fit(here[["a"]], there["y"])


def test_rows_that_were_filtered_apart(table):
    data = ob.dataset(table)
    some = data.filter(pc.field("a") > 0.5)
    with pytest.raises(MismatchedRows, match=says("filtered or drawn differently", "Take both")):
        Ridge().fit(some[["a"]], data["y"])
    with pytest.raises(MismatchedRows, match=says("array of 7 values", "filter", "Take y")):
        Ridge().fit(some[["a"]], np.arange(7.0))


def test_rows_that_a_filter_sees_in_other_columns(table):
    data = ob.dataset(table)
    swapped = data.rename({"a": "b", "b": "a"}).filter(pc.field("a") > 0.5)
    with pytest.raises(MismatchedRows, match="filtered or drawn differently"):
        Ridge().fit(swapped[["a", "b"]], data.filter(pc.field("a") > 0.5)["y"])


def test_several_weights_a_row(table):
    data = ob.dataset(table)
    with pytest.raises(MismatchedRows, match=says("sample_weight has 2 columns", "one weight")):
        Ridge().fit(data[["a"]], data["y"], sample_weight=data[["a", "b"]])


def test_columns_that_are_no_numbers(table):
    named = table.append_column("who is it", pa.array(["x"] * 100))
    remedy = says("PCA", "'who is it' has type string", ".drop('who is it')", "encode")
    with pytest.raises(WrongType, match=remedy):
        PCA(1).fit(ob.dataset(named))


# Files


def test_files_whose_columns_differ(tmp_path, table):
    pq.write_table(table, tmp_path / "0.parquet")
    pq.write_table(table.drop_columns(["b"]), tmp_path / "1.parquet")
    with pytest.raises(SchemaMismatch, match=says("1.parquet", "'b'")):
        PCA(1).fit(tmp_path)
    shared = ob.dataset(tmp_path, columns=["y", "a"])
    assert shared.n_rows == 200
    assert shared.columns == ["y", "a"]


def test_files_whose_types_differ(tmp_path, table):
    pq.write_table(table, tmp_path / "0.parquet")
    text = table.set_column(0, "a", pa.array(["x"] * 100))
    pq.write_table(text, tmp_path / "1.parquet")
    with pytest.raises(SchemaMismatch, match=says("'a'", "double", "string")):
        ob.describe(tmp_path)


@pytest.mark.parametrize("estimator", [PCA(1), KMeans(2)], ids=repr)
def test_damaged_pages_are_named_with_their_row_group(tmp_path, table, estimator):
    path = tmp_path / "damaged.parquet"
    pq.write_table(table, path, row_group_size=50, write_page_checksum=True, use_dictionary=False)
    content = bytearray(path.read_bytes())
    column = pq.read_metadata(path).row_group(1).column(0)
    content[column.data_page_offset + column.total_compressed_size // 2] ^= 0xFF
    path.write_bytes(content)
    place = says("damaged.parquet", "row group 1", "Get a whole copy")
    with pytest.raises(CorruptFile, match=place):
        estimator.fit(path)


@pytest.mark.parametrize("form", ["parquet", "npy"])
def test_truncated_files_are_named(rows, form):
    path = rows(np.random.default_rng(0).random((1000, 3)), form)
    os.truncate(path, path.stat().st_size - 700)
    with pytest.raises(CorruptFile, match=path.name):
        PCA(1).fit(path)


def test_a_damaged_line_of_csv_is_named(tmp_path):
    lines = ["a,b", *("1.5,2.5" for _ in range(50)), "3.5", *("1.5,2.5" for _ in range(50))]
    path = tmp_path / "lines.csv"
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(BadInput, match=says("lines.csv", "line 52")):
        ob.describe(path)


def test_paths_that_lead_nowhere(tmp_path, table):
    pq.write_table(table, tmp_path / "trips.parquet")
    with pytest.raises(BadInput, match=says("no file or folder", "trip.parquet", "Did you mean")):
        PCA(1).fit(tmp_path / "trip.parquet")
    (tmp_path / "folder.parquet").mkdir()
    with pytest.raises(EmptyData, match=says("folder.parquet", "no data files")):
        PCA(1).fit(tmp_path / "folder.parquet")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read all")
def test_paths_that_may_not_be_read(tmp_path, table):
    path = tmp_path / "secret.parquet"
    pq.write_table(table, path)
    path.chmod(0)
    with pytest.raises(BadInput, match=says("secret.parquet", "permission denied")):
        PCA(1).fit(path)


def test_a_file_that_is_gone(rows):
    path = rows(np.random.default_rng(0).random((1000, 3)), "parquet")
    data = ob.dataset(path)
    path.unlink()
    with pytest.raises(DataChanged, match=says("rows.parquet is gone", "ob.dataset")):
        PCA(1).fit(data)


def test_a_file_that_changed_between_passes(rows, tmp_path):
    X = np.random.default_rng(0).random((5000, 3))
    path = rows(X, "npy")

    def written_again(event) -> None:
        if event.done:
            np.save(path, X[::-1])
            os.utime(path, ns=(1, 1))

    # A second pass reads the file again, as npy needs no decoding.
    with (
        ob.config(progress=written_again),
        pytest.raises(DataChanged, match=says("rows.npy changed", "ob.dataset")),
    ):
        KMeans(2, random_state=0).fit(path)


def test_a_column_that_vanished(table):
    model = PCA(1).fit(ob.dataset(table))
    fewer = ob.dataset(table.drop_columns(["b"]))
    with pytest.raises(MissingColumn, match=says("'b'", "2 columns", "'a', 'y'")):
        model.transform(fewer)
    with pytest.raises(MissingColumn, match=says("'zz'", "3 columns")):
        ob.dataset(table)["zz"]


def test_a_column_that_vanished_from_a_file(tmp_path, table):
    path = tmp_path / "t.parquet"
    pq.write_table(table, path)
    data = ob.dataset(path)
    pq.write_table(table.drop_columns(["b"]), path)
    with pytest.raises(DataChanged, match=r"t\.parquet changed"):
        PCA(1).fit(data)


# Too large


def test_a_budget_too_small_for_one_block(rows):
    path = rows(np.random.default_rng(0).random((3000, 300)), "npy")
    numbers = says("PCA needs", "300 columns", "one worker", "blocks", "budget is 3 MB", "`memory`")
    with ob.config(memory="3MB"), pytest.raises(NotEnoughMemory, match=numbers):
        PCA(1).fit(path)


def test_a_budget_too_small_for_the_summary(rows):
    path = rows(np.ones((100, 2000)), "npy")
    remedy = says("Gram needs", "2,000 columns", "summaries 64", "60 MB", "SparseRandomProjection")
    with ob.config(memory="60MB"), pytest.raises(NotEnoughMemory, match=remedy):
        ob.aggregate(path, Gram())


def test_a_budget_too_small_for_the_result(rows):
    path = rows(np.ones((100_000, 10)), "npy")
    with ob.config(memory="7MB"), pytest.raises(NotEnoughMemory, match=says("to_numpy", "8 MB")):
        ob.dataset(path).to_numpy()


def test_a_refused_plan_has_read_nothing(tmp_path, table):
    path = tmp_path / "t.parquet"
    pq.write_table(table, path, compression="none")
    content = bytearray(path.read_bytes())
    content[4:200] = b"\xff" * 196
    path.write_bytes(content)
    with ob.config(memory="1MB"), pytest.raises(NotEnoughMemory):
        PCA(1).fit(path)


def stream():
    rng = np.random.default_rng(0)
    for _ in range(40):
        yield rng.random((4000, 8))


def test_a_disk_limit_too_small_to_spill_a_stream(tmp_path):
    # Nobody knows how long a stream is, so that it cannot be seen before.
    numbers = says("Spilling", "1 MB", "Raise `disk`", "`memory`")
    with (
        ob.config(disk="1MB", cache=tmp_path, progress=False),
        pytest.raises(NotEnoughDisk, match=numbers),
    ):
        KMeans(2).fit(ob.dataset(stream))
    assert not list(tmp_path.iterdir())


def test_a_disk_limit_too_small_to_spill_a_file_makes_passes_read_again(rows, tmp_path):
    path = rows(np.random.default_rng(0).random((30_000, 8)), "parquet")
    with ob.config(cache=tmp_path / "cache"):
        kept = KMeans(2, random_state=0, max_iter=3).fit(path)
        assert kept.fit_report_.bytes_spilled == 0
    tight = kept.fit_report_.projected_memory - 1
    with ob.config(memory=tight, disk="1MB", cache=tmp_path / "cache"):
        read_again = KMeans(2, random_state=0, max_iter=3).fit(path)
    assert read_again.fit_report_.bytes_spilled == 0
    assert read_again.fit_report_.bytes_read > 2 * kept.fit_report_.bytes_read
    assert read_again.inertia_ == kept.inertia_


FULL_DISK = """
import numpy as np, os, onebox as ob
from onebox.cluster import KMeans
from onebox.errors import NotEnoughDisk

def stream():
    rng = np.random.default_rng(0)
    for _ in range(40):
        yield rng.random((4000, 8))

with ob.config(cache="cache", progress=False):
    try:
        KMeans(2).fit(ob.dataset(stream))
    except NotEnoughDisk as error:
        print(error)
    print(os.listdir("cache"))
    try:
        ob.dataset(stream).to_parquet("out.parquet")
    except NotEnoughDisk as error:
        print(error)
print(os.listdir("."))
"""


def test_a_disk_that_is_too_small(on_tiny_disk):
    spilling, cache, writing, left = on_tiny_disk(FULL_DISK).splitlines()
    assert re.search(says("Spilling", "disk limit", "Raise"), spilling)
    assert re.search(says("filled up", "out.parquet", "Free some space"), writing)
    assert cache == "[]"
    assert left == "['cache']"


# Degenerate, but answered


def test_constant_columns(table):
    constant = np.ones((50, 2))
    assert StandardScaler().fit(constant).scale_.tolist() == [1, 1]
    assert Ridge().fit(constant, np.arange(50.0)).coef_.tolist() == [0, 0]
    assert LinearRegression().fit(constant, np.arange(50.0)).coef_.tolist() == [0, 0]
    half = table.set_column(0, "a", pa.array(np.full(100, 3.0)))
    assert PCA(1).fit(ob.dataset(half)).components_[0, 0] == 0
    assert ob.describe(half).to_arrow().to_pylist()[0]["std"] == 0
    with pytest.warns(UserWarning, match=says("distinct clusters (1)", "n_clusters (2)")):
        assert KMeans(2).fit(constant).cluster_centers_.tolist() == [[1, 1], [1, 1]]


@pytest.mark.parametrize("estimator", [Ridge(), LinearRegression()], ids=repr)
def test_more_columns_than_rows(estimator):
    rng = np.random.default_rng(0)
    X, y = rng.random((20, 50)), rng.random(20)
    peer = getattr(sklearn.linear_model, type(estimator).__name__)().fit(X, y)
    made = estimator.fit(ob.dataset(X), y)
    np.testing.assert_allclose(made.coef_, peer.coef_, rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(made.predict(X), peer.predict(X), rtol=1e-8)


def test_more_components_than_rows():
    X = np.random.default_rng(0).random((5, 20))
    assert PCA(5).fit(X).components_.shape == (5, 20)
    with pytest.raises(BadInput, match=says("n_components=6", "5")):
        PCA(6).fit(ob.dataset(X))


def test_copies_of_a_file_are_other_rows(tmp_path, table):
    pq.write_table(table, tmp_path / "t.parquet")
    shutil.copy(tmp_path / "t.parquet", tmp_path / "copy.parquet")
    one, other = ob.dataset(tmp_path / "t.parquet"), ob.dataset(tmp_path / "copy.parquet")
    with pytest.raises(MismatchedRows, match="different sources"):
        Ridge().fit(one[["a"]], other["y"])
