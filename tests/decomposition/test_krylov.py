"""Orthonormal bases, by whichever of the two ways."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onebox.decomposition.krylov import _orthonormal


@given(
    n=st.integers(1, 300), width=st.integers(0, 40), seed=st.integers(0, 2**32),
    near=st.sampled_from([1.0, 1e-3, 1e-8, 1e-15, 0.0]), scale=st.floats(0, 12),
    order=st.sampled_from("CF"),
)  # fmt: skip
def test_bases_are_orthonormal_and_span_the_columns_in_order(n, width, seed, near, scale, order):
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(n, min(n, width)))
    if vectors.shape[1] > 1:  # the last column is nearly the first
        vectors[:, -1] = vectors[:, 0] + near * vectors[:, -1]
    vectors = np.asarray(vectors * np.logspace(0, -scale, vectors.shape[1]), order=order)
    before = vectors.copy()
    basis = _orthonormal(vectors)
    np.testing.assert_array_equal(vectors, before)
    assert basis.shape == vectors.shape
    np.testing.assert_allclose(basis.T @ basis, np.eye(basis.shape[1]), atol=1e-13)
    triangle = basis.T @ vectors
    norms = np.linalg.norm(vectors, axis=0)
    assert (np.abs(np.tril(triangle, -1)) <= 1e-12 * norms).all()
    assert (np.linalg.norm(vectors - basis @ np.triu(triangle), axis=0) <= 1e-12 * norms).all()


@pytest.mark.parametrize("n_far", [20, 3])
def test_both_ways_are_taken(n_far, monkeypatch):
    calls = []
    qr = np.linalg.qr
    monkeypatch.setattr(np.linalg, "qr", lambda vectors: calls.append(vectors) or qr(vectors))
    vectors = np.random.default_rng(0).normal(size=(500, 20))
    vectors[:, n_far:] = vectors[:, :1]
    _orthonormal(vectors)
    assert bool(calls) is (n_far < 20)
