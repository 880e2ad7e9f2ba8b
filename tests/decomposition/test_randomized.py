"""Randomized decompositions against numpy's SVD and scikit-learn, and what they say of their error."""

from __future__ import annotations

import numpy as np
import pyarrow.compute as pc
import pytest
import scipy.linalg
import scipy.sparse as sp
import sklearn.decomposition as peers
from hypothesis import given, settings
from hypothesis import strategies as st

import onebox as ob
from onebox.decomposition import PCA, TruncatedSVD, randomized_svd
from onebox.decomposition.products import Products
from onebox.engine.reader import Reader
from onebox.errors import BadInput, BadValue, EmptyData, NotEnoughMemory, NotMergeable, SinglePass
from onebox.testing import check_aggregate

ATTRIBUTES = (
    "explained_variance_", "explained_variance_ratio_", "singular_values_", "noise_variance_",
)  # fmt: skip


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    rng = np.random.default_rng(0)
    basis = rng.normal(size=(8, 300)) * 2.0 ** -np.arange(8)[:, None]
    return rng.normal(size=(1000, 8)) @ basis + 0.05 * rng.normal(size=(1000, 300)) + 3


def angle(one: np.ndarray, other: np.ndarray) -> float:
    return float(scipy.linalg.subspace_angles(one.T, other.T).max())


