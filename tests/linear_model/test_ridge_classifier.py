"""Classification by ridge regression against scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sklearn.linear_model as peers
from sklearn.exceptions import DataConversionWarning

import onebox as ob
from onebox.errors import BadInput, BadValue, WrongType
from onebox.linear_model import RidgeClassifier
from onebox.linear_model.classes import ClassGrams, ClassMeans
from onebox.testing import check_aggregate

WORDS = np.array(["late", "early", "cancelled", "diverted"])


def labelled(n_classes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, n_classes, 600)
    X = rng.normal(size=(600, 5)) + 10 + y[:, None] * rng.normal(size=5)
    return X, y, rng.uniform(0.1, 2, 600)


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("kind", ["numbers", "text", "objects", "booleans"])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_as_scikit_learn(n_classes: int, kind: str, fit_intercept: bool) -> None:
    X, codes, w = labelled(n_classes)
    y = {
        "numbers": codes * 3 - 1,
        "text": WORDS[codes],
        "objects": WORDS.astype(object)[codes],
        "booleans": codes % 2 == 1,
    }[kind]
    for weights in (None, w):
        model = RidgeClassifier(fit_intercept=fit_intercept).fit(X, y, weights)
        peer = peers.RidgeClassifier(fit_intercept=fit_intercept).fit(X, y, weights)
        assert model.classes_.tolist() == peer.classes_.tolist()
        assert model.coef_.shape == peer.coef_.shape
        np.testing.assert_allclose(model.coef_, peer.coef_, rtol=1e-8, atol=1e-11)
        np.testing.assert_allclose(model.intercept_, peer.intercept_, rtol=1e-8, atol=1e-11)
        assert model.predict(X).tolist() == peer.predict(X).tolist()
        np.testing.assert_allclose(
            model.decision_function(X), peer.decision_function(X), rtol=1e-6, atol=1e-9
        )
        assert model.score(X, y, weights) == pytest.approx(peer.score(X, y, weights))


@pytest.mark.parametrize("class_weight", ["balanced", {0: 3.0, 1: 0.5}, {}])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_weights_of_classes(class_weight: Any, n_classes: int, fit_intercept: bool) -> None:
    X, y, w = labelled(n_classes)
    keep = (y > 0) | (np.arange(600) % 5 == 0)
    X, y, w = X[keep], y[keep], w[keep]
    options = {"class_weight": class_weight, "fit_intercept": fit_intercept}
    for weights in (None, w):
        model = RidgeClassifier(**options).fit(X, y, weights)
        peer = peers.RidgeClassifier(**options).fit(X, y, weights)
        np.testing.assert_allclose(model.coef_, peer.coef_, rtol=1e-8, atol=1e-11)
        np.testing.assert_allclose(model.intercept_, peer.intercept_, rtol=1e-8, atol=1e-11)


def test_labels_in_a_dataset() -> None:
    X, codes, _ = labelled(3)
    columns = {f"c{j}": X[:, j] for j in range(5)}
    data = ob.dataset({**columns, "status": WORDS[codes]})
    features = data.drop("status")
    model = RidgeClassifier().fit(features, data["status"])
    assert model.classes_.tolist() == ["cancelled", "early", "late"]
    predicted = model.predict(features)
    assert predicted.columns == ["label"]
    of_arrays = RidgeClassifier().fit(X, WORDS[codes])
    assert predicted.to_numpy().tolist() == of_arrays.predict(X).tolist()
    assert model.decision_function(features).columns == ["cancelled", "early", "late"]
    expected = of_arrays.score(X, WORDS[codes])
    assert model.score(features, data["status"]) == pytest.approx(expected)
    by_classes = RidgeClassifier(class_weight="balanced").fit(features, data["status"])
    assert by_classes.classes_.tolist() == model.classes_.tolist()


@pytest.mark.parametrize("class_weight", [None, "balanced"])
def test_classes_that_come_later(class_weight: Any) -> None:
    X, y, _ = labelled(3)
    order = np.argsort(y, kind="stable")
    X, y = X[order], WORDS[y[order]]
    parts = RidgeClassifier(class_weight=class_weight)
    for start in range(0, 600, 90):
        parts.partial_fit(X[start : start + 90], y[start : start + 90], classes=WORDS[:3])
    whole = RidgeClassifier(class_weight=class_weight).fit(X, y)
    assert parts.classes_.tolist() == whole.classes_.tolist()
    np.testing.assert_allclose(parts.coef_, whole.coef_, rtol=1e-9)
    np.testing.assert_allclose(parts.intercept_, whole.intercept_, rtol=1e-9)


def test_a_single_class_is_always_predicted() -> None:
    X, _, _ = labelled(2)
    model = RidgeClassifier().fit(X, ["only"] * 600)
    assert set(model.predict(X)) == {"only"}


def test_what_are_no_labels_is_refused() -> None:
    X, y, _ = labelled(2)
    with pytest.raises(BadInput, match=r"Unknown label type: continuous. y is 0.5 in row 3"):
        RidgeClassifier().fit(X, np.where(np.arange(600) == 3, 0.5, y))
    with pytest.raises(BadValue, match="Input contains NaN: y, row 3"):
        RidgeClassifier().fit(X, np.where(np.arange(600) == 3, np.nan, y))
    missing = WORDS.astype(object)[y]
    missing[7] = None
    with pytest.raises(BadValue, match="missing label: y, row 7"):
        RidgeClassifier().fit(X, missing)
    with pytest.raises(WrongType, match="labels of different kinds"):
        RidgeClassifier().fit(X, np.array([1, "a"] * 300, dtype=object))
    with pytest.raises(WrongType, match="different kinds cannot be told apart"):
        RidgeClassifier().fit(X, y).partial_fit(X, WORDS[y])
    with pytest.raises(WrongType, match="dtype datetime64"):
        RidgeClassifier().fit(X, np.full(600, np.datetime64("2020-01-01")))
    keys = np.arange(2000)
    with pytest.raises(BadInput, match="more than 1,000 different labels"):
        RidgeClassifier().fit(np.zeros((2000, 2)), keys)
    with pytest.raises(BadInput, match="positive=True"):
        RidgeClassifier(positive=True).fit(X, y)
    with pytest.warns(DataConversionWarning):
        RidgeClassifier().fit(X, y[:, None])


def test_class_weights_have_room_for_few_classes_of_many_columns() -> None:
    X = np.zeros((900, 300))
    X[:, 0] = np.arange(900)
    many = np.arange(900) % 200
    with pytest.raises(BadInput, match="more than 92 classes, and with 300 columns"):
        RidgeClassifier(class_weight="balanced").fit(X, many)
    RidgeClassifier().fit(X, many)


@pytest.mark.parametrize("recipe", [ClassMeans(), ClassGrams(10)])
def test_aggregates_keep_the_laws(recipe: Any) -> None:
    X, y, w = labelled(4)
    for labels in (y, WORDS.astype(object)[y]):
        check_aggregate(recipe, X[:240], y=labels[:240], sample_weight=w[:240])
