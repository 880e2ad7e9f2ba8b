from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

Kernel = Callable[[str], Any]
KINDS = ["float32", "float64", *(f"{sign}int{8 << k}" for sign in ("", "u") for k in range(4))]
SIZES = [0, 1, 7, 63, 64, 65, 200]
FLOATS = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def random_values(kind: str, n_rows: int, rng: np.random.Generator) -> np.ndarray:
    if kind.startswith("float"):
        return rng.standard_normal(n_rows).astype(kind)
    limits = np.iinfo(kind)
    return rng.integers(limits.min, limits.max, n_rows, dtype=kind, endpoint=True)


def pack(layout: Any, columns: list[pa.Array], out: np.ndarray) -> None:
    """Pack Arrow arrays, slices included, as the reader does."""
    buffers = [column.buffers() for column in columns]
    layout.pack(
        np.array(
            [
                values.address + column.offset * (column.type.bit_width // 8)
                for column, (_, values) in zip(columns, buffers, strict=True)
            ],
            np.int64,
        ),
        np.array(
            [getattr(layout, column.type.to_pandas_dtype().__name__.upper()) for column in columns],
            np.uint8,
        ),
        np.array([0 if valid is None else valid.address for valid, _ in buffers], np.int64),
        np.array([column.offset for column in columns], np.int64),
        out,
    )


@FLOATS
@pytest.mark.parametrize("n_rows", SIZES)
@pytest.mark.parametrize("n_columns", [1, 7, 8, 9, 20])
def test_pack_takes_every_kind_with_and_without_nulls(
    kernel: Kernel, dtype: type, n_rows: int, n_columns: int
) -> None:
    rng = np.random.default_rng(n_rows + n_columns)
    columns, expected = [], []
    for j in range(n_columns):
        values = random_values(KINDS[j % len(KINDS)], n_rows + j, rng)
        nulls = rng.random(n_rows + j) < 0.2 if j % 3 else None
        columns.append(pa.array(values, mask=nulls).slice(j))
        wanted = values.astype(dtype)
        if nulls is not None:
            wanted[nulls] = np.nan
        expected.append(wanted[j:])
    out = np.full((n_rows, n_columns), 7, dtype)
    pack(kernel("layout"), columns, out)
    np.testing.assert_array_equal(out, np.column_stack(expected))


def test_pack_keeps_the_float_bits(kernel: Kernel) -> None:
    values = np.array([-0.0, np.inf, -np.inf, 5e-324, np.nan, 1.7e308])
    out = np.empty((6, 1))
    pack(kernel("layout"), [pa.array(values)], out)
    assert out.tobytes() == values.tobytes()


def test_pack_refuses_what_it_does_not_know(kernel: Kernel) -> None:
    one = np.zeros(1, np.int64)
    with pytest.raises(ValueError, match="unknown kind 10"):
        kernel("layout").pack(one, np.array([10], np.uint8), one, one, np.empty((1, 1)))
    with pytest.raises(ValueError, match="a column of out"):
        kernel("layout").pack(one, np.zeros(2, np.uint8), one, one, np.empty((1, 1)))


@FLOATS
@pytest.mark.parametrize("n_rows", SIZES)
@pytest.mark.parametrize("n_columns", [0, 1, 8, 13])
def test_unpack_transposes(kernel: Kernel, dtype: type, n_rows: int, n_columns: int) -> None:
    X = np.random.default_rng(0).standard_normal((n_rows, n_columns)).astype(dtype)
    X.flags.writeable = False
    out = np.empty((n_columns, n_rows), dtype)
    kernel("layout").unpack(X, out)
    np.testing.assert_array_equal(out, X.T)


@FLOATS
@given(data=st.data())
def test_nonfinite_values_are_found(kernel: Kernel, dtype: type, data: st.DataObject) -> None:
    n_rows = data.draw(st.integers(0, 700))
    n_columns = data.draw(st.integers(0, 9))
    X = np.zeros((n_rows, n_columns), dtype)
    if X.size:
        places = data.draw(st.lists(st.integers(0, X.size - 1), max_size=4))
        for place in places:
            X.flat[place] = data.draw(st.sampled_from([np.nan, np.inf, -np.inf]))
    X.flags.writeable = False
    layout = kernel("layout")
    bad, infinite = np.flatnonzero(~np.isfinite(X)), np.flatnonzero(np.isinf(X))
    assert layout.first_nonfinite(X, False) == (bad[0] if bad.size else -1)
    assert layout.first_nonfinite(X, True) == (infinite[0] if infinite.size else -1)
    keep = np.ones(n_rows, np.uint8)
    keep[::5] = 0
    expected = keep.astype(bool) & np.isfinite(X).all(axis=1)
    layout.mark_finite_rows(X, keep)
    np.testing.assert_array_equal(keep, expected)


@FLOATS
def test_values_whose_sum_overflows_are_finite(kernel: Kernel, dtype: type) -> None:
    X = np.full((100, 50), np.finfo(dtype).max, dtype)
    assert kernel("layout").first_nonfinite(X, False) == -1
    keep = np.ones(100, np.uint8)
    kernel("layout").mark_finite_rows(X, keep)
    assert keep.all()
