from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

Kernel = Callable[[str], Any]
MASK = (1 << 64) - 1


def mix64(x: int) -> int:
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


def draw(key: int, counter: int) -> int:
    """The definition in arbitrary precision: samples must never change between versions."""
    return mix64(mix64((counter + 0x9E3779B97F4A7C15) & MASK) ^ mix64(key))


@given(key=st.integers(0, MASK), first=st.integers(0, 2**62), count=st.integers(0, 20))
def test_draws_are_functions_of_key_and_row(
    kernel: Kernel, key: int, first: int, count: int
) -> None:
    sampling = kernel("sampling")
    rows = np.arange(first, first + count)
    rows.flags.writeable = False
    expected = [draw(key, row) for row in range(first, first + count)]
    out = np.zeros(count, np.uint64)
    sampling.row_hashes(key, first, out)
    assert out.tolist() == expected
    sampling.row_hashes_at(key, rows, out)
    assert out.tolist() == expected
    sampling.mix(key, rows.astype(np.uint64), out)
    assert out.tolist() == expected


def test_draws_are_uniform_and_keys_unrelated(kernel: Kernel) -> None:
    first, second = np.empty(100_000, np.uint64), np.empty(100_000, np.uint64)
    kernel("sampling").row_hashes(0, 0, first)
    kernel("sampling").row_hashes(1, 0, second)
    for draws in (first, second, first ^ second, first - second, first[1:] - first[:-1]):
        assert stats.kstest(draws / 2.0**64, "uniform").pvalue > 1e-3
        low_bits = (draws & np.uint64(0xFFFFFFFF)) / 2.0**32
        assert stats.kstest(low_bits, "uniform").pvalue > 1e-3
    assert abs(stats.pearsonr(first / 2.0**64, second / 2.0**64).statistic) < 0.01


def test_lengths_must_agree(kernel: Kernel) -> None:
    sampling = kernel("sampling")
    with pytest.raises(ValueError, match="one number a row"):
        sampling.row_hashes_at(0, np.arange(3), np.empty(2, np.uint64))
    with pytest.raises(ValueError, match="one number a hash"):
        sampling.mix(0, np.zeros(3, np.uint64), np.empty(2, np.uint64))
