"""Moments, Mean, Count and Extremes against numpy, scipy and pandas."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import onebox as ob
from onebox.aggregates import Count, Extremes, Mean, Moments

finite = st.floats(-1e6, 1e6, width=32)
anything = st.one_of(finite, st.sampled_from([np.nan, np.inf, -np.inf]))


@given(values=st.lists(finite, min_size=3, max_size=60))
def test_moments_are_numpys_and_scipys(values: list[float]) -> None:
    x = np.array(values)
    found = ob.aggregate(x, Moments())
    close = {"rtol": 1e-10, "atol": 1e-12 * (1 + np.abs(x).max() ** 2)}
    np.testing.assert_allclose(found.mean, [x.mean()], **close)
    np.testing.assert_allclose(found.variance, [x.var(ddof=1)], **close)
    np.testing.assert_allclose(found.std, [x.std(ddof=1)], rtol=1e-6, atol=1e-6)
    assert (found.min, found.max, found.count) == (x.min(), x.max(), len(x))


def test_skewness_and_kurtosis_are_scipys() -> None:
    X = np.random.default_rng(0).gamma(2.0, size=(5000, 3)) * [1, 1e-3, 1e5] + [0, 5, 1e6]
    found = ob.aggregate(X, Moments())
    np.testing.assert_allclose(found.skewness, stats.skew(X), rtol=1e-9)
    np.testing.assert_allclose(found.kurtosis, stats.kurtosis(X), rtol=1e-9)


def test_variance_keeps_its_digits_far_from_zero() -> None:
    x = np.random.default_rng(0).normal(size=300_000)
    exact = np.var(np.round(x * 2**20) / 2**20, ddof=1)  # so that adding 1e8 rounds nothing
    shifted = ob.aggregate(np.round(x * 2**20) / 2**20 + 1e8, Moments())
    np.testing.assert_allclose(shifted.variance, [exact], rtol=1e-11)


@given(values=st.lists(anything, min_size=1, max_size=80))
def test_missing_and_infinite_values_are_counted_and_left_out(values: list[float]) -> None:
    x = np.array(values)
    kept = x[np.isfinite(x)]
    found = ob.aggregate(x, Moments(ddof=0))
    counts = (found.count[0], found.missing[0], found.infinite[0])
    assert counts == (len(kept), np.isnan(x).sum(), np.isinf(x).sum())
    if len(kept):
        assert (found.min[0], found.max[0]) == (kept.min(), kept.max())
        np.testing.assert_allclose(found.mean[0], kept.mean(), rtol=1e-9, atol=1e-9)
    else:
        assert np.isnan([found.mean[0], found.variance[0], found.min[0], found.max[0]]).all()


@given(weights=st.lists(st.integers(0, 4), min_size=4, max_size=50), seed=st.integers(0, 99))
def test_a_weight_is_as_many_rows(weights: list[int], seed: int) -> None:
    X = np.random.default_rng(seed).normal(size=(len(weights), 2))
    X[1, 0] = np.nan
    weighted = ob.aggregate(X, Moments(), sample_weight=np.array(weights, float))
    repeated = ob.aggregate(np.repeat(X, weights, axis=0), Moments()) if sum(weights) else None
    if repeated is not None:
        for field in ("count", "missing", "mean", "variance", "skewness", "kurtosis", "min", "max"):
            ours, theirs = getattr(weighted, field), getattr(repeated, field)
            np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-9, err_msg=field)


def test_fractional_weights_stay_fractional() -> None:
    found = ob.aggregate(np.array([1.0, 3.0]), Moments(ddof=0), sample_weight=[0.5, 1.0])
    np.testing.assert_allclose([found.count[0], found.mean[0]], [1.5, 7 / 3])


def test_one_row_and_constants() -> None:
    one = ob.aggregate(np.array([[7.0, 0.1]]), Moments())
    assert one.mean.tolist() == [7.0, 0.1]
    assert np.isnan(one.variance).all()
    same = ob.aggregate(np.full((1000, 1), 0.1), Moments())
    assert same.variance[0] < 1e-30
    assert np.isnan([same.skewness[0], same.kurtosis[0]]).all()


def test_every_numeric_type(mixed: pa.Table) -> None:
    found = ob.aggregate(mixed, Moments())
    frame = mixed.to_pandas()
    for j, name in enumerate(found.names):
        column = frame[name].dropna().astype(float)
        column = column[np.isfinite(column)]
        assert found.count[j] == len(column)
        np.testing.assert_allclose(found.mean[j], column.mean(), rtol=1e-12, err_msg=name)
        np.testing.assert_allclose(found.std[j], column.std(), rtol=1e-9, err_msg=name)
    assert "nothing" in found.names
    assert "text" not in found.names


def test_a_mean_by_name_is_a_number() -> None:
    table = {"delay": [5.0, 20.0, None], "share": [True, False, True]}
    assert ob.aggregate(table, Mean("delay")) == 12.5
    both = ob.aggregate(table, Mean())
    assert both.names == ("delay", "share")
    np.testing.assert_allclose(both.mean, [12.5, 2 / 3])


def test_counts_of_every_type(mixed: pa.Table) -> None:
    found = ob.aggregate(mixed, Count())
    frame = mixed.to_pandas()
    assert found.names == tuple(mixed.column_names)
    assert found.missing.tolist() == frame.isna().sum().tolist()
    assert (found.count + found.missing == len(frame)).all()


def test_nulls_inside_a_dictionary_are_missing() -> None:
    codes = pa.DictionaryArray.from_arrays(pa.array([0, 1, None, 0]), pa.array(["x", None]))
    assert ob.aggregate(pa.table({"c": codes}), Count()).missing.tolist() == [2]


def test_extremes_are_exact() -> None:
    big = 2**62
    table = pa.table(
        {
            "key": [big, big + 1, None],
            "huge": pa.array([2**64 - 1, 2**64 - 2, 5], pa.uint64()),
            "day": [dt.date(2024, 2, 29), None, dt.date(1969, 7, 20)],
            "moment": pa.array([1, 2**60 + 1, None]).cast(pa.timestamp("ns")),
            "span": [dt.timedelta(seconds=3), dt.timedelta(days=-1), None],
            "clock": [dt.time(3, 4), dt.time(1, 2), None],
            "price": [Decimal("1.10"), Decimal("-2.20"), None],
            "never": pa.nulls(3, pa.date32()),
        }
    )
    found = ob.aggregate(table, Extremes())
    low, high = (dict(zip(found.names, ends, strict=True)) for ends in (found.min, found.max))
    assert (low["key"].as_py(), high["key"].as_py()) == (big, big + 1)
    assert (low["huge"].as_py(), high["huge"].as_py()) == (5, 2**64 - 1)
    assert (low["day"].as_py(), high["day"].as_py()) == (dt.date(1969, 7, 20), dt.date(2024, 2, 29))
    assert (low["moment"].value, high["moment"].value) == (1, 2**60 + 1)
    assert low["span"].as_py() == dt.timedelta(days=-1)
    assert high["clock"].as_py() == dt.time(3, 4)
    assert low["price"].as_py() == Decimal("-2.20")
    assert low["never"].as_py() is None
    assert low["never"].type == pa.date32()


@pytest.mark.parametrize("recipe", [Moments(), Mean(), Count()])
def test_no_rows(recipe: ob.aggregates.Aggregate) -> None:
    found = ob.aggregate(np.empty((0, 2)), recipe)
    assert found.names == ("x0", "x1")
    for counts in (getattr(found, "count", None), getattr(found, "missing", None)):
        assert counts is None or counts.tolist() == [0, 0]
    assert np.isnan(getattr(found, "mean", np.array([np.nan]))).all()
