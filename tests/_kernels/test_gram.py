"""Gram matrices: column means, centring and the BLAS products."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

Kernel = Callable[[str], Any]
FLOATS = pytest.mark.parametrize("dtype", [np.float32, np.float64])
NONE = np.empty(0)


def random_table(n_rows: int, n_columns: int, dtype: type = np.float64) -> np.ndarray:
    rng = np.random.default_rng(n_rows * 1000 + n_columns)
    X = (rng.standard_normal((n_rows, n_columns)) + 5).astype(dtype)
    X.flags.writeable = False
    return X


@FLOATS
@pytest.mark.parametrize("n_rows", [1, 5, 1000])
@pytest.mark.parametrize("n_columns", [1, 3, 40])
def test_means_and_centred_rows(kernel: Kernel, dtype: type, n_rows: int, n_columns: int) -> None:
    gram = kernel("gram")
    X = random_table(n_rows, n_columns, dtype)
    w = np.random.default_rng(0).random(n_rows) + 0.1
    for weights, sqrt_w in ((NONE, NONE), (w, np.sqrt(w))):
        mean = np.empty(n_columns)
        total = gram.column_means(X, weights, mean)
        assert total == pytest.approx(w.sum() if weights.size else n_rows)
        expected = np.average(X.astype(float), axis=0, weights=weights if weights.size else None)
        np.testing.assert_allclose(mean, expected, rtol=1e-13)
        out = np.full((n_rows, n_columns + 3), -1.0)
        gram.center(X, mean, sqrt_w, out, 2)
        scale = sqrt_w[:, None] if sqrt_w.size else 1.0
        np.testing.assert_allclose(out[:, 2:-1], (X - mean) * scale, rtol=1e-13, atol=1e-13)
        assert (out[:, [0, 1, -1]] == -1).all()


def test_float32_is_summed_in_float64(kernel: Kernel) -> None:
    X = np.full((1_000_000, 2), 0.1, np.float32)
    mean = np.empty(2)
    kernel("gram").column_means(X, NONE, mean)
    np.testing.assert_allclose(mean, float(np.float32(0.1)), rtol=1e-10)


def test_no_rows_or_no_weight_give_zero_means(kernel: Kernel) -> None:
    mean = np.ones(3)
    assert kernel("gram").column_means(np.empty((0, 3)), NONE, mean) == 0
    assert mean.tolist() == [0, 0, 0]
    assert kernel("gram").column_means(np.ones((2, 3)), np.zeros(2), mean) == 0
    assert mean.tolist() == [0, 0, 0]
    kernel("gram").center(np.empty((0, 3)), mean, NONE, np.empty((0, 3)), 0)


def test_center_writes_into_a_part_of_wider_rows(kernel: Kernel) -> None:
    X = random_table(6, 2)
    base = np.zeros((6, 5))
    kernel("gram").center(X, np.zeros(2), NONE, base[:, 1:], 1)
    np.testing.assert_array_equal(base[:, 2:4], X)
    with pytest.raises(ValueError, match="lacks the rows or the columns"):
        kernel("gram").center(X, np.zeros(2), NONE, base, 4)
    with pytest.raises(ValueError, match="side by side"):
        kernel("gram").center(X, np.zeros(2), NONE, np.zeros((6, 6))[:, ::2], 0)


@pytest.mark.parametrize("shape", [(0, 3), (1, 1), (7, 5), (300, 41)])
def test_syrk_adds_to_the_lower_triangle(kernel: Kernel, shape: tuple[int, int]) -> None:
    A = random_table(*shape)
    p = shape[1]
    start = np.random.default_rng(1).standard_normal((p, p))
    C = start.copy()
    kernel("blas").syrk(A, C)
    np.testing.assert_allclose(np.tril(C), np.tril(start + A.T @ A), rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(np.triu(C, 1), np.triu(start, 1))


def test_panels_cover_the_triangle(kernel: Kernel) -> None:
    A = random_table(200, 41)
    whole, panels = np.zeros((41, 41)), np.zeros((41, 41))
    kernel("blas").syrk(A, whole)
    for start, stop in ((30, 41), (0, 13), (13, 30), (41, 41)):
        kernel("blas").syrk_panel(A, panels, start, stop)
    np.testing.assert_allclose(np.tril(panels), np.tril(whole), rtol=1e-12)
    assert (np.triu(panels, 1) == 0).all()
    with pytest.raises(ValueError, match=r"rows 30 \.\. 42"):
        kernel("blas").syrk_panel(A, panels, 30, 42)


@FLOATS
@pytest.mark.parametrize(("n", "p", "q"), [(0, 2, 3), (1, 1, 1), (50, 4, 7), (64, 33, 2)])
def test_gemm(kernel: Kernel, dtype: type, n: int, p: int, q: int) -> None:
    blas = kernel("blas")
    A, B = random_table(n, p, dtype), random_table(n, q, dtype)
    C = np.ones((p, q), dtype)
    blas.gemm_tn(A, B, C)
    np.testing.assert_allclose(C, 1 + A.T @ B, rtol=1e-4 if dtype is np.float32 else 1e-12)
    D = np.ones((p, q), dtype)
    blas.gemm_nt(A.T.copy(), B.T.copy(), D)
    np.testing.assert_allclose(D, A.T @ B, rtol=1e-4 if dtype is np.float32 else 1e-12)


def test_products_check_shapes(kernel: Kernel) -> None:
    blas = kernel("blas")
    with pytest.raises(ValueError, match=r"not \(2, 2\)"):
        blas.syrk(np.zeros((4, 3)), np.zeros((2, 2)))
    with pytest.raises(ValueError, match="do not fit together"):
        blas.gemm_tn(np.zeros((4, 3)), np.zeros((5, 3)), np.zeros((3, 3)))
    with pytest.raises(ValueError, match="do not fit together"):
        blas.gemm_nt(np.zeros((4, 3)), np.zeros((5, 2)), np.zeros((4, 5)))
