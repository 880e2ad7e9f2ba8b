"""Order: the laws, and what it says of columns of every type."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import onebox as ob
from onebox.describe.order import LONGEST, PREFIX, Order
from onebox.testing import check_aggregate
from onebox.testing.laws import LAWS, merging_is_any_tree
from onebox.testing.rows import Rows
from onebox.testing.trial import Trial

N = 3 * PREFIX


def orders(data: Any) -> dict[str, str]:
    result = ob.aggregate(data, Order())
    return dict(zip(result.names, result.order, strict=True))


def table() -> pa.Table:
    i = np.arange(N)
    late = i.copy()
    late[-1] = 0
    days = (i // 3).astype(np.int32)
    gaps = i % 7 == 0
    return pa.table(
        {
            "rises": i * 1.5,
            "rises with gaps": pa.array(i, mask=gaps),
            "falls": -i,
            "falls at last": late,
            "same": np.full(N, 7),
            "none": pa.nulls(N),
            "mixed": np.random.default_rng(0).normal(size=N),
            "flag": i > 100,
            "day": pa.array(days, mask=gaps).cast(pa.date32()),
            "moment": pa.array(-(10**12) * i).cast(pa.timestamp("ns", "UTC")),
            "span": pa.array(i).cast(pa.duration("ms")),
            "clock": pa.array(i.astype(np.int32)).cast(pa.time32("s")),
            "word": [f"{j:05}" for j in i],
            "bytes": [f"{j:05}".encode() for j in i],
            "code": pa.array([f"{j:05}".encode() for j in i], pa.binary(5)),
            "category": pa.array([f"{j // 50:05}" for j in i], mask=gaps).dictionary_encode(),
            "words": [f"{j * 7919 % N:05}" for j in i],
            "long": ["x" * 2 * LONGEST] * N,
        }
    )


SAID = {
    "rises": "rising", "rises with gaps": "rising", "falls": "falling", "falls at last": "",
    "same": "constant", "none": "constant", "mixed": "", "flag": "rising", "day": "rising",
    "moment": "falling", "span": "rising", "clock": "rising", "word": "rising", "bytes": "rising",
    "code": "rising", "category": "rising", "words": "", "long": "",
}  # fmt: skip


def test_every_type() -> None:
    assert orders(table()) == SAID


def test_the_laws_hold_on_rows_in_no_order() -> None:
    check_aggregate(Order())


def test_the_laws_hold_on_sorted_rows_but_for_the_order_of_merging() -> None:
    trial = Trial(Order(), Rows.of(table(), None, None), 0)
    for law in LAWS:
        if law is not merging_is_any_tree:
            law(trial)


@pytest.mark.parametrize("cuts", [(0, N), (0, 1, 2, N), (0, 50, 100, 150, N), (0, N - 1, N)])
def test_summaries_merge_in_the_order_of_the_rows(cuts: tuple[int, ...]) -> None:
    recipe, rows = Order(), Rows.of(table(), None, None)
    trial = Trial(recipe, rows, 0)
    merged = trial.empty()
    for start, stop in pairwise(cuts):
        recipe.merge(merged, trial.update(trial.empty(), rows.part(start, stop)))
    result = recipe.result(merged)
    assert dict(zip(result.names, result.order, strict=True)) == SAID


@pytest.mark.parametrize("n_jobs", [1, 4])
def test_many_partitions(n_jobs: int) -> None:
    n = 200_000
    x = np.arange(n) / 3
    broken = x.copy()
    broken[n // 2] = 0
    words = pa.array(np.arange(n) // 1000).cast(pa.string())
    with ob.config(n_jobs=n_jobs):
        found = orders({"x": x, "broken": broken, "down": -x, "word": words})
        matrix = orders(np.stack([x, broken, -x, np.zeros(n)], axis=1))
    assert found == {"x": "rising", "broken": "", "down": "falling", "word": ""}
    assert list(matrix.values()) == ["rising", "", "falling", "constant"]


def test_gaps_between_partitions_are_passed_over() -> None:
    recipe = Order()
    days = [dt.date(2024, 1, 3), None, None, dt.date(2024, 1, 2)]
    rows = Rows.of(pa.table({"x": [3.0, None, None, 2.0], "day": days}), None, None)
    trial = Trial(recipe, rows, 0)
    merged = trial.empty()
    for start, stop in pairwise(range(5)):
        recipe.merge(merged, trial.update(trial.empty(), rows.part(start, stop)))
    assert recipe.result(merged).order == ("falling", "falling")
