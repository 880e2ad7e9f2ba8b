"""Equal distances: the rules that the docstrings of the trees state."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy.cluster.hierarchy
import scipy.sparse as sp
import sklearn.cluster
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import pdist
from sklearn.feature_extraction.image import grid_to_graph

from onebox.cluster import linkage_matrix, linkage_tree, ward_tree


def merged_by_the_rule(X, graph, linkage):
    """Average and complete linkage along a graph, one loop a sentence of the rule."""
    n = len(X)
    rows, columns = sp.coo_array(graph).coords
    # In the order of the later row, then the earlier one.
    edges = sorted((max(e), min(e)) for e in zip(rows, columns, strict=True) if e[0] < e[1])
    place = {frozenset(edge): i for i, edge in enumerate(edges)}
    length = {frozenset((a, b)): np.sqrt(((X[a] - X[b]) ** 2).sum()) for a, b in edges}
    size, children, heights = dict.fromkeys(range(n), 1), [], []
    for node in range(n, 2 * n - 1):
        nearest = min(length, key=lambda pair: (length[pair], place[pair]))
        i, j = nearest
        children.append(sorted(nearest))
        heights.append(length.pop(nearest))
        size[node] = size[i] + size[j]
        for other in range(node):
            both = [
                pair for pair in (frozenset((i, other)), frozenset((j, other))) if pair in length
            ]
            if not both:
                continue
            first = min(both, key=lambda pair: (length[pair], place[pair]))
            if len(both) == 1:
                made = length[first]
            elif linkage == "complete":
                made = max(length[pair] for pair in both)
            else:
                made = sum(size[k] * length[frozenset((k, other))] for k in (i, j)) / size[node]
            at = place[first]
            for pair in both:
                del length[pair], place[pair]
            length[frozenset((node, other))], place[frozenset((node, other))] = made, at
    return children, heights


@pytest.mark.parametrize("linkage", ["average", "complete"])
@given(n=st.integers(2, 16), levels=st.integers(1, 3), seed=st.integers(0, 2**32))
def test_edges_of_a_graph(linkage, n, levels, seed):
    rng = np.random.default_rng(seed)
    X = rng.integers(0, levels, (n, 1)).astype(float)
    random = (rng.random((n, n)) < 0.3) | np.eye(n, k=1, dtype=bool)
    graph = np.triu(random, 1) | np.triu(random, 1).T
    children, _, _, _, heights = linkage_tree(
        X, connectivity=graph, linkage=linkage, return_distance=True
    )
    expected, expected_heights = merged_by_the_rule(X, graph, linkage)
    np.testing.assert_allclose(heights, expected_heights, rtol=1e-12)
    if linkage == "complete":  # means are rounded, so that what ties in theory may not
        assert children.tolist() == expected


@given(shape=st.tuples(st.integers(1, 9), st.integers(2, 9)))
def test_ward_on_constant_rows_merges_in_scikit_learns_order(shape):
    X, graph = np.ones((shape[0] * shape[1], 2)), grid_to_graph(*shape)
    mine = ward_tree(X, connectivity=graph)[0]
    np.testing.assert_array_equal(mine, sklearn.cluster.ward_tree(X, connectivity=graph)[0])


@pytest.mark.parametrize("linkage", ["average", "complete", "single"])
@given(n=st.integers(2, 40), levels=st.integers(1, 4), seed=st.integers(0, 2**32))
def test_all_pairs_in_scipys_order(linkage, n, levels, seed):
    X = np.random.default_rng(seed).integers(0, levels, (n, 2)).astype(float)
    children, _, _, _, distances = linkage_tree(X, linkage=linkage, return_distance=True)
    expected = scipy.cluster.hierarchy.linkage(pdist(X), linkage)
    np.testing.assert_array_equal(linkage_matrix(children, distances)[:, :2], expected[:, :2])
    np.testing.assert_allclose(distances, expected[:, 2], rtol=1e-12)


def test_ward_of_all_pairs_starts_at_the_first_row_and_prefers_the_first():
    corners = np.array(list(itertools.product([0.0, 1.0], repeat=2)))
    assert ward_tree(corners)[0].tolist() == [[0, 1], [2, 3], [4, 5]]
    assert ward_tree(corners[[0, 2, 1, 3]])[0].tolist() == [[0, 1], [2, 3], [4, 5]]
    assert ward_tree(np.zeros((5, 1)))[0].tolist() == [[0, 1], [2, 5], [3, 6], [4, 7]]
