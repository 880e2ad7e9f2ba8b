"""Streaming metrics against scikit-learn's, on arrays and on Datasets."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sklearn.metrics as peers
from hypothesis import given
from hypothesis import strategies as st

import onebox as ob
from onebox.errors import BadInput, BadValue, MismatchedRows, WrongType
from onebox.linear_model import Ridge
from onebox.metrics import accuracy_score, confusion_matrix, mean_squared_error, r2_score
from onebox.metrics.classification import Accuracy, Confusion
from onebox.metrics.regression import SquaredErrors
from onebox.testing import check_aggregate

WORDS = np.array(["ant", "bee", "cat", "dog", "eel"])


@pytest.fixture
def numbers() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    y = rng.normal(size=(500, 3)) * [1, 10, 100] + 1e3
    return y, y + rng.normal(size=(500, 3)), rng.uniform(size=500)


@pytest.fixture
def codes() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    actual = rng.integers(0, 4, 500)
    predicted = np.where(rng.random(500) < 0.6, actual, rng.integers(0, 5, 500))
    return actual, predicted, rng.uniform(size=500)


@pytest.mark.parametrize("multioutput", ["raw_values", "uniform_average", [0.2, 0.5, 3.0]])
@pytest.mark.parametrize("weighted", [True, False])
def test_errors_of_numbers(numbers, multioutput: Any, weighted: bool) -> None:
    y, predicted, w = numbers
    options = {"sample_weight": w if weighted else None, "multioutput": multioutput}
    for ours, theirs in (
        (mean_squared_error, peers.mean_squared_error),
        (r2_score, peers.r2_score),
    ):
        made, expected = ours(y, predicted, **options), theirs(y, predicted, **options)
        np.testing.assert_allclose(made, expected, rtol=1e-9)
        assert np.shape(made) == np.shape(expected)
        np.testing.assert_allclose(
            ours(y[:, 0], predicted[:, 0]), theirs(y[:, 0], predicted[:, 0]), rtol=1e-9
        )


def test_variances_as_weights_and_constant_targets(numbers) -> None:
    y, predicted, _ = numbers
    for target in (y, np.column_stack([y[:, 0], np.ones(500), np.ones(500)])):
        for force_finite in (True, False):
            options = {"multioutput": "raw_values", "force_finite": force_finite}
            with np.errstate(divide="ignore"):
                expected = peers.r2_score(target, predicted, **options)
            np.testing.assert_allclose(r2_score(target, predicted, **options), expected)
        weighted = {"multioutput": "variance_weighted"}
        np.testing.assert_allclose(
            r2_score(target, predicted, **weighted), peers.r2_score(target, predicted, **weighted)
        )
    assert r2_score(np.ones(5), np.ones(5)) == 1
    with pytest.warns(UserWarning, match="less than two samples"):
        assert np.isnan(r2_score([1.0], [2.0]))


@pytest.mark.parametrize("kind", ["numbers", "text", "objects", "booleans"])
@pytest.mark.parametrize("weighted", [True, False])
def test_right_and_wrong_labels(codes, kind: str, weighted: bool) -> None:
    def labels(values: np.ndarray) -> np.ndarray:
        of = {
            "numbers": values - 2,
            "text": WORDS[values],
            "objects": WORDS.astype(object)[values],
            "booleans": values > 1,
        }
        return of[kind]

    actual, predicted = labels(codes[0]), labels(codes[1])
    options = {"sample_weight": codes[2] if weighted else None}
    for normalize in (True, False):
        assert accuracy_score(actual, predicted, normalize=normalize, **options) == pytest.approx(
            peers.accuracy_score(actual, predicted, normalize=normalize, **options)
        )
    for normalise in (None, "true", "pred", "all"):
        made = confusion_matrix(actual, predicted, normalize=normalise, **options)
        expected = peers.confusion_matrix(actual, predicted, normalize=normalise, **options)
        np.testing.assert_allclose(made, expected, rtol=1e-12)
        assert made.dtype.kind == expected.dtype.kind
    some = labels(np.array([3, 0]))
    np.testing.assert_array_equal(
        confusion_matrix(actual, predicted, labels=some),
        peers.confusion_matrix(actual, predicted, labels=some),
    )


def test_columns_of_files_are_read_together(numbers, codes, tmp_path) -> None:
    y, predicted, w = numbers
    columns = {"y": y[:, 0], "p": predicted[:, 0], "w": w}
    columns |= {"a": WORDS[codes[0]], "b": WORDS[codes[1]]}
    pq.write_table(pa.table(columns), tmp_path / "rows.parquet", row_group_size=60)
    data = ob.dataset(tmp_path / "rows.parquet")
    expected = peers.r2_score(y[:, 0], predicted[:, 0], sample_weight=w)
    assert r2_score(data["y"], data["p"], sample_weight=data["w"]) == pytest.approx(expected)
    assert r2_score(data["y"], predicted[:, 0], sample_weight=w) == pytest.approx(expected)
    assert r2_score(y[:, 0], data["p"], sample_weight=data["w"]) == pytest.approx(expected)
    matrix = peers.confusion_matrix(WORDS[codes[0]], WORDS[codes[1]])
    for one in (data["a"], WORDS[codes[0]]):
        for other in (data["b"], WORDS[codes[1]]):
            np.testing.assert_array_equal(confusion_matrix(one, other), matrix)
    assert accuracy_score(data["a"], data["b"]) == pytest.approx(np.trace(matrix) / 500)


def test_lazy_predictions_are_never_held(tmp_path) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(3000, 3))
    columns = {**{f"c{j}": X[:, j] for j in range(3)}, "y": X @ [1.0, 2.0, 3.0] + 1}
    pq.write_table(pa.table(columns), tmp_path / "rows.parquet", row_group_size=500)
    data = ob.dataset(tmp_path / "rows.parquet")
    features = data.drop("y")
    model = Ridge().fit(features, data["y"])
    predicted = model.predict(features)
    assert isinstance(predicted, ob.Dataset)
    assert mean_squared_error(data["y"], predicted) < 1e-5
    assert r2_score(data["y"], predicted) == pytest.approx(model.score(features, data["y"]))


def test_what_does_not_belong_together_is_refused(numbers, codes) -> None:
    y, predicted, _ = numbers
    with pytest.raises(MismatchedRows, match="500 rows and y has 400 values"):
        r2_score(y[:400], predicted)
    with pytest.raises(MismatchedRows, match=r"different number of output \(3!=1\)"):
        r2_score(y, predicted[:, 0])
    with pytest.raises(MismatchedRows, match="do not belong together"):
        r2_score(ob.dataset({"y": [1.0]})["y"], ob.dataset({"y": [1.0]})["y"])
    with pytest.raises(BadInput, match="multioutput='mean' must be"):
        r2_score(y, predicted, multioutput="mean")
    with pytest.raises(BadInput, match="2 weights for 3 targets"):
        mean_squared_error(y, predicted, multioutput=[1, 2])
    with pytest.raises(BadInput, match="normalize='rows' must be"):
        confusion_matrix(codes[0], codes[1], normalize="rows")
    with pytest.raises(BadInput, match="At least one label specified must be in y_true"):
        confusion_matrix(codes[0], codes[1], labels=[17])
    with pytest.raises(WrongType, match="Labels of different kinds"):
        confusion_matrix(codes[0], WORDS[codes[1]])
    with pytest.raises(BadInput, match=r"Unknown label type: continuous. y_true is 0.5 in row 1"):
        confusion_matrix([1.0, 0.5], [1.0, 1.0])
    with pytest.raises(BadValue, match="Input contains NaN: y, row 2"):
        r2_score([1.0, 2.0, np.nan], [1.0, 2.0, 3.0])


@given(cuts=st.lists(st.integers(1, 499), max_size=5), seed=st.integers(0, 99))
def test_sums_of_parts_are_sums_of_all(cuts: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = np.split(np.arange(500), sorted(set(cuts)))
    y = rng.normal(size=500) + 1e6
    predicted = y + rng.normal(size=500)
    recipe = SquaredErrors()
    parts = []
    for part in rows:
        data = ob.dataset({"p": predicted[part]})
        parts.append(ob.aggregate(data, recipe, y=y[part]))
    assert sum(part.squares[0] for part in parts) == pytest.approx(((y - predicted) ** 2).sum())
    assert sum(part.n_rows for part in parts) == 500


@pytest.mark.parametrize(
    "recipe", [SquaredErrors(), Accuracy(), Confusion(), Confusion(swapped=True)]
)
def test_aggregates_keep_the_laws(recipe: Any, codes) -> None:
    actual, predicted, w = (part[:240] for part in codes)
    check_aggregate(recipe, predicted[:, None].astype(float), y=actual, sample_weight=w)
