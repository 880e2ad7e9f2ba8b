from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onebox.random_projection.matrix import Signs, signs

Kernel = Callable[[str], Any]


def project(
    kernel: Kernel, X: np.ndarray, first: int, made: Signs, out: np.ndarray, *,
    scale: float = 1.0, add: bool = False,
) -> bool:  # fmt: skip
    room = np.empty(kernel("signs").room(out.shape[1], X.itemsize), X.dtype)
    signs = kernel("signs")
    return bool(signs.project(X, first, made.starts, made.rows, scale, room, add, out))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(
    n_rows=st.integers(0, 80), n_columns=st.integers(0, 100), first=st.integers(0, 9),
    n_sums=st.integers(1, 40), density=st.sampled_from([1 / 65536, 0.1, 0.5, 1.0]),
    seed=st.integers(0, 2**32),
)  # fmt: skip
def test_product_with_a_matrix_of_signs(
    kernel: Kernel, dtype: type, n_rows: int, n_columns: int, first: int, n_sums: int,
    density: float, seed: int,
) -> None:  # fmt: skip
    X = np.random.default_rng(seed).normal(size=(n_rows, first + n_columns + 3)).astype(dtype)
    made = signs(seed, n_sums, 0, n_columns, density)
    product = 0.5 * X[:, first : first + n_columns].astype(float) @ made.matrix.toarray().T
    for add in (False, True):
        out = np.ones((n_rows, n_sums), dtype)
        assert project(kernel, X, first, made, out, scale=0.5, add=add)
        tolerance = 1e-4 if dtype is np.float32 else 1e-12
        np.testing.assert_allclose(out, product + add, atol=tolerance)


def test_rows_do_not_depend_on_those_around(kernel: Kernel) -> None:
    X = np.random.default_rng(0).normal(size=(100, 50))
    made = signs(0, 20, 0, 50, 0.2)

    def projected(rows: np.ndarray) -> np.ndarray:
        out = np.empty((len(rows), 20))
        project(kernel, rows, 0, made, out, scale=0.3)
        return out

    whole = projected(X)
    for start, stop in [(0, 1), (7, 40), (31, 100)]:
        np.testing.assert_array_equal(projected(X[start:stop].copy()), whole[start:stop])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@given(row=st.integers(0, 69), column=st.integers(0, 59), density=st.sampled_from([1 / 65536, 0.5]))
def test_what_is_not_finite_is_found_wherever_it_is(
    kernel: Kernel, dtype: type, value: float, row: int, column: int, density: float
) -> None:
    """Also in columns that nothing is made of, and not among those that are not asked for."""
    X = np.full((70, 60), np.finfo(dtype).max)  # sums of these overflow
    X[row, column] = value
    X = X.astype(dtype)
    out = np.empty((70, 20), dtype)
    for first, n in [(0, 60), (0, 30), (30, 30)]:
        finite = project(kernel, X, first, signs(0, 20, first, n, density), out)
        assert finite is not (first <= column < first + n)


def test_shapes_that_do_not_fit(kernel: Kernel) -> None:
    made = signs(0, 20, 0, 50, 0.2)
    with pytest.raises(ValueError, match="two starts"):
        project(kernel, np.ones((5, 52)), 3, made, np.empty((5, 20)))
    with pytest.raises(ValueError, match="room of"):
        project(kernel, np.ones((6, 50)), 0, made, np.empty((5, 20)))
