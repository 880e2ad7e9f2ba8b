"""Columns brought to mean zero and variance one, against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
import sklearn.preprocessing as peers

import onebox as ob
from onebox.errors import BadInput, BadValue
from onebox.preprocessing import StandardScaler
from onebox.preprocessing.finite import FiniteMoments
from onebox.testing import check_aggregate


@pytest.fixture
def gaps() -> np.ndarray:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 5)) * [1, 10, 0.1, 5, 2] + [0, 1e3, -5, 1e8, 3]
    X[rng.random(X.shape) < 0.1] = np.nan
    X[:, 4] = 3.0
    return X


@pytest.mark.parametrize("with_mean", [True, False])
@pytest.mark.parametrize("with_std", [True, False])
@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("whole", [True, False])
def test_as_scikit_learn(gaps, with_mean, with_std, weighted, whole) -> None:
    X = np.nan_to_num(gaps) if whole else gaps
    w = np.random.default_rng(1).uniform(0.5, 2, len(X)) if weighted else None
    options = {"with_mean": with_mean, "with_std": with_std}
    model, peer = StandardScaler(**options).fit(X, None, w), peers.StandardScaler(**options)
    peer.fit(X, None, w)
    for name in ("mean_", "var_", "scale_"):
        ours, theirs = getattr(model, name), getattr(peer, name)
        assert (ours is None) == (theirs is None)
        if ours is not None:
            np.testing.assert_allclose(ours, theirs, rtol=1e-7, atol=1e-30)
    if not (weighted and not with_mean and not with_std):  # there scikit-learn counts rows
        np.testing.assert_allclose(model.n_samples_seen_, peer.n_samples_seen_)
        assert np.shape(model.n_samples_seen_) == np.shape(peer.n_samples_seen_)
    np.testing.assert_allclose(model.transform(X), peer.transform(X), rtol=1e-6, atol=1e-6)
    there = model.inverse_transform(model.transform(X))
    np.testing.assert_allclose(there, X, rtol=1e-12, atol=1e-9)


def test_columns_that_do_not_vary_are_left_undivided() -> None:
    for constant in (0.1, 1e8, 1e-12):
        model = StandardScaler().fit(np.full((1000, 1), constant))
        assert model.scale_[0] == 1
        np.testing.assert_allclose(model.transform([[constant]]), 0, atol=1e-6)


def test_a_large_mean_costs_float32_no_digits() -> None:
    rng = np.random.default_rng(0)
    X = (rng.integers(0, 64, size=(5000, 2)) + 2.0**23).astype(np.float32)
    out = StandardScaler().fit(X).transform(X)
    assert out.dtype == np.float32
    exact = X.astype(np.float64)
    np.testing.assert_allclose(out, (exact - exact.mean(0)) / exact.std(0), rtol=1e-5, atol=1e-6)


def test_sparse_matrices_stay_sparse() -> None:
    rng = np.random.default_rng(0)
    X = sp.csr_array(rng.normal(size=(200, 4)) * (rng.random((200, 4)) < 0.3))
    with pytest.raises(BadInput, match="Cannot center sparse matrices"):
        StandardScaler().fit(X)
    model = StandardScaler(with_mean=False).fit(X)
    peer = peers.StandardScaler(with_mean=False).fit(X)
    np.testing.assert_allclose(model.scale_, peer.scale_, rtol=1e-12)
    out = model.transform(X)
    assert sp.issparse(out)
    np.testing.assert_allclose(out.toarray(), peer.transform(X).toarray(), rtol=1e-12)
    np.testing.assert_allclose(model.inverse_transform(out).toarray(), X.toarray(), rtol=1e-12)


def test_infinities_are_named(gaps) -> None:
    gaps[37, 2] = -np.inf
    with pytest.raises(BadValue, match="Input contains infinity: column 'x2', row 37"):
        StandardScaler().fit(gaps)
    named = ob.dataset({"a": gaps[:, 2], "b": gaps[:, 0]})
    with pytest.raises(BadValue, match="column 'a', row 37"):
        StandardScaler().fit(named)
    with pytest.raises(BadValue, match="column 'x2', row 0"):
        StandardScaler().fit(gaps[:30]).transform(gaps[37:38])


def test_weights_of_no_row(gaps) -> None:
    data = ob.dataset({"a": [1.0, 2.0], "w": [0.0, 0.0]})
    with pytest.raises(BadInput, match="at least one non-zero"):
        StandardScaler().fit(data[["a"]], None, data["w"])


def test_columns_keep_their_names_and_type() -> None:
    data = ob.dataset({"a": np.arange(5, dtype=np.int8), "b": np.arange(5.0, dtype=np.float32)})
    out = StandardScaler().fit(data).transform(data)
    assert out.columns == ["a", "b"]
    assert [str(kind) for kind in out.schema.types] == ["float", "float"]
    back = StandardScaler().fit(data).inverse_transform(out.to_numpy())
    np.testing.assert_allclose(back, data.to_numpy(), atol=1e-6)


def test_the_aggregate_keeps_the_laws(gaps) -> None:
    check_aggregate(FiniteMoments(), gaps[:, :3])
