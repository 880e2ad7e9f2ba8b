"""Normal equations against numpy's least squares, whole and deficient."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onebox.linear_model.solve import NormalEquations


def equations(X: np.ndarray, Y: np.ndarray) -> NormalEquations:
    gram = np.tril(X.T @ X)
    return NormalEquations(gram, X.T @ Y, gram.diagonal() == 0, len(X) < X.shape[1])


@given(
    n=st.integers(1, 30),
    p=st.integers(1, 30),
    rank=st.integers(1, 30),
    scales=st.sampled_from([0, 2, 4]),
    seed=st.integers(0, 10**6),
)
def test_the_shortest_of_all_solutions(n: int, p: int, rank: int, scales: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rank = min(rank, n, p)
    # Factors with orthogonal columns: the rank is told by nothing but the scales.
    left = np.linalg.qr(rng.normal(size=(n, rank)))[0]
    right = np.linalg.qr(rng.normal(size=(p, rank)))[0]
    X = (left * rng.uniform(1, 2, rank)) @ right.T * 10.0 ** rng.uniform(-scales, scales, p)
    Y = rng.normal(size=(n, 2))
    coef, found = equations(X, Y).solve()
    expected = np.linalg.pinv(X, rcond=1e-14) @ Y
    if scales == 0:
        assert found == rank
        np.testing.assert_allclose(coef, expected, rtol=1e-6, atol=1e-9)
    # Whatever the scales are: as good a fit as there is, found where columns are independent.
    residual = np.linalg.norm(Y - X @ coef)
    assert residual <= np.linalg.norm(Y - left @ (left.T @ Y)) * (1 + 1e-6) + 1e-5


def test_units_of_measurement_do_not_decide_the_rank() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100, 4)) * [1e-9, 1.0, 1e3, 1e9]
    truth = np.array([1e9, 1.0, 1e-3, 1e-9])
    coef, rank = equations(X, (X @ truth)[:, None]).solve()
    assert rank == 4
    np.testing.assert_allclose(coef[:, 0], truth, rtol=1e-9)


def test_columns_that_do_not_vary_get_nothing() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, 3))
    X[:, 1] = 0
    for alpha in (0.0, 1.0):
        coef, rank = equations(X, X[:, :1]).solve(alpha)
        assert coef[1, 0] == 0
        assert rank == 2
    coef, rank = equations(np.zeros((5, 2)), np.ones((5, 1))).solve()
    assert rank == 0
    assert not coef.any()


@pytest.mark.parametrize("alpha", [1e-3, 1.0, 1e6])
def test_a_penalty_makes_every_system_whole(alpha: float) -> None:
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(10, 25)), rng.normal(size=(10, 3))
    coef, _ = equations(X, Y).solve(alpha)
    expected = np.linalg.solve(X.T @ X + alpha * np.eye(25), X.T @ Y)
    np.testing.assert_allclose(coef, expected, rtol=1e-7, atol=1e-12)


def test_the_matrices_stay_as_they_were() -> None:
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(20, 30)), rng.normal(size=(20, 2))
    system = equations(X, Y)
    gram, moment = system.gram.copy(), system.moment.copy()
    system.solve()
    system.solve(1.0)
    np.testing.assert_array_equal(system.gram, gram)
    np.testing.assert_array_equal(system.moment, moment)
