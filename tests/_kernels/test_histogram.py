from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

Kernel = Callable[[str], Any]


def count(
    histogram: Any, x: np.ndarray, low: float, high: float, n_bins: int
) -> tuple[list[int], list[int]]:
    counts, outside = np.zeros(n_bins, np.int64), np.zeros(3, np.int64)
    histogram.count_uniform(x, low, high, counts, outside)
    return counts.tolist(), outside.tolist()


def expected(x: np.ndarray, low: float, high: float, n_bins: int) -> tuple[list[int], list[int]]:
    x = x.astype(float)
    counts = np.histogram(x, n_bins, (low, high))[0].tolist()
    return counts, [int((x < low).sum()), int((x > high).sum()), int(np.isnan(x).sum())]


@given(
    x=hnp.arrays(
        st.sampled_from([np.float32, np.float64]),
        st.integers(0, 50),
        elements=st.floats(-3, 3, width=16) | st.sampled_from([np.nan, np.inf, -np.inf]),
    ),
    low=st.floats(-2, 0),
    width=st.floats(0.01, 3),
    n_bins=st.integers(1, 40),
)
def test_counts_are_numpys(
    kernel: Kernel, x: np.ndarray, low: float, width: float, n_bins: int
) -> None:
    x.flags.writeable = False
    high = low + width
    assert count(kernel("histogram"), x, low, high, n_bins) == expected(x, low, high, n_bins)


@pytest.mark.parametrize("n_bins", [1, 3, 10, 1000])
@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-0.1, 0.7), (1e8, 1e8 + 1e-2)])
def test_values_on_and_beside_the_edges(
    kernel: Kernel, n_bins: int, low: float, high: float
) -> None:
    edges = np.linspace(low, high, n_bins + 1)
    x = np.concatenate([edges, np.nextafter(edges, -np.inf), np.nextafter(edges, np.inf)])
    assert count(kernel("histogram"), x, low, high, n_bins) == expected(x, low, high, n_bins)


def test_counts_add_up_over_calls(kernel: Kernel) -> None:
    counts, outside = np.zeros(4, np.int64), np.zeros(3, np.int64)
    for _ in range(2):
        kernel("histogram").count_uniform(np.array([0.0, 4.0, 5.0, np.nan]), 0, 4, counts, outside)
    assert counts.tolist() == [2, 0, 0, 2]
    assert outside.tolist() == [0, 2, 2]


def test_empty_ranges_are_refused(kernel: Kernel) -> None:
    for low, high in ((1.0, 1.0), (2.0, 1.0), (0.0, np.inf), (-1.7e308, 1.7e308), (np.nan, 1.0)):
        with pytest.raises(ValueError, match="is empty or not finite"):
            count(kernel("histogram"), np.zeros(1), low, high, 3)
    with pytest.raises(ValueError, match="at least one bin"):
        count(kernel("histogram"), np.zeros(1), 0.0, 1.0, 0)
