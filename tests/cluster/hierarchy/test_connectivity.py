"""Graphs that cannot be used, and those in several components."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
import sklearn.cluster
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.image import grid_to_graph

import onebox as ob
from onebox.cluster import AgglomerativeClustering, linkage_tree, ward_tree
from onebox.errors import BadInput, BadValue, NotEnoughMemory

X = np.random.default_rng(0).normal(size=(12, 3))
GRID = grid_to_graph(3, 4)


def with_entry(row, column, value):
    graph = GRID.toarray().astype(float)
    graph[row, column] = value
    return graph


def islands(*sizes):
    return sp.block_diag([grid_to_graph(1, size) for size in sizes], format="csr")


@pytest.mark.parametrize(
    ("graph", "kind", "message"),
    [
        (GRID.toarray()[:, :11], BadInput, r"shape \(12, 11\), but there are 12 rows"),
        (grid_to_graph(3, 3), BadInput, r"shape \(9, 9\), but there are 12 rows"),
        (np.ones(12), BadInput, r"shape \(1, 12\)"),
        (with_entry(2, 5, -0.5), BadInput, r"holds -0.5 at row 2, column 5: 1 entries"),
        (with_entry(11, 0, np.nan), BadValue, "holds nan at row 11, column 0"),
        (with_entry(0, 7, np.inf), BadValue, "holds inf at row 0, column 7"),
    ],
)
def test_what_is_no_graph(graph, kind, message):
    for fit in (
        lambda: ward_tree(X, connectivity=graph),
        lambda: linkage_tree(X, connectivity=graph),
        lambda: AgglomerativeClustering(connectivity=graph).fit(X),
    ):
        with pytest.raises(kind, match=message):
            fit()


@given(seed=st.integers(0, 2**32))
def test_one_entry_of_the_two_makes_neighbours(seed):
    """As in scikit-learn: whatever the weights, the diagonal, explicit zeros and the format."""
    rng = np.random.default_rng(seed)
    upper = sp.triu(GRID, 1).toarray() * rng.uniform(0.1, 9, (12, 12))
    swap = rng.random((12, 12)) < 0.5
    asymmetric = np.where(swap, upper, 0) + np.where(swap, 0, upper).T
    with_zeros = sp.csr_array(np.where(np.eye(12), 5, asymmetric))
    with_zeros.data[with_zeros.diagonal().nonzero()[0][0]] = 0
    for grow in (ward_tree, linkage_tree):
        expected = grow(X, connectivity=GRID)[0]
        for graph in (asymmetric, sp.coo_matrix(asymmetric), asymmetric > 0):
            np.testing.assert_array_equal(grow(X, connectivity=graph)[0], expected)
        np.testing.assert_array_equal(
            grow(X, connectivity=with_zeros)[0], grow(X, connectivity=with_zeros.toarray())[0]
        )


@pytest.mark.parametrize("linkage", ["ward", "average", "complete", "single"])
@pytest.mark.parametrize("metric", ["euclidean", "l1", "cosine", "chebyshev"])
@given(sizes=st.lists(st.integers(1, 20), min_size=2, max_size=5), seed=st.integers(0, 2**32))
def test_components_are_joined_as_by_scikit_learn(linkage, metric, sizes, seed):
    if metric != "euclidean" and linkage == "ward":
        return
    if metric == "chebyshev":  # as distances that are given
        rows = np.random.default_rng(seed).normal(size=(sum(sizes), 3))
        rows, metric = np.abs(rows[:, None] - rows).max(axis=2), "precomputed"
    else:
        rows = np.random.default_rng(seed).normal(size=(sum(sizes), 20))
    options = {"linkage": linkage, "metric": metric, "connectivity": islands(*sizes)}
    with pytest.warns(UserWarning, match=f"connected components.*is {len(sizes)} > 1"):
        ours = AgglomerativeClustering(2, compute_distances=True, **options).fit(rows)
    with pytest.warns(UserWarning, match=f"connected components.*is {len(sizes)} > 1"):
        peer = sklearn.cluster.AgglomerativeClustering(2, compute_distances=True, **options).fit(
            rows
        )
    np.testing.assert_array_equal(np.sort(ours.children_), np.sort(peer.children_))
    np.testing.assert_allclose(ours.distances_, peer.distances_, rtol=1e-7, atol=1e-12)
    assert ours.n_connected_components_ == peer.n_connected_components_ == len(sizes)


def test_the_warning_counts_components_rows_and_edges():
    message = "components of the connectivity matrix is 3 > 1, of 6, 5, 1 rows.*3 edges"
    with pytest.warns(UserWarning, match=message):
        ward_tree(X, connectivity=islands(5, 1, 6))


def test_components_can_be_refused():
    message = "components of the connectivity matrix is 3 > 1, of 6, 5, 1 rows.*'refuse' forbids"
    graph = islands(5, 1, 6)
    for fit in (
        lambda: ward_tree(X, connectivity=graph, disconnected="refuse"),
        lambda: linkage_tree(X, connectivity=graph, disconnected="refuse"),
        lambda: AgglomerativeClustering(connectivity=graph, disconnected="refuse").fit(X),
    ):
        with pytest.raises(BadInput, match=message):
            fit()
    assert len(ward_tree(X, connectivity=GRID, disconnected="refuse")[0]) == 11


def test_a_graph_without_edges_is_all_pairs():
    none = sp.csr_array((12, 12))
    with pytest.warns(UserWarning, match="is 12 > 1"):
        made = linkage_tree(X, connectivity=none, linkage="single", return_distance=True)
    pairs = linkage_tree(X, linkage="single", return_distance=True)
    np.testing.assert_array_equal(np.sort(made[0], axis=1), np.sort(pairs[0], axis=1))
    np.testing.assert_allclose(made[4], pairs[4])


def test_more_components_than_the_budget_can_join():
    with (
        ob.config(memory="20MB"),
        pytest.raises(NotEnoughMemory, match="Joining 2,000 components by 1,999,000 edges"),
    ):
        ward_tree(np.zeros((2_000, 1)), connectivity=sp.csr_array((2_000, 2_000)))
