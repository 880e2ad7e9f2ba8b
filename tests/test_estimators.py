"""Every estimator keeps scikit-learn's checks and the laws; the checker finds what is wrong."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
import sklearn.cluster
import sklearn.decomposition
import sklearn.impute
import sklearn.linear_model
import sklearn.preprocessing
import sklearn.random_projection
from sklearn.base import clone
from sklearn.utils.estimator_checks import check_estimator

import onebox as ob
from onebox.cluster import (
    AgglomerativeClustering,
    FeatureAgglomeration,
    KMeans,
    MiniBatchKMeans,
    ReNA,
    SphericalKMeans,
)
from onebox.decomposition import PCA, TruncatedSVD
from onebox.impute import SimpleImputer
from onebox.linear_model import LinearRegression, Ridge, RidgeClassifier
from onebox.pipeline import Pipeline
from onebox.preprocessing import StandardScaler
from onebox.random_projection import (
    CountSketch,
    GaussianRandomProjection,
    SparseRandomProjection,
)
from onebox.testing import check_onebox_estimator

PEERS = {
    AgglomerativeClustering: sklearn.cluster.AgglomerativeClustering,
    CountSketch: sklearn.random_projection.SparseRandomProjection,  # the nearest there is
    FeatureAgglomeration: sklearn.cluster.FeatureAgglomeration,
    GaussianRandomProjection: sklearn.random_projection.GaussianRandomProjection,
    KMeans: sklearn.cluster.KMeans,
    MiniBatchKMeans: sklearn.cluster.MiniBatchKMeans,
    LinearRegression: sklearn.linear_model.LinearRegression,
    PCA: sklearn.decomposition.PCA,
    ReNA: sklearn.cluster.FeatureAgglomeration,
    Ridge: sklearn.linear_model.Ridge,
    RidgeClassifier: sklearn.linear_model.RidgeClassifier,
    SimpleImputer: sklearn.impute.SimpleImputer,
    SparseRandomProjection: sklearn.random_projection.SparseRandomProjection,
    SphericalKMeans: sklearn.cluster.KMeans,  # the nearest there is
    StandardScaler: sklearn.preprocessing.StandardScaler,
    TruncatedSVD: sklearn.decomposition.TruncatedSVD,
}

ESTIMATORS = [
    AgglomerativeClustering(linkage="average"),
    AgglomerativeClustering(),
    CountSketch(n_components=2, random_state=0),
    FeatureAgglomeration(),
    GaussianRandomProjection(n_components=2, random_state=0),
    KMeans(n_clusters=3),
    LinearRegression(),
    MiniBatchKMeans(n_clusters=3),
    PCA(n_components=2, whiten=True),
    PCA(n_components=2, svd_solver="randomized"),
    ReNA(),
    Ridge(),
    RidgeClassifier(),
    RidgeClassifier(class_weight="balanced"),
    SimpleImputer(),
    SimpleImputer(strategy="median", add_indicator=True),
    SimpleImputer(strategy="most_frequent"),
    SparseRandomProjection(n_components=2, random_state=0),
    SphericalKMeans(n_clusters=3),
    StandardScaler(),
    TruncatedSVD(),
]


@cache
def failures_of(peer: type, options: tuple[tuple[str, Any], ...]) -> dict[str, str]:
    """The checks that scikit-learn's own class fails."""
    with np.errstate(all="ignore"):
        results = check_estimator(peer(**dict(options)), on_skip=None, on_fail=None)
    return {one["check_name"]: "as its peer" for one in results if one["status"] == "failed"}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("estimator", ESTIMATORS, ids=repr)
def test_checks_and_laws(estimator: Any) -> None:
    defaults = type(estimator)().get_params()
    options = {
        name: value
        for name, value in estimator.get_params().items()
        if repr(value) != repr(defaults[name])
    }
    expected = failures_of(PEERS[type(estimator)], tuple(options.items()))
    check_onebox_estimator(estimator, expected_failed_checks=expected)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("last", [Ridge(), RidgeClassifier()], ids=repr)
def test_pipelines_fail_no_check_but_those_that_pipelines_fail(last: Any) -> None:
    steps = [("scale", StandardScaler()), ("last", last)]
    peer = sklearn.pipeline.Pipeline([(name, clone(step)) for name, step in steps])
    results = check_estimator(peer, on_skip=None, on_fail=None)
    expected = {one["check_name"]: "as its peer" for one in results if one["status"] == "failed"}
    check_onebox_estimator(Pipeline(steps), expected_failed_checks=expected)


class AsksForWorkers(StandardScaler):
    """Its state depends on how it is run."""

    def _solve(self, summary: Any, schema: Any) -> None:
        super()._solve(summary, schema)
        self.mean_ = self.mean_ + ob.get_config().n_jobs


class ForgetsWhenMerging(Ridge):
    def merge(self, other: Any) -> Any:
        return self


class LooksAtTheOrder(PCA):
    def _solve(self, summary: Any, schema: Any) -> None:
        super()._solve(summary, schema)
        self.seen_ = getattr(self, "seen_", 0) + self.n_samples_


class AnswersAtOnce(StandardScaler):
    def transform(self, X: Any, copy: Any = None) -> Any:
        made = super().transform(X)
        return made if isinstance(made, np.ndarray) else made.to_numpy()


class TakesText(StandardScaler):
    def _require_columns(self, schema: Any) -> None:
        pass


WRONG = {
    AsksForWorkers: "same bits",
    ForgetsWhenMerging: "merge gives the model of the whole",
    LooksAtTheOrder: "partial_fit over parts",
    AnswersAtOnce: "lazy Dataset",
    TakesText: "text column",
}


ALL_FAILURES = {"check_non_transformer_estimators_n_iter": "as its peer"}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("wrong", "law"), WRONG.items(), ids=str)
def test_what_is_wrong_is_found_and_named(wrong: type, law: str) -> None:
    with pytest.raises(AssertionError) as caught:
        check_onebox_estimator(wrong(), expected_failed_checks=ALL_FAILURES)
    assert f"{wrong.__name__}()" in str(caught.value)
    assert law in str(caught.value)


class BreaksTheGrammar(StandardScaler):
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Any:
        super().fit(X, y, sample_weight)


@pytest.mark.filterwarnings("ignore")
def test_scikit_learns_checks_are_part_of_it() -> None:
    with pytest.raises(AssertionError, match="check_estimators_fit_returns_self"):
        check_onebox_estimator(BreaksTheGrammar())
