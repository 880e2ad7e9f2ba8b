"""Trees against those of scipy and scikit-learn, by every linkage, with and without a graph."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.cluster.hierarchy
import scipy.sparse as sp
import sklearn.cluster
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import pdist, squareform
from sklearn.feature_extraction.image import grid_to_graph
from sklearn.metrics.pairwise import haversine_distances

import onebox as ob
from onebox.cluster import linkage_matrix, linkage_tree, ward_tree
from onebox.errors import BadInput, NotEnoughMemory

LINKAGES = pytest.mark.parametrize("linkage", ["ward", "average", "complete", "single"])


def ours(X, linkage, **options):
    grow = ward_tree if linkage == "ward" else linkage_tree
    options = options if linkage == "ward" else {"linkage": linkage, **options}
    return grow(X, return_distance=True, **options)


def peer(X, linkage, **options):
    grow = sklearn.cluster.ward_tree if linkage == "ward" else sklearn.cluster.linkage_tree
    options = options if linkage == "ward" else {"linkage": linkage, **options}
    return grow(X, return_distance=True, **options)


def require_same(mine, other):
    np.testing.assert_array_equal(np.sort(mine[0], axis=1), np.sort(other[0], axis=1))
    np.testing.assert_allclose(mine[4], other[4], rtol=1e-7, atol=1e-12)
    assert mine[1:3] == other[1:3]


@LINKAGES
@given(n=st.integers(2, 150), p=st.integers(1, 70), seed=st.integers(0, 2**32))
def test_all_pairs_as_scipy(linkage, n, p, seed):
    X = np.random.default_rng(seed).normal(size=(n, p)) + 3
    children, _, _, _, distances = ours(X, linkage)
    expected = scipy.cluster.hierarchy.linkage(pdist(X), linkage)
    np.testing.assert_array_equal(np.sort(children, axis=1), expected[:, :2])
    np.testing.assert_allclose(linkage_matrix(children, distances), expected, rtol=1e-9)


@LINKAGES
@given(rows=st.integers(1, 12), columns=st.integers(2, 12), p=st.integers(1, 40),
       seed=st.integers(0, 2**32))  # fmt: skip
def test_grids_as_scikit_learn(linkage, rows, columns, p, seed):
    X = np.random.default_rng(seed).normal(size=(rows * columns, p))
    graph = grid_to_graph(rows, columns)
    mine, other = (grow(X, linkage, connectivity=graph) for grow in (ours, peer))
    require_same(mine, other)
    parents, nodes = mine[3], np.arange(len(mine[3]))
    assert set(parents[mine[0]].ravel()) == set(nodes[rows * columns :])
    assert parents[-1] == nodes[-1]


@LINKAGES
@given(n=st.integers(2, 60), density=st.floats(0, 0.4), seed=st.integers(0, 2**32))
def test_random_graphs_as_scikit_learn(linkage, n, density, seed):
    rng = np.random.default_rng(seed)
    X, random = rng.normal(size=(n, 3)), rng.random((n, n)) < density
    path = np.eye(n, k=1, dtype=bool)  # keeps it connected
    graph = sp.csr_array((random | path | (random | path).T).astype(float))
    require_same(ours(X, linkage, connectivity=graph), peer(X, linkage, connectivity=graph))


@LINKAGES
@given(n=st.integers(3, 50), seed=st.integers(0, 2**32), data=st.data())
def test_growing_stops_where_it_is_told(linkage, n, seed, data):
    k = data.draw(st.integers(1, n - 1))
    X = np.random.default_rng(seed).normal(size=(n, 2))
    graph = sp.csr_array(np.eye(n, k=1) + np.eye(n, k=-1) + np.eye(n, k=2) + np.eye(n, k=-2))
    mine, other = (g(X, linkage, connectivity=graph, n_clusters=k) for g in (ours, peer))
    require_same(mine, other)
    whole = ours(X, linkage, connectivity=graph)
    np.testing.assert_array_equal(mine[0], whole[0][: len(mine[0])])
    if linkage != "single":  # whose tree is whole in any case
        assert len(mine[0]) == n - k
        np.testing.assert_array_equal(mine[3], other[3])


METRICS = ["euclidean", "l2", "l1", "manhattan", "cityblock", "cosine"]


@pytest.mark.parametrize("linkage", ["average", "complete", "single"])
@pytest.mark.parametrize("metric", METRICS)
@given(seed=st.integers(0, 2**32))
def test_metrics(linkage, metric, seed):
    X = np.random.default_rng(seed).normal(size=(40, 5))
    for graph in (None, grid_to_graph(5, 8)):
        options = {"connectivity": graph, "affinity": metric}
        require_same(ours(X, linkage, **options), peer(X, linkage, **options))


@pytest.mark.parametrize("linkage", ["average", "complete", "single"])
def test_distances_of_other_kinds(linkage):
    X = np.random.default_rng(0).normal(size=(45, 4))
    D, graph = squareform(pdist(X, "chebyshev")), grid_to_graph(5, 9)
    expected = scipy.cluster.hierarchy.linkage(pdist(X, "chebyshev"), linkage)
    for data, metric in [
        (D, "precomputed"),
        (X, "chebyshev"),
        (X, lambda X: squareform(pdist(X, "chebyshev"))),
    ]:
        made = ours(data, linkage, affinity=metric)
        np.testing.assert_allclose(linkage_matrix(made[0], made[4]), expected)
    options = {"connectivity": graph, "affinity": "precomputed"}
    require_same(ours(D, linkage, **options), peer(D, linkage, **options))

    of_two_rows = ours(X, linkage, connectivity=graph, affinity=lambda a, b: np.abs(a - b).sum())
    require_same(of_two_rows, ours(X, linkage, connectivity=graph, affinity="l1"))
    scaled = ours(X, linkage, affinity="seuclidean")
    expected = scipy.cluster.hierarchy.linkage(pdist(X, "seuclidean"), linkage)
    np.testing.assert_allclose(linkage_matrix(scaled[0], scaled[4]), expected)
    haversine = ours(X[:, :2], linkage, affinity="haversine")
    expected = scipy.cluster.hierarchy.linkage(squareform(haversine_distances(X[:, :2])), linkage)
    np.testing.assert_allclose(linkage_matrix(haversine[0], haversine[4]), expected)


@LINKAGES
def test_far_from_zero(linkage):
    """Where sums of squares would lose all digits."""
    X = np.random.default_rng(0).normal(size=(150, 3))
    for graph in (None, grid_to_graph(10, 15)):
        near, far = (ours(data, linkage, connectivity=graph) for data in (X, X + 1e7))
        np.testing.assert_array_equal(near[0], far[0])
        np.testing.assert_allclose(near[4], far[4], rtol=1e-5)


def test_ward_can_invert_along_a_graph():
    """A merge can bring clusters nearer: a line of three rows, whose ends are not neighbours."""
    X, path = np.array([[0.0], [9.0], [0.5]]), np.eye(3, k=1) + np.eye(3, k=-1)
    distances = ward_tree(X, connectivity=path, return_distance=True)[4]
    assert distances[1] < distances[0]
    np.testing.assert_allclose(distances, peer(X, "ward", connectivity=path)[4])


@LINKAGES
def test_one_row_and_two(linkage):
    children, n_components, n_leaves, _, distances = ours(np.ones((1, 3)), linkage)
    assert (children.shape, n_components, n_leaves, distances.shape) == ((0, 2), 1, 1, (0,))
    for graph in (None, np.ones((2, 2))):
        made = ours(np.array([[0.0], [3.0]]), linkage, connectivity=graph)
        assert (made[0].tolist(), made[4].tolist()) == ([[0, 1]], [3.0])


@LINKAGES
def test_duplicate_rows_merge_first_at_no_distance(linkage):
    X = np.repeat(np.random.default_rng(0).normal(size=(20, 3)), 4, axis=0)
    for graph in (None, grid_to_graph(20, 4)):
        made = ours(X, linkage, connectivity=graph)
        assert (made[4][:60] == 0).all()
        assert (made[4][60:] > 0).all()
        assert sorted(made[0].ravel()) == list(range(158))


def test_n_clusters_without_a_graph_is_a_warning():
    X = np.random.default_rng(0).normal(size=(9, 2))
    with pytest.warns(UserWarning, match="implemented only for structured clustering"):
        assert len(ward_tree(X, n_clusters=4)[0]) == 8


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_clusters": 11}, "Cannot provide more clusters than samples. 11 n_clusters.*10"),
        ({"n_clusters": 0}, "n_clusters=0 must be an integer of 1 or more"),
        ({"disconnected": "ignore"}, r"disconnected='ignore' must be one of \('join', 'refuse'\)"),
        ({"linkage": "ward"}, "linkage should be one of.*'ward' was given. Ward's is ward_tree"),
        ({"affinity": "canberry"}, "metric='canberry' is not known; use one of euclidean"),
    ],
)
def test_wrong_arguments(options, message):
    with pytest.raises(BadInput, match=message):
        linkage_tree(np.random.default_rng(0).normal(size=(10, 2)), **options)


def test_metrics_that_a_graph_cannot_have():
    X = np.random.default_rng(0).normal(size=(10, 2))
    with pytest.raises(BadInput, match="metric='canberra' cannot be used with connectivity"):
        linkage_tree(X, connectivity=grid_to_graph(2, 5), affinity="canberra")


@LINKAGES
@pytest.mark.parametrize("graph", [None, grid_to_graph(2, 5)], ids=["pairs", "graph"])
def test_distances_that_overflow_are_refused(linkage, graph):
    X = np.random.default_rng(0).normal(size=(10, 2)) * 1e300
    with pytest.raises(BadInput, match="overflow"):
        ours(X, linkage, connectivity=graph)


def test_memory_is_refused_before_it_is_taken():
    X = np.zeros((20_000, 2))
    with ob.config(memory="100MB"):
        with pytest.raises(NotEnoughMemory, match=r"20,000 rows by average.*1\.\d GB.*100.*'ward'"):
            linkage_tree(X, linkage="average")
        with pytest.raises(NotEnoughMemory, match="20,000 rows"):
            linkage_tree(X, linkage="single", affinity="chebyshev")
    with ob.config(memory="8MB"), pytest.raises(NotEnoughMemory, match="20,000 rows with"):
        ward_tree(X, connectivity=grid_to_graph(100, 200))


@pytest.mark.parametrize(
    ("children", "distances", "message"),
    [
        ([[0, 1], [2, 3]], [1.0], r"children has shape \(2, 2\) and distances \(1,\)"),
        ([[0, 1], [2, 2]], [1.0, 2.0], "not a whole tree"),
        ([[0, 1], [2, 7]], [1.0, 2.0], "not a whole tree"),
    ],
)
def test_what_is_no_tree_has_no_linkage_matrix(children, distances, message):
    with pytest.raises(BadInput, match=message):
        linkage_matrix(children, distances)
