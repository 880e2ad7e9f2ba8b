"""What `open_source` takes, and how it refuses the rest."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse as sp

from onebox.data.open import open_source
from onebox.data.sources.array import ArraySource
from onebox.errors import BadInput, EmptyData, MissingColumn, SchemaMismatch, WrongType

X = np.random.default_rng(0).normal(size=(1000, 3))


@pytest.mark.parametrize(
    "array",
    [
        X,
        np.asfortranarray(X),
        X[::2],
        X[:, 1:],
        X.astype(">f8"),
        X.astype(np.float32),
        X.astype(np.float16),
        (100 * X).astype(np.int8),
        (100 * X).astype(np.uint64),
        X > 0,
        X[:0],
        X[:, :0],
        X.astype(object),
    ],
    ids=lambda a: f"{a.dtype}-{a.shape}-{'F' if a.flags.f_contiguous else 'C'}",
)
def test_arrays(read, array):
    table = read(array)
    assert table.column_names == [f"x{j}" for j in range(array.shape[1])]
    if array.shape[1]:
        assert np.array_equal(table.to_pandas().to_numpy(), array)


def test_an_array_of_one_dimension_is_one_column(read):
    assert read(X[:, 0])["x0"].to_numpy().tolist() == X[:, 0].tolist()


def test_columns_gives_names_to_an_array(read):
    source = open_source(X, columns=["a", "b", "c"])
    assert source.named
    assert read(source).column_names == ["a", "b", "c"]
    assert not open_source(X).named
    with pytest.raises(BadInput, match="matrix of 3 columns"):
        open_source(X, columns=["a", "b"])


@pytest.mark.parametrize("form", ["csr", "csc", "coo", "dok", "bsr"])
def test_sparse_matrices_of_every_form(read, blocks, form):
    matrix = sp.random_array((600, 7), density=0.2, rng=1, format=form)
    assert np.array_equal(read(matrix).to_pandas().to_numpy(), matrix.toarray())
    legacy = sp.csr_matrix(matrix)
    assert np.array_equal(read(legacy).to_pandas().to_numpy(), matrix.toarray())


def test_arrow_tables(read, mixed):
    assert read(mixed).equals(mixed)
    assert read(mixed.to_batches()[0]).equals(mixed)
    chunked = pa.concat_tables([mixed.slice(0, 13), mixed.slice(13)])
    assert read(chunked).equals(mixed)
    assert read(mixed, columns=["word", "real"]).equals(mixed.select(["word", "real"]))


def test_arrow_columns(read):
    assert read(pa.array([1, 2])).to_pydict() == {"x0": [1, 2]}
    assert read(pa.chunked_array([[1], [2]])).to_pydict() == {"x0": [1, 2]}


def test_metadata_and_views_are_left_behind(read):
    field = pa.field("a", pa.string_view(), metadata={"x": "y"})
    table = pa.table([pa.array(["u", None], pa.string_view())], schema=pa.schema([field]))
    got = read(table)
    assert got.schema.equals(pa.schema([("a", pa.large_string())]), check_metadata=True)
    assert got.to_pydict() == {"a": ["u", None]}


def test_run_ends_and_small_category_numbers_become_plain(read):
    runs = pa.RunEndEncodedArray.from_arrays([2, 3], [7, 8])
    few = pa.array(["a", "b", "a"]).dictionary_encode().cast(pa.dictionary(pa.int8(), pa.string()))
    got = read(pa.table({"runs": runs, "few": few}))
    assert got.to_pydict() == {"runs": [7, 7, 8], "few": ["a", "b", "a"]}
    assert got.schema.types == [pa.int64(), pa.dictionary(pa.int32(), pa.string())]


def test_pandas_frames_lose_their_index(read):
    frame = pd.DataFrame({"n": [1.5, None], "t": ["a", None]}, index=["u", "v"])
    got = read(frame)
    assert got.to_pydict() == {"n": [1.5, None], "t": ["a", None]}


def test_pandas_text_in_columns_of_objects(read):
    got = read(pd.DataFrame({"t": pd.Series(["a", None], dtype=object)}))
    assert got.schema.field("t").type == pa.string()


def test_a_pandas_frame_around_one_matrix_is_not_copied(read):
    frame = pd.DataFrame(X, columns=["a", "b", "c"], copy=False)
    source = open_source(frame)
    assert isinstance(source, ArraySource)
    assert np.shares_memory(source.array, frame.to_numpy())
    assert source.named
    assert np.array_equal(read(frame, columns=["c", "a"]).to_pandas().to_numpy(), X[:, [2, 0]])
    with pytest.raises(MissingColumn, match="'z'"):
        open_source(frame, columns=["z"])


def test_names_of_pandas_columns_that_are_no_text_are_no_names(read):
    source = open_source(pd.DataFrame(X))
    assert not source.named
    assert source.schema.names == ["0", "1", "2"]


def test_series(read):
    assert read(pd.Series([1, 2], name="n")).to_pydict() == {"n": [1, 2]}
    assert read(pd.Series([1, 2])).to_pydict() == {"x0": [1, 2]}
    assert read(pl.Series("n", ["a", None])).to_pydict() == {"n": ["a", None]}


def test_polars_frames(read):
    frame = pl.DataFrame({"n": [1, None], "t": ["a", "b"]}).with_columns(
        c=pl.col("t").cast(pl.Categorical)
    )
    got = read(frame)
    assert got.to_pydict() == {"n": [1, None], "t": ["a", "b"], "c": ["a", "b"]}
    assert pa.types.is_dictionary(got.schema.field("c").type)


def test_dicts_of_columns(read):
    got = read({"a": [1, 2], "b": np.array(["x", "y"]), "c": pl.Series([0.5, None])})
    assert got.to_pydict() == {"a": [1, 2], "b": ["x", "y"], "c": [0.5, None]}


def test_lists_of_numbers_and_of_rows(read):
    assert read([1, 2, 3]).to_pydict() == {"x0": [1, 2, 3]}
    assert read([[1, 2], (3, 4)]).to_pydict() == {"x0": [1, 3], "x1": [2, 4]}


def test_lists_of_tables(read):
    tables = [pd.DataFrame({"a": [1]}), pa.table({"a": [2.5]}), {"a": [3]}]
    assert read(tables).to_pydict() == {"a": [1.0, 2.5, 3.0]}
    assert np.array_equal(read([X, X]).to_pandas().to_numpy(), np.concatenate([X, X]))


def test_what_has_an_array_is_taken_for_one(read):
    class Tensor:
        def __array__(self, dtype=None, copy=None):
            return X

    assert np.array_equal(read(Tensor()).to_pandas().to_numpy(), X)


def test_sources_pass_through():
    source = open_source(X)
    assert open_source(source) is source
    with pytest.raises(BadInput, match="open already"):
        open_source(source, columns=["a"])


def test_the_same_object_is_the_same_rows():
    column, frame = X[:, 0], pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    for x in (X, column, frame, sp.coo_array(X)):
        assert open_source(x).token == open_source(x).token
    assert open_source(X).token != open_source(X.copy()).token


def test_no_rows_and_no_columns_open(read):
    assert read(pa.table({"a": pa.array([], pa.string())})).num_rows == 0
    assert open_source(pa.table({})).schema.names == []
    assert open_source(np.empty((0, 0))).schema.names == []


@pytest.mark.parametrize(
    ("x", "kind", "message"),
    [
        (None, WrongType, "NoneType is no data"),
        (5, WrongType, "int is no data"),
        ({1, 2}, WrongType, "no order; hand over a list"),
        (int, WrongType, "no data that can be opened"),
        (np.zeros((2, 2, 2)), WrongType, r"3 dimensions \(2, 2, 2\).*reshape"),
        (np.float64(1), WrongType, "0 dimensions"),
        (np.array(["a", "b"]), WrongType, "no matrix of numbers.*table"),
        (np.array(["a", 1], object), WrongType, "no matrix of numbers"),
        (np.array(["a", "b"], object), WrongType, "objects of type string"),
        (np.array([1j]), WrongType, "Complex data not supported"),
        (np.array([1], "M8[s]"), WrongType, "hand over a table"),
        (np.array([1], np.longdouble), WrongType, "astype"),
        (np.array([(1, 2.0)], dtype=[("a", int), ("b", float)]), WrongType, "fields a, b"),
        (np.ma.masked_array([1.0], [True]), WrongType, "filled"),
        ({"a": [1], "b": [1, 2]}, WrongType, "'a' has 1, 'b' has 2"),
        ({"a": 1}, WrongType, "'a' is a int"),
        ({"a": "text"}, WrongType, "'a' is a str"),
        ({"a": [1, "x"]}, WrongType, "'a' is no column of one type"),
        (pd.DataFrame({"a": [1, "x"]}), WrongType, "column a.*Convert it"),
        (pd.DataFrame(np.zeros((1, 2)), columns=["a", "a"]), BadInput, "2 columns named 'a'"),
        (pa.table([[1], [2]], names=["a", "a"]), BadInput, "2 columns named 'a'"),
        (pl.LazyFrame({"a": [1]}), WrongType, "collect"),
        ([], EmptyData, "list is empty"),
        ([[1, 2], [3]], WrongType, "differ in length"),
        ([1, "a"], WrongType, "list with a int"),
        ([X[0], X[1]], WrongType, "np.stack"),
        ([pa.table({"a": [1]}), pa.table({"b": [1]})], SchemaMismatch, "column 'b' that part 0"),
        ([pa.table({"a": [1]}), pa.table({"a": ["x"]})], SchemaMismatch, "int64 in part 0"),
    ],
    ids=str,
)
def test_refusals_say_what_is_wrong(x, kind, message):
    with pytest.raises(kind, match=message):
        open_source(x)


@pytest.mark.parametrize(
    "option", [{"format": "csv"}, {"types": {"a": "string"}}, {"filesystem": object()}]
)
def test_options_of_files_are_refused_elsewhere(option):
    with pytest.raises(BadInput, match=f"{next(iter(option))}= is for files"):
        open_source(X, **option)


def test_a_wrong_column_is_named_with_those_there_are(mixed):
    with pytest.raises(MissingColumn, match=r"'reel' is not in .*'real', 'whole'"):
        open_source(mixed, columns=["reel"])


def test_mapped_arrays_give_their_pages_back(read, tmp_path):
    np.save(tmp_path / "x.npy", X)
    for mode in ("r", "r+", "c"):
        mapped = np.load(tmp_path / "x.npy", mmap_mode=mode)
        for part in (mapped, mapped[10:500], mapped[::3, 1:]):
            assert np.array_equal(read(part).to_pandas().to_numpy(), part)


def test_changes_to_a_private_mapping_are_kept(read, tmp_path):
    np.save(tmp_path / "x.npy", X)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="c")
    mapped[:] = 7
    assert (read(mapped).to_pandas().to_numpy() == 7).all()
    assert (read(mapped).to_pandas().to_numpy() == 7).all()
