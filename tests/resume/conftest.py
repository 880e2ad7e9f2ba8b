"""Datasets of several files, and what a fit of them has learned and read."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import onebox as ob


def rows_of(seed: int, n_rows: int = 3000) -> pa.Table:
    """Rows that differ from file to file, with text, dates and gaps."""
    rng = np.random.default_rng(seed)
    x = rng.normal(loc=seed, size=(n_rows, 4))
    return pa.table(
        {
            "y": x @ [1.0, -2.0, 0.5, 0.1] + rng.normal(size=n_rows),
            "a": x[:, 0],
            "b": x[:, 1],
            "c": x[:, 2].astype(np.float32),
            "d": np.where(rng.random(n_rows) < 0.1, 0, x[:, 3]),
            "n": rng.integers(0, 20, n_rows).astype(np.int32),
            "city": np.array(["Rome", "Oslo", "Lima"])[rng.integers(0, 3, n_rows)],
        }
    )


@pytest.fixture
def write_part(tmp_path):
    """Write one file of the dataset; returns its path."""
    folder = tmp_path / "data"
    folder.mkdir()

    def write(name: str, seed: int, n_rows: int = 3000, row_group_size: int = 700):
        path = folder / f"{name}.parquet"
        pq.write_table(rows_of(seed, n_rows), path, row_group_size=row_group_size)
        return path

    return write


@pytest.fixture
def folder(tmp_path, write_part):
    """Six files of five row groups."""
    for i in range(6):
        write_part(f"part-{i}", i)
    return tmp_path / "data"


@pytest.fixture
def memory(tmp_path):
    return ob.Memory(tmp_path / "cache")


def learned(model: object) -> object:
    """Everything that was learned, without what it cost to learn it."""
    if isinstance(model, ob.describe.__globals__["Description"]):
        return [model.to_arrow().to_pylist(), repr(model)]
    if hasattr(model, "steps"):
        return [learned(step) for _, step in model.steps]
    state = {name: value for name, value in vars(model).items() if name.endswith("_")}
    for name in ("fit_report_", "labels_", "accuracy_", "recipe_"):
        state.pop(name, None)
    return state
