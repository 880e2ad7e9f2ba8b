"""Rows out of a Dataset: into arrays, tables and files, block by block and in order."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from onebox.aggregates.aggregate import Aggregate
from onebox.config import format_bytes, memory_budget
from onebox.data.block import Block
from onebox.data.partition import Unit
from onebox.data.schema import Schema, is_numeric
from onebox.data.steps import draw_hashes
from onebox.engine.run import Run, scan
from onebox.errors import BadInput, NotEnoughMemory
from onebox.storage.atomic import atomic_directory, atomic_file

if TYPE_CHECKING:
    from onebox.dataset.dataset import Dataset

FILE_BYTES = 256 * 10**6  # decoded rows of one file of a folder
ROW_GROUP_BYTES = 16 * 10**6  # decoded rows buffered before a row group is written


@dataclass(frozen=True)
class _Count(Aggregate[NDArray[np.int64]]):
    """Rows that remain after filters."""

    grouped: ClassVar[bool] = False

    def empty(self, schema: Schema) -> NDArray[np.int64]:
        return np.zeros(1, np.int64)

    def update(self, summary: NDArray[np.int64], block: Block) -> None:
        summary += block.n_rows

    def merge(self, into: NDArray[np.int64], other: NDArray[np.int64]) -> None:
        into += other

    def result(self, summary: NDArray[np.int64]) -> int:
        return int(summary[0])

    def nbytes(self, schema: Schema) -> int:
        return 8


@dataclass
class _Numbers:
    """The smallest draw numbers seen."""

    smallest: NDArray[np.uint64]


@dataclass(frozen=True)
class _Smallest(Aggregate[_Numbers]):
    """The `n` smallest draw numbers: the last of them bounds an exact sample of `n` rows."""

    n: int
    seed: int
    purpose: str
    grouped: ClassVar[bool] = False

    def empty(self, schema: Schema) -> _Numbers:
        return _Numbers(np.empty(0, np.uint64))

    def update(self, summary: _Numbers, block: Block) -> None:
        drawn = draw_hashes(block, self.seed, None, self.purpose) >> np.uint64(11)
        self.merge(summary, _Numbers(drawn))

    def merge(self, into: _Numbers, other: _Numbers) -> None:
        both = np.concatenate([into.smallest, other.smallest])
        if len(both) > self.n:
            both = np.partition(both, self.n - 1)[: self.n] if self.n else both[:0]
        into.smallest = both

    def result(self, summary: _Numbers) -> float:
        """The bound below which exactly the n smallest lie."""
        if len(summary.smallest) < self.n or not self.n:
            return 1.0 if self.n else 0.0
        return (int(summary.smallest.max()) + 1) * 2.0**-53

    def nbytes(self, schema: Schema) -> int:
        return 8 * self.n


def count_rows(data: Dataset) -> int:
    """Rows that remain after filters, in one pass over the columns that these need."""
    few = replace(data.view.without_roles(), features=_only_rows(data))
    summary, _ = scan(few, _Count(), settings=data.settings, job="count")
    return _Count().result(summary)


def draw_limit(data: Dataset, n: int, seed: int, purpose: str) -> float:
    """The bound on draw numbers that leaves exactly `n` rows; one pass."""
    few = replace(data.view.without_roles(), features=_only_rows(data))
    recipe = _Smallest(n, seed, purpose)
    summary, _ = scan(few, recipe, settings=data.settings, job="sample")
    return recipe.result(summary)


def _only_rows(data: Dataset) -> tuple[Any, ...]:
    """The steps up to the last one that drops rows: later ones change columns only."""
    if data.view.drop_missing:
        return data.view.features
    last = max((i for i, s in enumerate(data.view.features) if s.drops_rows), default=-1)
    return data.view.features[: last + 1]


def to_numpy(data: Dataset) -> NDArray[Any]:
    """All rows as one array, within the memory budget."""
    if data.ndim == 1:
        parts = [block[data.columns[0]] for block in _in_order(data, "to_numpy")]
        kind = data.schema.field(0).type
        return np.concatenate(parts) if parts else np.empty(0, _numpy_dtype(kind))
    data.view.schema.require_numeric("to_numpy")
    schema = data.view.schema
    known = data.known_n_rows
    if known is None:
        rows = [block.X.copy() for block in _in_order(data, "to_numpy")]
        return np.concatenate(rows) if rows else np.empty((0, schema.n_features), schema.dtype)
    _require_room(data, known * data.view.row_bytes, "to_numpy")
    out = np.empty((known, schema.n_features), schema.dtype)

    def fill(unit: Unit, blocks: Iterator[Block]) -> None:
        at = unit.global_row or 0
        for block in blocks:
            out[at : at + block.n_rows] = block.X
            at += block.n_rows

    with Run(data.view.without_roles(), [], settings=data.settings, job="to_numpy") as run:
        for _ in run.map(fill):
            pass
    return out


def to_arrow(data: Dataset) -> pa.Table:
    """All rows as an Arrow table, within the memory budget."""
    batches, held, budget = [], 0, memory_budget(data.settings)
    for block in _in_order(data, "to_arrow"):
        batch = block.to_arrow().cast(data.schema)
        held += batch.nbytes
        if held > budget:
            _refuse_room(held, budget, "to_arrow")
        batches.append(batch)
    return pa.Table.from_batches(batches, schema=data.schema)


def _in_order(data: Dataset, job: str) -> Iterator[Block]:
    known = data.known_n_rows
    if known is not None:
        _require_room(data, known * data.view.row_bytes, job)
    return data.blocks()


def _require_room(data: Dataset, needed: int, job: str) -> None:
    budget = memory_budget(data.settings)
    if needed > budget:
        _refuse_room(needed, budget, job)


def _refuse_room(needed: int, budget: int, job: str) -> None:
    raise NotEnoughMemory(
        f"{job} would hold {format_bytes(needed)} or more; the budget is {format_bytes(budget)}. Take "
        "fewer rows (.sample, .filter) or columns, write them down (.to_parquet, .persist), or raise "
        "`memory`."
    )


def to_parquet(data: Dataset, path: str | os.PathLike[str], compression: str) -> None:
    """Write one file, or a folder of files; either appears whole or not at all."""
    target = Path(path)
    if target.suffix == ".parquet":
        with atomic_file(target) as file, pq.ParquetWriter(
            file, data.schema, compression=compression
        ) as writer:
            _write_batches(writer, data, data.blocks())
        return
    with atomic_directory(target) as folder:
        runs = _runs(data)

        def write(number: int) -> None:
            name = f"part-{number:05d}.parquet"
            with pq.ParquetWriter(folder / name, data.schema, compression=compression) as writer:
                _write_batches(writer, data, run.blocks_of(runs[number]))

        with Run(data.view.without_roles(), [], settings=data.settings, job="to_parquet") as run:
            for _ in run.each(write, range(len(runs))):
                pass


def _write_batches(writer: pq.ParquetWriter, data: Dataset, blocks: Iterator[Block]) -> None:
    held: list[pa.RecordBatch] = []
    size = 0
    for block in blocks:
        batch = block.to_arrow()
        held.append(batch if batch.schema.types == data.schema.types else batch.cast(data.schema))
        size += batch.nbytes
        if size >= ROW_GROUP_BYTES:
            writer.write_table(pa.Table.from_batches(held, schema=data.schema))
            held, size = [], 0
    if held:
        writer.write_table(pa.Table.from_batches(held, schema=data.schema))


def _runs(data: Dataset) -> list[list[Unit]]:
    """Consecutive units, some hundred megabytes of decoded rows together: one file each."""
    runs: list[list[Unit]] = [[]]
    size = 0
    for unit in data.view.layout.units:
        nbytes = (unit.n_rows or 0) * max(data.view.row_bytes, data.view.decoded_row_bytes)
        if runs[-1] and size + nbytes > FILE_BYTES:
            runs.append([])
            size = 0
        runs[-1].append(unit)
        size += nbytes
    return runs


def persist(data: Dataset, path: str | os.PathLike[str]) -> Path:
    """Write a raw `.npy` matrix; returns its path."""
    target = Path(path)
    target = target if target.suffix == ".npy" else target.with_name(target.name + ".npy")
    schema = data.view.schema
    if not schema.n_features:
        raise BadInput("persist was given a dataset without columns.")
    with atomic_file(target) as file:
        header = _npy_header(0, schema)
        file.write(header)
        n_rows = 0
        for block in data.blocks():
            file.write(np.ascontiguousarray(block.X).data)
            n_rows += block.n_rows
        file.seek(0)
        file.write(_npy_header(n_rows, schema))
    return target


def _npy_header(n_rows: int, schema: Schema) -> bytes:
    """A version 1.0 header of one length, whatever the number of rows is."""
    text = (
        f"{{'descr': '{schema.dtype.str}', 'fortran_order': False, "
        f"'shape': ({n_rows}, {schema.n_features}), }}"
    )
    padded = text.ljust(128 - 10 - 1) + "\n"
    return b"\x93NUMPY\x01\x00" + (128 - 10).to_bytes(2, "little") + padded.encode("latin1")


def _numpy_dtype(kind: pa.DataType) -> Any:
    return kind.to_pandas_dtype() if is_numeric(kind) else object
