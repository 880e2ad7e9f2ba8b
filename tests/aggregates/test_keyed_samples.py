"""Weighted and stratified samples: the right chances, and draws that nothing moves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import onebox as ob
from onebox.aggregates import StratifiedSample, WeightedSample
from onebox.errors import BadInput, BadValue, MissingColumn, WrongType
from onebox.testing import check_aggregate

RECIPES = {"weighted": WeightedSample(60, weight="w"), "stratified": StratifiedSample(5, by="kind")}
EACH = pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)


def keys(found: pa.Table) -> list[int]:
    return found["key"].to_pylist()


def table(start: int, n: int = 5000) -> pa.Table:
    rows = np.arange(n) + start
    return pa.table({"key": rows, "w": (rows % 10).astype(float), "kind": rows % 17 % 13})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for i in range(4):
        pq.write_table(table(5000 * i), tmp_path / f"part-{i}.parquet", row_group_size=700)
    return tmp_path


@EACH
def test_laws(recipe: Any) -> None:
    check_aggregate(recipe, table(0, 700))


@pytest.mark.parametrize("by", ["text", "category", "bool", "date", "float64", "uint64", "nothing"])
def test_laws_of_strata_of_every_type(mixed: pa.Table, by: str) -> None:
    check_aggregate(StratifiedSample(2, by=by, max_strata=300), mixed)


@EACH
def test_workers_and_other_files_move_no_draw(recipe: Any, folder: Path) -> None:
    found = []
    for n_jobs in (1, 2, 4):
        with ob.config(n_jobs=n_jobs):
            found.append(ob.aggregate(folder, recipe))
    assert found[0].equals(found[1])
    assert found[0].equals(found[2])
    names = [folder / f"part-{i}.parquet" for i in (3, 1, 0, 2)]
    assert sorted(keys(ob.aggregate(names, recipe))) == keys(found[0])
    (folder / "part-2.parquet").unlink()
    stayed = {key for key in keys(found[0]) if not 10_000 <= key < 15_000}
    assert stayed <= set(keys(ob.aggregate(folder, recipe)))


@settings(max_examples=20, deadline=None)
@given(n=st.integers(1, 80), more=st.integers(0, 80), seed=st.integers(0, 2**31))
def test_samples_grow(n: int, more: int, seed: int) -> None:
    rows = table(0, 900)
    for few, many in (
        (WeightedSample(n, "w", seed), WeightedSample(n + more, "w", seed)),
        (StratifiedSample(n, "kind", seed), StratifiedSample(n + more, "kind", seed)),
    ):
        assert set(keys(ob.aggregate(rows, few))) <= set(keys(ob.aggregate(rows, many)))


def test_every_stratum_has_its_rows() -> None:
    found = ob.aggregate(table(0, 2000).slice(0, 1500), StratifiedSample(100, by="kind"))
    kinds = np.arange(1500) % 17 % 13
    drawn = np.bincount(found["kind"].to_numpy(), minlength=13)
    np.testing.assert_array_equal(drawn, np.minimum(np.bincount(kinds), 100))
    assert keys(found) == sorted(set(keys(found)))


def test_every_row_of_a_stratum_is_as_likely() -> None:
    rows = pa.table({"key": np.arange(60), "kind": np.repeat([0, 1], [20, 40])})
    drawn = np.zeros(60)
    for seed in range(400):
        drawn[keys(ob.aggregate(rows, StratifiedSample(10, "kind", seed)))] += 1
    share = np.repeat([0.5, 0.25], [20, 40])
    chi2 = ((drawn - 400 * share) ** 2 / (400 * share * (1 - share))).sum()
    assert chi2 < 60 + 5 * np.sqrt(120)


def test_chances_go_with_the_weights() -> None:
    rows = pa.table({"key": np.arange(20), "w": np.arange(20.0)})
    first = np.zeros(20)
    for seed in range(4000):
        first[keys(ob.aggregate(rows, WeightedSample(1, "w", seed)))] += 1
    expected = 4000 * np.arange(20) / 190
    assert first[0] == 0
    assert ((first - expected)[1:] ** 2 / expected[1:]).sum() < 19 + 5 * np.sqrt(38)


def test_weights_that_are_missing_zero_or_infinite() -> None:
    rows = pa.table({"key": [0, 1, 2, 3, 4], "w": [None, 0.0, float("inf"), float("nan"), 1e-9]})
    assert keys(ob.aggregate(rows, WeightedSample(5, "w"))) == [2, 4]
    assert keys(ob.aggregate(rows, WeightedSample(1, "w"))) == [2]


def test_the_summary_stays_small_while_rows_go_by() -> None:
    data = ob.dataset(table(0, 200_000))
    for recipe in RECIPES.values():
        summary = recipe.empty(data.view.schema)
        for block in data.blocks():
            recipe.update(summary, block)
            assert summary.n_candidates < 2 * recipe.room + len(block)
        assert recipe.result(summary).equals(ob.aggregate(data, recipe))


def test_bad_arguments() -> None:
    rows = pa.table({"w": [1.0, -2.0], "text": ["a", "b"], "list": [[1], [2]]})
    with pytest.raises(BadInput, match="n=0 rows make no sample"):
        StratifiedSample(0, "text")
    with pytest.raises(BadValue, match="'w' is -2 in row 1: a weight says"):
        ob.aggregate(rows, WeightedSample(1, "w"))
    with pytest.raises(MissingColumn, match="'speed' is not in"):
        ob.aggregate(rows, WeightedSample(1, "speed"))
    with pytest.raises(WrongType, match="WeightedSample cannot treat column 'text'"):
        ob.aggregate(rows, WeightedSample(1, "text"))
    with pytest.raises(WrongType, match="StratifiedSample cannot treat column 'list'"):
        ob.aggregate(rows, StratifiedSample(1, "list"))
    with pytest.raises(BadInput, match=r"'key' has more than 100 values.*Raise max_strata"):
        ob.aggregate(table(0), StratifiedSample(1, "key"))
