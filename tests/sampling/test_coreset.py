"""Lightweight coresets: costs as on all rows, draws that nothing moves."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
import scipy.sparse as sp

import onebox as ob
from onebox.cluster import KMeans
from onebox.errors import BadInput, BadValue, EmptyData, SinglePass, WrongType
from onebox.sampling import lightweight_coreset


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    rng = np.random.default_rng(0)
    centers = rng.uniform(-10, 10, size=(12, 5))
    return centers[rng.integers(12, size=20_000) ** 2 // 12] + rng.normal(size=(20_000, 5)) + 100


def cost(X: np.ndarray, centers: np.ndarray, weights: np.ndarray | None = None) -> float:
    nearest = ((X[:, None] - centers) ** 2).sum(axis=2).min(axis=1)
    return float(nearest.sum() if weights is None else weights @ nearest)


def test_costs_are_without_bias(rows) -> None:
    centers = rows[[3, 500, 9000, 17_000]]
    true, found = cost(rows, centers), []
    for seed in range(60):
        points, weights = lightweight_coreset(rows, 200, random_state=seed)
        assert points.shape == (200, 5)
        found.append(cost(points, centers, weights) / true)
    assert np.std(found) < 0.12
    assert abs(np.mean(found) - 1) < 4 * np.std(found) / np.sqrt(60)


def test_clusters_of_a_coreset_are_nearly_those_of_all_rows(rows) -> None:
    points, weights = lightweight_coreset(rows, 2000, random_state=0)
    assert weights.sum() == pytest.approx(20_000, rel=0.1)
    few = KMeans(8, random_state=0, n_init=3).fit(points, sample_weight=weights)
    everything = KMeans(8, random_state=0, n_init=3).fit(rows)
    assert cost(rows, few.cluster_centers_) < 1.05 * everything.inertia_


def test_workers_and_forms_move_no_draw_and_coresets_grow(rows) -> None:
    found = []
    for n_jobs in (1, 4):
        with ob.config(n_jobs=n_jobs):
            found.append(lightweight_coreset(rows, 300, random_state=1))
    np.testing.assert_array_equal(found[0].points, found[1].points)
    np.testing.assert_array_equal(found[0].weights, found[1].weights)
    more = lightweight_coreset(ob.dataset(rows), 500, random_state=1)
    np.testing.assert_array_equal(more.points[:300], found[0].points)


def test_few_rows_stand_for_themselves(rows) -> None:
    points, weights = lightweight_coreset(rows[:50], 50)
    assert sorted(points[:, 0]) == sorted(rows[:50, 0])
    assert (weights == 1).all()
    points, weights = lightweight_coreset(np.ones((1000, 2)), 10)
    assert points.tolist() == [[1, 1]] * 10
    assert weights == pytest.approx(np.full(10, 100), rel=1.0)


def test_a_weight_counts_for_so_many_rows(rows) -> None:
    rng = np.random.default_rng(1)
    weight = rng.integers(0, 4, len(rows)) * np.where(rows[:, 0] > 100, 5.0, 0.5)
    centers = rows[[3, 500, 9000, 17_000]]
    true = cost(rows, centers, weight)
    found = []
    for seed in range(60):
        points, weights = lightweight_coreset(rows, 200, sample_weight=weight, random_state=seed)
        found.append(cost(points, centers, weights) / true)
    assert np.std(found) < 0.12
    assert abs(np.mean(found) - 1) < 4 * np.std(found) / np.sqrt(60)
    points, weights = lightweight_coreset(rows[:50], 50, sample_weight=weight[:50])
    counting = weight[:50] > 0
    assert sorted(zip(points[:, 0], weights, strict=True)) == sorted(
        zip(rows[:50][counting, 0], weight[:50][counting], strict=True)
    )
    ones = lightweight_coreset(rows, 300, sample_weight=np.ones(len(rows)), random_state=1)
    plain = lightweight_coreset(rows, 300, random_state=1)
    np.testing.assert_array_equal(ones.points, plain.points)
    np.testing.assert_allclose(ones.weights, plain.weights)


def test_sparse_rows_are_drawn_as_dense_ones_are(monkeypatch) -> None:
    rng = np.random.default_rng(0)
    dense = rng.random((5000, 30)) * (rng.random((5000, 30)) < 0.2)
    expected = lightweight_coreset(dense, 300, random_state=1)

    def refused(*_: object, **__: object) -> None:
        raise AssertionError("a block of sparse rows was made a matrix")

    monkeypatch.setattr("onebox.data.columns.SparseColumns.matrix", refused)
    found = lightweight_coreset(sp.csr_array(dense), 300, random_state=1)
    np.testing.assert_array_equal(found.points, expected.points)
    np.testing.assert_allclose(found.weights, expected.weights)


def test_what_is_refused(rows) -> None:
    with pytest.raises(BadInput, match="m=0 rows make no coreset"):
        lightweight_coreset(rows, 0)
    with pytest.raises(EmptyData, match="was given 0 rows"):
        lightweight_coreset(rows[:0], 5)
    with pytest.raises(EmptyData, match="9 rows, of which none has a sample_weight above 0"):
        lightweight_coreset(rows[:9], 5, sample_weight=np.zeros(9))
    with pytest.raises(WrongType, match="'text'"):
        lightweight_coreset(pa.table({"text": ["a"]}), 5)
    with pytest.raises(SinglePass, match="more than one pass"):
        lightweight_coreset(ob.dataset(iter([rows])), 5)
    sparse = sp.csr_array(rows[:9])
    sparse.data[7] = np.nan
    with pytest.raises(BadValue, match="column 'x2', row 1"):
        lightweight_coreset(sparse, 5)
