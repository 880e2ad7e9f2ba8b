"""Quantiles: the bound on the error, exactness where it is promised, and independence of order."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import onebox as ob
from onebox.aggregates import Quantiles
from onebox.data.schema import Schema
from onebox.errors import BadInput

Q = (0.0, 0.01, 0.25, 0.5, 0.75, 0.99, 1.0)
BOUND = 1 / 64


def quantiles(x: object, q: object = Q, **options: int) -> np.ndarray:
    return ob.aggregate(x, Quantiles(q, **options)).values


def assert_within_bound(x: np.ndarray, found: np.ndarray, q: object = Q) -> None:
    """Off by at most 1/64 of the larger of the two rows that the rank lies between."""
    low, high = (np.quantile(x, q, method=m) for m in ("lower", "higher"))
    room = BOUND * np.maximum(np.abs(low), np.abs(high)) * (1 + 1e-9)
    assert (np.abs(found - np.quantile(x, q)) <= room).all()
    assert (found >= x.min()).all()
    assert (found <= x.max()).all()


@given(values=st.lists(st.floats(-1e15, 1e15, allow_subnormal=False), min_size=1, max_size=120))
def test_the_error_is_bounded(values: list[float]) -> None:
    x = np.array(values)
    x[np.abs(x) < 1e-4] = 0  # 64 octaves reach from there to 1e15
    found = quantiles(x)[0]
    assert_within_bound(x, found)
    assert (found[0], found[-1]) == (x.min(), x.max())
    assert (np.diff(found) >= 0).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("draw", ["normal", "lognormal", "exponential", "standard_cauchy"])
def test_smooth_distributions_are_far_closer(draw: str, dtype: type) -> None:
    x = getattr(np.random.default_rng(0), draw)(size=200_000).astype(dtype)
    found, exact = quantiles(x, (0.1, 0.25, 0.75, 0.9))[0], np.quantile(x, (0.1, 0.25, 0.75, 0.9))
    np.testing.assert_allclose(found, exact, rtol=1e-3)


@given(data=st.data(), low=st.integers(-(10**9), 10**9), width=st.integers(1, 8191))
def test_whole_numbers_in_a_window_are_exact(data: st.DataObject, low: int, width: int) -> None:
    values = data.draw(st.lists(st.integers(low, low + width), min_size=1, max_size=60))
    for x in (np.array(values), np.array(values, float)):
        np.testing.assert_allclose(quantiles(x)[0], np.quantile(x, Q), rtol=1e-15)


@given(values=st.lists(st.integers(-(2**50), 2**50), min_size=1, max_size=60))
def test_wide_whole_numbers_give_whole_numbers(values: list[int]) -> None:
    x = np.array([*values, 2**51])
    found = quantiles(x, (0.0, 1.0))[0]
    assert found.tolist() == [x.min(), x.max()]
    n = len(x)
    at_rows = quantiles(x, np.arange(n) / max(n - 1, 1))[0]
    exact = np.sort(x).astype(float)
    assert (np.abs(at_rows - exact) <= BOUND * np.abs(exact) * (1 + 1e-9) + 1e-6).all()


@settings(max_examples=40)
@given(
    values=st.lists(
        st.one_of(
            st.floats(-1e3, 1e3, width=32),
            st.integers(-50, 10**6).map(float),
            st.sampled_from([np.nan, np.inf, -np.inf, 0.0, -0.0]),
        ),
        max_size=80,
    ),
    seed=st.integers(0, 2**16),
    octaves=st.sampled_from([1, 3, 64]),
)
def test_order_and_split_change_no_bit(values: list[float], seed: int, octaves: int) -> None:
    rng = np.random.default_rng(seed)
    recipe = Quantiles(Q, octaves=octaves)
    schema = Schema(pa.schema([("x", pa.float64())]))
    x = np.array(values)

    def run(order: np.ndarray, cuts: np.ndarray) -> bytes:
        total = recipe.empty(schema)
        for part in np.split(x[order], cuts):
            one = recipe.empty(schema)
            for block in ob.dataset(pa.table({"x": part})).blocks():
                recipe.update(one, block)
            recipe.merge(total, one)
        return recipe.result(total).values.tobytes()

    straight = run(np.arange(len(x)), np.array([], int))
    for _ in range(4):
        cuts = np.sort(rng.integers(0, len(x) + 1, rng.integers(0, 5)))
        assert run(rng.permutation(len(x)), cuts) == straight


def test_a_fill_value_does_not_blind() -> None:
    x = np.random.default_rng(0).normal(15.0, 5.0, 50_000)
    filled = np.concatenate([x, np.full(100, 1e20), np.full(100, -9.96921e36)])
    found = quantiles(filled, (0.25, 0.5, 0.75))[0]
    np.testing.assert_allclose(found, np.quantile(x, (0.25, 0.5, 0.75)), rtol=2e-3)


def test_few_octaves_keep_the_highest() -> None:
    x = np.ldexp(1.5, np.arange(-10, 10))
    found = quantiles(x, np.arange(20) / 19, octaves=8)[0]
    assert (found[:12] == x[0]).all()  # zero, but never less than the least value
    np.testing.assert_allclose(found[12:], x[12:], rtol=BOUND)


def test_missing_values_are_left_out_and_infinities_stand_at_the_ends() -> None:
    table = pa.table({"x": [1.5, None, float("nan"), 2.5, float("inf"), float("-inf")]})
    found = quantiles(table, (0.0, 1 / 3, 2 / 3, 1.0))[0]
    np.testing.assert_allclose(found, [-np.inf, 1.5, 2.5, np.inf], rtol=BOUND)
    assert np.isnan(quantiles(pa.table({"x": pa.nulls(3, pa.float64())}))).all()
    assert np.isnan(quantiles(np.empty((0, 2)))).all()


def test_extreme_magnitudes() -> None:
    big = np.finfo(float).max
    x = np.array([-big, -big, 5e-324, big, big])
    found = quantiles(x, (0.0, 0.25, 0.5, 0.75, 1.0))[0]
    np.testing.assert_allclose(found, [-big, -big, 0.0, big, big], rtol=BOUND)


def test_every_numeric_type(mixed: pa.Table) -> None:
    found = ob.aggregate(mixed, Quantiles((0.25, 0.5, 0.75)))
    frame = mixed.to_pandas()
    for name, values in zip(found.names, found.values, strict=True):
        column = frame[name].dropna().to_numpy(float)
        if len(column) and name != "uint64":
            exact = np.quantile(column, found.q)
            np.testing.assert_allclose(values, exact, rtol=BOUND, atol=1e-3, err_msg=name)


def test_memory_is_claimed_by_type() -> None:
    def claimed(kind: pa.DataType, **options: int) -> int:
        return Quantiles(**options).nbytes(Schema(pa.schema([("x", kind)])))

    assert claimed(pa.bool_()) < 4_000
    assert claimed(pa.uint8()) < 11_000
    assert 64 * 1024 < claimed(pa.float64()) < 68_000
    assert claimed(pa.float32(), octaves=16) < 19_000


@pytest.mark.parametrize("q", [-0.1, 1.5, (0.5, 2.0), float("nan")])
def test_ranks_outside_are_refused(q: object) -> None:
    with pytest.raises(BadInput, match="outside 0 to 1"):
        Quantiles(q)


@pytest.mark.parametrize("octaves", [0, 1000])
def test_octaves_outside_are_refused(octaves: int) -> None:
    with pytest.raises(BadInput, match=f"octaves={octaves} must lie in 1 to 250"):
        Quantiles(octaves=octaves)
