"""TopValues: exact while the counters suffice, within its own bound beyond, for every type."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import onebox as ob
from onebox.aggregates import TopValues
from onebox.data.schema import Schema
from onebox.errors import BadInput
from onebox.testing.comparison import held_bytes


def top(values: pa.Array, **options: Any) -> tuple[list[tuple[Any, int]], int]:
    """Values with their counts, and the error."""
    found = ob.aggregate(pa.table({"x": values}), TopValues(**options))
    pairs = zip(found.values[0].to_pylist(), found.counts[0].tolist(), strict=True)
    return list(pairs), int(found.error[0])


def in_order(values: list[Any]) -> list[tuple[Any, int]]:
    return sorted(Counter(values).items(), key=lambda pair: (-pair[1], pair[0]))


@given(values=st.lists(st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1), st.integers(0, 9))))
def test_integers_are_counted_exactly_and_ties_go_to_the_smaller(values: list[int | None]) -> None:
    found, error = top(pa.array(values, pa.int64()), k=100)
    assert found == in_order([v for v in values if v is not None])[:100]
    assert error == 0


@given(values=st.lists(st.one_of(st.none(), st.text(max_size=12)), max_size=60))
def test_texts_are_counted_exactly(values: list[str | None]) -> None:
    present = [v for v in values if v is not None]
    counted = Counter(present)
    found, error = top(pa.array(values, pa.string()), k=100)
    assert dict(found) == counted
    assert found == sorted(counted.items(), key=lambda pair: (-pair[1], pair[0].encode()))
    assert error == 0


def test_every_type(mixed: pa.Table) -> None:
    found = ob.aggregate(mixed, TopValues(300))
    assert "list" not in found.names
    for name, values, counts in zip(found.names, found.values, found.counts, strict=True):
        present = mixed[name].drop_null().cast(values.type).to_pylist()
        if pa.types.is_floating(values.type):
            present = [v for v in present if v == v]
        assert dict(zip(values.to_pylist(), counts.tolist(), strict=True)) == Counter(present), name
        assert (np.diff(counts) <= 0).all()
    kinds = dict(zip(found.names, (v.type for v in found.values), strict=True))
    assert kinds["category"] == pa.string()
    assert kinds["moment"] == pa.timestamp("ns", "UTC")
    assert kinds["uint64"] == pa.uint64()


def skewed(kind: str, n: int = 120_000) -> pa.Array:
    """A few frequent values among very many rare ones."""
    rng = np.random.default_rng(0)
    keys = np.where(rng.random(n) < 0.4, rng.zipf(1.5, n) % 40, rng.integers(10**6, 10**12, n))
    if kind == "text":
        return pa.array([f"key-{key}" for key in keys])
    if kind == "category":
        return pa.array([f"key-{key}" for key in keys]).dictionary_encode()
    return pa.array(keys).cast(kind) if kind != "int64" else pa.array(keys)


@pytest.mark.parametrize("kind", ["int64", "float64", "text", "category"])
@pytest.mark.parametrize("capacity", [64, 1024])
def test_the_error_is_bounded(kind: str, capacity: int) -> None:
    values = skewed(kind)
    true = Counter(values.to_pylist())
    found, error = top(values, k=64, capacity=capacity)
    assert 0 < error <= 2 * len(values) / capacity
    for value, count in found:
        assert true[value] - error <= count <= true[value]
    kept = {value for value, _ in found}
    frequent = {value for value, count in true.items() if count > 2 * len(values) / capacity}
    assert frequent <= kept
    assert found[0][0] == true.most_common(1)[0][0]


def test_the_bound_holds_for_any_split() -> None:
    values = skewed("int64", 30_000)
    true = Counter(values.to_pylist())
    recipe = TopValues(50, capacity=128)
    schema = Schema(pa.schema([("x", pa.int64())]))
    for cuts in ([], [10], range(0, 30_000, 1000), [5, 20_000, 29_999]):
        total = recipe.empty(schema)
        edges = [0, *cuts, len(values)]
        for start, stop in pairwise(edges):
            one = recipe.empty(schema)
            part = pa.table({"x": values.slice(start, stop - start)})
            for block in ob.dataset(part).blocks():
                recipe.update(one, block)
            recipe.merge(total, one)
            assert held_bytes(total) <= recipe.nbytes(schema)
        found = recipe.result(total)
        assert found.n_values[0] == len(values)
        for value, count in zip(found.values[0].to_pylist(), found.counts[0], strict=True):
            assert true[value] - found.error[0] <= count <= true[value]


def test_long_texts_stay_within_the_bytes() -> None:
    texts = [f"{i % 700:>{1 + i % 5000}}" for i in range(20_000)] + ["often"] * 5000
    schema = Schema(pa.schema([("x", pa.string())]))
    recipe = TopValues(1, capacity=256)
    summary = recipe.empty(schema)
    for block in ob.dataset(pa.table({"x": texts})).blocks():
        recipe.update(summary, block)
        assert held_bytes(summary) <= recipe.nbytes(schema) < 256 * 60
    found = recipe.result(summary)
    assert found.values[0].to_pylist() == ["often"]
    assert 5000 - found.error[0] <= found.counts[0][0] <= 5000


def test_dictionaries_may_hold_a_value_twice_and_differ_between_blocks() -> None:
    one = pa.DictionaryArray.from_arrays(pa.array([0, 1, 2, 0]), pa.array(["a", "b", "a"]))
    other = pa.DictionaryArray.from_arrays(pa.array([0, 0, 1]), pa.array(["b", "c"]))
    assert top(one)[0] == [("a", 3), ("b", 1)]
    together = pa.chunked_array([one, other])
    assert top(together)[0] == [("a", 3), ("b", 3), ("c", 1)]


def test_zeros_are_one_value_and_nan_is_none() -> None:
    found, _ = top(pa.array([0.0, -0.0, float("nan"), 1.5, None]))
    assert found == [(0.0, 2), (1.5, 1)]


def test_shares_in_the_table() -> None:
    table = ob.aggregate({"x": ["a", "a", "b", None]}, TopValues(2)).to_arrow()
    assert table.to_pylist() == [
        {"column": "x", "value": "a", "count": 2, "share": 2 / 3, "error": 0},
        {"column": "x", "value": "b", "count": 1, "share": 1 / 3, "error": 0},
    ]


@pytest.mark.parametrize("k", [0, 1025])
def test_k_outside_is_refused(k: int) -> None:
    with pytest.raises(BadInput, match=f"k={k} must lie in 1 to capacity=1024"):
        TopValues(k)