def exact(X: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    _, s, Vt = np.linalg.svd(X, full_matrices=False)
    return s[:k], Vt[:k]


@pytest.mark.parametrize("centered", [True, False])
def test_products_keep_the_laws(centered: bool) -> None:
    check_aggregate(Products(np.random.default_rng(0).normal(size=(3, 2)), centered))


@pytest.mark.parametrize("shift", [0.0, 1e6])
def test_pca_finds_the_exact_subspace(rows, shift: float) -> None:
    X = rows + shift
    model = PCA(5, svd_solver="randomized", random_state=0).fit(X)
    s, Vt = exact(X - X.mean(axis=0), 5)
    assert angle(model.components_, Vt) < 3e-5
    np.testing.assert_allclose(model.singular_values_, s, rtol=1e-7)
    peer = peers.PCA(5, svd_solver="full").fit(X)
    for name in ATTRIBUTES:
        np.testing.assert_allclose(getattr(model, name), getattr(peer, name), rtol=1e-7)
    np.testing.assert_allclose(model.mean_, peer.mean_)
    np.testing.assert_allclose(model.transform(X), peer.transform(X), atol=1e-3 if shift else 1e-5)


@pytest.mark.parametrize("whiten", [True, False])
def test_whitened_and_back(rows, whiten: bool) -> None:
    model = PCA(8, svd_solver="randomized", whiten=whiten, random_state=0).fit(rows)
    Z = model.transform(rows)
    if whiten:
        np.testing.assert_allclose(np.cov(Z.T), np.eye(8), atol=0.02)
    back = model.inverse_transform(Z)
    assert np.sqrt(((back - rows) ** 2).mean()) == pytest.approx(0.05, rel=0.03)


def test_as_much_variance_as_scikit_learn_where_the_spectrum_is_flat() -> None:
    X = np.random.default_rng(0).normal(size=(2000, 1200))
    ours = PCA(20, random_state=0).fit(X)
    peer = peers.PCA(20, svd_solver="randomized", random_state=0).fit(X)
    assert ours.explained_variance_.sum() > 0.998 * peer.explained_variance_.sum()


def test_auto_takes_passes_where_there_are_many_columns(rows) -> None:
    wide = np.random.default_rng(0).normal(size=(300, 1100))
    assert PCA(3, random_state=0).fit(wide).fit_report_.passes > 1
    for few in (PCA(3), PCA(), PCA(0.5), PCA(svd_solver="covariance_eigh", n_components=3)):
        X = rows if few.n_components == 3 and few.svd_solver == "auto" else wide[:, :1001]
        assert few.fit(X).fit_report_.passes == 1
        assert few.keeps_summary
    very_wide = sp.random_array((200, 6000), density=0.01, rng=np.random.default_rng(0)).tocsr()
    model = PCA(2, random_state=0).fit(very_wide)
    dense = very_wide.toarray()
    s, _ = exact(dense - dense.mean(axis=0), 2)
    np.testing.assert_allclose(model.singular_values_, s, rtol=0.01)


def test_what_was_found_in_passes_goes_on_from_nothing() -> None:
    X = np.random.default_rng(0).normal(size=(100, 1100))
    model, summed = PCA(2, random_state=0).fit(X), PCA(2).partial_fit(X)
    for refused in (
        lambda: model.partial_fit(X), lambda: model.merge(summed), lambda: summed.merge(model),
    ):  # fmt: skip
        with pytest.raises(NotMergeable, match=r"several passes.*covariance_eigh"):
            refused()
    assert not hasattr(PCA(svd_solver="randomized"), "partial_fit")
    refit = summed.fit(X)
    assert "summary_" not in vars(refit)


def test_what_randomized_pca_refuses(rows) -> None:
    with pytest.raises(BadInput, match=r"n_components=0\.5 is a share"):
        PCA(0.5, svd_solver="randomized").fit(rows)
    with pytest.raises(BadInput, match="at least 2 rows to see a variance; it was given 1 sample"):
        PCA(1, svd_solver="randomized").fit(rows[:1])
    with pytest.raises(BadInput, match=r"n_components=13 must be between 0 and .*=12"):
        PCA(13, svd_solver="randomized").fit(rows[:12])
    with pytest.raises(EmptyData, match="PCA was given 0 rows"):
        PCA(1, svd_solver="randomized").fit(ob.dataset(rows).filter(pc.field("x0") > 1e9))
    with pytest.raises(BadInput, match="no groups of rows"):
        ob.fit(PCA(2, svd_solver="randomized"), rows, standard_error=True)
    with pytest.raises(SinglePass, match="needs more than one pass"):
        PCA(2, svd_solver="randomized").fit(ob.dataset(iter([rows])))
    with pytest.raises(BadValue, match="column 'x3', row 9"):
        PCA(2, svd_solver="randomized").fit(np.where(np.arange(rows.size).reshape(rows.shape)
                                                     == 9 * 300 + 3, np.nan, rows))  # fmt: skip
    wide = sp.random_array((50, 200_000), density=1e-4, rng=np.random.default_rng(0)).tocsr()
    with ob.config(memory="100MB"), pytest.raises(NotEnoughMemory, match="PCA needs"):
        PCA(10, svd_solver="randomized").fit(wide)


@pytest.mark.parametrize("make", [np.asarray, sp.csr_array, sp.csr_matrix, ob.dataset])
def test_truncated_svd_as_scikit_learn(rows, make) -> None:
    X = np.where(rows > 3.5, rows, 0.0)
    data = make(X)
    model = TruncatedSVD(4, n_iter=10, random_state=0).fit(data)
    peer = peers.TruncatedSVD(4, algorithm="arpack").fit(X)
    np.testing.assert_allclose(model.singular_values_, peer.singular_values_, rtol=1e-5)
    np.testing.assert_allclose(model.explained_variance_, peer.explained_variance_, rtol=1e-3)
    ratios = model.explained_variance_ratio_
    np.testing.assert_allclose(ratios, peer.explained_variance_ratio_, rtol=1e-3)
    assert angle(model.components_[:1], peer.components_[:1]) < 1e-4
    Z = model.transform(data)
    Z = Z.to_numpy() if isinstance(Z, ob.Dataset) else Z
    np.testing.assert_allclose(Z, X @ model.components_.T, atol=1e-9)
    np.testing.assert_allclose(model.inverse_transform(Z), Z @ model.components_, atol=1e-9)


@settings(max_examples=25, deadline=None)
@given(
    n=st.integers(2, 60), p=st.integers(1, 40), rank=st.integers(0, 10), seed=st.integers(0, 99),
    n_iter=st.integers(0, 3), noise=st.sampled_from([0.0, 1e-3, 1.0]),
)  # fmt: skip
def test_errors_are_no_smaller_than_the_truth(n, p, rank, seed, n_iter, noise) -> None:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, rank)) @ rng.normal(size=(rank, p)) + noise * rng.normal(size=(n, p))
    k = min(n, p, 3)
    U, s, Vt, error = randomized_svd(X, k, n_oversamples=2, n_iter=n_iter, random_state=seed)
    rest = X - U * s @ Vt
    slack = 1e-6 * np.linalg.norm(X)
    assert np.linalg.norm(rest) <= error.frobenius + slack
    assert np.linalg.norm(rest, 2) <= error.spectral + slack
    true = np.linalg.svd(X, compute_uv=False)
    assert (s <= true[:k] + slack).all()
    assert error.frobenius >= np.linalg.norm(true[k:]) - slack
    np.testing.assert_allclose(Vt @ Vt.T, np.eye(k), atol=1e-10)


