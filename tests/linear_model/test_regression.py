"""Least squares and ridge regression against scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import scipy.sparse as sp
import sklearn.linear_model as peers
from hypothesis import given
from hypothesis import strategies as st

import onebox as ob
from onebox.errors import (
    BadInput,
    BadValue,
    EmptyData,
    MismatchedRows,
    MissingColumn,
    NotEnoughMemory,
    NotMergeable,
    WrongType,
)
from onebox.linear_model import LinearRegression, Ridge

KINDS = [(LinearRegression, peers.LinearRegression), (Ridge, peers.Ridge)]


def require_same(model: Any, peer: Any, X: Any, y: Any, w: Any = None, rtol: float = 1e-8) -> None:
    np.testing.assert_allclose(model.coef_, peer.coef_, rtol=rtol, atol=1e-12)
    np.testing.assert_allclose(model.intercept_, peer.intercept_, rtol=rtol, atol=1e-12)
    assert np.shape(model.intercept_) == np.shape(peer.intercept_)
    np.testing.assert_allclose(model.predict(X), peer.predict(X), rtol=rtol)
    assert model.score(X, y, w) == pytest.approx(peer.score(X, y, w), rel=1e-9)


@pytest.mark.parametrize("kinds", KINDS, ids=["LinearRegression", "Ridge"])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("targets", [0, 1, 3])
def test_as_scikit_learn(rows, kinds, fit_intercept: bool, weighted: bool, targets: int) -> None:
    X, Y, w = rows
    y, w = (Y[:, 0] if targets == 0 else Y[:, :targets]), w if weighted else None
    ours, theirs = (kind(fit_intercept=fit_intercept) for kind in kinds)
    require_same(ours.fit(X, y, w), theirs.fit(X, y, w), X, y, w)


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("n_rows", [20, 60, 61])
def test_fewer_rows_than_columns(fit_intercept: bool, n_rows: int) -> None:
    rng = np.random.default_rng(1)
    X, Y = rng.normal(size=(n_rows, 60)) + 3, rng.normal(size=(n_rows, 2))
    model = LinearRegression(fit_intercept=fit_intercept).fit(X, Y)
    peer = peers.LinearRegression(fit_intercept=fit_intercept).fit(X, Y)
    assert model.rank_ == peer.rank_
    np.testing.assert_allclose(model.coef_, peer.coef_, rtol=1e-5, atol=1e-7)
    large = peer.singular_ > 1e-3
    np.testing.assert_allclose(model.singular_[large], peer.singular_[large], rtol=1e-8)
    assert len(model.singular_) == len(peer.singular_)


def test_one_hot_columns_beside_an_intercept() -> None:
    rng = np.random.default_rng(0)
    X = np.eye(4)[rng.integers(0, 4, 300)]
    y = X @ [1.0, 2.0, 3.0, 4.0] + rng.normal(size=300)
    model, peer = LinearRegression().fit(X, y), peers.LinearRegression().fit(X, y)
    require_same(model, peer, X, y)
    assert model.rank_ == peer.rank_ == 3


@pytest.mark.parametrize("alpha", [0, 1e-6, 2.5, [0.1, 1.0, 10.0]])
def test_penalties_for_all_targets_or_each(rows, alpha: Any) -> None:
    X, Y, _ = rows
    peer = peers.Ridge(np.array(alpha) if isinstance(alpha, list) else alpha, solver="cholesky")
    require_same(Ridge(alpha).fit(X, Y), peer.fit(X, Y), X, Y)


def test_penalties_that_do_not_fit_are_refused(rows) -> None:
    X, Y, _ = rows
    with pytest.raises(BadInput, match="alpha has 2 values for 3 targets"):
        Ridge([1.0, 2.0]).fit(X, Y)
    with pytest.raises(BadInput, match="must be zero or more"):
        Ridge([1.0, -2.0, 1.0]).fit(X, Y)
    with pytest.raises(ValueError, match="'alpha' parameter of Ridge must be"):
        Ridge(-1.0).fit(X, Y)
    for kind in (Ridge, LinearRegression):
        with pytest.raises(BadInput, match="positive=True\\) has no closed form"):
            kind(positive=True).fit(X, Y)


@pytest.mark.parametrize("make", [sp.csr_array, sp.csr_matrix, sp.coo_array, sp.csc_array])
def test_sparse_matrices(make: Any) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 8)) * (rng.random((300, 8)) < 0.3)
    y = X @ np.arange(8.0) + 1
    dense, sparse = Ridge().fit(X, y), Ridge().fit(make(X), y)
    np.testing.assert_allclose(sparse.coef_, dense.coef_, rtol=1e-12)
    np.testing.assert_allclose(sparse.predict(make(X)), dense.predict(X), rtol=1e-12)


def test_float32_is_summed_in_float64(rows) -> None:
    X, Y, _ = rows
    X32 = X.astype(np.float32)
    model = Ridge().fit(X32, Y)
    assert model.coef_.dtype == np.float64
    assert model.predict(X32).dtype == np.float64
    np.testing.assert_allclose(model.coef_, Ridge().fit(X32.astype(np.float64), Y).coef_, rtol=1e-9)


def test_sorted_rows_forward_and_back(rows) -> None:
    X, Y, w = rows
    order = np.argsort(X[:, 0])
    one = Ridge().fit(X[order], Y[order], w[order])
    other = Ridge().fit(X[order[::-1]], Y[order[::-1]], w[order[::-1]])
    np.testing.assert_allclose(one.coef_, other.coef_, rtol=1e-10)
    np.testing.assert_allclose(one.intercept_, other.intercept_, rtol=1e-10)


@given(cuts=st.lists(st.integers(1, 699), max_size=4), seed=st.integers(0, 99))
def test_parts_merge_into_the_whole(cuts: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(700, 3)) + 1e4
    y, w = X @ [1.0, -2.0, 3.0] + rng.normal(size=700), rng.uniform(0.1, 2, 700)
    whole = LinearRegression().fit(X, y, w)
    parts = [
        LinearRegression().fit(X[rows], y[rows], w[rows])
        for rows in np.split(np.arange(700), sorted(set(cuts)))
    ]
    merged = parts[0]
    for part in parts[1:]:
        merged.merge(part)
    np.testing.assert_allclose(merged.coef_, whole.coef_, rtol=1e-8)
    np.testing.assert_allclose(merged.intercept_, whole.intercept_, rtol=1e-7)


def test_what_cannot_merge_says_so(rows) -> None:
    X, Y, _ = rows
    model = Ridge().fit(X, Y)
    with pytest.raises(NotMergeable, match="Ridge cannot merge a LinearRegression"):
        model.merge(LinearRegression().fit(X, Y))
    with pytest.raises(NotMergeable, match=r"alpha=1.0 here, 2.0 there"):
        model.merge(Ridge(2.0).fit(X, Y))
    with pytest.raises(NotMergeable, match=r"6 columns .*, 3 targets here, .* 1 targets there"):
        model.merge(Ridge().fit(X, Y[:, 0]))


def test_blocks_by_hand(rows) -> None:
    X, Y, _ = rows
    model = Ridge()
    for start in range(0, 700, 150):
        model.partial_fit(X[start : start + 150], Y[start : start + 150])
    np.testing.assert_allclose(model.coef_, Ridge().fit(X, Y).coef_, rtol=1e-9)
    with pytest.raises(ValueError, match="X has 5 features, but Ridge is expecting 6"):
        model.partial_fit(X[:, :5], Y)


def test_targets_and_weights_from_columns(rows, tmp_path) -> None:
    X, Y, w = rows
    columns = {f"c{j}": X[:, j] for j in range(6)}
    data = ob.dataset({**columns, "y": Y[:, 0], "z": Y[:, 1], "w": w})
    features = data.select([f"c{j}" for j in range(6)])
    model = Ridge().fit(features, data["y"], data["w"])
    np.testing.assert_allclose(model.coef_, Ridge().fit(X, Y[:, 0], w).coef_, rtol=1e-12)
    assert model.score(features, data["y"], data["w"]) == pytest.approx(
        Ridge().fit(X, Y[:, 0], w).score(X, Y[:, 0], w)
    )
    two = Ridge().fit(features, data[["y", "z"]])
    assert two.coef_.shape == (2, 6)
    predicted = two.predict(features)
    assert predicted.columns == ["prediction0", "prediction1"]
    np.testing.assert_allclose(predicted.to_numpy(), Ridge().fit(X, Y[:, :2]).predict(X), rtol=1e-9)
    assert list(model.feature_names_in_) == [f"c{j}" for j in range(6)]
    assert model.fit_report_.rows == 700
    assert model.fit_report_.passes == 1


def test_bad_rows_are_named() -> None:
    X, y = np.ones((9, 2)), np.ones(9)
    for bad, where in ((np.nan, "NaN"), (np.inf, "infinity")):
        broken = X.copy()
        broken[4, 1] = bad
        with pytest.raises(BadValue, match=f"Input contains {where}: column 'x1', row 4"):
            Ridge().fit(broken, y)
        with pytest.raises(BadValue, match=f"Input contains {where}: column 'x1', row 4"):
            Ridge().fit(X, y).predict(broken)
    data = ob.dataset({"a": [1.0, 2.0, 3.0], "y": [1.0, None, 2.0]})
    with pytest.raises(BadValue, match="'y' has 1 null"):
        Ridge().fit(data[["a"]], data["y"])
    with pytest.raises(BadValue, match="sample_weight is -1 in row 3: a weight says how often"):
        Ridge().fit(X, y, [1, 1, 1, -1, 1, 1, 1, 1, 1])


def test_bad_rows_are_dropped_and_counted_when_asked() -> None:
    table = {"a": [1.0, 2.0, np.nan, 4.0, 5.0], "y": [1.0, 2.0, 3.0, None, 5.0]}
    data = ob.dataset(table, on_missing="drop")
    model = LinearRegression().fit(data[["a"]], data["y"])
    assert model.coef_ == pytest.approx([1.0])
    assert model.fit_report_.rows == 3
    assert model.fit_report_.rows_dropped == 2


def test_what_does_not_fit_is_refused(rows) -> None:
    X, Y, _ = rows
    data = ob.dataset({"a": [1.0, 2.0], "t": ["u", "v"], "y": [1.0, 2.0]})
    with pytest.raises(WrongType, match="column 't' has type string"):
        Ridge().fit(data[["a", "t"]], data["y"])
    with pytest.raises(WrongType, match="the target 't' has type string"):
        Ridge().fit(data[["a"]], data["t"])
    with pytest.raises(WrongType, match=r"take dataset\[\['a'\]\]"):
        Ridge().fit(data["a"], data["y"])
    with pytest.raises(MismatchedRows, match="700 rows and y has 699 values"):
        Ridge().fit(X, Y[:-1])
    with pytest.raises(MismatchedRows, match="do not belong together"):
        Ridge().fit(data[["a"]], ob.dataset({"y": [1.0, 2.0]})["y"])
    with pytest.raises(BadInput, match="Sample weights must contain at least one non-zero number"):
        Ridge().fit(X, Y, np.zeros(700))
    weightless = ob.dataset({"a": [1.0, 2.0], "y": [1.0, 2.0], "w": [0.0, 0.0]})
    with pytest.raises(BadInput, match="weights of all 2 rows are zero"):
        Ridge().fit(weightless[["a"]], weightless["y"], weightless["w"])
    with pytest.raises(ValueError, match="requires y to be passed"):
        Ridge().fit(X, None)
    empty = pa.array([], pa.float64())
    nothing = ob.dataset(pa.table({"a": empty, "y": empty}))
    with pytest.raises(EmptyData, match="Ridge was given 0 rows"):
        Ridge().fit(nothing[["a"]], nothing["y"])
    model = Ridge().fit(data[["a"]], data["y"])
    with pytest.raises(MissingColumn, match="Column 'a' is not in"):
        model.predict(ob.dataset({"b": [1.0]}))


def test_solving_is_part_of_the_budget() -> None:
    X, y = np.zeros((4, 1500)), np.zeros(4)
    with ob.config(memory="60MB"), pytest.raises(NotEnoughMemory, match="to solve"):
        LinearRegression().fit(X, y)


def test_constant_columns_and_single_rows() -> None:
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.normal(size=50), np.full(50, 0.1), np.full(50, 1e8)])
    y = 3 * X[:, 0] + 1
    model = LinearRegression().fit(X, y)
    np.testing.assert_allclose(model.coef_, [3, 0, 0], atol=1e-12)
    assert model.rank_ == 1
    assert LinearRegression().fit(X[:1], y[:1]).predict(X[:1]) == pytest.approx(y[:1])
    with pytest.warns(UserWarning, match="less than two samples"):
        assert np.isnan(model.score(X[:1], y[:1]))
