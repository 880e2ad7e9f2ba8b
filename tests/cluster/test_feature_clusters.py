"""Clusters of columns: FeatureAgglomeration against scikit-learn's, ReNA against its own text."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scipy.sparse as sp
import sklearn.cluster
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.image import grid_to_graph

import onebox as ob
from onebox.cluster import FeatureAgglomeration, ReNA
from onebox.cluster.averaging import Averages
from onebox.cluster.rena import EdgeSquares
from onebox.errors import BadInput, BadValue, EmptyData, NotEnoughMemory, WrongType
from onebox.testing import check_aggregate

BOTH = pytest.mark.parametrize("kind", [FeatureAgglomeration, ReNA])


def signals(n, shape, seed=0):
    """Rows over a grid of columns whose neighbours are alike."""
    rng = np.random.default_rng(seed)
    rough = rng.normal(size=(n, *shape))
    return (rough + np.roll(rough, 1, 1) + np.roll(rough, 1, 2)).reshape(n, -1)


@pytest.fixture
def file(tmp_path):
    """The same rows as a Parquet file of several row groups."""

    def write(X):
        table = pa.table({f"c{j}": column for j, column in enumerate(X.T)})
        pq.write_table(table, tmp_path / "rows.parquet", row_group_size=len(X) // 7)
        return tmp_path / "rows.parquet"

    return write


# FeatureAgglomeration


@pytest.mark.parametrize("linkage", ["ward", "average", "complete"])
@given(n_clusters=st.integers(1, 41), seed=st.integers(0, 2**32))
def test_agglomeration_as_scikit_learn(linkage, n_clusters, seed):
    X = signals(20, (6, 7), seed % 1000)
    for graph in (None, grid_to_graph(6, 7)):
        options = {"linkage": linkage, "connectivity": graph}
        ours = FeatureAgglomeration(n_clusters, **options).fit(X)
        peer = sklearn.cluster.FeatureAgglomeration(n_clusters, **options).fit(X)
        np.testing.assert_array_equal(ours.labels_, peer.labels_)
        np.testing.assert_array_equal(ours.children_, peer.children_)
        reduced = ours.transform(X)
        np.testing.assert_allclose(reduced, peer.transform(X), rtol=1e-12, atol=1e-12)
        np.testing.assert_array_equal(ours.inverse_transform(reduced), reduced[:, ours.labels_])


def test_of_many_rows_a_sample_is_clustered(file):
    X = signals(4_000, (6, 7))
    data = ob.dataset(file(X))
    model = FeatureAgglomeration(8, max_samples=500, random_state=3).fit(data)
    drawn = data.sample(500, random_state=3).to_numpy()
    np.testing.assert_array_equal(model.labels_, FeatureAgglomeration(8).fit(drawn).labels_)
    assert model.fit_report_.rows == 500
    whole = FeatureAgglomeration(8, max_samples=None).fit(data)
    np.testing.assert_array_equal(whole.labels_, FeatureAgglomeration(8).fit(X).labels_)
    assert whole.fit_report_.rows == 4_000


def test_distances_of_a_sample_are_as_near_as_stated():
    """Squared distances between columns, to a standard error of sqrt(2 / n)."""
    X = np.random.default_rng(0).normal(size=(20_000, 30))
    options = {"distance_threshold": 0.0, "linkage": "single", "n_clusters": None}
    exact = FeatureAgglomeration(max_samples=None, **options).fit(X).distances_
    n = 2_000
    drawn = FeatureAgglomeration(max_samples=n, **options).fit(X).distances_
    ratio = drawn**2 * (len(X) / n) / exact**2
    assert np.abs(ratio - 1).max() < 4 * np.sqrt(2 / n)


# ReNA


def by_the_text(X, graph, k):
    """Algorithm 1 of the paper, with a loop a sentence."""
    p = X.shape[1]
    labels = np.arange(p)
    while (q := labels.max() + 1) > k:
        means = np.array([X[:, labels == c].mean(axis=1) for c in range(q)])
        edges = {
            (max(labels[a], labels[b]), min(labels[a], labels[b]))
            for a, b in zip(*sp.coo_array(graph).coords, strict=True)
            if labels[a] != labels[b]
        }
        length = {e: ((means[e[0]] - means[e[1]]) ** 2).sum() for e in edges}
        nearest = {min((length[e], e) for e in edges if c in e) for c in range(q)}
        kept = [e for _, e in sorted(nearest)[: q - k]]
        joined = sp.coo_array((np.ones(len(kept)), np.array(kept).T), shape=(q, q))
        labels = sp.csgraph.connected_components(joined, directed=False)[1][labels]
    return labels


@given(n_clusters=st.integers(1, 42), seed=st.integers(0, 2**32))
def test_rena_as_its_text(n_clusters, seed):
    X, graph = signals(5, (6, 7), seed), grid_to_graph(6, 7)
    model = ReNA(n_clusters, connectivity=graph).fit(X)
    np.testing.assert_array_equal(model.labels_, by_the_text(X, graph, n_clusters))
    assert model.n_clusters_ == n_clusters == len(set(model.labels_))
    assert model.n_iter_ <= np.log2(42 / n_clusters) + 1
    assert model.n_iter_ == model.fit_report_.passes
    for label in range(n_clusters):  # neighbours only are joined
        inside = np.flatnonzero(model.labels_ == label)
        part = sp.csr_array(graph)[inside][:, inside]
        assert sp.csgraph.connected_components(part)[0] == 1


def test_rena_of_constant_columns_joins_the_first():
    model = ReNA(3, connectivity=grid_to_graph(1, 8)).fit(np.ones((4, 8)))
    np.testing.assert_array_equal(
        model.labels_, by_the_text(np.ones((4, 8)), grid_to_graph(1, 8), 3)
    )


def test_without_a_graph_columns_side_by_side_are_neighbours():
    X = signals(30, (4, 9))
    chain = ReNA(7).fit(X).labels_
    np.testing.assert_array_equal(chain, ReNA(7, connectivity=grid_to_graph(1, 36)).fit(X).labels_)
    assert (np.diff(chain) >= 0).all()


def test_rena_reads_files_as_arrays(file):
    X, graph = signals(3_000, (8, 9)), grid_to_graph(8, 9)
    expected = ReNA(10, connectivity=graph).fit(X)
    data = ob.dataset(file(X))
    labels = []
    for way in ({"n_jobs": 1}, {"n_jobs": 3}, {"n_jobs": 2, "memory": "60MB"}):
        with ob.config(**way):
            labels.append(ReNA(10, connectivity=graph).fit(data).labels_)
    for one in labels:
        np.testing.assert_array_equal(one, expected.labels_)


def test_rena_keeps_more_of_smooth_signals_than_cutting_columns_evenly():
    X, graph = signals(200, (16, 16)), grid_to_graph(16, 16)

    def lost(labels):
        averages = Averages(labels, labels.max() + 1)(X)
        return ((averages[:, labels] - X) ** 2).sum()

    even = np.arange(256) // 4
    ward = FeatureAgglomeration(64, connectivity=graph).fit(X).labels_
    assert lost(ward) <= lost(ReNA(64, connectivity=graph).fit(X).labels_) < lost(even)


def test_sums_of_edges_merge():
    rng = np.random.default_rng(0)
    ends = np.array([[0, 1], [0, 2], [1, 2]], np.int32)
    averages = Averages(np.array([0, 1, 1, 2, 0]), 3)
    check_aggregate(EdgeSquares(averages, ends), rng.normal(size=(500, 5)))


# Both


@BOTH
@given(p=st.integers(2, 40), data=st.data())
def test_averages(kind, p, data):
    X = np.random.default_rng(p).normal(size=(9, p)).astype(np.float32)
    model = kind(data.draw(st.integers(1, p))).fit(X)
    made = model.transform(X)
    expected = [X[:, model.labels_ == c].mean(axis=1) for c in range(model.n_clusters_)]
    np.testing.assert_allclose(made, np.transpose(expected), rtol=1e-5, atol=1e-6)
    assert made.dtype == np.float32
    again = model.transform(model.inverse_transform(made))
    np.testing.assert_allclose(again, made, rtol=1e-6)


@BOTH
def test_lazy_in_lazy_out(kind, file):
    X = signals(700, (5, 6))
    data = ob.dataset(file(X))
    model = kind(4).fit(data)
    lazy = model.transform(data)
    assert isinstance(lazy, ob.Dataset)
    assert lazy.columns == [f"{kind.__name__.lower()}{j}" for j in range(4)]
    expected = Averages(model.labels_, 4)(X)
    np.testing.assert_array_equal(lazy.to_numpy(), expected)
    back = model.inverse_transform(lazy)
    assert back.columns == data.columns
    np.testing.assert_array_equal(back.to_numpy(), expected[:, model.labels_])


@BOTH
@pytest.mark.parametrize(
    ("options", "data", "error", "message"),
    [
        ({"n_clusters": 7}, np.ones((5, 6)), BadInput, "n_clusters=7.*6"),
        ({}, np.ones((5, 1)), BadInput, "n_features=1"),
        ({"connectivity": np.ones((5, 5))}, np.ones((5, 6)), BadInput, "5.*but there are 6 columns"),
        ({"connectivity": -np.ones((6, 6))}, np.ones((5, 6)), BadInput, "negative"),
        ({}, sp.csr_array(np.ones((5, 6))), WrongType, "dense data is required"),
        ({}, np.diag([np.nan, 1, 1]), BadValue, "NaN"),
        ({}, ob.dataset(np.ones((5, 3))).filter(pa.compute.field("x0") > 2), EmptyData, "0 sample"),
    ],
)  # fmt: skip
def test_bad_input(kind, options, data, error, message):
    with pytest.raises(error, match=message):
        kind(**options).fit(data)


def test_graphs_in_more_components_than_clusters():
    islands = sp.block_diag([grid_to_graph(1, 3)] * 4)
    X = signals(9, (3, 4))
    with pytest.raises(
        BadInput, match=r"connected components.* is 4, and n_clusters=3.*at least 4"
    ):
        ReNA(3, connectivity=islands).fit(X)
    assert ReNA(4, connectivity=islands).fit(X).labels_.tolist() == np.repeat(range(4), 3).tolist()
    with pytest.warns(UserWarning, match="is 4 > 1"):
        FeatureAgglomeration(3, connectivity=islands).fit(X)
    with pytest.raises(BadInput, match="'refuse'"):
        FeatureAgglomeration(3, connectivity=islands, disconnected="refuse").fit(X)


def test_what_does_not_fit_is_refused():
    X = np.zeros((3_000, 1_000))
    with ob.config(memory="40MB"), pytest.raises(NotEnoughMemory, match="FeatureAgglomeration"):
        FeatureAgglomeration().fit(X)
