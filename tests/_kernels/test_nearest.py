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
NO_ROWS = np.empty(0, np.int32)
NO_BOUNDS = np.empty(0, np.float32)


def assign(kernel: Kernel, X: np.ndarray, centers: np.ndarray, tile: int = 64) -> np.ndarray:
    half_norms = (centers.astype(float) ** 2).sum(axis=1) / 2
    labels = np.full(len(X), -1, np.int32)
    scores = np.empty((len(centers), tile), X.dtype)
    kernel("nearest").assign(X, centers, half_norms.astype(X.dtype), scores, labels)
    return labels


def assign_coarsely_first(
    kernel: Kernel, X: np.ndarray, centers: np.ndarray
) -> tuple[np.ndarray, int]:
    """As `Centers` does: all in float64 where the loops over 16 rows do not serve."""
    p, middle = centers.shape[1], centers.mean(axis=0)
    if not kernel("nearest").served(p):
        return assign(kernel, X, centers), len(X)
    nearest_two = kernel("nearest_two")
    half_norms = (centers**2).sum(axis=1) / 2
    moved = centers - middle
    coarse_norms = (moved**2).sum(axis=1) / 2 * (1 - 2 * nearest_two.coarseness(p))
    labels = np.full(len(X), -1, np.int32)
    with np.errstate(over="ignore"):
        coarse, coarse_norms = moved.astype(np.float32), coarse_norms.astype(np.float32)
    again = nearest_two.assign_coarsely_first(
        X, centers, half_norms, middle, coarse, coarse_norms, NO_ROWS, labels, NO_BOUNDS, 0.0,
    )  # fmt: skip
    return labels, again


def squared_distances(X: np.ndarray, centers: np.ndarray) -> np.ndarray:
    return ((X.astype(float)[:, None] - centers.astype(float)) ** 2).sum(axis=2)


def assert_nearest(
    labels: np.ndarray, X: np.ndarray, centers: np.ndarray, precision: float
) -> None:
    exact = squared_distances(X, centers)
    chosen = exact[np.arange(len(X)), labels]
    np.testing.assert_allclose(chosen, exact.min(axis=1), rtol=precision, atol=precision)


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
    labels = assign(kernel, X, centers)
    assert_nearest(labels, X, centers, 1e-4 if dtype is np.float32 else 1e-12)
    if dtype is np.float64:
        labels, _ = assign_coarsely_first(kernel, X, centers)
        assert_nearest(labels, X, centers, 1e-12)


@given(data=st.data())
def test_float32_first_leads_where_float64_leads(kernel: Kernel, data: st.DataObject) -> None:
    """Whatever the scale, the offset, and how near rows lie to the border of two clusters."""
    rng = np.random.default_rng(data.draw(st.integers(0, 10_000)))
    n_rows, p = data.draw(st.integers(1, 70)), data.draw(st.integers(1, 40))
    k = data.draw(st.integers(1, 12))
    scale = 10.0 ** data.draw(st.integers(-25, 25))
    offset = data.draw(st.sampled_from([0, 1, 1e3, 1e6])) * scale
    nearness = 10.0 ** data.draw(st.integers(-9, 0))
    centers = rng.standard_normal((k, p)) * scale + offset
    if data.draw(st.booleans()):
        centers[0] *= 1e4  # one far from all others
    one, other = rng.integers(0, k, (2, n_rows))
    X = (centers[one] + centers[other]) / 2  # on the border
    X += rng.standard_normal((n_rows, p)) * scale * nearness
    labels, _ = assign_coarsely_first(kernel, X, centers)
    middle = centers.mean(axis=0)
    exact = squared_distances((X - middle) / scale, (centers - middle) / scale)
    chosen, least = exact[np.arange(n_rows), labels], exact.min(axis=1)
    size = (np.abs(X).max() + np.abs(centers).max()) / scale
    assert (chosen - least <= 1e-14 * p * size**2).all()


