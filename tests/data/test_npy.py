from __future__ import annotations

import pickle

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onebox.data.open import open_source
from onebox.data.sources.npy import NpySource
from onebox.errors import BadInput, CorruptFile, DataChanged, SchemaMismatch, WrongType

X = np.random.default_rng(0).normal(size=(1500, 5))


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["f8", ">f8", "f4", "f2", "i2", ">i4", "u8", "?"])
def test_matrices_of_both_orders(tmp_path, read, order, dtype):
    array = np.asarray(np.round(10 * X), dtype=dtype, order=order)
    np.save(tmp_path / "x.npy", array)
    table = read(tmp_path / "x.npy")
    assert table.schema.types == [pa.from_numpy_dtype(array.dtype.newbyteorder("="))] * 5
    assert np.array_equal(table.to_pandas().to_numpy(), array)


def test_one_dimension_is_one_column(tmp_path, read):
    np.save(tmp_path / "x.npy", X[:, 0])
    assert np.array_equal(read(tmp_path / "x.npy")["x0"].to_numpy(), X[:, 0])


@pytest.mark.parametrize("order", ["C", "F"])
def test_any_range_and_any_columns(tmp_path_factory, order):
    path = tmp_path_factory.mktemp("npy") / "x.npy"
    np.save(path, np.asarray(X, order=order))
    source = open_source(path)
    (span,) = source.spans()

    @given(
        st.tuples(st.integers(0, 1500), st.integers(0, 1500)).map(sorted),
        st.lists(st.sampled_from(range(5)), min_size=1, unique=True),
        st.integers(1, 2000),
    )
    def law(rows, columns, step):
        start, stop = rows
        parts = source.read(span, start, stop, [f"x{j}" for j in columns], step)
        got = [part.data for part in parts]
        assert all(len(part) <= step for part in got)
        assert np.array_equal(
            np.concatenate([np.empty((0, len(columns))), *got]), X[start:stop, columns]
        )

    law()


def test_few_columns_of_many_are_read_in_bounded_memory(tmp_path):
    wide = np.zeros((300, 20_000), np.float32)
    wide[:, 17] = np.arange(300)
    np.save(tmp_path / "x.npy", wide)
    source = open_source(tmp_path / "x.npy")
    (span,) = source.spans()
    parts = list(source.read(span, 0, 300, ["x17"], 100_000))
    assert np.array_equal(np.concatenate([part.data[:, 0] for part in parts]), np.arange(300))
    assert source.reading_bytes(span, ["x17"], 100_000) <= 4 * 2**20
    assert len(parts) > 1


def test_columns_of_fortran_files_are_read_alone(tmp_path):
    np.save(tmp_path / "c.npy", X)
    np.save(tmp_path / "f.npy", np.asfortranarray(X))
    rows, columns = (open_source(tmp_path / f"{name}.npy") for name in "cf")
    assert rows.stored_bytes(rows.spans()[0], ["x0"]) == rows.spans()[0].nbytes
    assert columns.stored_bytes(columns.spans()[0], ["x0"]) * 5 <= columns.spans()[0].nbytes


def test_several_files_are_one_matrix(tmp_path, read):
    np.save(tmp_path / "a.npy", X.astype(np.float32))
    np.save(tmp_path / "b.npy", X)
    table = read(tmp_path)
    assert table.schema.types == [pa.float64()] * 5
    expected = np.concatenate([X.astype(np.float32), X])
    assert np.array_equal(table.to_pandas().to_numpy(), expected)


def test_names_can_be_given(tmp_path, read):
    np.save(tmp_path / "x.npy", X)
    source = open_source(tmp_path / "x.npy", columns=list("abcde"))
    assert source.named
    assert read(source)["d"].to_numpy().tolist() == X[:, 3].tolist()
    assert not open_source(tmp_path / "x.npy").named
    with pytest.raises(BadInput, match="2 different names to a matrix of 5 columns"):
        _ = open_source(tmp_path / "x.npy", columns=["a", "b"]).schema


def test_reading_again_costs_no_decoding(tmp_path):
    np.save(tmp_path / "x.npy", X)
    source = open_source(tmp_path / "x.npy")
    assert isinstance(source, NpySource)
    assert source.raw
    assert source.spans()[0].seekable
    assert pickle.loads(pickle.dumps(source)).schema == source.schema


def test_no_rows(tmp_path, read):
    np.save(tmp_path / "x.npy", X[:0])
    assert read(tmp_path / "x.npy").num_rows == 0


def test_files_of_other_widths(tmp_path):
    np.save(tmp_path / "a.npy", X)
    np.save(tmp_path / "b.npy", X[:, :2])
    with pytest.raises(SchemaMismatch, match=r"a.npy has 5 columns and b.npy has 2"):
        _ = open_source(tmp_path).schema


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((2, 2, 2)), r"3 dimensions \(2, 2, 2\).*Reshape"),
        (np.float64(1), "0 dimensions"),
        (np.array(["a"]), "no matrix of numbers"),
        (np.array([1j]), "Complex data"),
        (np.array([1], "M8[s]"), "no matrix of numbers"),
        (np.zeros(2, [("a", "f8"), ("b", "i4")]), "records with the fields a, b"),
        (np.array([{}], object), "x.npy has dtype object"),
    ],
    ids=str,
)
def test_what_is_no_matrix_of_numbers(tmp_path, array, message):
    np.save(tmp_path / "x.npy", array)
    with pytest.raises(WrongType, match=message):
        _ = open_source(tmp_path / "x.npy").schema


def test_a_truncated_file_tells_expected_and_found_bytes(tmp_path):
    np.save(tmp_path / "x.npy", X)
    with (tmp_path / "x.npy").open("r+b") as handle:
        handle.truncate(50_000)
    with pytest.raises(CorruptFile, match=r"truncated: .*1,500 rows of 5 .* 60,128 .* 50,000"):
        _ = open_source(tmp_path / "x.npy").schema


def test_two_arrays_in_one_file(tmp_path):
    with (tmp_path / "x.npy").open("wb") as handle:
        np.save(handle, X)
        np.save(handle, X)
    with pytest.raises(CorruptFile, match="followed by something else"):
        _ = open_source(tmp_path / "x.npy").schema


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"\x93NUMPY\x09\x00", b"\x93NUMPY\x01\x00\x10\x00{'x"]
)
def test_what_is_no_npy_file(tmp_path, content):
    (tmp_path / "x.npy").write_bytes(content)
    with pytest.raises(CorruptFile, match=r"x.npy is damaged or not what its name says"):
        _ = open_source(tmp_path / "x.npy").schema


def test_a_file_that_changes_between_passes(tmp_path, read):
    np.save(tmp_path / "x.npy", X)
    source = open_source(tmp_path / "x.npy")
    read(source)
    np.save(tmp_path / "x.npy", X[:700])
    with pytest.raises(DataChanged, match=r"x.npy changed"):
        read(source)


def test_a_file_that_shrinks_while_it_is_read(tmp_path):
    np.save(tmp_path / "x.npy", X)
    source = open_source(tmp_path / "x.npy")
    (span,) = source.spans()
    parts = source.read(span, 0, 1500, source.schema.names, 100)
    next(parts)
    with (tmp_path / "x.npy").open("r+b") as handle:
        handle.truncate(1000)
    with pytest.raises(DataChanged, match=r"x.npy changed"):
        next(parts)
