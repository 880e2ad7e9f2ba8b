"""Principal components against scikit-learn, and the subspace against numpy's SVD."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
import scipy.sparse as sp
import sklearn.decomposition as peers

import onebox as ob
from onebox.decomposition import PCA
from onebox.errors import BadInput, BadValue, NotEnoughMemory

ATTRIBUTES = (
    "components_", "explained_variance_", "explained_variance_ratio_", "singular_values_", "mean_",
    "noise_variance_", "n_components_", "n_samples_",
)  # fmt: skip


@pytest.fixture
def rows() -> np.ndarray:
    rng = np.random.default_rng(0)
    turn = scipy.linalg.qr(rng.normal(size=(8, 8)))[0]
    return rng.normal(size=(500, 8)) * 1.5 ** np.arange(8) @ turn + 100


@pytest.mark.parametrize("n_components", [None, 1, 2, 5, 8, 0.5, 0.999])
@pytest.mark.parametrize("whiten", [True, False])
def test_as_scikit_learn(rows, n_components, whiten: bool) -> None:
    options = {"n_components": n_components, "whiten": whiten}
    model, peer = PCA(**options).fit(rows), peers.PCA(**options, svd_solver="full").fit(rows)
    for name in ATTRIBUTES:
        np.testing.assert_allclose(
            getattr(model, name), getattr(peer, name), rtol=1e-9, atol=1e-11, err_msg=name
        )
    np.testing.assert_allclose(model.transform(rows), peer.transform(rows), rtol=1e-7, atol=1e-9)
    back = model.inverse_transform(model.transform(rows))
    np.testing.assert_allclose(back, peer.inverse_transform(peer.transform(rows)), rtol=1e-9)
    assert list(model.get_feature_names_out()) == list(peer.get_feature_names_out())
    if not whiten:  # scikit-learn scales the components of the covariance once more when whitening
        np.testing.assert_allclose(model.get_covariance(), peer.get_covariance(), rtol=1e-9)
        np.testing.assert_allclose(model.score_samples(rows), peer.score_samples(rows), rtol=1e-9)
        assert model.score(rows) == pytest.approx(peer.score(rows), rel=1e-10)


def test_fewer_rows_than_columns() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(12, 40))
    model, peer = PCA(5).fit(X), peers.PCA(5, svd_solver="full").fit(X)
    np.testing.assert_allclose(model.components_, peer.components_, atol=1e-10)
    np.testing.assert_allclose(model.noise_variance_, peer.noise_variance_, rtol=1e-10)
    assert PCA().fit(X).n_components_ == 12
    with pytest.raises(BadInput, match=r"must be between 0 and min\(n_samples, n_features\)=12"):
        PCA(13).fit(X)


def test_the_subspace_is_exact() -> None:
    rng = np.random.default_rng(3)
    X = rng.normal(size=(3000, 60)) * np.linspace(1, 4, 60) + 1e5
    model = PCA(6).fit(X)
    exact = np.linalg.svd(X - X.mean(axis=0), full_matrices=False)[2][:6]
    assert scipy.linalg.subspace_angles(model.components_.T, exact.T).max() < 1e-6


def test_few_of_many_components_are_the_first_of_all() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 50)) * np.linspace(1, 9, 50)
    few, every = PCA(4).fit(X), PCA().fit(X)
    np.testing.assert_allclose(few.components_, every.components_[:4], atol=1e-10)
    np.testing.assert_allclose(few.explained_variance_ratio_, every.explained_variance_ratio_[:4])


def test_float32_stays_float32(rows) -> None:
    X = rows.astype(np.float32)
    model = PCA(3).fit(X)
    assert model.components_.dtype == np.float64
    out = model.transform(X)
    assert out.dtype == np.float32
    np.testing.assert_allclose(out, PCA(3).fit(rows).transform(rows), atol=2e-4)


def test_sparse_and_lazy(rows) -> None:
    X = rows * (rows > 99)
    sparse = PCA(2).fit_transform(sp.csr_array(X))
    np.testing.assert_allclose(sparse, PCA(2).fit_transform(X), atol=1e-9)
    data = ob.dataset(rows)
    model = PCA(3).fit(data)
    out = model.transform(data)
    assert out.columns == ["pca0", "pca1", "pca2"]
    np.testing.assert_allclose(model.inverse_transform(out).to_numpy(), model.inverse_transform(
        model.transform(rows)
    ), rtol=1e-12)  # fmt: skip
    assert model.score(data) == pytest.approx(model.score(rows), rel=1e-12)
    with pytest.raises(BadInput, match=r"inverse_transform takes 3"):
        model.inverse_transform(rows)


def test_sorted_rows_forward_and_back(rows) -> None:
    order = np.argsort(rows[:, 0])
    one, other = PCA().fit(rows[order]), PCA().fit(rows[order[::-1]])
    np.testing.assert_allclose(one.components_, other.components_, atol=1e-10)
    np.testing.assert_allclose(one.explained_variance_, other.explained_variance_, rtol=1e-10)


def test_what_cannot_be_decomposed_is_refused(rows) -> None:
    with pytest.raises(BadInput, match=r"5,000 columns; these are 5,001.*SparseRandomProjection"):
        PCA().fit(np.zeros((3, 5001)))
    with pytest.raises(BadInput, match="at least 2 rows to see a variance; it was given 1 sample"):
        PCA().fit(rows[:1])
    with ob.config(memory="60MB"), pytest.raises(NotEnoughMemory, match="SparseRandomProjection"):
        PCA().fit(np.zeros((4, 2500)))
    flat = rows.copy()
    flat[:, 2] = flat[:, 1]
    with pytest.raises(BadInput, match=r"did not vary in 28 of 40 directions"):
        PCA().fit(np.random.default_rng(0).normal(size=(12, 40))).score(np.zeros((2, 40)))
    with pytest.raises(ValueError, match="n_components"):
        PCA("mle").fit(rows)
    rows[9, 3] = np.nan
    with pytest.raises(BadValue, match="column 'x3', row 9"):
        PCA().fit(rows)


def test_columns_that_do_not_vary() -> None:
    constant = np.full((50, 3), 7.0)
    model = PCA().fit(constant)
    assert model.explained_variance_.tolist() == [0, 0, 0]
    assert np.isnan(model.explained_variance_ratio_).all()
    assert not model.transform(constant).any()
    with pytest.raises(
        BadInput, match=r"n_components=0\.9 asks for a share.*none of the 3 columns"
    ):
        PCA(0.9).fit(constant)
    one = np.column_stack([np.arange(50.0), constant])
    assert PCA().fit(one).explained_variance_ratio_.tolist() == [1, 0, 0, 0]


def test_no_components_at_all(rows) -> None:
    model, peer = PCA(0).fit(rows), peers.PCA(0, svd_solver="full").fit(rows)
    assert model.components_.shape == (0, 8)
    assert model.noise_variance_ == pytest.approx(peer.noise_variance_)
    assert model.score(rows) == pytest.approx(peer.score(rows))
