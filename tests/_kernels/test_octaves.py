from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

Kernel = Callable[[str], Any]
State = list[np.ndarray]

numbers = st.one_of(
    st.floats(width=32),
    st.floats(),
    st.integers(-300, 300).map(float),
    st.integers(-(2**40), 2**40).map(float),
    st.sampled_from([0.0, -0.0, 5e-324, np.finfo(float).max, np.nan, np.inf, -np.inf]),
)


def empty(octaves: Any, *n_slots: int) -> State:
    p = len(n_slots)
    slots, extremes = np.empty((p, octaves.EXPONENTS), np.uint8), np.empty((p, 2))
    octaves.start(slots, extremes)
    return [
        slots,
        np.zeros((sum(n_slots), octaves.BUCKETS), np.int64),
        np.cumsum([0, *n_slots]),
        np.zeros((p, octaves.N_TOTALS), np.int64),
        extremes,
        np.zeros(p, np.uint8),
    ]


def merge(octaves: Any, into: State, other: State) -> None:
    octaves.merge(*into, other[0], other[1], *other[3:])


def content(octaves: Any, state: State, column: int = 0) -> tuple[Counter[Any], dict[str, Any]]:
    """What a column's counters say, whatever slots they lie in."""
    slots, counts, first, totals, extremes, kinds = state
    own = counts[first[column] : first[column + 1]]
    found: Counter[Any] = Counter()
    if kinds[column] == octaves.NARROW:
        low, high = extremes[column]
        mask = octaves.window_width(len(own)) - 1
        for value in range(int(low), int(high) + 1) if low <= high else ():
            found[value] += int(own.ravel()[value & mask])
    else:
        for exponent in np.flatnonzero((slots[column] > 0) & (slots[column] <= len(own))):
            for bucket, count in enumerate(own[slots[column, exponent] - 1]):
                found[int(exponent), bucket] += int(count)
    rest = {
        "totals": totals[column, : octaves.USED].tolist(),
        "extremes": (extremes[column] + 0.0).tolist(),
        "kind": int(kinds[column]),
        "low": np.flatnonzero(slots[column] == 254).tolist(),
    }
    return +found, rest


def expected(octaves: Any, x: np.ndarray, n_slots: int) -> tuple[Counter[Any], dict[str, Any]]:
    """The same, by plain means."""
    kept = x[~np.isnan(x)]
    low, high = (kept.min(), kept.max()) if len(kept) else (np.inf, -np.inf)
    whole = bool((np.trunc(kept) == kept).all())
    window = octaves.window_width(n_slots)
    small = not len(kept) or (np.abs([low, high]).max() < 2**53 and high - low < window)
    totals = [0, int(np.isnan(x).sum()), 0, 0]
    found: Counter[Any] = Counter()
    if whole and small:
        return Counter(kept.astype(np.int64).tolist()), {
            "totals": totals, "extremes": [low + 0.0, high + 0.0], "kind": 0, "low": [0]
        }  # fmt: skip
    bits = x.view(np.uint64)
    exponents = (bits >> np.uint64(52)).astype(int) & 2047
    finite = np.isfinite(x)
    used = sorted({int(e) for e in exponents[finite] if e})[-n_slots:] if n_slots else []
    for value, exponent, raw in zip(x, exponents, bits, strict=True):
        if np.isfinite(value):
            if exponent in used:
                found[int(exponent), (int(raw) >> 46) % 64 + 64 * (value < 0)] += 1
            else:
                totals[0] += 1
        elif value == value:
            totals[3 if value > 0 else 2] += 1
    full = len(used) == n_slots
    return found, {
        "totals": totals,
        "extremes": [low + 0.0, high + 0.0],
        "kind": int(octaves.WHOLE if whole else octaves.ANY),
        "low": list(range(used[0])) if full and used else [0],
    }


@given(values=st.lists(numbers, max_size=60), n_slots=st.sampled_from([1, 2, 7, 64, 250]))
def test_counts(kernel: Kernel, values: list[float], n_slots: int) -> None:
    octaves = kernel("octaves")
    x = np.array(values, float)
    state = empty(octaves, n_slots)
    octaves.count(x.reshape(1, -1), *state)
    assert content(octaves, state) == expected(octaves, x, n_slots)


@settings(max_examples=60)
@given(
    values=st.lists(numbers, max_size=60),
    n_slots=st.sampled_from([1, 2, 7, 64]),
    seed=st.integers(0, 2**16),
)
def test_merging_is_counting_together(
    kernel: Kernel, values: list[float], n_slots: int, seed: int
) -> None:
    octaves, rng = kernel("octaves"), np.random.default_rng(seed)
    x = rng.permutation(np.array(values, float))
    total = empty(octaves, n_slots)
    for part in np.split(x, np.sort(rng.integers(0, len(x) + 1, 3))):
        one = empty(octaves, n_slots)
        for block in np.array_split(part, 2):
            octaves.count(block.reshape(1, -1), *one)
        merge(octaves, total, one)
    assert content(octaves, total) == expected(octaves, x, n_slots)


@given(values=st.lists(numbers, max_size=30), n_slots=st.sampled_from([1, 7, 64]))
def test_empty_states_leave_no_trace(kernel: Kernel, values: list[float], n_slots: int) -> None:
    octaves = kernel("octaves")
    state, into = empty(octaves, n_slots), empty(octaves, n_slots)
    octaves.count(np.array(values, float).reshape(1, -1), *state)
    before = [part.copy() for part in state]
    merge(octaves, into, state)
    merge(octaves, state, empty(octaves, n_slots))
    for part, kept, copied in zip(state, before, into, strict=True):
        assert part.tobytes() == kept.tobytes() == copied.tobytes()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_columns_of_different_slots(kernel: Kernel, dtype: type) -> None:
    octaves, rng = kernel("octaves"), np.random.default_rng(0)
    n_slots = (1, 64, 0, 8)
    Xt = (rng.normal(size=(4, 500)) * [[1], [1e6], [1], [50]]).astype(dtype)
    Xt[2] = np.nan
    Xt[3] = np.round(Xt[3])
    Xt.flags.writeable = False
    state = empty(octaves, *n_slots)
    octaves.count(Xt, *state)
    for j, slots in enumerate(n_slots):
        assert content(octaves, state, j) == expected(octaves, Xt[j].astype(float), slots), j


def test_window_width(kernel: Kernel) -> None:
    width = kernel("octaves").window_width
    assert [width(n) for n in (0, 1, 3, 8, 64, 250)] == [0, 128, 256, 1024, 8192, 8192]


def test_shapes_are_checked(kernel: Kernel) -> None:
    octaves = kernel("octaves")
    Xt = np.zeros((2, 3))
    with pytest.raises(ValueError, match="one state of the right shape a column"):
        octaves.count(Xt, *empty(octaves, 4))
    state = empty(octaves, 4, 4)
    state[2] = np.array([0, 4, 9])
    with pytest.raises(ValueError, match="lead out of the counts"):
        octaves.count(Xt, *state)
    with pytest.raises(ValueError, match="0 to 250 slots"):
        octaves.count(np.zeros((1, 3)), *empty(octaves, 251))
    with pytest.raises(ValueError, match="both sides"):
        merge(octaves, empty(octaves, 4), empty(octaves, 5))
    with pytest.raises(ValueError, match="2048 slot numbers"):
        octaves.start(np.zeros((1, 5), np.uint8), np.zeros((1, 2)))
