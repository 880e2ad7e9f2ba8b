"""Random projections: distances kept, matrices that depend on nothing but the seed and the column."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
import scipy.spatial.distance
import sklearn.random_projection
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import DataDimensionalityWarning

import onebox as ob
from onebox.errors import BadInput, CorruptFile, WrongType
from onebox.random_projection import (
    GaussianRandomProjection,
    SparseRandomProjection,
    johnson_lindenstrauss_min_dim,
    matrix,
)
from onebox.random_projection.matrix import counted, normals, signs

KINDS = pytest.mark.parametrize("kind", [SparseRandomProjection, GaussianRandomProjection])


@pytest.fixture(scope="module")
def X():
    return np.random.default_rng(0).normal(size=(300, 400))


def ratios(before, after):
    distances = scipy.spatial.distance.pdist
    return (distances(after) / distances(before)) ** 2


@KINDS
@settings(max_examples=10)
@given(seed=st.integers(0, 2**31 - 1), data_seed=st.integers(0, 100))
def test_distances_are_kept_within_eps(kind, seed, data_seed):
    eps, n = 0.4, 40
    X = np.random.default_rng(data_seed).normal(size=(n, 2_000))
    X *= np.random.default_rng(data_seed).exponential(size=2_000)
    projection = kind("auto", eps=eps, random_state=seed).fit(X)
    assert projection.n_components_ == johnson_lindenstrauss_min_dim(n, eps=eps)
    within = np.abs(ratios(X, projection.transform(X)) - 1) < eps
    assert within.mean() > 0.98  # the lemma: all of them, with high probability


@KINDS
def test_mean_and_spread_of_squared_distances(kind, X):
    made = np.concatenate(
        [ratios(X[:50], kind(100, random_state=s).fit_transform(X[:50])) for s in range(20)]
    )
    assert abs(made.mean() - 1) < 0.02
    assert abs(made.std() - np.sqrt(2 / 100)) < 0.015


@KINDS
def test_it_multiplies_by_its_components(kind, X):
    projection = kind(30, random_state=1).fit(X)
    components = projection.components_
    dense = components.toarray() if sp.issparse(components) else components
    assert dense.shape == (30, 400)
    np.testing.assert_allclose(projection.transform(X), X @ dense.T, atol=1e-10)


def test_values_of_the_sparse_matrix(X):
    mine = SparseRandomProjection(50, density=0.25, random_state=0).fit(X)
    peer = sklearn.random_projection.SparseRandomProjection(50, density=0.25, random_state=0).fit(X)
    assert mine.density_ == 0.25
    np.testing.assert_allclose(np.unique(mine.components_.data), np.unique(peer.components_.data))
    share = mine.components_.nnz / (50 * 400)
    assert abs(share - 0.25) < 0.01
    assert abs((mine.components_.data > 0).mean() - 0.5) < 0.03


def test_density_of_its_own(X):
    assert SparseRandomProjection(5).fit(X).density_ == counted(1 / 20)
    full = SparseRandomProjection(5, density=1.0, random_state=0).fit(X).components_
    assert full.nnz == 5 * 400
    assert counted(1e-9) == 1 / 65536


@given(seed=st.integers(0, 2**31 - 1), first=st.integers(0, 500), n=st.integers(1, 30))
def test_a_column_depends_on_the_seed_and_its_number_alone(seed, first, n):
    whole = signs(seed, 9, 0, first + n, 0.3).matrix.toarray()
    np.testing.assert_array_equal(signs(seed, 9, first, n, 0.3).matrix.toarray(), whole[:, first:])
    numbers = normals(seed, 9, 0, first + n)
    np.testing.assert_array_equal(normals(seed, 9, first, n), numbers[first:])


def test_seeds_differ(X):
    one, other = (SparseRandomProjection(50, random_state=s).fit(X).components_ for s in (0, 1))
    assert (one != other).nnz > 0.5 * one.nnz


@KINDS
def test_a_dataset_a_table_and_an_array_give_the_same_bits(kind, X, tmp_path):
    names = [f"c{j}" for j in range(400)]
    data = ob.dataset(dict(zip(names, X.T, strict=True)))
    data.to_parquet(tmp_path / "x.parquet")
    stored = ob.dataset(tmp_path / "x.parquet")
    projection = kind(20, random_state=0).fit(stored)
    whole = kind(20, random_state=0).fit_transform(X)
    lazily = projection.transform(stored)
    assert list(lazily.columns) == list(projection.get_feature_names_out())
    np.testing.assert_allclose(lazily.to_numpy(), whole, rtol=1e-12)
    with ob.config(n_jobs=1):
        np.testing.assert_array_equal(lazily.to_numpy(), projection.transform(stored).to_numpy())


def test_rows_are_projected_one_by_one(X):
    projection = SparseRandomProjection(20, random_state=0).fit(X)
    whole = projection.transform(X)
    np.testing.assert_array_equal(projection.transform(X[17:18]), whole[17:18])


@KINDS
def test_values_of_a_dataset_are_not_read(kind, tmp_path):
    path = tmp_path / "abc.parquet"
    ob.dataset({name: np.random.default_rng(0).normal(size=1_000) for name in "abc"}).to_parquet(
        path
    )
    content = bytearray(path.read_bytes())
    content[4:2_000] = bytes(1_996)  # pages, and no footer
    path.write_bytes(content)
    projection = kind(2).fit(ob.dataset(path))
    with pytest.raises(CorruptFile):
        projection.transform(ob.dataset(path)).to_numpy()


@KINDS
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_float_types_stay(kind, dtype, X):
    made = kind(20, random_state=0).fit_transform(X.astype(dtype))
    assert made.dtype == dtype
    np.testing.assert_allclose(made, kind(20, random_state=0).fit_transform(X), atol=1e-4)


@KINDS
def test_sparse_rows(kind, X):
    rows = sp.random(50, 400, density=0.05, random_state=0, format="csr")
    projection = kind(20, random_state=0).fit(rows)
    made = projection.transform(rows)
    assert sp.issparse(made) is (kind is SparseRandomProjection)
    made = made.toarray() if sp.issparse(made) else made
    np.testing.assert_allclose(made, projection.transform(rows.toarray()), atol=1e-12)


def test_dense_output_of_sparse_rows():
    rows = sp.random(50, 400, density=0.05, random_state=0, format="csr")
    assert isinstance(SparseRandomProjection(5, dense_output=True).fit_transform(rows), np.ndarray)


@KINDS
def test_matrices_that_are_not_kept(kind, monkeypatch, X):
    projection = kind(20, random_state=0).fit(X)
    whole = projection.transform(X)
    monkeypatch.setattr(matrix, "KEPT_BYTES", 0)
    np.testing.assert_array_equal(projection.transform(X), whole)
    monkeypatch.setattr(matrix, "PANEL", 20 * 64)
    np.testing.assert_allclose(projection.transform(X), whole, atol=1e-12)
    np.testing.assert_allclose(
        np.asarray(projection.components_ @ X.T).T, projection.transform(X), atol=1e-12
    )


@KINDS
@pytest.mark.parametrize("kept", [True, False])
def test_back_to_rows_with_the_same_projection(kind, kept, X):
    projection = kind(20, random_state=0, compute_inverse_components=kept).fit(X)
    made = projection.transform(X)
    back = projection.inverse_transform(made)
    assert back.shape == X.shape
    np.testing.assert_allclose(projection.transform(back), made, atol=1e-10)


@KINDS
def test_saved_and_loaded(kind, X, tmp_path):
    projection = kind(20, random_state=0).fit(X)
    ob.save(projection, tmp_path / "projection.onebox")
    there = ob.load(tmp_path / "projection.onebox")
    np.testing.assert_array_equal(there.transform(X), projection.transform(X))
    assert (tmp_path / "projection.onebox").stat().st_size < 20_000  # without the matrix


@KINDS
def test_too_few_columns_for_eps(kind, X):
    with pytest.raises(BadInput, match=r"need 4,\d+ components, but X has only 400 columns"):
        kind(eps=0.1).fit(X)


@KINDS
def test_more_components_than_columns(kind, X):
    with pytest.warns(DataDimensionalityWarning, match="more than the 3 columns"):
        assert kind(5).fit_transform(X[:, :3]).shape == (300, 5)


@KINDS
def test_text_is_refused(kind):
    with pytest.raises(WrongType, match="city"):
        kind(1).fit(ob.dataset({"city": ["a", "b"], "x": [1.0, 2.0]}))


@KINDS
def test_the_seed_is_what_tells_models_apart(kind, X):
    one, other, again = (kind(5, random_state=s).fit(X) for s in (None, None, 0))
    assert ob.fingerprint(one) != ob.fingerprint(other)
    assert ob.fingerprint(again) == ob.fingerprint(kind(5, random_state=0).fit(X))


@KINDS
def test_it_knows_what_it_was_fitted_on(kind, tmp_path):
    path = tmp_path / "x.parquet"
    ob.dataset({name: np.arange(9.0) for name in "abc"}).to_parquet(path)
    recipe = kind(2).fit(ob.dataset(path)).recipe_
    assert [file for file, _ in recipe.files] == [str(path)]
    assert not recipe.steps


def test_fitted_and_verified_from_the_command_line(tmp_path, nursery):
    path, model = str(tmp_path / "x.parquet"), str(tmp_path / "model.onebox")
    ob.dataset({name: np.arange(9.0) for name in "abc"}).to_parquet(path)
    step = "sparse_random_projection n_components=2 random_state=0"
    program = "from onebox.cli import main; main()"
    assert "9 rows, 0 passes" in nursery.run(program, "fit", step, path, "-o", model).stderr
    assert "the same bits" in nursery.run(program, "verify", model).stderr
