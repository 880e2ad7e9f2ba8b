"""Pipelines: scikit-learn's on arrays, lazy ones on Datasets."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sklearn.pipeline
import sklearn.preprocessing
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.model_selection import GridSearchCV, cross_val_score

import onebox as ob
from onebox.cluster import KMeans
from onebox.decomposition import PCA
from onebox.errors import WrongType
from onebox.impute import SimpleImputer
from onebox.linear_model import Ridge, RidgeClassifier
from onebox.pipeline import Pipeline, make_pipeline
from onebox.preprocessing import StandardScaler


@pytest.fixture
def rows() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(900, 5)) * [1, 10, 100, 5, 2] + 50
    return X, X @ [1.0, 0.1, 0.01, 2, -1] + rng.normal(size=900)


@pytest.fixture
def data(rows, tmp_path) -> ob.Dataset:
    X, y = rows
    columns = {f"c{j}": X[:, j] for j in range(5)}
    columns |= {"y": y, "up": np.where(y > np.median(y), "up", "down")}
    pq.write_table(pa.table(columns), tmp_path / "rows.parquet", row_group_size=130)
    return ob.dataset(tmp_path / "rows.parquet")


def features(data: ob.Dataset) -> ob.Dataset:
    return data.drop("y", "up")


def test_a_dataset_goes_through_as_arrays_do(rows, data) -> None:
    X, y = rows
    steps = [SimpleImputer(), StandardScaler(), PCA(4), Ridge(0.5)]
    model = make_pipeline(*map(clone, steps)).fit(features(data), data["y"])
    arrays = sklearn.pipeline.make_pipeline(*map(clone, steps)).fit(X, y)
    predicted = model.predict(features(data))
    assert isinstance(predicted, ob.Dataset)
    np.testing.assert_allclose(predicted.to_numpy(), arrays.predict(X), rtol=1e-9)
    assert model.score(features(data), data["y"]) == pytest.approx(arrays.score(X, y))
    assert model.fit_report_.passes == 4
    assert model.fit_report_.rows == 900
    assert model.fit_report_.bytes_read > 4 * 900
    assert list(model.feature_names_in_) == [f"c{j}" for j in range(5)]
    assert list(model[:-1].get_feature_names_out()) == ["pca0", "pca1", "pca2", "pca3"]


def test_labels_and_clusters_at_the_end(data) -> None:
    model = make_pipeline(StandardScaler(), RidgeClassifier()).fit(features(data), data["up"])
    assert model.classes_.tolist() == ["down", "up"]
    assert model.score(features(data), data["up"]) > 0.8
    clusters = make_pipeline(StandardScaler(), KMeans(2, random_state=0)).fit(features(data))
    assert set(clusters.predict(features(data)).to_numpy()) == {0, 1}


def test_transformers_alone(rows, data) -> None:
    model = make_pipeline(StandardScaler(), PCA(2))
    out = model.fit_transform(features(data))
    assert isinstance(out, ob.Dataset)
    back = model.inverse_transform(out)
    assert back.columns == [f"c{j}" for j in range(5)]
    np.testing.assert_allclose(out.to_numpy(), model.fit_transform(rows[0]), atol=1e-9)
    partly = Pipeline([("scale", StandardScaler()), ("nothing", "passthrough")])
    assert partly.fit(features(data)).transform(features(data)).columns == back.columns


def test_weights_reach_their_step(rows, data) -> None:
    X, y = rows
    w = np.linspace(0, 2, 900)
    model = make_pipeline(StandardScaler(), Ridge())
    model.fit(features(data), data["y"], ridge__sample_weight=w)
    peer = make_pipeline(StandardScaler(), Ridge()).fit(X, y, ridge__sample_weight=w)
    np.testing.assert_allclose(model[-1].coef_, peer[-1].coef_, rtol=1e-10)


def test_scikit_learns_tools_take_them(rows) -> None:
    X, y = rows
    model = make_pipeline(StandardScaler(), PCA(), Ridge())
    search = GridSearchCV(model, {"ridge__alpha": [0.1, 10.0], "pca__n_components": [1, 5]}, cv=3)
    assert search.fit(X, y).best_params_["pca__n_components"] == 5
    assert cross_val_score(model, X, y, cv=3).min() > 0.9
    assert clone(model).set_params(ridge__alpha=3).named_steps["ridge"].alpha == 3


def test_our_steps_in_scikit_learns_pipeline(data) -> None:
    model = sklearn.pipeline.make_pipeline(StandardScaler(), Ridge())
    assert isinstance(model.fit(features(data), data["y"]).predict(features(data)), ob.Dataset)


class Doubler(TransformerMixin, BaseEstimator):
    """A step of somebody else's that reads Datasets."""

    accepts_datasets = True

    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def transform(self, X):
        return X.map(lambda block: block.X * 2) if isinstance(X, ob.Dataset) else X * 2


def test_steps_that_cannot_take_a_dataset_are_named(rows, data) -> None:
    foreign = make_pipeline(sklearn.preprocessing.StandardScaler(), Ridge())
    foreign.fit(*rows)
    with pytest.raises(WrongType, match=r"'standardscaler' is a sklearn.*Use the step"):
        foreign.fit(features(data), data["y"])
    with pytest.raises(WrongType, match="'minmaxscaler' is a sklearn"):
        make_pipeline(StandardScaler(), sklearn.preprocessing.MinMaxScaler()).fit_transform(
            features(data)
        )
    with pytest.raises(WrongType, match="memory=None"):
        make_pipeline(StandardScaler(), Ridge(), memory="cache").fit(features(data), data["y"])
    inner = make_pipeline(Doubler(), StandardScaler())
    model = make_pipeline(inner, Ridge()).fit(features(data), data["y"])
    peer = make_pipeline(StandardScaler(), Ridge()).fit(features(data), data["y"])
    np.testing.assert_allclose(model[-1].coef_, peer[-1].coef_, rtol=1e-9)
    broken = make_pipeline(make_pipeline(sklearn.preprocessing.MinMaxScaler()), Ridge())
    with pytest.raises(WrongType, match=r"onebox.pipeline.Pipeline"):
        broken.fit(features(data), data["y"])


def test_an_unfitted_pipeline_has_no_report() -> None:
    with pytest.raises(AttributeError, match="no step with one is fitted"):
        make_pipeline(StandardScaler(), Ridge()).fit_report_  # noqa: B018


def test_frames_do_not_come_out_of_datasets(rows, data) -> None:
    model = make_pipeline(StandardScaler(), PCA(2)).set_output(transform="pandas")
    assert list(model.fit_transform(rows[0]).columns) == ["pca0", "pca1"]
    with pytest.raises(WrongType, match="set_output"):
        model.fit_transform(features(data))
