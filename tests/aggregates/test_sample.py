"""Sample: uniform, without replacement, the same whatever reads the rows and whatever is there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import onebox as ob
from onebox.aggregates import Sample
from onebox.errors import BadInput, MissingColumn
from onebox.testing import check_aggregate


def keys(found: pa.Table) -> list[int]:
    return found["key"].to_pylist()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for i in range(4):
        rows = np.arange(5000) + 5000 * i
        pq.write_table(pa.table({"key": rows, "user": rows % 97}), tmp_path / f"part-{i}.parquet")
    return tmp_path


def test_rows_are_drawn_once_and_stand_in_order() -> None:
    data = pa.table({"key": np.arange(20_000), "text": [str(i) for i in range(20_000)]})
    found = ob.aggregate(data, Sample(500))
    assert found.num_rows == len(set(keys(found))) == 500
    assert keys(found) == sorted(keys(found))
    assert found["text"].to_pylist() == [str(key) for key in keys(found)]
    assert found.schema == data.schema


def test_all_rows_when_there_are_fewer() -> None:
    data = pa.table({"key": np.arange(30)})
    assert keys(ob.aggregate(data, Sample(100))) == list(range(30))
    assert ob.aggregate(pa.table({"key": pa.array([], pa.int64())}), Sample(5)).num_rows == 0


def test_every_row_is_as_likely() -> None:
    n_rows, n, n_seeds = 60, 15, 600
    data = pa.table({"key": np.arange(n_rows)})
    drawn = np.zeros(n_rows)
    for seed in range(n_seeds):
        drawn[keys(ob.aggregate(data, Sample(n, random_state=seed)))] += 1
    share = n / n_rows
    chi2 = ((drawn - n_seeds * share) ** 2 / (n_seeds * share * (1 - share))).sum()
    assert chi2 < n_rows + 5 * np.sqrt(2 * n_rows)


def test_seeds_differ_and_repeat() -> None:
    data = pa.table({"key": np.arange(5000)})
    one, again, other = (keys(ob.aggregate(data, Sample(50, random_state=s))) for s in (1, 1, 2))
    assert one == again
    assert len(set(one) & set(other)) < 10


def test_other_files_move_no_draw(folder: Path) -> None:
    everything = keys(ob.aggregate(folder, Sample(400)))
    (folder / "part-2.parquet").unlink()
    rest = keys(ob.aggregate(folder, Sample(400)))
    stayed = {key for key in everything if not 10_000 <= key < 15_000}
    assert stayed <= set(rest)


def test_a_sample_by_value_keeps_rows_of_a_value_together(folder: Path) -> None:
    found = ob.aggregate(folder, Sample(1000, by="user"))
    users, counts = np.unique(found["user"].to_numpy(), return_counts=True)
    whole = [np.sum(np.arange(20_000) % 97 == user) for user in users]
    assert (counts == whole).sum() >= len(users) - 1
    assert found.num_rows == 1000


def test_laws_by_value(mixed: pa.Table) -> None:
    check_aggregate(Sample(40, by="text"), mixed)


def test_the_summary_stays_small_while_rows_go_by() -> None:
    data = ob.dataset(pa.table({"key": np.arange(200_000), "x": np.zeros(200_000)}))
    recipe = Sample(100)
    summary = recipe.empty(data.view.schema)
    for block in data.blocks():
        recipe.update(summary, block)
        assert summary.n_candidates < 200 + len(block)
        assert len(summary.rows) < 20
    assert recipe.result(summary).equals(ob.aggregate(data, recipe))


def test_columns_of_every_type(mixed: pa.Table) -> None:
    found = ob.aggregate(mixed, Sample(20))
    assert found.column_names == mixed.column_names
    assert found.schema.field("category").type == pa.string()
    assert found.schema.field("list").type == mixed.schema.field("list").type


def test_bad_arguments() -> None:
    with pytest.raises(BadInput, match="n=0 rows make no sample"):
        Sample(0)
    with pytest.raises(MissingColumn, match="'user' is not in"):
        ob.aggregate(np.zeros((3, 1)), Sample(2, by="user"))
