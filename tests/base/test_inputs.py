"""What estimators take, and what they give back for it."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import onebox as ob
from onebox.cluster import KMeans
from onebox.decomposition import PCA
from onebox.errors import NotEnoughMemory, NotMergeable, SchemaMismatch, WrongType
from onebox.linear_model import LinearRegression, Ridge
from onebox.preprocessing import StandardScaler

NAMES = ["a", "b", "c"]


@pytest.fixture(params=[100, 60_000], ids=["small", "large"])
def rows(request) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(request.param, 3)) * [1, 5, 25]
    return X, X @ [1.0, 2.0, 3.0] + 4


def frames(X: np.ndarray) -> dict[str, object]:
    columns = dict(zip(NAMES, X.T, strict=True))
    return {
        "pandas": pd.DataFrame(X, columns=NAMES),
        "pandas by columns": pd.DataFrame(columns),
        "polars": pl.DataFrame(columns),
        "arrow": pa.table(columns),
    }


def test_frames_give_arrays_and_names(rows) -> None:
    X, y = rows
    peer = Ridge().fit(X, y)
    for kind, frame in frames(X).items():
        model = Ridge().fit(frame, y)
        np.testing.assert_allclose(model.coef_, peer.coef_, rtol=1e-12, err_msg=kind)
        assert list(model.feature_names_in_) == NAMES
        predicted = model.predict(frame)
        assert isinstance(predicted, np.ndarray)
        np.testing.assert_allclose(predicted, peer.predict(X), rtol=1e-9)
        assert model.score(frame, y) == pytest.approx(1.0)


def test_series_and_lists_as_targets(rows) -> None:
    X, y = rows
    coef = Ridge().fit(X, y).coef_
    for target in (pd.Series(y), list(y), pl.Series(y), pa.array(y)):
        np.testing.assert_allclose(Ridge().fit(X, target).coef_, coef, rtol=1e-12)


def test_text_in_a_frame_is_named(rows) -> None:
    X, y = rows
    words = np.array(["x"] * len(X))
    for frame in (
        pd.DataFrame(X, columns=NAMES).assign(word=words),
        pl.DataFrame({"a": X[:, 0], "word": words}),
        pa.table({"a": X[:, 0], "word": words}),
    ):
        with pytest.raises(WrongType, match=r"column 'word' has type .*string. Leave it out"):
            Ridge().fit(frame, y)


def test_frames_with_gaps_and_small_types() -> None:
    frame = pd.DataFrame({"a": pd.array([1, None, 3], dtype="Int64"), "b": [0.5, 1.5, np.nan]})
    np.testing.assert_allclose(StandardScaler().fit(frame).mean_, [2.0, 1.0])
    narrow = pl.DataFrame({"a": pl.Series([1, 2, 3], dtype=pl.Int8)})
    assert StandardScaler().fit(narrow).transform(narrow).dtype in (np.float32, np.float64)


def test_set_output(rows) -> None:
    X, _ = rows
    frame = pd.DataFrame(X, columns=NAMES, index=np.arange(len(X)) + 7)
    for kind, library in (("pandas", pd), ("polars", pl)):
        scaler = StandardScaler().set_output(transform=kind)
        made = scaler.fit_transform(frame)
        assert isinstance(made, library.DataFrame)
        assert list(made.columns) == NAMES
        if library is pd:
            assert (made.index == frame.index).all()
        pca = PCA(2).set_output(transform=kind)
        assert list(pca.fit_transform(frame).columns) == ["pca0", "pca1"]


def test_paths_are_datasets(rows, tmp_path) -> None:
    X, _ = rows
    for i, part in enumerate(np.array_split(X, 2)):
        pq.write_table(pa.table(dict(zip(NAMES, part.T, strict=True))), tmp_path / f"{i}.parquet")
    files = sorted(tmp_path.glob("*.parquet"))
    for path in (tmp_path, str(tmp_path / "*.parquet"), files, [str(file) for file in files]):
        scaler = StandardScaler().fit(path)
        np.testing.assert_allclose(scaler.mean_, X.mean(axis=0), atol=1e-12)
        assert isinstance(scaler.transform(path), ob.Dataset)


def test_columns_match_by_name_or_by_number(rows) -> None:
    X, y = rows
    named = ob.dataset({**dict(zip(NAMES, X.T, strict=True)), "more": y})
    model = LinearRegression().fit(named[NAMES], y)
    expected = model.predict(named[NAMES]).to_numpy()
    shuffled = named[["more", "c", "b", "a"]]
    np.testing.assert_array_equal(model.predict(shuffled).to_numpy(), expected)
    np.testing.assert_allclose(model.predict(ob.dataset(X)).to_numpy(), expected, rtol=1e-12)
    with pytest.raises(SchemaMismatch, match=r"X has 2 features, but .* is expecting 3"):
        model.predict(ob.dataset(X[:, :2]))
    unnamed = LinearRegression().fit(X, y)
    with pytest.raises(SchemaMismatch, match="X has 4 features"):
        unnamed.predict(named)


def test_lazy_answers_keep_the_state_of_then_and_travel(rows) -> None:
    X, y = rows
    data = ob.dataset(X)
    model = Ridge().fit(data, y)
    predicted = model.predict(data)
    expected = predicted.to_numpy()
    model.fit(data, -y)
    np.testing.assert_array_equal(predicted.to_numpy(), expected)
    step = pickle.loads(pickle.dumps(predicted.view.features[-1]))
    assert step.after == predicted.schema


def test_what_comes_out_counts_in_the_budget() -> None:
    X = np.zeros((40_000, 100), dtype=np.float32)
    model = StandardScaler().fit(X)
    with ob.config(memory="20MB"), pytest.raises(NotEnoughMemory, match="the result 16 MB"):
        model.transform(X)
    with ob.config(memory="200MB"):
        assert not model.transform(X).any()


def test_models_of_several_passes_do_not_merge(rows) -> None:
    X, _ = rows
    model = KMeans(2, random_state=0).fit(X)
    with pytest.raises(NotMergeable, match=r"two finished models do not merge.*ob.concat"):
        model.merge(model)


def test_memory_mapped_arrays(rows, tmp_path) -> None:
    X, y = rows
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    model = Ridge().fit(mapped, y)
    np.testing.assert_array_equal(model.coef_, Ridge().fit(X, y).coef_)
    np.testing.assert_array_equal(model.predict(mapped), model.predict(X))
