"""Bounds are true whatever the numbers are, and tell of no row that it stays when it may not."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onebox.cluster.bounds import BOUNDS, LABELS, Bounds, next_bounds
from onebox.cluster.centers import Centers
from onebox.data.scratch import Scratch

Kernel = Callable[[str], Any]
FLOATS = pytest.mark.parametrize("dtype", [np.float32, np.float64])


class Rows:
    """What `Bounds` looks at in a block."""

    def __init__(self, X: np.ndarray) -> None:
        self.X, self.scratch = X, Scratch()
        self.state = {
            LABELS.name: np.full(len(X), -1, np.int32),
            BOUNDS.name: np.zeros(len(X), np.float32),
        }


def open_rows(kernel: Kernel, X: np.ndarray, centers: np.ndarray, labels: Any, bounds: Any,
              offset: float = 0.0, absolute: float = 0.0) -> list[int]:  # fmt: skip
    distances = np.linalg.norm(centers[:, None] - centers, axis=2)
    np.fill_diagonal(distances, np.inf)
    rows = np.full(len(X), -1, np.int32)
    n_open = kernel("bounded").open_rows(
        X, centers, distances.min(axis=1).astype(np.float32), offset, 0.0, absolute,
        np.array(labels, np.int32), np.array(bounds, np.float32), rows,
    )  # fmt: skip
    return rows[:n_open].tolist()


@FLOATS
def test_rows_stay_where_bounds_or_other_centres_are_far(kernel: Kernel, dtype: type) -> None:
    X = np.array([[0, 0, 3.0], [0, 0, 6.0], [0, 1, 3.0], [0, 0, 3.0]], dtype)
    centers = np.array([[0, 0, 0.0], [0, 0, 9.0]])
    assert open_rows(kernel, X, centers, [0, 1, 0, 0], [4, 4, 4, 2]) == []  # 9 is over twice 3
    centers[1, 2] = 5
    assert open_rows(kernel, X, centers, [0, 1, 0, 0], [4, 0, 2, 3]) == [2, 3]
    assert open_rows(kernel, X, centers, [0, 1, 0, 0], [4, 9, 9, 9], offset=2) == [0]
    assert open_rows(kernel, X, centers, [0, 1, 0, 0], [4, 9, 9, 9], absolute=7.1) == [0]
    assert open_rows(kernel, X, centers, [0, 1, 0, 0], [4, 9, 9, np.nan]) == [3]
    X[0, 0] = np.nan
    assert open_rows(kernel, X, centers, [0, 1, 0, 0], [4, 9, 9, 9]) == [0]


def test_shapes_are_checked(kernel: Kernel) -> None:
    good = {"X": np.ones((4, 3)), "centers": np.ones((2, 3)), "apart": np.ones(2, np.float32),
                "labels": np.zeros(4, np.int32), "bounds": np.ones(4, np.float32),
                "rows": np.zeros(4, np.int32), "offset": 0.0, "relative": 0.0,
                "absolute": 0.0}  # fmt: skip
    bad: dict[str, Any] = {"X": np.ones((4, 2)), "apart": np.ones(3, np.float32),
                "labels": np.zeros(3, np.int32), "bounds": np.ones(5, np.float32),
                "rows": np.zeros(3, np.int32)}  # fmt: skip
    kernel("bounded").open_rows(**good)
    for name, value in bad.items():
        with pytest.raises(ValueError, match="do not fit together"):
            kernel("bounded").open_rows(**{**good, name: value})


@FLOATS
@settings(deadline=None)
@given(data=st.data())
def test_bounds_are_true_and_labels_those_of_a_look_at_all(
    kernel: Kernel, dtype: type, data: st.DataObject
) -> None:
    """In exact arithmetic, on the level that serves bounds."""
    if not kernel("nearest").served(1):
        pytest.skip("no bounds are kept on this level")
    rng = np.random.default_rng(data.draw(st.integers(0, 10_000)))
    n, p, k = (data.draw(st.integers(1, most)) for most in (40, 9, 12))
    scale = 10.0 ** data.draw(st.integers(-12, 12))
    offset = data.draw(st.sampled_from([0, 1, 1e3, 1e6])) * scale
    X = rng.integers(-3, 4, (n, p)) if data.draw(st.booleans()) else rng.standard_normal((n, p))
    X = (X * scale + offset).astype(dtype)
    centers = X[rng.integers(0, n, k)].astype(float)
    centers += rng.standard_normal((k, p)) * scale * data.draw(st.sampled_from([0, 1e-3, 1]))
    rows, bounds = Rows(X), None
    for _ in range(4):
        ready = Centers(centers, X.dtype)
        bounds = next_bounds(bounds, ready, 0.0)
        expected = ready.nearest(X, Scratch())
        if bounds is None:
            return
        labels = bounds.nearest(rows)
        np.testing.assert_array_equal(labels, expected)
        rows.state[LABELS.name][:] = labels
        assert_below_all_others(X, centers, labels, rows.state[BOUNDS.name], bounds._offset)
        centers = centers + rng.standard_normal((k, p)) * scale * data.draw(
            st.sampled_from([0, 1e-9, 1e-3, 0.3])
        )


def assert_below_all_others(X: Any, centers: Any, labels: Any, bounds: Any, offset: float) -> None:
    for row, label, bound in zip(X.tolist(), labels, bounds.tolist(), strict=True):
        least = Fraction(bound) - Fraction(offset)
        for c, center in enumerate(centers.tolist()):
            squared = sum(
                (Fraction(a) - Fraction(b)) ** 2 for a, b in zip(row, center, strict=True)
            )
            assert c == label or least <= 0 or least**2 <= squared


def test_bounds_are_worth_something() -> None:
    """Most rows are left alone when centres hardly move."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((4000, 10))
    centers = X[:20].copy()
    for values in (X, X.astype(np.float32)):
        ready = Centers(centers, values.dtype)
        rows, first = Rows(values), Bounds(ready)
        rows.state[LABELS.name][:] = first.nearest(rows)
        second = first.after(Centers(centers + 1e-3, values.dtype))
        assert second is not None
        found = np.empty(len(X), np.int32)
        n_open = second._open(values, rows.state[LABELS.name], rows.state[BOUNDS.name], found)
        assert n_open < 0.05 * len(X)
