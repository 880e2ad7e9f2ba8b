"""k-means on the entries of sparse rows against dense arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st


def entries(sparse):
    return sparse.indptr.astype(np.int64), sparse.indices.astype(np.int32), sparse.data


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(0, 40), p=st.integers(1, 30), k=st.integers(1, 9), single=st.booleans(),
    weighted=st.booleans(), seed=st.integers(0, 10**6),
)  # fmt: skip
def test_as_dense(kernel, n, p, k, single, weighted, seed):
    kernels = kernel("sparse_kmeans")
    rng = np.random.default_rng(seed)
    dense = rng.standard_normal((n, p)) * (rng.random((n, p)) < 0.3)
    dense = dense.astype(np.float32 if single else np.float64)
    made, centers = entries(sp.csr_array(dense)), rng.standard_normal((k, p))
    dense = dense.astype(np.float64)
    by_column, norms = np.ascontiguousarray(centers.T), (centers**2).sum(axis=1)
    labels = np.full(n, -1, np.int32)
    kernels.assign(*made, by_column, norms / 2, np.empty(k), labels)
    np.testing.assert_array_equal(labels, (norms / 2 - dense @ centers.T).argmin(axis=1))

    distances = np.empty(n)
    kernels.distances(*made, labels, by_column, norms, distances)
    np.testing.assert_allclose(distances, ((dense - centers[labels]) ** 2).sum(axis=1), atol=1e-12)

    w = rng.random(n) if weighted else np.empty(0)
    sums, counts = np.zeros((k, p)), np.zeros(k)
    kernels.accumulate(*made, w, labels, sums, counts)
    hot = np.eye(k)[labels] * (w[:, None] if weighted else 1)
    np.testing.assert_allclose(sums, hot.T @ dense, atol=1e-12)
    np.testing.assert_allclose(counts, hot.sum(axis=0))


def test_the_first_of_equals_and_what_does_not_fit(kernel):
    kernels = kernel("sparse_kmeans")
    made = entries(sp.csr_array(np.ones((2, 3))))
    labels, centers = np.empty(2, np.int32), np.ones((3, 4))
    kernels.assign(*made, centers, np.zeros(4), np.empty(4), labels)
    assert labels.tolist() == [0, 0]
    with pytest.raises(ValueError, match="a norm and a place"):
        kernels.assign(*made, centers, np.zeros(3), np.empty(4), labels)
    with pytest.raises(ValueError, match="a label and a distance"):
        kernels.distances(*made, labels, centers, np.zeros(4), np.empty(1))
    with pytest.raises(ValueError, match="a weight a row"):
        kernels.accumulate(*made, np.ones(1), labels, np.zeros((4, 3)), np.zeros(4))
