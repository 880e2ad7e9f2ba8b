"""Spherical k-means by its definition, and on what has no direction."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.metrics import adjusted_rand_score

import onebox as ob
from onebox.cluster import SphericalKMeans
from onebox.errors import BadValue


def directions(n=3000, p=6, seed=0):
    """Rows around six directions, of any length."""
    rng = np.random.default_rng(seed)
    label = rng.integers(p, size=n)
    X = np.eye(p)[label] + 0.15 * rng.standard_normal((n, p))
    return X * rng.lognormal(0, 3, size=(n, 1)), label


def textbook(X, start, weight, n_iter):
    """Dhillon & Modha, in four lines."""
    rows, centers = X / np.linalg.norm(X, axis=1, keepdims=True), start
    for _ in range(n_iter):
        hot = np.eye(len(centers))[(rows @ centers.T).argmax(axis=1)] * weight[:, None]
        centers = hot.T @ rows
        centers = centers / np.linalg.norm(centers, axis=1, keepdims=True)
    return centers, rows


@pytest.mark.parametrize("form", [np.asarray, sp.csr_array, np.float32], ids=["f8", "csr", "f4"])
@pytest.mark.parametrize("weighted", [False, True])
def test_it_is_the_algorithm_of_the_book(form, weighted):
    X, _ = directions()
    weight = np.random.default_rng(1).random(len(X)) if weighted else np.ones(len(X))
    start = 5 * X[:6]
    made = SphericalKMeans(6, init=start, tol=0, max_iter=7).fit(
        form(X), sample_weight=weight if weighted else None
    )
    unit = start / np.linalg.norm(start, axis=1, keepdims=True)
    centers, rows = textbook(X, unit, weight, made.n_iter_)
    exact = 1e-5 if made.cluster_centers_.dtype == np.float32 else 1e-10
    np.testing.assert_allclose(made.cluster_centers_, centers, atol=exact)
    cosines = rows @ centers.T
    np.testing.assert_array_equal(made.labels_, cosines.argmax(axis=1))
    assert made.inertia_ == pytest.approx(2 * weight @ (1 - cosines.max(axis=1)), rel=10 * exact)
    np.testing.assert_array_equal(made.predict(form(X)), made.labels_)
    expected = np.sqrt(np.maximum(2 - 2 * cosines, 0))
    np.testing.assert_allclose(made.transform(form(X)), expected, atol=100 * exact)
    assert made.score(form(X), sample_weight=weight) == pytest.approx(-made.inertia_)


def test_lengths_do_not_matter(tmp_path):
    X, label = directions()
    lengths = np.random.default_rng(5).lognormal(0, 4, size=(len(X), 1))
    made = SphericalKMeans(6, random_state=0).fit(X)
    other = SphericalKMeans(6, random_state=0).fit(X * lengths)
    np.testing.assert_array_equal(made.labels_, other.labels_)
    assert len({(a, b) for a, b in zip(label, made.labels_, strict=True)}) < 12
    np.save(tmp_path / "x.npy", X)
    lazy = SphericalKMeans(6, random_state=0).fit(tmp_path / "x.npy")
    assert adjusted_rand_score(lazy.labels_.to_numpy(), made.labels_) == 1


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_no_square_over_or_underflows(scale):
    X, _ = directions()
    made = SphericalKMeans(6, random_state=0).fit(X * scale)
    np.testing.assert_allclose(np.linalg.norm(made.cluster_centers_, axis=1), 1)
    np.testing.assert_array_equal(made.labels_, SphericalKMeans(6, random_state=0).fit(X).labels_)


@pytest.mark.parametrize("form", [np.asarray, sp.csr_array, ob.dataset])
def test_rows_of_zeros_move_nothing(form):
    X, _ = directions()
    with_zeros = np.insert(X, [5, 70, 1000], 0.0, axis=0)
    made = SphericalKMeans(6, init=X[:6]).fit(form(with_zeros))
    without = SphericalKMeans(6, init=X[:6]).fit(X)
    np.testing.assert_allclose(made.cluster_centers_, without.cluster_centers_)
    assert made.inertia_ == pytest.approx(without.inertia_ + 3)
    X[2100, 1] = np.nan
    with pytest.raises(BadValue, match=r"NaN.*row 2,100"):
        SphericalKMeans(3).fit(form(X))


def test_rows_that_cancel_out_leave_their_centre():
    made = SphericalKMeans(1, init=[[0.6, 0.8]]).fit([[1.0, 0], [-3, 0]])
    np.testing.assert_array_equal(made.cluster_centers_, [[0.6, 0.8]])
    assert made.inertia_ == pytest.approx(4)


def test_rows_with_missing_values_may_be_dropped():
    X, _ = directions(200)
    X[7, 2] = np.nan
    kept = np.delete(X, 7, axis=0)
    one = SphericalKMeans(3, init=X[:3]).fit(ob.dataset(X, on_missing="drop"))
    other = SphericalKMeans(3, init=X[:3]).fit(kept)
    np.testing.assert_allclose(one.cluster_centers_, other.cluster_centers_)
