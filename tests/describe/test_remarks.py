"""When a column is worth a remark, and when it is not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import onebox as ob
from onebox.describe.details import ColumnDetails
from onebox.describe.remarks import remarks


def kinds(
    count: int = 100, missing: int = 0, infinite: int | None = 0, distinct: int = 50, **details: Any
) -> list[str]:
    facts = {"count": count, "missing": missing, "infinite": infinite, "distinct": distinct}
    return [one.kind for one in remarks(facts, ColumnDetails(**details))]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, []),
        ({"count": 0}, []),
        ({"count": 0, "missing": 5}, ["all missing"]),
        ({"missing": 100}, []),
        ({"missing": 101}, ["many missing"]),
        ({"infinite": 1}, ["infinite"]),
        ({"infinite": None}, []),
        ({"distinct": 1, "order": "constant"}, ["constant"]),
        ({"count": 1, "distinct": 1, "order": "constant"}, []),
        ({"count": 0, "infinite": 3, "order": "constant"}, ["infinite", "constant"]),
        ({"distinct": 95, "countable": True}, ["nearly unique"]),
        ({"distinct": 94, "countable": True}, []),
        ({"distinct": 100}, []),
        ({"count": 19, "distinct": 19, "countable": True}, []),
        ({"kurtosis": 20.0}, []),
        ({"kurtosis": 20.5}, ["heavy tail"]),
        ({"kurtosis": 300.0, "distinct": 2}, []),
        ({"kurtosis": None}, []),
        ({"order": "rising"}, ["sorted"]),
        ({"order": "falling"}, ["sorted"]),
        ({"count": 9, "order": "rising"}, []),
    ],
)
def test_thresholds(given: dict[str, Any], said: list[str]) -> None:
    assert kinds(**given) == said


def test_of_columns_of_each_kind() -> None:
    n = 1000
    rng = np.random.default_rng(0)
    table = pa.table(
        {
            "id": np.arange(n),
            "noise": rng.normal(size=n),
            "tail": rng.standard_cauchy(n),
            "text id": [f"{i:x}" for i in rng.permutation(10**6)[:n]],
            "rare": rng.random(n) < 0.002,
            "same": ["a"] * n,
            "gaps": pa.array(rng.normal(size=n), mask=rng.random(n) < 0.8),
        }
    )
    described = ob.describe(table)
    rows = zip(described.to_arrow().to_pylist(), described.details.columns, strict=True)
    assert {facts["column"]: [r.kind for r in remarks(facts, own)] for facts, own in rows} == {
        "id": ["nearly unique", "sorted"],
        "noise": [],
        "tail": ["heavy tail"],
        "text id": ["nearly unique"],
        "rare": [],
        "same": ["constant"],
        "gaps": ["many missing"],
    }