def test_errors_are_not_much_larger_than_the_truth(rows) -> None:
    U, s, Vt, error = randomized_svd(rows, 8, random_state=0)
    rest = rows - U * s @ Vt
    assert error.frobenius == pytest.approx(np.linalg.norm(rest), rel=1e-4)
    assert error.spectral < 60 * np.linalg.norm(rest, 2)
    np.testing.assert_allclose(U.T @ U, np.eye(8), atol=1e-3)


def test_a_dataset_gives_lazy_left_vectors_and_one_pass_will_do(rows) -> None:
    stream = (rows[i : i + 250] for i in range(0, 1000, 250))
    model = TruncatedSVD(3, n_iter=0, random_state=0).fit(ob.dataset(stream))
    assert model.fit_report_.passes == 1
    s, _ = exact(rows, 3)
    np.testing.assert_allclose(model.singular_values_, s, rtol=0.02)
    lazy = randomized_svd(ob.dataset(rows), 3, random_state=0)
    held = randomized_svd(rows, 3, random_state=0)
    np.testing.assert_array_equal(lazy.Vt, held.Vt)
    assert isinstance(lazy.U, ob.Dataset)
    np.testing.assert_allclose(lazy.U.to_numpy(), held.U, rtol=1e-12)


def test_a_search_goes_on_where_it_was_interrupted(rows, tmp_path, monkeypatch) -> None:
    np.save(tmp_path / "rows.npy", np.tile(rows, (5, 1)))

    def fit(cache: str) -> TruncatedSVD:
        with ob.config(cache=ob.Memory(tmp_path / cache), executor="serial"):
            model = TruncatedSVD(12, n_iter=3, random_state=0)
            return model.fit(tmp_path / "rows.npy")

    whole = fit("whole")
    n_units = whole.fit_report_.partitions
    original, seen = Reader.work, [0]

    def work(self, *given):
        seen[0] += 1
        if seen[0] == n_units + 3:
            raise KeyboardInterrupt
        return original(self, *given)

    monkeypatch.setattr(Reader, "work", work)
    with pytest.raises(KeyboardInterrupt):
        fit("broken")
    model = fit("broken")
    assert (model.fit_report_.passes_reused, model.fit_report_.partitions_reused) == (1, 2)
    np.testing.assert_array_equal(model.components_, whole.components_)
    assert fit("broken").fit_report_.passes_reused == whole.fit_report_.passes


@pytest.mark.parametrize("k", [0, -1, 1.5])
def test_a_number_of_singular_values_that_cannot_be(k):
    with pytest.raises(BadInput, match=f"k={k} must be an integer of 1 or more"):
        randomized_svd(np.eye(5), k)
