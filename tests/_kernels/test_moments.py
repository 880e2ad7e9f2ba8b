from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

Kernel = Callable[[str], Any]
FLOATS = pytest.mark.parametrize("dtype", [np.float32, np.float64])
SIZES = [0, 1, 2, 63, 64, 1023, 1024, 1025, 5000]


def empty(n_columns: int) -> np.ndarray:
    state = np.zeros((n_columns, 11))
    state[:, 8] = np.inf
    state[:, 9] = -np.inf
    return state


def expected_state(x: np.ndarray, w: np.ndarray | None = None) -> np.ndarray:
    """The state by extended precision, over the rows of positive weight."""
    w = np.ones(len(x)) if w is None else w
    x, w = x[w > 0].astype(np.longdouble), w[w > 0].astype(np.longdouble)
    row = empty(1)[0]
    row[1:4] = w[np.isnan(x)].sum(), w[x == np.inf].sum(), w[x == -np.inf].sum()
    w, x = w[np.isfinite(x)], x[np.isfinite(x)]
    if len(x):
        shifted = x - x[0]  # exact, where the mean of large values would be rounded
        mean = (w * shifted).sum() / w.sum()
        powers = [(w * (shifted - mean) ** k).sum() for k in (2, 3, 4)]
        row[0], row[4:8], row[8:] = w.sum(), [x[0] + mean, *powers], [x.min(), x.max(), 0]
    return row


def assert_states_agree(actual: np.ndarray, expected: np.ndarray, rtol: float = 1e-10) -> None:
    """Compare states; an m3 near zero is held against the size of its terms."""
    np.testing.assert_array_equal(actual[..., [1, 2, 3, 8, 9]], expected[..., [1, 2, 3, 8, 9]])
    np.testing.assert_allclose(actual[..., 0], expected[..., 0], rtol=1e-13)
    spread = np.sqrt(expected[..., 5] / np.maximum(expected[..., 0], 1))
    np.testing.assert_allclose(actual[..., 4], expected[..., 4], rtol=1e-14, atol=1e-14)
    for power, column in ((2, 5), (3, 6), (4, 7)):
        size = expected[..., 0] * spread**power
        error = np.abs(actual[..., column] - expected[..., column])
        assert (error <= rtol * np.maximum(size, np.abs(expected[..., column]))).all()


@FLOATS
@pytest.mark.parametrize("n_rows", SIZES)
def test_update_agrees_with_extended_precision(kernel: Kernel, dtype: type, n_rows: int) -> None:
    rng = np.random.default_rng(n_rows)
    Xt = np.stack([rng.standard_normal(n_rows), rng.exponential(3, n_rows)]).astype(dtype)
    Xt.flags.writeable = False
    state = empty(2)
    kernel("moments").update_columns(Xt, state)
    expected = np.stack([expected_state(x) for x in Xt])
    assert_states_agree(state, expected)
    single = empty(1)[0]
    kernel("moments").update(Xt[1], single)
    assert single.tobytes() == state[1].tobytes()


@FLOATS
def test_values_that_are_not_finite_are_counted_apart(kernel: Kernel, dtype: type) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal(4000).astype(dtype)
    x[::3], x[1::7], x[5::11] = np.nan, np.inf, -np.inf
    x[2048:3072] = np.nan  # a tile without finite values
    state = empty(1)
    kernel("moments").update_columns(x[None], state)
    assert_states_agree(state[0], expected_state(x))


@FLOATS
def test_finite_values_whose_sum_overflows(kernel: Kernel, dtype: type) -> None:
    x = np.full(3000, np.finfo(np.float32).max, dtype)
    state = empty(1)
    kernel("moments").update_columns(x[None], state)
    assert state[0, [0, 1, 2, 3]].tolist() == [3000, 0, 0, 0]
    assert state[0, 8] == state[0, 9] == float(x[0])


def test_a_mean_of_1e8_costs_no_digits(kernel: Kernel) -> None:
    x = np.random.default_rng(0).standard_normal(200_000) + 1e8
    state = empty(1)
    for start in range(0, len(x), 7777):
        block = empty(1)
        kernel("moments").update_columns(x[None, start : start + 7777].copy(), block)
        kernel("moments").merge(state, block)
    exact = expected_state(x)
    assert state[0, 5:8] == pytest.approx(exact[5:8], rel=1e-11)
    assert state[0, 5] == pytest.approx(exact[5], rel=1e-14)


