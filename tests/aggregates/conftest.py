"""Rows of every type and form."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import scipy.sparse as sp


def mixed_table(n: int = 240, seed: int = 0) -> pa.Table:
    """A table with a column of each type, gaps, NaN and infinities among them."""
    rng = np.random.default_rng(seed)
    gaps = rng.random(n) < 0.1
    gaps[:2] = False
    floats = rng.normal(1e6, 1.0, n)
    floats[5:8] = np.nan, np.inf, -np.inf
    days = rng.integers(0, 5000, n)
    words = np.array(["gull", "crow", "a text that is much longer than the others", "", "tern"])
    return pa.table(
        {
            "float64": pa.array(floats, mask=gaps),
            "float32": pa.array(rng.normal(size=n).astype(np.float32)),
            "float16": pa.array(rng.integers(0, 9, n).astype(np.float16)),
            "int64": pa.array(rng.integers(-(2**40), 2**40, n), mask=gaps),
            "int32": pa.array(rng.integers(1980, 2025, n).astype(np.int32)),
            "int8": pa.array(rng.integers(-128, 128, n).astype(np.int8), mask=gaps),
            "uint64": pa.array(rng.integers(2**63, 2**64 - 1, n, np.uint64)),
            "bool": pa.array(rng.random(n) < 0.3, mask=gaps),
            "decimal": pa.array(
                [None if g else Decimal(int(d)) / 4 for g, d in zip(gaps, days, strict=True)]
            ),
            "date": pa.array(days.astype(np.int32), mask=gaps).cast(pa.date32()),
            "moment": pa.array(days * 10**12, mask=gaps).cast(pa.timestamp("ns", "UTC")),
            "time": pa.array(days.astype(np.int32)).cast(pa.time32("s")),
            "span": pa.array(days - 2500).cast(pa.duration("ms")),
            "text": pa.array(rng.choice(words, n), mask=gaps),
            "large_text": pa.array(rng.choice(words, n)).cast(pa.large_string()),
            "bytes": pa.array(rng.choice(words, n)).cast(pa.binary()),
            "code": pa.array([f"{d % 7:03}".encode() for d in days], pa.binary(3)),
            "category": pa.array(rng.choice(words, n), mask=gaps).dictionary_encode(),
            "list": pa.array([None if g else [int(d), 1] for g, d in zip(gaps, days, strict=True)]),
            "struct": pa.array([{"a": int(d)} for d in days]),
            "nothing": pa.nulls(n),
        }
    )


DATA: dict[str, Any] = {
    "mixed": mixed_table(),
    "numbers": pa.table(
        {
            "x": np.random.default_rng(1).normal(1e8, 1.0, 200),
            "z": np.random.default_rng(2).integers(0, 9, 200),
        }
    ),
    "matrix": np.random.default_rng(3).normal(size=(150, 4)).astype(np.float32),
    "integers": np.random.default_rng(4).integers(-9, 9, (150, 2)),
    "sparse": sp.random_array((150, 5), density=0.2, rng=np.random.default_rng(5), format="csr"),
}


@pytest.fixture(scope="session", params=DATA)
def rows(request: pytest.FixtureRequest) -> Any:
    """Rows of each form in turn."""
    return DATA[request.param]


@pytest.fixture(scope="session")
def mixed() -> pa.Table:
    return mixed_table()
