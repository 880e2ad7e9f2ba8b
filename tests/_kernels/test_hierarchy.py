"""The kernels of trees, at every SIMD level: the same trees, and shapes that do not fit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.cluster.hierarchy
import sklearn.cluster
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import pdist, squareform
from sklearn.feature_extraction.image import grid_to_graph

import onebox.cluster.hierarchy.connectivity as connectivity_module
import onebox.cluster.hierarchy.graph as graph_module
import onebox.cluster.hierarchy.metrics as metrics_module
import onebox.cluster.hierarchy.pairs as pairs_module
import onebox.cluster.hierarchy.tree as tree_module
from onebox.cluster import linkage_matrix
from onebox.cluster.hierarchy.rows import in_lanes
from onebox.cluster.hierarchy.trees import grow

Kernel = Callable[[str], Any]
MODULES = (connectivity_module, graph_module, metrics_module, pairs_module, tree_module)
NAMES = (
    "all_pairs", "edges", "forest", "graph_linkage", "graph_ward", "pair_chain", "prim", "ward_chain",
)  # fmt: skip


@pytest.fixture
def at_level(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in MODULES:
        for name in NAMES:
            if hasattr(module, name):
                monkeypatch.setattr(module, name, kernel(name))


@pytest.mark.usefixtures("at_level")
@pytest.mark.parametrize("linkage", ["ward", "average", "complete", "single"])
@pytest.mark.parametrize("shape", [(2, 1), (17, 3), (16, 33), (200, 5), (700, 2)])
def test_trees_of_all_pairs(linkage: str, shape: tuple[int, int]) -> None:
    X = np.random.default_rng(0).normal(size=shape)
    tree = grow(X.copy(), None, 1, linkage, "euclidean", "join")
    expected = scipy.cluster.hierarchy.linkage(pdist(X), linkage)
    np.testing.assert_allclose(linkage_matrix(tree.children, tree.distances), expected, rtol=1e-9)


@pytest.mark.usefixtures("at_level")
@pytest.mark.parametrize("linkage", ["ward", "average", "complete", "single"])
@pytest.mark.parametrize("shape", [(1, 2), (13, 11), (40, 40)])
def test_trees_along_a_graph(linkage: str, shape: tuple[int, int]) -> None:
    X, graph = np.random.default_rng(0).normal(size=(shape[0] * shape[1], 3)), grid_to_graph(*shape)
    matrix = connectivity_module.checked(graph, len(X))
    tree = grow(X.copy(), matrix, 1, linkage, "euclidean", "join")
    peer = sklearn.cluster.AgglomerativeClustering(
        linkage=linkage, connectivity=graph, compute_full_tree=True, compute_distances=True
    ).fit(X)
    np.testing.assert_array_equal(np.sort(tree.children), np.sort(peer.children_))
    np.testing.assert_allclose(tree.distances, peer.distances_, rtol=1e-9)


@pytest.mark.parametrize("absolute", [False, True])
@given(n=st.integers(2, 70), p=st.integers(1, 20), seed=st.integers(0, 2**32))
def test_distances(kernel: Kernel, absolute: bool, n: int, p: int, seed: int) -> None:
    X = np.random.default_rng(seed).normal(size=(n, p))
    expected = squareform(pdist(X, "cityblock" if absolute else "euclidean"))
    bands = np.full(kernel("all_pairs").room(n), np.nan)
    kernel("all_pairs").fill(in_lanes(X), absolute, np.zeros((8, p)), bands, n)
    at = 0
    for start in range(0, n, 8):
        band = bands[at : at + 8 * (n - start)].reshape(n - start, 8)
        for row in range(min(8, n - start)):
            made = band[row + 1 :, row]
            np.testing.assert_allclose(made, expected[start + row, start + row + 1 :], rtol=1e-12)
        at += band.size
    assert at == bands.size
    ends = np.ascontiguousarray(np.argwhere(expected >= 0), np.int32)
    out = np.empty(len(ends))
    kernel("edges").lengths(X, ends, absolute, out)
    np.testing.assert_allclose(out, expected.ravel(), rtol=1e-12)


CHILDREN = np.array([[0, 1], [2, 3]], np.int32)


@pytest.mark.parametrize(
    ("name", "function", "arguments", "message"),
    [
        ("forest", "count", (CHILDREN, 3, np.empty(1, np.int64)), "one number a merge"),
        ("forest", "split", (CHILDREN, 3, np.empty(4, np.int32)), "as many clusters as leaves"),
        ("forest", "spread", (CHILDREN, 3, np.empty(4, np.int32)), "one label a node"),
        ("edges", "lengths", (np.ones((3, 1)), CHILDREN, False, np.empty(3)), "one distance"),
        (
            "all_pairs", "fill", (np.ones((1, 2, 16)), False, np.ones((8, 2)), np.ones(3), 5),
            "room for the distances",
        ),
        (
            "prim", "grow",
            (np.ones((1, 2, 16)), False, np.ones(3), np.ones(16), np.ones(16, np.int32), CHILDREN,
             np.ones(2)),
            "do not fit together",
        ),
    ],
)  # fmt: skip
def test_shapes_that_do_not_fit(
    kernel: Kernel, name: str, function: str, arguments: tuple[Any, ...], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        getattr(kernel(name), function)(*arguments)