@given(seed=st.integers(0, 2**32), scale=st.floats(5e18, 3e19))
def test_centres_too_large_for_float32_are_found(kernel: Kernel, seed: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    centers = rng.standard_normal((6, 3)) * scale
    X = rng.standard_normal((1000, 3)) * scale
    labels, _ = assign_coarsely_first(kernel, X, centers)
    distances = squared_distances(X / scale, centers / scale)
    assert (distances[np.arange(len(X)), labels] - distances.min(axis=1) < 1e-12).all()


def test_few_rows_are_looked_at_again(kernel: Kernel) -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((20_000, 40)) + np.arange(40) * 100
    centers = X[:50].copy()
    labels, again = assign_coarsely_first(kernel, X, centers)
    np.testing.assert_array_equal(labels, assign(kernel, X, centers))
    # Where there is no AVX2, float64 looks at every row.
    assert again in (len(X), *range(len(X) // 100))


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
    first = squared_distances(X, centers).argmin(axis=1)
    np.testing.assert_array_equal(assign(kernel, X, centers, tile), first)
    if dtype is np.float64:
        labels, _ = assign_coarsely_first(kernel, X, centers)
        np.testing.assert_array_equal(labels, first)


@FLOATS
@pytest.mark.parametrize("n_columns", [3, 270])
def test_rows_that_are_not_finite_keep_to_themselves(
    kernel: Kernel, dtype: type, n_columns: int
) -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((40, n_columns)).astype(dtype)
    centers = rng.standard_normal((6, n_columns)).astype(dtype)
    ways = [lambda: assign(kernel, X, centers)]
    if dtype is np.float64:
        ways.append(lambda: assign_coarsely_first(kernel, X, centers)[0])
    clean = [way() for way in ways]
    X[7, 1] = np.nan
    for way, before in zip(ways, clean, strict=True):
        labels = way()
        assert labels[7] == 0
        np.testing.assert_array_equal(np.delete(labels, 7), np.delete(before, 7))


def test_assign_agrees_with_scikit_learn(kernel: Kernel) -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((2000, 8)) + rng.integers(0, 4, (2000, 1)) * 3
    peer = KMeans(7, init=X[:7], n_init=1, max_iter=5, tol=0).fit(X)
    labels = peer.predict(X)
    np.testing.assert_array_equal(assign(kernel, X, peer.cluster_centers_), labels)
    found, _ = assign_coarsely_first(kernel, X, peer.cluster_centers_)
    np.testing.assert_array_equal(found, labels)


def test_no_rows(kernel: Kernel) -> None:
    X = np.empty((0, 3))
    assert assign(kernel, X, np.ones((2, 3))).size == 0
    assert assign_coarsely_first(kernel, X, np.ones((2, 3)))[0].size == 0


def test_shapes_are_checked(kernel: Kernel) -> None:
    with pytest.raises(ValueError, match="do not fit together"):
        assign(kernel, np.ones((4, 3)), np.ones((2, 2)))
    with pytest.raises(ValueError, match="do not fit together"):
        assign(kernel, np.ones((4, 3)), np.ones((2, 3)), tile=1025)
    coarsely_first = kernel("nearest_two").assign_coarsely_first
    X, labels, ones = np.ones((4, 3)), np.zeros(4, np.int32), np.ones(3, np.float32)

    def fails(match: str, centers: np.ndarray, coarse: np.ndarray, bounds: np.ndarray) -> None:
        half_norms, middle = np.ones(len(centers)), np.ones(centers.shape[1])
        with pytest.raises(ValueError, match=match):
            coarsely_first(
                X, centers, half_norms, middle, coarse, ones[: len(coarse)], NO_ROWS, labels,
                bounds, 0.0,
            )  # fmt: skip

    few, all_ = np.ones((1, 3), np.float32), np.ones((2, 3), np.float32)
    fails("do not fit together", np.ones((2, 2)), all_, NO_BOUNDS)
    fails("coarse centres", np.ones((2, 3)), few, NO_BOUNDS)
    fails("coarse centres", np.ones((2, 3)), all_[:, :2].copy(), NO_BOUNDS)
    fails("do not fit the rows", np.ones((2, 3)), all_, ones)


def test_bounds_need_a_place_each(kernel: Kernel) -> None:
    X, middle, labels = np.ones((4, 3), np.float32), np.ones(3, np.float32), np.zeros(4, np.int32)
    with pytest.raises(ValueError, match="place for its bound"):
        kernel("nearest_two").assign_with_bounds(
            X, X[:2], X[:2, 0].copy(), middle, NO_ROWS, labels, NO_BOUNDS, 0.0, 0.0, 0.0
        )


def test_wide_rows_are_refused_where_16_stand_side_by_side(kernel: Kernel) -> None:
    X, labels = np.ones((4, 257), np.float32), np.zeros(4, np.int32)
    with pytest.raises(ValueError, match="257 columns"):
        kernel("nearest_two").assign_with_bounds(
            X, X[:2], X[:2, 0].copy(), X[0], NO_ROWS, labels, X[:, 0].copy(), 0.0, 0.0, 0.0
        )


def test_a_label_does_not_depend_on_the_rows_beside_it(kernel: Kernel) -> None:
    """Not even for rows on the border of two clusters, which rounding decides."""
    rng = np.random.default_rng(0)
    if not kernel("nearest").served(7):
        pytest.skip("BLAS makes no such promise")
    centers = rng.standard_normal((30, 7)) + 1e3
    one, other = rng.integers(0, 30, (2, 999))
    X = (centers[one] + centers[other]) / 2
    for values in (X, X.astype(np.float32)):
        label = assign if values.dtype == np.float32 else assign_coarsely_first
        alone = [label(kernel, row[None], centers.astype(values.dtype)) for row in values]
        together = label(kernel, values, centers.astype(values.dtype))
        if values.dtype == np.float64:
            alone, together = [labels for labels, _ in alone], together[0]
        np.testing.assert_array_equal(together, np.concatenate(alone))
