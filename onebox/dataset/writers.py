"""Rows out of a Dataset into files: in order, a few blocks at a time, whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from onebox.data.block import Block
from onebox.data.partition import Unit
from onebox.data.schema import Schema, is_numeric
from onebox.data.view import View
from onebox.engine.run import Run
from onebox.errors import EmptyData, WrongType
from onebox.storage.atomic import atomic_directory, atomic_file

if TYPE_CHECKING:
    from onebox.dataset.dataset import Dataset

FILE_BYTES = 256 * 10**6  # decoded rows of one file of a folder
ROW_GROUP_BYTES = 12 * 10**6  # decoded rows buffered before a row group is written
WRITER_BYTES = 4 * ROW_GROUP_BYTES  # the rows, what they are encoded to, and what allocators keep


def to_parquet(data: Dataset, path: str | os.PathLike[str], compression: str) -> None:
    """Write one file, or a folder of files; either appears whole or not at all."""
    target, view = Path(path), data.view.without_roles()
    run = Run(view, [], settings=data.settings, job="to_parquet", task_bytes=WRITER_BYTES)
    if target.suffix == ".parquet":
        with (
            atomic_file(target) as file,
            pq.ParquetWriter(file, data.schema, compression=compression) as writer,
            run,
        ):
            write_rows(writer, data.schema, run.blocks())
        return
    with atomic_directory(target) as folder:
        files = _files_of(view)

        def write(number: int) -> None:
            name = folder / f"part-{number:05d}.parquet"
            with pq.ParquetWriter(name, data.schema, compression=compression) as writer:
                write_rows(writer, data.schema, run.blocks_of(files[number]))

        with run:
            for _ in run.each(write, range(len(files))):
                pass


def write_rows(writer: pq.ParquetWriter, schema: pa.Schema, blocks: Iterable[Block]) -> None:
    """Write blocks as row groups of some 12 MB of decoded rows."""
    held: list[pa.RecordBatch] = []
    size = 0
    for block in blocks:
        held.append(block.as_batch(schema))
        size += held[-1].nbytes
        if size >= ROW_GROUP_BYTES:
            writer.write_table(pa.Table.from_batches(held, schema=schema))
            held, size = [], 0
    if held:
        writer.write_table(pa.Table.from_batches(held, schema=schema))


def _files_of(view: View) -> list[list[Unit]]:
    """Consecutive units, some hundred megabytes of decoded rows together: one file each."""
    files: list[list[Unit]] = [[]]
    size = 0
    for unit in view.layout.units:
        nbytes = (unit.n_rows or 0) * max(view.row_bytes, view.decoded_row_bytes)
        if files[-1] and size + nbytes > FILE_BYTES:
            files.append([])
            size = 0
        files[-1].append(unit)
        size += nbytes
    return files


def persist(data: Dataset, path: str | os.PathLike[str]) -> Path:
    """Write a raw `.npy` matrix; returns its path."""
    target, view = Path(path), data.view.without_roles()
    target = target if target.suffix == ".npy" else target.with_name(target.name + ".npy")
    if not len(data.schema):
        raise EmptyData("persist was given a dataset of 0 columns. Keep at least one.")
    for field in data.schema:
        if not is_numeric(field.type):
            raise WrongType(
                f"persist writes a matrix of numbers, but column {field.name!r} has type "
                f"{field.type}. Leave it out with .drop({field.name!r}), or use .to_parquet(path)."
            )
    n_rows = None if view.drops_rows else view.layout.n_rows
    expected = None if n_rows is None else n_rows * view.row_bytes
    with (
        atomic_file(target, expected_bytes=expected) as file,
        Run(view, [], settings=data.settings, job="persist") as run,
    ):
        file.write(_npy_header(0, view.schema))
        n_written = 0
        for block in run.blocks():
            file.write(np.ascontiguousarray(block.X).data)
            n_written += block.n_rows
        file.seek(0)
        file.write(_npy_header(n_written, view.schema))
    return target


def _npy_header(n_rows: int, schema: Schema) -> bytes:
    """A version 1.0 header of one length, whatever the number of rows is."""
    text = (
        f"{{'descr': '{schema.dtype.str}', 'fortran_order': False, "
        f"'shape': ({n_rows}, {schema.n_features}), }}"
    )
    padded = text.ljust(128 - 10 - 1) + "\n"
    return b"\x93NUMPY\x01\x00" + (128 - 10).to_bytes(2, "little") + padded.encode("latin1")
