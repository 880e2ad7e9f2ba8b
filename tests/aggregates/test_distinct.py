"""DistinctCount: within its standard error, exact for few values, blind to order and encoding."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

import onebox as ob
from onebox.aggregates import DistinctCount
from onebox.aggregates.distinct import DistinctCountResult

FOUR_SIGMA = 4 * DistinctCountResult.standard_error


def count(values: object) -> int:
    return int(ob.aggregate(pa.table({"x": values}), DistinctCount()).distinct[0])


@pytest.mark.parametrize("n", [100, 1000, 5000, 20_000, 200_000])
@pytest.mark.parametrize(
    "kind", ["int64", "float64", "float32", "string", "large_string", "date32"]
)
def test_estimates_lie_within_four_standard_errors(kind: str, n: int) -> None:
    values = pa.array(np.arange(n) * (1 if kind in ("date32", "float32") else 37))
    values = values.cast("int32").cast(kind) if kind == "date32" else values.cast(kind)
    assert abs(count(pa.concat_arrays([values, values])) / n - 1) < FOUR_SIGMA


def test_errors_are_as_large_as_stated() -> None:
    n, rng = 30_000, np.random.default_rng(0)
    errors = np.array([count(rng.random(n)) / n - 1 for _ in range(60)])
    assert 0.5 < errors.std() / DistinctCountResult.standard_error < 1.5
    assert abs(errors.mean()) < DistinctCountResult.standard_error


@pytest.mark.parametrize("n", [0, 1, 2, 3, 10, 30])
def test_few_values_are_counted_exactly(n: int) -> None:
    rng = np.random.default_rng(0)
    chosen = rng.integers(0, n, 5000) if n else np.empty(0, int)
    assert count(chosen) == len(np.unique(chosen))
    assert count([f"word {i}" for i in chosen.tolist()]) == len(np.unique(chosen))


def test_every_type(mixed: pa.Table) -> None:
    found = ob.aggregate(mixed, DistinctCount())
    assert set(mixed.column_names) - set(found.names) == {"list", "struct"}
    for name, distinct in zip(found.names, found.distinct, strict=True):
        column = mixed[name].drop_null()
        values = [v for v in column.to_pylist() if v == v]
        assert abs(distinct - len(set(values))) <= max(1, 0.04 * len(set(values))), name


def test_encodings_count_alike() -> None:
    words = pa.array(np.random.default_rng(0).integers(0, 9000, 20_000)).cast(pa.string())
    plain = count(words)
    assert count(words.dictionary_encode()) == plain
    assert count(words.cast(pa.large_string())) == plain
    assert count(pa.array(words.to_pylist(), pa.string_view())) == plain
    x = np.random.default_rng(0).integers(0, 9000, 20_000)
    assert count(x.astype(np.float32)) == count(x.astype(np.float64))
    assert count(x.astype(np.int16)) == count(x.astype(np.int64))


def test_forms_of_rows_count_alike() -> None:
    X = np.random.default_rng(0).integers(0, 5000, (20_000, 3)).astype(float)
    table = pa.table({f"x{j}": X[:, j] for j in range(3)})
    ours, theirs = (ob.aggregate(data, DistinctCount()).distinct for data in (X, table))
    assert ours.tolist() == theirs.tolist()


def test_nulls_nan_and_zeros() -> None:
    assert count(pa.array([None, None], pa.int32())) == 0
    assert count(np.array([np.nan, 0.0, -0.0, 1.0, np.inf])) == 3
    assert count(pa.array([True, False, None])) == 2
    assert count(pa.nulls(4)) == 0
    assert count(["", None, "a"]) == 2
