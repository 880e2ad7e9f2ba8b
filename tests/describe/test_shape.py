"""Histograms from counts in buckets, against numpy's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import onebox as ob
from onebox.aggregates.quantiles import Buckets, Quantiles
from onebox.describe.shape import BINS, Histogram, edges_for
from onebox.engine.run import scan

RNG = np.random.default_rng(0)
N = 20_000
COLUMNS = {
    "normal": RNG.normal(size=N),
    "positive": RNG.gamma(2.0, 3.0, N),
    "tail": RNG.lognormal(0, 1, N),
    "powers": RNG.lognormal(0, 4, N),
    "cauchy": RNG.standard_cauchy(N),
    "years": RNG.integers(1980, 2025, N),
    "whole": np.rint(RNG.normal(0, 1e5, N)),
    "float whole": RNG.integers(-20, 20, N).astype(float),
    "few": RNG.integers(0, 2, N),
    "zeros": np.where(RNG.random(N) < 0.9, 0, RNG.exponential(100, N)),
    "offset": RNG.normal(1e6, 1.0, N),
    "infinite": np.where(RNG.random(N) < 0.01, np.inf, RNG.uniform(size=N)),
    "both infinite": np.concatenate([[np.inf, -np.inf], RNG.uniform(-1, 1, N - 2)]),
    "missing": np.where(RNG.random(N) < 0.3, np.nan, RNG.normal(5, 1, N)),
}


def buckets_of(values: Any) -> Buckets:
    summary, _ = scan(ob.dataset({"x": values}).view, Quantiles())
    return Buckets(summary, 0)


@pytest.fixture(scope="module")
def histograms() -> dict[str, Histogram]:
    described = ob.describe(COLUMNS)
    return {
        name: one.histogram
        for name, one in zip(COLUMNS, described.details.columns, strict=True)
        if one.histogram is not None
    }


@pytest.mark.parametrize("name", COLUMNS)
def test_against_numpy(name: str, histograms: dict[str, Histogram]) -> None:
    histogram = histograms[name]
    values = np.asarray(COLUMNS[name], float)
    values = values[np.isfinite(values)]
    edges = np.array(histogram.edges)
    counts = np.array(histogram.counts)
    total = counts.sum() + histogram.below + histogram.above
    assert len(counts) <= 2 * BINS + 2
    if histogram.sampled:
        assert total == histogram.sampled
        wanted = np.histogram(values, edges)[0] / len(values)
        np.testing.assert_allclose(counts / total, wanted, atol=4 / np.sqrt(total))
        return
    assert total == len(values)
    # No edge is off by more than the width of its bucket.
    ranked = np.sort(values)
    below = histogram.below + np.cumsum([0, *counts])
    reach = np.abs(edges) / 64 * (0 if histogram.whole and name in ("years", "few") else 1) + 1e-300
    low, high = np.searchsorted(ranked, edges - reach), np.searchsorted(ranked, edges + reach)
    assert (below >= low).all()
    assert (below <= high).all()


def test_tails_are_told_apart_and_round_numbers_are_edges(histograms: dict[str, Histogram]) -> None:
    assert histograms["cauchy"].below > 0
    assert histograms["cauchy"].above > 0
    assert (histograms["normal"].below, histograms["normal"].above) == (0, 0)
    assert histograms["powers"].logarithmic
    assert not histograms["tail"].logarithmic
    assert histograms["offset"].sampled > 0
    assert histograms["few"].edges == (-0.5, 0.5, 1.5)
    assert histograms["years"].whole
    assert histograms["float whole"].whole
    np.testing.assert_array_equal(
        histograms["years"].counts,
        np.histogram(COLUMNS["years"], histograms["years"].edges)[0],
    )


@pytest.mark.parametrize("scale", [1e-310, 1e-5, 1, 1e9, 1e300])
@pytest.mark.parametrize("whole", [False, True])
def test_edges_lie_around_the_range(scale: float, whole: bool) -> None:
    if whole and scale < 1:
        pytest.skip("no whole numbers")
    for low, high in ((0.0, 7.0), (-3.0, 4.0), (-9.0, -2.0), (100.0, 103.0)):
        edges = edges_for(low * scale, high * scale, whole)
        assert edges is not None
        assert edges[0] <= low * scale
        assert edges[-1] >= high * scale
        assert len(edges) <= 2 * BINS + 3


def test_no_range_has_no_edges() -> None:
    assert edges_for(1.0, 1.0, False) is None
    assert edges_for(-1.7e308, 1.7e308, False) is None
    assert edges_for(1e16, 1e16 + 2, False) is None


def test_counts_between_edges_of_ones_choice() -> None:
    narrow = buckets_of([1, 2, 2, 5, 9])
    assert narrow.counts_between(np.array([0.0, 2.0, 5.0, 9.0])).tolist() == [1, 2, 1]
    mixed = buckets_of([-np.inf, -4.0, -0.1, 0.0, 0.0, 0.3, 8.0, np.inf, np.nan])
    edges = np.array([-np.inf, -1.0, -0.05, 0.2, 1.0, np.inf])
    assert mixed.counts_between(edges).tolist() == [1, 1, 2, 1, 1]
    assert buckets_of([np.nan]).counts_between(np.array([0.0, 1.0])).tolist() == [0]
