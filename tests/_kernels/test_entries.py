from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

Kernel = Callable[[str], Any]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(
    n=st.integers(0, 30), p=st.integers(1, 20), width=st.integers(0, 9),
    density=st.sampled_from([0.0, 0.2, 1.0]), seed=st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_transpose_times_a_matrix_is_added(
    kernel: Kernel, dtype: type, n: int, p: int, width: int, density: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    X = sp.random_array((n, p), density=density, rng=rng, format="csr", dtype=dtype)
    factor, out = rng.normal(size=(n, width)), np.ones((p, width))
    starts, columns = X.indptr.astype(np.int64), X.indices.astype(np.int32)
    kernel("entries").add_transposed(starts, columns, X.data, factor, out)
    np.testing.assert_allclose(out, 1 + X.toarray().astype(float).T @ factor, atol=1e-12)


def test_shapes_that_do_not_fit(kernel: Kernel) -> None:
    starts, columns, values = np.array([0, 2]), np.zeros(2, np.int32), np.ones(2)
    add = kernel("entries").add_transposed
    with pytest.raises(ValueError, match="a row of factor"):
        add(starts, columns, values, np.ones((2, 3)), np.ones((1, 3)))
    with pytest.raises(ValueError, match="beyond the entries"):
        add(np.array([0, 3]), columns, values, np.ones((1, 3)), np.ones((1, 3)))
