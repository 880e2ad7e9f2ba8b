"""Tables with columns of every type, and of hostile ones."""

from __future__ import annotations

import datetime as dt
import os
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</style></title><svg onload=alert(1)>",
    "'; --&amp;&#60;",
    "null\x00 escape\x1b[31m bell\x07",
    "right \u202e to left",
    "",
)


@pytest.fixture(scope="session")
def everything() -> pa.Table:
    days = [dt.date(2024, 1, 1) + dt.timedelta(days=i) for i in range(100)]
    return pa.table(
        {
            "number": [None, float("nan"), float("inf"), *np.linspace(0, 96, 97)],
            "half": pa.array(np.arange(100) / 4, pa.float16()),
            "count": [i % 5 for i in range(100)],
            "key": pa.array([2**60 + i for i in range(100)]),
            "large": pa.array([2**64 - 1 - i for i in range(100)], pa.uint64()),
            "huge": [(-1) ** i * 1.7e308 for i in range(100)],
            "tiny": [5e-324 * i for i in range(100)],
            "only infinite": [float("inf")] * 100,
            "yes": [i % 4 == 0 for i in range(100)],
            "price": [Decimal(i) / 4 for i in range(100)],
            "day": [None, *days[1:]],
            "moment": pa.array(days).cast(pa.timestamp("us", "UTC")),
            "span": [dt.timedelta(minutes=i) for i in range(100)],
            "clock": [dt.time(i % 24, 30) for i in range(100)],
            "word": [None, *["often"] * 60, *[f"word {i}" for i in range(39)]],
            "sort": pa.array(["a", "b"] * 50).dictionary_encode(),
            "bytes": [b"\xff\xfe<b>"] * 100,
            "list": [None, *[[i, i] for i in range(99)]],
            "struct": [{"a": i} for i in range(100)],
            "never": pa.nulls(100),
            "same": [1.5] * 100,
        }
    )


@pytest.fixture(scope="session")
def hostile() -> pa.Table:
    """Names and values that try to be markup."""
    columns: dict[str, object] = {name: np.arange(70.0) % 7 for name in HOSTILE}
    columns["value"] = list(HOSTILE) * 10
    columns["<b>bytes"] = [one.encode() for one in HOSTILE] * 10
    columns["<i>list"] = [[one] for one in HOSTILE] * 10
    return pa.table(columns)


@pytest.fixture(scope="session")
def tables() -> Path:
    """Real tables, where they are present."""
    beside = Path(__file__).parents[3] / "shared" / "data"
    folder = Path(os.environ.get("ONEBOX_TEST_DATA", beside)) / "tables"
    if not folder.is_dir():
        pytest.skip(f"the real tables are not at {folder}; set ONEBOX_TEST_DATA")
    return folder
