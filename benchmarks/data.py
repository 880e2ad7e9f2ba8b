"""The data that the benchmarks run on: made once from a seed, kept in a folder that git ignores."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(os.environ.get("ONEBOX_BENCH_DATA", Path(__file__).parent / "data"))
ROWS_PER_GROUP = 250_000


def table(n_rows: int) -> Path:
    """Zstd Parquet of 40 correlated float64 features, half of them rounded, and a target y.

    Five million rows are 1.1 GB: rounded measurements, which writers put into dictionaries, and
    numbers of full length, which they do not.
    """
    return _made(f"table-{n_rows}.parquet", lambda path: _write_table(path, n_rows))


def regrouped(n_rows: int, rows_per_group: int = 65_536) -> Path:
    """The same rows in row groups of the size that most writers make.

    18 million rows are 4.8 GB in 275 row groups.
    """
    name = f"table-{n_rows}-{rows_per_group}.parquet"
    return _made(name, lambda path: _regroup(table(n_rows), path, rows_per_group))


def one_row_group(n_rows: int) -> Path:
    """The same in one row group."""
    return _made(f"group-{n_rows}.parquet", lambda path: _write_table(path, n_rows, whole=True))


def matrix(n_rows: int, n_columns: int, dtype: str = "float64") -> Path:
    """A raw `.npy` matrix of low effective rank, with a mean far from zero."""
    name = f"matrix-{n_rows}x{n_columns}-{dtype}.npy"
    return _made(name, lambda path: _write_matrix(path, n_rows, n_columns, dtype))


def tiled(n_rows: int, n_columns: int, n_files: int) -> Path:
    """A folder in which one matrix is many files: each is read, and takes no room of its own."""
    source, folder = matrix(n_rows, n_columns), FOLDER / f"tiled-{n_files}x{n_rows}x{n_columns}"
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(n_files):
        path = folder / f"{number:03}.npy"
        if not path.exists():
            os.link(source, path)
    return folder


def blobs(n_rows: int, n_columns: int, n_centers: int, dtype: str = "float32") -> Path:
    """Gaussian blobs around uniform centres."""
    name = f"blobs-{n_rows}x{n_columns}-{n_centers}-{dtype}.npy"
    return _made(name, lambda path: _write_blobs(path, n_rows, n_columns, n_centers, dtype))


def patches(n_rows: int) -> Path:
    """Patches of 8 x 8 pixels in three colours, drawn from two photographs."""
    return _made(f"patches-{n_rows}.npy", lambda path: _write_patches(path, n_rows))


def sparse_matrix(n_rows: int, n_columns: int, per_row: int = 100) -> Any:
    """A CSR matrix whose columns are as frequent as words: drawn from a seed, kept nowhere."""
    import scipy.sparse as sp

    rng = np.random.default_rng(0)
    column = (n_columns ** rng.uniform(size=n_rows * per_row)).astype(np.int32) - 1
    row = np.repeat(np.arange(n_rows, dtype=np.int32), per_row)
    topic = (row + column) % 50  # rows that share columns
    values = rng.exponential(size=len(row)) * (1 + 3 * (topic < 5))
    made = sp.csr_array((values, (row, column)), shape=(n_rows, n_columns))
    made.sum_duplicates()
    return made


def svmlight(n_rows: int, n_columns: int) -> Path:
    """The same matrix, with labels, as text."""

    def write(path: Path) -> None:
        from sklearn.datasets import dump_svmlight_file

        X = sparse_matrix(n_rows, n_columns)
        dump_svmlight_file(X, np.arange(n_rows) % 2, str(path))

    return _made(f"rows-{n_rows}x{n_columns}.svmlight", write)


def _made(name: str, make: Callable[[Path], None]) -> Path:
    path = FOLDER / name
    if not path.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f"partial-{name}")
        make(partial)
        partial.rename(path)
    return path


def _write_table(path: Path, n_rows: int, *, whole: bool = False) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng = np.random.default_rng(0)
    mixing = rng.normal(size=(40, 40)) / np.sqrt(40)
    coef = rng.normal(size=40)
    schema = pa.schema([(f"x{j}", pa.float64()) for j in range(40)] + [("y", pa.float64())])
    group = n_rows if whole else ROWS_PER_GROUP
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for start in range(0, n_rows, group):
            n = min(group, n_rows - start)
            X = rng.normal(size=(n, 40)) @ mixing + np.arange(40)
            X[:, ::2] = np.round(X[:, ::2], 4)
            y = X @ coef + rng.normal(size=n)
            columns = [*X.T, y]
            writer.write_table(pa.table(columns, schema=schema), row_group_size=group)


def _regroup(source: Path, path: Path, rows_per_group: int) -> None:
    import pyarrow.parquet as pq

    file = pq.ParquetFile(source, pre_buffer=False, buffer_size=2**18)
    with pq.ParquetWriter(path, file.schema_arrow, compression="zstd") as writer:
        for batch in file.iter_batches(rows_per_group):
            writer.write_batch(batch)


def _write_matrix(path: Path, n_rows: int, n_columns: int, dtype: str) -> None:
    rng = np.random.default_rng(0)
    basis = rng.normal(size=(50, n_columns)) * np.geomspace(10, 1, 50)[:, None]
    out = np.lib.format.open_memmap(path, "w+", dtype=dtype, shape=(n_rows, n_columns))
    for start in range(0, n_rows, 20_000):
        n = min(20_000, n_rows - start)
        rows = rng.normal(size=(n, 50)) @ basis
        rows += rng.normal(size=(n, n_columns))
        out[start : start + n] = rows + 5
    out.flush()


def _write_blobs(path: Path, n_rows: int, n_columns: int, n_centers: int, dtype: str) -> None:
    rng = np.random.default_rng(0)
    centers = rng.uniform(-10, 10, size=(n_centers, n_columns))
    out = np.lib.format.open_memmap(path, "w+", dtype=dtype, shape=(n_rows, n_columns))
    for start in range(0, n_rows, 100_000):
        n = min(100_000, n_rows - start)
        noise = rng.normal(scale=3.0, size=(n, n_columns))
        out[start : start + n] = centers[rng.integers(n_centers, size=n)] + noise
    out.flush()


def _write_patches(path: Path, n_rows: int) -> None:
    from onebox.demo.patches import photographs

    rng = np.random.default_rng(0)
    windows = np.concatenate([
        np.lib.stride_tricks.sliding_window_view(picture, (8, 8), axis=(0, 1)).reshape(-1, 192)
        for picture in photographs()
    ])  # fmt: skip
    with path.open("wb") as file:
        np.save(file, windows[rng.choice(len(windows), n_rows, replace=False)])
