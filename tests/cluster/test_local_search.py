"""Swaps find the clusters that a start has missed, and keep their books."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import make_blobs

from onebox.cluster.local_search import local_search


def cost(X, weights, chosen):
    return weights @ ((X[:, None] - X[chosen]) ** 2).sum(axis=2).min(axis=1)


@pytest.mark.parametrize("seed", range(5))
def test_clusters_that_were_missed_are_found(seed):
    X, y = make_blobs(600, 3, centers=12, cluster_std=0.1, random_state=seed)
    worst = np.flatnonzero(y < 3)[:12]  # all in three of them
    found = local_search(X, np.ones(len(X)), worst, 60, np.random.default_rng(seed))
    assert set(y[found]) == set(range(12))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), n=st.integers(3, 60), k=st.integers(1, 6), grid=st.booleans())
def test_the_cost_never_rises_and_rows_stay_rows(seed, n, k, grid):
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 3, (n, 2)).astype(float) if grid else rng.standard_normal((n, 2))
    weights = rng.random(n)
    start = rng.choice(n, min(k, n), replace=False)
    before, given_ = cost(X, weights, start), start.copy()
    costs = [before]
    for steps in (1, 3, 12):  # the same draws, and further ones
        found = local_search(X, weights, start, steps, np.random.default_rng(seed))
        costs.append(cost(X, weights, found))
        assert len(found) == len(start)
        assert set(found) <= set(range(n))
    assert np.all(np.diff(costs) <= 1e-9 * (1 + before))
    np.testing.assert_array_equal(start, given_)
