"""Gram matrices: column means, centred panels, their products, and merges."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

Kernel = Callable[[str], Any]
FLOATS = pytest.mark.parametrize("dtype", [np.float32, np.float64])
NONE = np.empty(0)


def random_table(n_rows: int, n_columns: int, dtype: type = np.float64) -> np.ndarray:
    rng = np.random.default_rng(n_rows * 1000 + n_columns)
    X = (rng.standard_normal((n_rows, n_columns)) + 5).astype(dtype)
    X.flags.writeable = False
    return X


def panels_for(gram: Any, n_rows: int, n_columns: int) -> np.ndarray:
    """Panels as an aggregate makes them: whatever memory held, and zeros to fill them up."""
    width = gram.panel_width(n_columns)
    n_panels = -(-n_columns // width)
    panels = np.full((n_panels, n_rows, width), 7.0)
    panels[-1, :, n_columns - (n_panels - 1) * width :] = 0
    return panels


def rows_in(panels: np.ndarray, n_columns: int) -> np.ndarray:
    return panels.transpose(1, 0, 2).reshape(panels.shape[1], -1)[:, :n_columns]


@FLOATS
@pytest.mark.parametrize("n_rows", [1, 5, 1000])
@pytest.mark.parametrize("n_columns", [1, 3, 12, 40])
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
        panels = panels_for(gram, n_rows + 1, n_columns + 3)
        gram.center(X, mean, sqrt_w, panels, 2)
        rows = rows_in(panels, n_columns + 3)
        scale = sqrt_w[:, None] if sqrt_w.size else 1.0
        np.testing.assert_allclose(rows[:-1, 2:-1], (X - mean) * scale, rtol=1e-13, atol=1e-13)
        assert (rows[:, [0, 1, -1]] == 7).all()
        assert (rows[-1] == 7).all()


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
    kernel("gram").center(np.empty((0, 3)), mean, NONE, np.empty((1, 0, 3)), 0)


@FLOATS
def test_squares_are_added(kernel: Kernel, dtype: type) -> None:
    X, w = random_table(200, 7, dtype), np.random.default_rng(0).random(200)
    mean = np.arange(7.0)
    for weights, each in ((NONE, np.ones(200)), (w, w)):
        out = np.ones(7)
        kernel("gram").add_squares(X, weights, mean, out)
        np.testing.assert_allclose(out, 1 + each @ (X - mean) ** 2, rtol=1e-12)
    with pytest.raises(ValueError, match="one mean and sum a column"):
        kernel("gram").add_squares(X, NONE, mean, np.ones(6))


def test_one_panel_of_any_width_is_a_matrix(kernel: Kernel) -> None:
    X, out = random_table(6, 17), np.zeros((6, 17))
    kernel("gram").center(X, np.ones(17), NONE, out[None], 0)
    np.testing.assert_array_equal(out, X - 1)
    with pytest.raises(ValueError, match="lacks the rows or the columns"):
        kernel("gram").center(X, np.ones(17), NONE, out[None], 1)
    with pytest.raises(ValueError, match="lacks the rows or the columns"):
        kernel("gram").center(X, np.ones(17), NONE, out[None, 1:], 0)


def filled_panels(gram: Any, Z: np.ndarray) -> np.ndarray:
    panels = panels_for(gram, *Z.shape)
    gram.center(Z, np.zeros(Z.shape[1]), NONE, panels, 0)
    return panels


SHAPES = [(1, 1), (7, 5), (600, 12), (255, 13), (513, 41), (70, 150)]


@pytest.mark.parametrize("shape", [(0, 3), *SHAPES])
def test_products_are_added_to_the_lower_triangle(kernel: Kernel, shape: tuple[int, int]) -> None:
    gram, Z, p = kernel("gram"), random_table(*shape), shape[1]
    start = np.random.default_rng(1).standard_normal((p, p))
    scatter = start.copy()
    gram.add(filled_panels(gram, Z), scatter, 0, p)
    np.testing.assert_allclose(np.tril(scatter), np.tril(start + Z.T @ Z), rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(np.triu(scatter, 1), np.triu(start, 1))


@pytest.mark.parametrize("shape", SHAPES)
@given(data=st.data())
def test_parts_of_the_lines_do_together_what_one_call_does(
    kernel: Kernel, shape: tuple[int, int], data: st.DataObject
) -> None:
    gram, p = kernel("gram"), shape[1]
    panels = filled_panels(gram, random_table(*shape))
    whole, parts = np.zeros((p, p)), np.zeros((p, p))
    gram.add(panels, whole, 0, p)
    cuts = sorted(data.draw(st.sets(st.sampled_from(range(0, p, 12)))) | {0, p})
    lines = list(pairwise(cuts))
    for start, stop in data.draw(st.permutations(lines)):
        gram.add(panels, parts, start, stop)
    if gram.panel_width(p) == 12:
        np.testing.assert_array_equal(parts, whole)
    else:
        np.testing.assert_allclose(parts, whole, rtol=1e-12)


@FLOATS
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("height", [2, 7, 65, 600])
@pytest.mark.parametrize(("n_rows", "p", "q"), [(0, 3, 0), (64, 12, 0), (130, 30, 2), (65, 11, 1)])
def test_centred_products_a_few_rows_at_a_time(
    kernel: Kernel, dtype: type, weighted: bool, height: int, n_rows: int, p: int, q: int
) -> None:
    gram, rng = kernel("gram"), np.random.default_rng(3)
    X, Y = random_table(n_rows, p, dtype), random_table(n_rows, q)
    x_mean, y_mean = rng.standard_normal(p), rng.standard_normal(q)
    more = rng.standard_normal(p + q)
    root = rng.random(n_rows) if weighted else NONE
    start = rng.standard_normal((p + q, p + q))
    scatter = start.copy()
    panels = panels_for(gram, height, p + q)
    gram.add_centered(X, x_mean, Y, y_mean, root, more, panels, scatter)
    Z = np.hstack([X - x_mean, Y - y_mean]) * (root[:, None] if weighted else 1.0)
    Z = np.vstack([Z, more])
    np.testing.assert_allclose(np.tril(scatter), np.tril(start + Z.T @ Z), rtol=1e-11, atol=1e-11)
    np.testing.assert_array_equal(np.triu(scatter, 1), np.triu(start, 1))


def test_merged_is_the_sum_with_the_change(kernel: Kernel) -> None:
    rng = np.random.default_rng(2)
    into, other = rng.standard_normal((2, 30, 30))
    change = rng.standard_normal(30)
    before = into.copy()
    kernel("gram").merge(into, other, change)
    expected = np.tril(before + other + np.outer(change, change))
    np.testing.assert_allclose(np.tril(into), expected, rtol=1e-13, atol=1e-13)
    np.testing.assert_array_equal(np.triu(into, 1), np.triu(before, 1))


def test_shapes_are_checked(kernel: Kernel) -> None:
    gram = kernel("gram")
    panels, scatter = panels_for(gram, 4, 30), np.zeros((30, 30))
    with pytest.raises(ValueError, match=r"lines 24 \.\. 31 of a matrix with 30"):
        gram.add(panels, scatter, 24, 31)
    with pytest.raises(ValueError, match=r"lines 5 \.\. 30"):
        gram.add(panels, scatter, 5, 30)
    with pytest.raises(ValueError, match="is square"):
        gram.add(panels, scatter[:, :-1].copy(), 0, 30)
    with pytest.raises(ValueError, match="another shape than 50 columns have"):
        gram.add(panels, np.zeros((50, 50)), 0, 50)
    X, Y, none, more = np.zeros((9, 28)), np.zeros((9, 2)), np.zeros(0), np.zeros(30)
    with pytest.raises(ValueError, match="one mean a column"):
        gram.add_centered(X, np.zeros(27), Y, np.zeros(2), none, more, panels, scatter)
    with pytest.raises(ValueError, match="lack columns of the matrix"):
        gram.add_centered(
            X, np.zeros(28), Y[:, :1].copy(), np.zeros(1), none, more, panels, scatter
        )
    with pytest.raises(ValueError, match="lacks the rows of X"):
        gram.add_centered(X, np.zeros(28), Y[1:], np.zeros(2), none, more, panels, scatter)
    one = panels_for(gram, 1, 30)
    with pytest.raises(ValueError, match="no room for two"):
        gram.add_centered(X, np.zeros(28), Y, np.zeros(2), none, more, one, scatter)
    with pytest.raises(ValueError, match="two square matrices of one size"):
        gram.merge(scatter, np.zeros((30, 29)), np.zeros(30))
