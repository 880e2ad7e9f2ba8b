"""Gaps filled, in matrices as scikit-learn does, and in tables of any type."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import scipy.sparse as sp
import sklearn.impute as peers

import onebox as ob
from onebox.errors import BadInput, BadValue, WrongType
from onebox.impute import SimpleImputer
from onebox.impute.medians import Medians
from onebox.testing import check_aggregate

STRATEGIES = ["mean", "median", "most_frequent", "constant"]


@pytest.fixture
def gaps() -> np.ndarray:
    rng = np.random.default_rng(0)
    X = np.round(rng.normal(size=(300, 5)) * 3)
    X[rng.random(X.shape) < 0.2] = np.nan
    X[:, 4] = np.abs(np.nan_to_num(X[:, 4]))
    return X


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("add_indicator", [True, False])
def test_as_scikit_learn(gaps, strategy: str, add_indicator: bool) -> None:
    options = {"strategy": strategy, "add_indicator": add_indicator}
    model, peer = SimpleImputer(**options).fit(gaps), peers.SimpleImputer(**options).fit(gaps)
    np.testing.assert_allclose(model.statistics_, peer.statistics_.astype(float), rtol=1e-12)
    np.testing.assert_allclose(model.transform(gaps), peer.transform(gaps).astype(float))
    assert list(model.get_feature_names_out()) == list(peer.get_feature_names_out())


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("keep", [True, False])
def test_columns_without_any_value(gaps, strategy: str, keep: bool) -> None:
    others = peers.SimpleImputer(strategy=strategy).fit_transform(np.delete(gaps, 1, axis=1))
    gaps[:, 1] = np.nan
    model = SimpleImputer(strategy=strategy, keep_empty_features=keep, add_indicator=True).fit(gaps)
    if keep:
        out = model.transform(gaps)
        assert not out[:, 1].any()
        np.testing.assert_allclose(np.delete(out[:, :5], 1, axis=1), others.astype(float))
    else:
        with pytest.warns(UserWarning, match=r"without any observed values: \[1\]"):
            out = model.transform(gaps)
        np.testing.assert_allclose(out[:, :4], others.astype(float))
    assert out[:, -3].all()  # of the indicators of columns 0 to 3, the second


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_another_placeholder(gaps, strategy: str) -> None:
    marked = np.where(np.isnan(gaps), -99, gaps)
    options = {"missing_values": -99, "strategy": strategy}
    model, peer = SimpleImputer(**options).fit(marked), peers.SimpleImputer(**options).fit(marked)
    np.testing.assert_allclose(model.transform(marked), peer.transform(marked).astype(float))
    with pytest.raises(BadValue, match="Input contains NaN"):
        SimpleImputer(**options).fit(gaps)


def test_sparse_matrices(gaps) -> None:
    X = sp.csr_array(np.nan_to_num(gaps) * (np.arange(5) % 2))
    X.data[::7] = np.nan
    for strategy in ("mean", "median", "most_frequent"):
        model = SimpleImputer(strategy=strategy, add_indicator=True).fit(X)
        peer = peers.SimpleImputer(strategy=strategy, add_indicator=True).fit(X)
        out = model.transform(X)
        assert sp.issparse(out)
        np.testing.assert_allclose(out.toarray(), peer.transform(X).toarray(), rtol=1e-12)
    with pytest.raises(BadInput, match="missing_values == 0 and input is sparse"):
        SimpleImputer(missing_values=0).fit(sp.csr_array(np.eye(3)))


def test_medians_are_exact_for_little_and_bounded_for_much() -> None:
    rng = np.random.default_rng(0)
    X = rng.lognormal(size=(60_000, 4))
    few, many = X[:20_000], X
    np.testing.assert_array_equal(
        SimpleImputer(strategy="median").fit(few).statistics_, np.median(few, axis=0)
    )
    statistics = SimpleImputer(strategy="median").fit(many).statistics_
    np.testing.assert_allclose(statistics, np.median(many, axis=0), rtol=1 / 64)


TABLE = pa.table(
    {
        "delay": [1.0, None, 3.0, 3.0],
        "carrier": ["AA", None, "UA", "UA"],
        "day": [datetime.date(2020, 1, 1), None, datetime.date(2020, 1, 1), None],
        "count": pa.array([1, 2, 2, None], pa.int32()),
    }
)


def test_tables_of_any_type() -> None:
    data = ob.dataset(TABLE)
    model = SimpleImputer(strategy="most_frequent", add_indicator=True).fit(data)
    out = model.transform(data)
    assert isinstance(out, ob.Dataset)
    made = out.to_arrow()
    assert made["delay"].to_pylist() == [1.0, 3.0, 3.0, 3.0]
    assert made["carrier"].to_pylist() == ["AA", "UA", "UA", "UA"]
    assert made["day"].to_pylist() == [datetime.date(2020, 1, 1)] * 4
    assert made["count"].to_pylist() == [1, 2, 2, 2]
    assert made["missingindicator_carrier"].to_pylist() == [False, True, False, False]
    assert model.statistics_.tolist() == [3.0, "UA", datetime.date(2020, 1, 1), 2.0]


def test_constants_for_text_and_numbers() -> None:
    data = ob.dataset(TABLE.select(["delay", "carrier"]))
    made = SimpleImputer(strategy="constant").fit(data).transform(data).to_arrow()
    assert made["delay"].to_pylist()[1] == 0
    assert made["carrier"].to_pylist()[1] == "missing_value"
    with pytest.raises(BadInput, match="cannot be filled into a column of numbers"):
        SimpleImputer(strategy="constant", fill_value="none").fit(data)
    dates = ob.dataset(TABLE.select(["day"]))
    imputer = SimpleImputer(strategy="constant").fit(dates)
    with pytest.raises(BadInput, match="cannot be filled into column 'day'"):
        imputer.transform(dates).to_arrow()


def test_text_as_objects_and_in_frames() -> None:
    words = np.array([["a", "x"], [np.nan, "y"], ["a", None], ["b", "y"]], dtype=object)
    for strategy in ("most_frequent", "constant"):
        model = SimpleImputer(strategy=strategy).fit(words)
        peer = peers.SimpleImputer(strategy=strategy).fit(
            np.where(pd.isna(words), np.nan, words).astype(object)
        )
        assert (
            model.transform(words).tolist()
            == peer.transform(np.where(pd.isna(words), np.nan, words).astype(object)).tolist()
        )
    frame = TABLE.select(["delay", "carrier"]).to_pandas()
    model = SimpleImputer(strategy="most_frequent").fit(frame)
    assert model.transform(frame).tolist()[1] == [3.0, "UA"]
    shown = model.set_output(transform="pandas").transform(frame)
    assert list(shown.columns) == ["delay", "carrier"]
    empty = SimpleImputer(missing_values="", strategy="most_frequent")
    assert empty.fit_transform([["a"], [""], ["a"]]).tolist() == [["a"], ["a"], ["a"]]


@pytest.mark.parametrize("strategy", ["mean", "median"])
def test_text_has_no_mean(strategy: str) -> None:
    with pytest.raises(WrongType, match=r"column 'carrier' has type string. Use strategy="):
        SimpleImputer(strategy=strategy).fit(ob.dataset(TABLE.select(["delay", "carrier"])))
    with pytest.raises(BadValue, match="Input contains infinity: column 'a', row 1"):
        SimpleImputer(strategy=strategy).fit(ob.dataset({"a": [1.0, np.inf]}))
    mixed = ob.dataset({"t": ["a", "b"], "a": [1.0, -np.inf]})
    with pytest.raises(BadValue, match="Input contains infinity: column 'a', row 1"):
        SimpleImputer(strategy="most_frequent").fit(mixed)


def test_parts_make_the_whole(gaps) -> None:
    for strategy in STRATEGIES:
        parts: Any = SimpleImputer(strategy=strategy)
        for start in range(0, 300, 70):
            parts.partial_fit(gaps[start : start + 70])
        whole = SimpleImputer(strategy=strategy).fit(gaps)
        np.testing.assert_allclose(parts.statistics_, whole.statistics_, rtol=1e-12)
        np.testing.assert_array_equal(parts.indicator_features_, whole.indicator_features_)


def test_the_aggregate_keeps_the_laws(gaps) -> None:
    check_aggregate(Medians(), gaps)
    skewed = np.random.default_rng(0).lognormal(size=(300, 2))
    check_aggregate(Medians(kept_bytes=1000), skewed, tolerance=1 / 64)
