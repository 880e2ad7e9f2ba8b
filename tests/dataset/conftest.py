from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import onebox as ob


@pytest.fixture(scope="session")
def table() -> pa.Table:
    """Numbers, whole numbers, text, dates, booleans, and nulls among them."""
    rng = np.random.default_rng(0)
    n = 1000
    return pa.table(
        {
            "x": rng.standard_normal(n),
            "k": np.arange(n, dtype=np.int32),
            "city": pa.array([None if i % 97 == 5 else f"city {i % 7}" for i in range(n)]),
            "day": pa.array(np.arange(n).astype("datetime64[D]")),
            "on": rng.random(n) < 0.5,
            "hole": pa.array([None if i % 10 == 3 else float(i) for i in range(n)]),
        }
    )


@pytest.fixture
def folder(table, tmp_path):
    """The table as three Parquet files of several row groups."""
    made = tmp_path / "rows"
    made.mkdir()
    for i, (start, stop) in enumerate([(0, 300), (300, 350), (350, 1000)]):
        pq.write_table(table[start:stop], made / f"{i}.parquet", row_group_size=120)
    return made


@pytest.fixture(params=["files", "memory", "stream"])
def data(request, table, folder) -> ob.Dataset:
    """The same rows from files, in memory, and as a stream that begins anew in every pass."""
    if request.param == "files":
        return ob.dataset(folder)
    if request.param == "memory":
        return ob.dataset(table)
    return ob.dataset(lambda: iter(table.to_batches(max_chunksize=130)))
