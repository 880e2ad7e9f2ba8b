from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.cluster import KMeans

Kernel = Callable[[str], Any]
FLOATS = pytest.mark.parametrize("dtype", [np.float32, np.float64])
NONE = np.empty(0)


def assign(
    kmeans: Any, X: np.ndarray, centers: np.ndarray, tile: int = 64
) -> tuple[np.ndarray, np.ndarray]:
    half_norms = (centers.astype(float) ** 2).sum(axis=1) / 2
    labels = np.full(len(X), -1, np.int32)
    distances = np.full(len(X), -1, X.dtype)
    scores = np.empty((len(centers), tile), X.dtype)
    kmeans.assign(X, centers, half_norms.astype(X.dtype), scores, labels, distances)
    return labels, distances


def squared_distances(X: np.ndarray, centers: np.ndarray) -> np.ndarray:
    return ((X.astype(float)[:, None] - centers.astype(float)) ** 2).sum(axis=2)


@FLOATS
@pytest.mark.parametrize("n_columns", [1, 5, 32, 256, 257, 300])
@pytest.mark.parametrize("n_clusters", [1, 2, 3, 4, 5, 9, 50])
def test_assign_finds_the_nearest_centre(
    kernel: Kernel, dtype: type, n_columns: int, n_clusters: int
) -> None:
    rng = np.random.default_rng(n_columns * n_clusters)
    X = rng.standard_normal((133, n_columns)).astype(dtype)
    X.flags.writeable = False
    centers = rng.standard_normal((n_clusters, n_columns)).astype(dtype)
    labels, distances = assign(kernel("kmeans"), X, centers)
    exact = squared_distances(X, centers)
    rtol = 1e-4 if dtype is np.float32 else 1e-12
    chosen = exact[np.arange(len(X)), labels]
    np.testing.assert_allclose(chosen, exact.min(axis=1), rtol=rtol, atol=rtol)
    np.testing.assert_allclose(distances, chosen, rtol=rtol, atol=rtol * n_columns)


@FLOATS
@pytest.mark.parametrize("n_columns", [2, 270])
@given(data=st.data())
def test_the_first_of_equal_centres_wins(
    kernel: Kernel, dtype: type, n_columns: int, data: st.DataObject
) -> None:
    n_clusters = data.draw(st.integers(1, 13))
    n_rows = data.draw(st.integers(0, 40))
    seed = data.draw(st.integers(0, 1000))
    tile = data.draw(st.sampled_from([1, 7, 16, 1024]))
    rng = np.random.default_rng(seed)
    # Small integers: every product and sum is exact, so ties are true ties.
    X = rng.integers(-2, 3, (n_rows, n_columns)).astype(dtype)
    centers = rng.integers(-1, 2, (n_clusters, n_columns)).astype(dtype)
    labels, distances = assign(kernel("kmeans"), X, centers, tile)
    exact = squared_distances(X, centers)
    np.testing.assert_array_equal(labels, exact.argmin(axis=1))
    np.testing.assert_array_equal(distances, exact.min(axis=1))


@FLOATS
def test_rounding_makes_no_distance_negative(kernel: Kernel, dtype: type) -> None:
    X = (np.random.default_rng(0).standard_normal((64, 3)) + 1000).astype(dtype)
    assert assign(kernel("kmeans"), X, X)[1].min() >= 0


@FLOATS
@pytest.mark.parametrize("n_columns", [3, 270])
def test_rows_that_are_not_finite_keep_to_themselves(
    kernel: Kernel, dtype: type, n_columns: int
) -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((40, n_columns)).astype(dtype)
    centers = rng.standard_normal((6, n_columns)).astype(dtype)
    clean, _ = assign(kernel("kmeans"), X, centers)
    X[7, 1] = np.nan
    labels, distances = assign(kernel("kmeans"), X, centers)
    assert labels[7] == 0
    assert np.isnan(distances[7])
    np.testing.assert_array_equal(np.delete(labels, 7), np.delete(clean, 7))


def test_assign_agrees_with_scikit_learn(kernel: Kernel) -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((2000, 8)) + rng.integers(0, 4, (2000, 1)) * 3
    peer = KMeans(7, init=X[:7], n_init=1, max_iter=5, tol=0).fit(X)
    labels, distances = assign(kernel("kmeans"), X, peer.cluster_centers_)
    np.testing.assert_array_equal(labels, peer.predict(X))
    assert distances.sum() == pytest.approx(-peer.score(X))


@FLOATS
@pytest.mark.parametrize("weighted", [False, True])
def test_accumulate_and_inertia(kernel: Kernel, dtype: type, weighted: bool) -> None:
    kmeans = kernel("kmeans")
    rng = np.random.default_rng(0)
    X = rng.standard_normal((501, 7)).astype(dtype)
    labels = rng.integers(0, 4, 501).astype(np.int32)
    w = rng.random(501) if weighted else np.ones(501)
    for array in (X, labels, w):
        array.flags.writeable = False
    sums, counts = np.ones((5, 7)), np.ones(5)
    kmeans.accumulate(X, w if weighted else NONE, labels, sums, counts)
    chosen = labels[:, None] == np.arange(5)
    np.testing.assert_allclose(sums, 1 + (chosen * w[:, None]).T @ X.astype(float), rtol=1e-12)
    np.testing.assert_allclose(counts, 1 + (chosen * w[:, None]).sum(axis=0), rtol=1e-12)
    centers = rng.standard_normal((5, 7))
    expected = (w * ((X - centers[labels]) ** 2).sum(axis=1)).sum()
    found = kmeans.inertia(X, w if weighted else NONE, labels, centers)
    assert found == pytest.approx(expected, rel=1e-12)


def test_changed_counts_and_copies(kernel: Kernel) -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 1000).astype(np.int32)
    labels.flags.writeable = False
    old = rng.integers(0, 3, 1000).astype(np.int32)
    differing = int((labels != old).sum())
    assert kernel("kmeans").changed(labels, old) == differing
    assert kernel("kmeans").changed(labels, old) == 0


def test_empty_input(kernel: Kernel) -> None:
    kmeans = kernel("kmeans")
    X, labels = np.empty((0, 3)), np.empty(0, np.int32)
    assert assign(kmeans, X, np.ones((2, 3)))[0].size == 0
    sums, counts = np.zeros((2, 3)), np.zeros(2)
    kmeans.accumulate(X, NONE, labels, sums, counts)
    assert counts.sum() == 0
    assert kmeans.inertia(X, NONE, labels, np.ones((2, 3))) == 0
    assert kmeans.changed(labels, labels.copy()) == 0


def test_shapes_are_checked(kernel: Kernel) -> None:
    kmeans = kernel("kmeans")
    with pytest.raises(ValueError, match="do not fit together"):
        assign(kmeans, np.ones((4, 3)), np.ones((2, 2)))
    with pytest.raises(ValueError, match="do not fit together"):
        assign(kmeans, np.ones((4, 3)), np.ones((2, 3)), tile=1025)
    labels = np.zeros(3, np.int32)
    with pytest.raises(ValueError, match="do not fit together"):
        kmeans.accumulate(np.ones((4, 3)), NONE, labels, np.ones((2, 3)), np.ones(2))
    with pytest.raises(ValueError, match="do not fit together"):
        kmeans.inertia(np.ones((4, 3)), NONE, labels, np.ones((2, 3)))
    with pytest.raises(ValueError, match="same length"):
        kmeans.changed(labels, np.zeros(4, np.int32))
