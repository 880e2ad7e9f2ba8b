from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onebox.random_projection.matrix import signs

Kernel = Callable[[str], Any]


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
    out = np.ones((n_rows, n_sums), dtype)
    sums = np.empty((n_sums, kernel("signs").tile_rows()), dtype)
    kernel("signs").project(X, first, made.starts, made.rows, 0.5, sums, out)
    expected = 1 + 0.5 * X[:, first : first + n_columns].astype(float) @ made.matrix.toarray().T
    np.testing.assert_allclose(out, expected, atol=1e-4 if dtype is np.float32 else 1e-12)


def test_rows_do_not_depend_on_those_around(kernel: Kernel) -> None:
    X = np.random.default_rng(0).normal(size=(100, 50))
    made = signs(0, 20, 0, 50, 0.2)

    def projected(rows: np.ndarray) -> np.ndarray:
        out = np.zeros((len(rows), 20))
        sums = np.empty((20, kernel("signs").tile_rows()))
        kernel("signs").project(rows, 0, made.starts, made.rows, 0.3, sums, out)
        return out

    whole = projected(X)
    for start, stop in [(0, 1), (7, 40), (31, 100)]:
        np.testing.assert_array_equal(projected(X[start:stop].copy()), whole[start:stop])


def test_shapes_that_do_not_fit(kernel: Kernel) -> None:
    made = signs(0, 20, 0, 50, 0.2)
    sums, out = np.empty((20, kernel("signs").tile_rows())), np.zeros((5, 20))
    with pytest.raises(ValueError, match="two starts"):
        kernel("signs").project(np.ones((5, 52)), 3, made.starts, made.rows, 1.0, sums, out)
    with pytest.raises(ValueError, match="sums of"):
        kernel("signs").project(np.ones((6, 50)), 0, made.starts, made.rows, 1.0, sums, out)
