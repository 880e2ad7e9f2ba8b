"""CountSketch: one entry in each column, inner products without bias, sparse in and out."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

import onebox as ob
from onebox.random_projection import CountSketch, SparseRandomProjection
from onebox.random_projection.matrix import hashes


def test_every_column_has_one_sign_and_goes_anywhere_alike() -> None:
    matrix = hashes(3, 7, 0, 70_000).matrix.toarray()
    assert (np.abs(matrix).sum(axis=0) == 1).all()
    for sign in (1, -1):
        counts = (matrix == sign).sum(axis=1)
        assert ((counts - 5_000) ** 2 / 5_000).sum() < 7 + 5 * np.sqrt(14)
    part = hashes(3, 7, 40_000, 100).matrix.toarray()
    np.testing.assert_array_equal(part, matrix[:, 40_000:40_100])


@pytest.mark.parametrize("make", [np.asarray, sp.csr_array, sp.csr_matrix, ob.dataset])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_columns_are_added_as_the_matrix_says(make, dtype: type) -> None:
    rng = np.random.default_rng(0)
    X = sp.random_array((120, 900), density=0.05, rng=rng, format="csr", dtype=dtype)
    given = X if make in (sp.csr_array, sp.csr_matrix) else X.toarray()
    projection = CountSketch(50, random_state=0).fit(make(given))
    Z = projection.transform(make(given))
    assert sp.issparse(Z) == sp.issparse(make(given))
    found = Z.to_numpy() if isinstance(Z, ob.Dataset) else Z.toarray() if sp.issparse(Z) else Z
    assert found.dtype == dtype
    expected = X.toarray() @ projection.components_.toarray().T
    np.testing.assert_allclose(found, expected, atol=1e-5 if dtype is np.float32 else 1e-12)


def test_squared_distances_are_without_bias() -> None:
    X = np.random.default_rng(0).normal(size=(2, 400))
    true = ((X[0] - X[1]) ** 2).sum()
    ratios = []
    for seed in range(500):
        Z = CountSketch(50, random_state=seed).fit_transform(X)
        ratios.append(((Z[0] - Z[1]) ** 2).sum() / true)
    assert abs(np.mean(ratios) - 1) < 4 * np.sqrt(2 / 50 / 500)
    assert np.var(ratios) < 1.3 * 2 / 50


@pytest.mark.parametrize("kind", [CountSketch, SparseRandomProjection])
def test_lazy_rows_that_came_sparse(kind) -> None:
    X = sp.random_array((3000, 700), density=0.01, rng=np.random.default_rng(0), format="csr")
    projection = kind(20, random_state=0).fit(X)
    lazy = projection.transform(ob.dataset(X)).to_numpy()
    np.testing.assert_allclose(lazy, projection.transform(X).toarray(), atol=1e-12)


@pytest.mark.parametrize("kind", [CountSketch, SparseRandomProjection])
def test_lazy_rows_are_planned_by_their_entries_and_made_no_matrix(kind, monkeypatch) -> None:
    X = sp.random_array((3000, 50_000), density=1e-3, rng=np.random.default_rng(0), format="csr")
    projection = kind(20, random_state=0).fit(X)
    expected = projection.transform(X).toarray()

    def refused(*_: object, **__: object) -> None:
        raise AssertionError("a block of sparse rows was made a matrix")

    monkeypatch.setattr("onebox.data.columns.SparseColumns.matrix", refused)
    lazy = projection.transform(ob.dataset(X))
    assert lazy.view.layout.rows_per_block >= 1000  # 1,000 of these take 400 MB
    with ob.config(memory="100MB"):
        np.testing.assert_allclose(lazy.to_numpy(), expected, atol=1e-12)
