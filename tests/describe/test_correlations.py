"""The sample of numbers, and the correlations within it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import onebox as ob
from onebox.describe.correlations import NumberSample, correlations_of, sample_of
from onebox.testing import check_aggregate


@pytest.mark.parametrize("n", [1, 7, 100, 1000])
def test_laws(n: int) -> None:
    check_aggregate(NumberSample(n))


def test_a_sample_is_of_whole_rows_and_the_same_for_any_workers() -> None:
    x = np.arange(200_000.0)
    data = pa.table({"x": x, "twice": 2 * x, "none": pa.nulls(len(x))})
    with ob.config(executor="serial"):
        alone = ob.aggregate(data, NumberSample(500))
    assert alone.shape == (3, 500)
    np.testing.assert_array_equal(alone[1], 2 * alone[0])
    assert np.isnan(alone[2]).all()
    assert len(np.unique(alone[0])) == 500
    assert abs(alone[0].mean() / x.mean() - 1) < 0.1
    with ob.config(n_jobs=4):
        np.testing.assert_array_equal(ob.aggregate(data, NumberSample(500)), alone)


def test_knowing_how_many_rows_there_are_changes_nothing() -> None:
    x = np.arange(100_000.0)
    for n in (100, 3_000):
        plain = ob.aggregate(x, NumberSample(n))
        np.testing.assert_array_equal(ob.aggregate(x, NumberSample(n, among=len(x))), plain)
    few = ob.aggregate(x[:50], NumberSample(100, among=50))
    assert sorted(few[0]) == x[:50].tolist()
    check_aggregate(NumberSample(7, among=200))


def test_the_size_of_a_sample_is_bounded() -> None:
    assert sample_of(("x",)).n == 3_000
    wide = sample_of(tuple(f"x{j}" for j in range(2_000)))
    assert wide.n * 2_000 * 8 < 5_000_000


def test_against_numpy() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(6, 6)) @ rng.normal(size=(6, 400)) + 1e6
    found = correlations_of(tuple("abcdef"), X)
    assert found is not None
    np.testing.assert_allclose(found.values, np.corrcoef(X), atol=1e-9)
    one, other, strongest = found.strongest(1)[0]
    off = np.abs(np.corrcoef(X) - np.eye(6))
    assert abs(strongest) == pytest.approx(off.max())
    assert {one, other} == {"abcdef"[j] for j in np.unravel_index(off.argmax(), off.shape)}


def test_pairwise_complete_against_pandas() -> None:
    rng = np.random.default_rng(1)
    X = rng.normal(size=(5, 5)) @ rng.normal(size=(5, 300)) + 100
    X[rng.random(X.shape) < 0.3] = np.nan
    X[0, 5], X[1, 7] = np.inf, -np.inf
    found = correlations_of(tuple("abcde"), X)
    assert found is not None
    wanted = pd.DataFrame(np.where(np.isfinite(X), X, np.nan).T).corr()
    np.testing.assert_allclose(found.values, wanted, atol=1e-9)


def test_columns_that_do_not_vary_are_left_out() -> None:
    x = np.arange(10.0)
    X = np.array([x, np.full(10, 0.1), np.full(10, np.nan), -x, np.full(10, np.inf)])
    found = correlations_of(tuple("abcde"), X)
    assert found is not None
    assert found.names == ("a", "d")
    np.testing.assert_allclose(found.values, [[1, -1], [-1, 1]])
    assert correlations_of(tuple("abcde")[:3], X[:3]) is None
    assert correlations_of((), np.empty((0, 0))) is None


def test_pairs_that_share_too_few_rows_are_unknown() -> None:
    x = np.arange(10.0)
    X = np.array([np.where(x < 5, x, np.nan), np.where(x >= 4, x, np.nan), x])
    found = correlations_of(("a", "b", "c"), X)
    assert found is not None
    assert np.isnan(found.values[0, 1])
    assert [pair[:2] for pair in found.strongest(9)] == [("a", "c"), ("b", "c")]


def test_of_many_columns_the_strongest_are_kept() -> None:
    rng = np.random.default_rng(2)
    X = rng.normal(size=(250, 500))
    X[240] = X[3] + 0.1 * rng.normal(size=500)
    found = correlations_of(tuple(map(str, range(250))), X, shown=2)
    assert found is not None
    assert (found.names, found.n_candidates) == (("3", "240"), 250)
    np.testing.assert_allclose(found.values, np.corrcoef(X[[3, 240]]), atol=1e-9)


def test_huge_values() -> None:
    x = np.linspace(-1, 1, 50)
    found = correlations_of(("a", "b"), np.array([1.7e308 * x, 5e-320 * x]))
    assert found is not None
    assert found.values[0, 1] == pytest.approx(1, abs=1e-3)
