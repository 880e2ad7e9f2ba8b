"""AgglomerativeClustering against scikit-learn's, and by its own laws."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scipy.cluster.hierarchy
import scipy.sparse as sp
import sklearn.cluster
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from sklearn.feature_extraction.image import grid_to_graph

import onebox as ob
from onebox.cluster import AgglomerativeClustering
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


X = np.random.default_rng(0).normal(size=(10, 2))


@pytest.mark.parametrize(
    ("options", "data", "kind", "message"),
    [
        ({"n_clusters": 11}, X, BadInput, "n_clusters=11, but .*has 10 to cluster"),
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