def test_constant_columns_have_no_spread(kernel: Kernel) -> None:
    state = empty(1)
    kernel("moments").update_columns(np.full((1, 5000), 0.1), state)
    assert np.abs(state[0, 5:8]).max() < 1e-30
    exact = np.full((1, 5000), 0.25)
    state = empty(1)
    kernel("moments").update_columns(exact, state)
    assert state[0, 5:8].tolist() == [0, 0, 0]


@given(
    x=hnp.arrays(np.float64, st.integers(0, 60), elements=st.floats(-1e6, 1e6, width=32)),
    cut=st.integers(0, 60),
)
def test_merge_is_update_on_the_joined_rows(kernel: Kernel, x: np.ndarray, cut: int) -> None:
    moments = kernel("moments")
    left, right = empty(1), empty(1)
    moments.update_columns(x[None, :cut].copy(), left)
    moments.update_columns(x[None, cut:].copy(), right)
    moments.merge(left, right)
    expected = expected_state(x)
    scale = np.abs(x).max(initial=1e-300)
    np.testing.assert_allclose(left[0, :4], expected[:4])
    np.testing.assert_array_equal(left[0, 8:10], expected[8:10])
    np.testing.assert_allclose(left[0, 4], expected[4], rtol=1e-12, atol=1e-12 * scale)
    for power, column in ((2, 5), (3, 6), (4, 7)):
        atol = 1e-11 * max(len(x), 1) * scale**power
        np.testing.assert_allclose(left[0, column], expected[column], rtol=1e-9, atol=atol)


def test_an_empty_side_leaves_the_other_sides_bits(kernel: Kernel) -> None:
    moments = kernel("moments")
    x = np.random.default_rng(1).standard_normal((3, 1500))
    x[1] = np.nan
    full = empty(3)
    moments.update_columns(x, full)
    left, right = empty(3), full.copy()
    moments.merge(left, full)
    moments.merge(right, empty(3))
    assert left.tobytes() == right.tobytes() == full.tobytes()


def test_counts_of_missing_merge_without_finite_values(kernel: Kernel) -> None:
    moments = kernel("moments")
    left, right = empty(1), empty(1)
    moments.update_columns(np.array([[np.nan, np.inf]]), left)
    moments.update_columns(np.array([[np.nan, -np.inf]]), right)
    moments.merge(left, right)
    assert left[0].tolist() == [0, 2, 1, 1, 0, 0, 0, 0, np.inf, -np.inf, 0]


@FLOATS
@pytest.mark.parametrize("n_rows", SIZES)
def test_integer_weights_repeat_rows(kernel: Kernel, dtype: type, n_rows: int) -> None:
    rng = np.random.default_rng(n_rows)
    x = rng.standard_normal((2, n_rows)).astype(dtype)
    x[:, ::9] = np.nan
    x[:, 4::50] = np.inf
    w = rng.integers(0, 4, n_rows)
    weighted = empty(2)
    weights = w.astype(np.float64)
    weights.flags.writeable = False
    kernel("moments").update_weighted_columns(x, weights, weighted)
    expected = np.stack([expected_state(np.repeat(column, w)) for column in x])
    assert_states_agree(weighted, expected)


@FLOATS
def test_rows_of_weight_zero_change_nothing(kernel: Kernel, dtype: type) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((1, 3000)).astype(dtype)
    w = rng.random(3000)
    w[::4] = 0
    x[0, ::4] = np.resize([np.nan, np.inf, -np.inf, 1e30], 750)
    state = empty(1)
    kernel("moments").update_weighted_columns(x, w, state)
    assert_states_agree(state[0], expected_state(x[0], w))
    untouched = empty(1)
    kernel("moments").update_weighted_columns(x, np.zeros(3000), untouched)
    assert untouched.tobytes() == empty(1).tobytes()


def test_shapes_are_checked(kernel: Kernel) -> None:
    moments = kernel("moments")
    with pytest.raises(ValueError, match="11 entries"):
        moments.update(np.zeros(3), np.zeros(9))
    with pytest.raises(ValueError, match="one state of 11 entries a column"):
        moments.update_columns(np.zeros((2, 3)), empty(3))
    with pytest.raises(ValueError, match="one weight a value"):
        moments.update_weighted_columns(np.zeros((2, 3)), np.zeros(2), empty(2))
    with pytest.raises(ValueError, match="both sides"):
        moments.merge(empty(2), empty(3))
