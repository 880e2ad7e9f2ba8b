"""AgglomerativeClustering against scikit-learn's, and by its own laws."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scipy.cluster.hierarchy
import scipy.sparse as sp
import scipy.spatial.distance
import sklearn.cluster
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits, make_blobs
from sklearn.feature_extraction.image import grid_to_graph

import onebox as ob
from onebox.cluster import AgglomerativeClustering
from onebox.cluster.condensing import leaves_within
from onebox.cluster.hierarchy.trees import grow
from onebox.errors import BadInput, BadValue, EmptyData, NotEnoughMemory, WrongType

LINKAGES = pytest.mark.parametrize("linkage", ["ward", "average", "complete", "single"])


def both(X, *args, **options):
    ours = AgglomerativeClustering(*args, **options).fit(X)
    return ours, sklearn.cluster.AgglomerativeClustering(*args, **options).fit(X)


@LINKAGES
@pytest.mark.parametrize("full", ["auto", True, False])
@settings(max_examples=25)
@given(n_clusters=st.integers(1, 59), seed=st.integers(0, 2**32))
def test_labels_are_scikit_learns(linkage, full, n_clusters, seed):
    X = np.random.default_rng(seed).normal(size=(60, 3))
    for graph in (None, grid_to_graph(6, 10)):
        ours, peer = both(
            X, n_clusters, linkage=linkage, connectivity=graph, compute_full_tree=full
        )
        assert ours.n_clusters_ == peer.n_clusters_
        assert ours.n_leaves_ == peer.n_leaves_
        if linkage == "single" and graph is not None:
            # There, which child of a merge comes first is an accident of scipy's spanning tree.
            pairs = set(zip(ours.labels_, peer.labels_, strict=True))
            assert len(pairs) == n_clusters == len(set(ours.labels_))
            continue
        np.testing.assert_array_equal(ours.labels_, peer.labels_)
        np.testing.assert_array_equal(ours.children_.reshape(-1, 2), peer.children_.reshape(-1, 2))
        assert not hasattr(ours, "distances_")


@LINKAGES
@given(threshold=st.floats(0, 8), seed=st.integers(0, 2**32))
def test_thresholds(linkage, threshold, seed):
    X = np.random.default_rng(seed).normal(size=(60, 3))
    options = {"linkage": linkage, "distance_threshold": threshold}
    ours, peer = both(X, None, **options)
    np.testing.assert_array_equal(ours.labels_, peer.labels_)
    np.testing.assert_allclose(ours.distances_, peer.distances_)
    of_graph, peer = both(X, None, connectivity=grid_to_graph(6, 10), **options)
    assert of_graph.n_clusters_ == peer.n_clusters_
    cut = scipy.cluster.hierarchy.fcluster(ours.linkage_matrix_, threshold, "distance")
    if threshold not in ours.distances_:
        assert len(set(zip(cut, ours.labels_, strict=True))) == len(set(cut)) == ours.n_clusters_


def test_the_tree_can_be_drawn():
    model = AgglomerativeClustering(3, compute_distances=True).fit(load_digits().data[:50])
    drawn = scipy.cluster.hierarchy.dendrogram(model.linkage_matrix_, no_plot=True)
    assert sorted(drawn["leaves"]) == list(range(50))
    assert scipy.cluster.hierarchy.is_valid_linkage(model.linkage_matrix_)
    model.set_params(compute_distances=False).fit(load_digits().data[:50])
    with pytest.raises(AttributeError, match="Fit with compute_distances=True"):
        _ = model.linkage_matrix_


def test_rows_from_everywhere(tmp_path):
    X = np.random.default_rng(0).normal(size=(500, 4))
    table = pa.table({f"c{j}": column for j, column in enumerate(X.T)})
    pq.write_table(table, tmp_path / "rows.parquet", row_group_size=77)
    expected = AgglomerativeClustering(5).fit(X)
    for rows in (table, tmp_path / "rows.parquet", ob.dataset(tmp_path / "rows.parquet")):
        made = AgglomerativeClustering(5).fit(rows)
        np.testing.assert_array_equal(made.labels_, expected.labels_)
        assert made.feature_names_in_.tolist() == ["c0", "c1", "c2", "c3"]
        assert (made.fit_report_.rows, made.fit_report_.passes) == (500, 1)
    dropped = X.copy()
    dropped[7, 2] = np.nan
    made = AgglomerativeClustering(5).fit(ob.dataset(dropped, on_missing="drop"))
    expected = AgglomerativeClustering(5).fit(np.delete(X, 7, axis=0))
    np.testing.assert_array_equal(made.labels_, expected.labels_)


def test_the_rows_that_were_given_stay_as_they_were():
    X = np.random.default_rng(0).normal(size=(60, 3))
    before = X.copy()
    for graph in (None, grid_to_graph(6, 10)):
        for linkage in ("ward", "average", "complete", "single"):
            AgglomerativeClustering(linkage=linkage, connectivity=graph).fit(X)
    np.testing.assert_array_equal(X, before)


def test_a_tree_is_kept_for_other_cuts(tmp_path):
    X = np.random.default_rng(0).normal(size=(60, 3))
    model = AgglomerativeClustering(5, memory=str(tmp_path)).fit(X)
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    assert kept
    first = model.labels_
    other = model.set_params(n_clusters=7).fit(X).labels_
    np.testing.assert_array_equal(other, AgglomerativeClustering(7).fit(X).labels_)
    assert len(set(zip(first, other, strict=True))) == 7


def test_connectivity_can_be_a_function():
    X = np.random.default_rng(0).normal(size=(60, 3))
    graph = grid_to_graph(6, 10)
    made = AgglomerativeClustering(4, connectivity=lambda X: graph).fit(X)
    expected = AgglomerativeClustering(4, connectivity=graph).fit(X)
    np.testing.assert_array_equal(made.labels_, expected.labels_)


# Micro-clusters


def within(X, labels):
    """The sum of squared distances to the means of clusters."""
    return sum(((X[labels == c] - X[labels == c].mean(axis=0)) ** 2).sum() for c in set(labels))


NOISE = np.random.default_rng(0)
ROWS = {
    "digits": load_digits().data,
    "blobs": make_blobs(4_000, 8, centers=10, random_state=0)[0],
    "normal": NOISE.normal(size=(4_000, 8)),
    "uniform": NOISE.uniform(size=(4_000, 8)),
    "flat": NOISE.normal(size=(4_000, 2)),
}


@pytest.mark.parametrize("n_clusters", [5, 10, 20])
@pytest.mark.parametrize("name", ROWS)
def test_condensed_clusters_are_as_tight(name, n_clusters):
    X = ROWS[name]
    full = within(X, AgglomerativeClustering(n_clusters).fit(X).labels_)
    for seed in range(3):
        model = AgglomerativeClustering(n_clusters, max_leaves=len(X) // 4, random_state=seed).fit(
            X
        )
        assert len(model.children_) == model.n_leaves_ - 1 < len(X) // 4
        assert within(X, model.labels_) < 1.02 * full


@pytest.mark.parametrize("linkage", ["ward", "average"])
def test_rows_get_the_label_of_what_is_nearest(linkage):
    X = ROWS["normal"]
    model = AgglomerativeClustering(4, linkage=linkage, max_leaves=1_000).fit(X)
    micro = model.micro_clusters_
    whole = AgglomerativeClustering(4, linkage=linkage)
    leaves = grow(micro.centers.copy(), None, 1, linkage, "euclidean", "join", micro.weights)
    whole._take(leaves, True)
    if linkage == "ward":
        members = [whole.labels_ == c for c in range(4)]
        sums = [micro.weights[of] @ micro.centers[of] / micro.weights[of].sum() for of in members]
        centers = np.array(sums)
        labels = np.arange(4)
    else:
        centers, labels = micro.centers, whole.labels_
    nearest = scipy.spatial.distance.cdist(X, centers).argmin(axis=1)
    np.testing.assert_array_equal(model.labels_, labels[nearest])


def test_the_budget_sizes_the_micro_clusters():
    assert leaves_within(8 * 2**30, 20, "ward") == 2**14
    assert leaves_within(8 * 2**30, 20, "average") == 2**14
    assert leaves_within(2**30, 20, "average") == 2**13
    assert leaves_within(2**26, 1_000, "ward") == 2**8
    X = make_blobs(5_000, 3, centers=6, random_state=0)[0]
    with ob.config(memory="100MB"):
        model = AgglomerativeClustering(6, linkage="complete").fit(ob.dataset(X))
    assert 1_000 < model.n_leaves_ <= 2_048
    assert AgglomerativeClustering(6).fit(ob.dataset(X)).micro_clusters_ is None


def test_micro_clusters_are_means_of_the_rows_near_them():
    X = make_blobs(2_000, 3, centers=10, random_state=0)[0]
    micro = AgglomerativeClustering(5, max_leaves=200).fit(X).micro_clusters_
    assert micro.weights.sum() == 2_000
    assert micro.weights.min() >= 1
    np.testing.assert_allclose(micro.weights @ micro.centers / 2_000, X.mean(axis=0))


@pytest.mark.parametrize("linkage", ["ward", "average"])
def test_a_weight_counts_for_so_many_rows(linkage):
    rng = np.random.default_rng(0)
    X, weights = rng.normal(size=(60, 3)), rng.integers(1, 5, 60)
    weighted = grow(X.copy(), None, 1, linkage, "euclidean", "join", weights.astype(float))
    repeated = grow(np.repeat(X, weights, axis=0), None, 1, linkage, "euclidean", "join")
    np.testing.assert_allclose(repeated.distances[-59:], weighted.distances)
    assert (repeated.distances[:-59] == 0).all()


@LINKAGES
def test_separate_clusters_are_found_whatever_the_linkage(linkage):
    centers = 100 * np.eye(4)
    X, truth = make_blobs(3_000, centers=centers, random_state=0)
    labels = AgglomerativeClustering(4, linkage=linkage, max_leaves=300).fit(X).labels_
    assert len(set(zip(labels, truth, strict=True))) == 4


def test_labels_of_a_condensed_dataset_are_lazy(tmp_path):
    X = make_blobs(18_000, 3, centers=6, random_state=0)[0]
    table = pa.table({f"c{j}": column for j, column in enumerate(X.T)})
    pq.write_table(table, tmp_path / "rows.parquet", row_group_size=2_500)
    data = ob.dataset(tmp_path / "rows.parquet")
    labels = []
    for way in ({"n_jobs": 1}, {"n_jobs": 3}, {"n_jobs": 2, "executor": "serial"}):
        with ob.config(**way):
            model = AgglomerativeClustering(6).fit(data)
            assert isinstance(model.labels_, ob.Dataset)
            labels.append(model.labels_.to_numpy())
    assert 10_000 < model.n_leaves_ <= 2**14
    assert model.fit_report_.passes == 3
    for one in labels[1:]:
        np.testing.assert_array_equal(one, labels[0])
    ob.save(model, tmp_path / "model.onebox")
    again = ob.load(tmp_path / "model.onebox")
    assert not hasattr(again, "labels_")
    np.testing.assert_array_equal(again.micro_clusters_.centers, model.micro_clusters_.centers)
    few = AgglomerativeClustering(6, max_leaves=None).fit(data.sample(500))
    assert few.micro_clusters_ is None
    assert few.n_leaves_ == 500


def test_values_that_are_not_finite_are_found_outside_the_sample():
    X = np.random.default_rng(0).normal(size=(3_000, 3))
    X[2_345, 1] = np.inf
    for seed in range(3):  # the row is in a sample of 30 once in 100
        with pytest.raises(BadValue, match=r"infinity.*x1.*row 2,345"):
            AgglomerativeClustering(max_leaves=30, random_state=seed).fit(X)


def test_duplicates_are_one_leaf():
    X = np.repeat([[0.0, 0.0], [1.0, 0.0], [9.0, 9.0]], 100, axis=0)
    model = AgglomerativeClustering(2, max_leaves=50).fit(X)
    assert model.n_leaves_ == 3
    assert model.labels_.tolist() == [0] * 200 + [1] * 100


@pytest.mark.parametrize("options", [{"connectivity": np.eye(30)}, {"metric": "l1"}])
def test_what_cannot_be_condensed(options):
    model = AgglomerativeClustering(max_leaves=20, linkage="average", **options)
    with pytest.raises(BadInput, match=r"max_leaves=20 condenses.*Pass max_leaves=None"):
        model.fit(np.ones((30, 2)))


# Bad input

X = np.random.default_rng(0).normal(size=(10, 2))


@pytest.mark.parametrize(
    ("options", "data", "kind", "message"),
    [
        ({"n_clusters": 11}, X, BadInput, "n_clusters=11, but .*has 10 rows to cluster"),
        ({"n_clusters": None}, X, BadInput, "Exactly one of n_clusters and distance_threshold"),
        ({"distance_threshold": 1.0}, X, BadInput, "Exactly one of n_clusters"),
        (
            {"n_clusters": None, "distance_threshold": 1.0, "compute_full_tree": False},
            X, BadInput, "compute_full_tree must be True",
        ),
        ({"metric": "l1"}, X, BadInput, "Ward can only work with euclidean distances"),
        ({}, X[:1], EmptyData, r"1 sample\(s\), while a minimum of 2"),
        ({}, sp.csr_array(X), WrongType, "dense data is required"),
        (
            {"linkage": "average", "metric": "cosine"}, np.where(np.arange(10)[:, None] > 7, 0, X),
            BadValue, "2 of 10 rows are zero, row 8 first",
        ),
        ({"linkage": "average", "metric": "precomputed"}, X, BadInput, r"square, .*\(10, 2\)"),
        (
            {"linkage": "average", "metric": "precomputed"}, np.triu(np.ones((9, 9)), 1),
            BadInput, "not symmetric: 1.0 at row 0, column 1, but 0.0",
        ),
        (
            {"linkage": "average", "metric": "precomputed"}, np.eye(9) - 1,
            BadValue, "distance of rows 0 and 1 is -1.0",
        ),
    ],
)  # fmt: skip
def test_bad_input(options, data, kind, message):
    with pytest.raises(kind, match=message):
        AgglomerativeClustering(**options).fit(data)


@LINKAGES
def test_values_that_are_not_finite_are_named(linkage):
    bad = X.copy()
    bad[3, 1] = np.nan
    with pytest.raises(BadValue, match=r"NaN.*x1.*row 3"):
        AgglomerativeClustering(linkage=linkage).fit(bad)


def test_what_does_not_fit_is_refused_with_a_remedy():
    rows = np.zeros((20_000, 3))
    with (
        ob.config(memory="200MB"),
        pytest.raises(NotEnoughMemory, match=r"1\.\d GB; the budget is 200 MB. Give connectivity"),
    ):
        AgglomerativeClustering(linkage="complete").fit(rows)
