"""Histogram against numpy.histogram."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import onebox as ob
from onebox.aggregates import Histogram
from onebox.errors import BadInput


@given(
    values=st.lists(st.one_of(st.floats(-20, 20), st.integers(-9, 9).map(float)), max_size=60),
    bins=st.integers(1, 30),
    low=st.floats(-15, 5),
    width=st.floats(0.01, 20),
)
def test_counts_are_numpys(values: list[float], bins: int, low: float, width: float) -> None:
    x = np.array(values, float)
    found = ob.aggregate(x, Histogram(bins, (low, low + width)))
    counts, edges = np.histogram(x, bins, range=(low, low + width))
    assert found.counts[0].tolist() == counts.tolist()
    assert found.edges.tolist() == edges.tolist()
    assert found.below[0] == (x < low).sum()
    assert found.above[0] == (x > low + width).sum()


def test_missing_infinite_and_every_numeric_type(mixed: pa.Table) -> None:
    found = ob.aggregate(mixed, Histogram(4, range=(0, 100)))
    frame = mixed.to_pandas()
    for j, name in enumerate(found.names):
        column = frame[name].dropna().to_numpy(float)
        assert found.missing[j] == len(frame) - len(column)
        assert found.counts[j].tolist() == np.histogram(column, 4, (0, 100))[0].tolist()
        assert found.below[j] + found.counts[j].sum() + found.above[j] == len(column)


def test_table_and_text() -> None:
    found = ob.aggregate({"x": [-1.0, 0.5, 2.0, 9.0]}, Histogram(2, (0, 2)))
    assert found.to_arrow().to_pylist() == [
        {"column": "x", "low": -np.inf, "high": 0.0, "count": 1},
        {"column": "x", "low": 0.0, "high": 1.0, "count": 1},
        {"column": "x", "low": 1.0, "high": 2.0, "count": 1},
        {"column": "x", "low": 2.0, "high": np.inf, "count": 1},
    ]
    assert repr(found).splitlines() == [
        "   below  [0, 1)  [1, 2]  above  missing",
        "x      1       1       1      1        0",
    ]


@pytest.mark.parametrize("ends", [(1, 1), (2, 1), (0, float("inf")), (float("nan"), 1)])
def test_ranges_that_are_none(ends: tuple[float, float]) -> None:
    with pytest.raises(BadInput, match="is no range to put bins in"):
        Histogram(3, ends)


def test_no_bins() -> None:
    with pytest.raises(BadInput, match="bins=0 must be 1 or more"):
        Histogram(0)
