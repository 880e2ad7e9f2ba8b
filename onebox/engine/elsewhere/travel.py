"""What travels: where rows are, what is made of them, and what came out.

A commission goes out once a run, an order once a pass, an errand for every unit, and findings come
back. Rows go along only where they are in the caller's memory and workers cannot map that.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.fs as pafs
from numpy.typing import NDArray

from onebox.aggregates.aggregate import Aggregate
from onebox.data.columns import Columns, TableColumns
from onebox.data.partition import Layout, Span, Unit
from onebox.data.schema import Schema
from onebox.data.source import Source
from onebox.data.view import View
from onebox.engine.small import Made
from onebox.engine.states import Scans
from onebox.executors.failures import pack_failure, unpack_failure

MOST_WASTE = 2**20  # bytes that a slice of a table may drag along


@dataclass(frozen=True)
class Commission:
    """What all tasks of a run have in common.

    Attributes
    ----------
    run : str
        Tells it from all others.
    view : View
        Where the rows are, and what becomes of them; without rows.
    keep_bytes : int
        Decoded blocks that a worker may keep from pass to pass.
    """

    run: str
    view: View
    keep_bytes: int

    @property
    def schema(self) -> Schema:
        return self.view.schema


@dataclass(frozen=True)
class Order:
    """What all tasks of a pass have in common: the model so far is a part of the aggregates."""

    aggregates: tuple[Aggregate[Any], ...]
    scans: Scans


@dataclass(frozen=True)
class Rows:
    """The rows of a unit that are in the caller's memory.

    Attributes
    ----------
    columns : list of Columns, or None
        As the source hands them over; None when the source itself travels.
    target, weight : ndarray or None
        Of these rows, where they are arrays.
    """

    columns: list[Columns] | None
    target: NDArray[Any] | None
    weight: NDArray[Any] | None


@dataclass(frozen=True)
class Errand:
    """What one task is about: a unit, or for summaries kept once a file, all units of one."""

    units: tuple[Unit, ...]
    rows: Rows | None = None


class Findings(NamedTuple):
    """What came out.

    Attributes
    ----------
    made : list of Made
        One a unit.
    held : list of summary or None
        For each aggregate, that of the file, where it is kept once a file.
    nbytes : int
        Bytes read.
    worker : str
        Where, for people: process and machine.
    grown : int
        By how much the worker's memory has grown.
    """

    made: list[Made]
    held: list[Any]
    nbytes: int
    worker: str
    grown: int


@dataclass(frozen=True)
class Failure:
    """An exception that will not go away by trying again; where it was raised, and what was missing."""

    packed: bytes
    worker: str
    missing: str | None

    @classmethod
    def of(cls, error: Exception, source: Source, errand: Errand) -> Failure:
        """Pack an exception, and see whether the file is there at all."""
        trace = source.trace(errand.units[0].span.file) if source.travels else None
        local = trace is not None and isinstance(trace.filesystem, pafs.LocalFileSystem)
        missing = trace.path if trace and local and not os.path.exists(trace.path) else None
        return cls(pack_failure(error), here(), missing)

    def exception(self) -> Exception:
        """The exception, saying where it was raised."""
        error = unpack_failure(self.packed)
        error.add_note(f"onebox: in {self.worker}")
        return error


@cache
def here() -> str:
    """Name this process, for people."""
    return f"process {os.getpid()} on {socket.gethostname()}"


class NoRows(Source):
    """Stands for a source whose rows come with the tasks."""

    travels = False

    def __init__(self, schema: pa.Schema, described: str) -> None:
        self._schema, self._described = schema, described

    @property
    def schema(self) -> pa.Schema:
        return self._schema

    def spans(self) -> list[Span]:
        return []

    def read(
        self, span: Span, start: int, stop: int, names: Sequence[str], rows_per_batch: int
    ) -> Iterator[Columns]:
        raise AssertionError("its rows come with the tasks")

    @property
    def token(self) -> object:
        return ("elsewhere", id(self))

    def describe(self) -> str:
        return self._described


class SentRows(NoRows):
    """The rows that came with a task."""

    def __init__(self, schema: pa.Schema, described: str, columns: list[Columns]) -> None:
        super().__init__(schema, described)
        self._columns = columns

    def read(
        self, span: Span, start: int, stop: int, names: Sequence[str], rows_per_batch: int
    ) -> Iterator[Columns]:
        yield from self._columns


def travelling(view: View, *, whole: bool) -> View:
    """A view without its list of units, and without rows unless they go along as a whole."""
    layout = view.layout
    cut = replace(view, recut=Layout((), layout.rows_per_block, layout.rows_per_batch))
    if not whole:
        roles: dict[str, Any] = {
            name: np.empty(0) for name in ("target", "weight")
            if isinstance(getattr(view, name), np.ndarray)
        }  # fmt: skip
        if not view.source.travels:
            roles["source"] = NoRows(view.source.schema, view.source.describe())
        cut = replace(cut, **roles)
    return _with_schema(cut, view.schema)


def _with_schema(view: View, schema: Schema) -> View:
    view.__dict__["schema"] = schema  # of no rows it could not be told
    return view


def rows_of(view: View, unit: Unit) -> Rows | None:
    """The rows of a unit that a worker could not read by itself."""
    columns = None if view.source.travels else _columns_of(view, unit)
    roles = [_part(getattr(view, name), unit) for name in ("target", "weight")]
    if columns is None and all(role is None for role in roles):
        return None
    return Rows(columns, *roles)


def with_rows(commission: Commission, unit: Unit, rows: Rows) -> tuple[View, Unit]:
    """The view that a worker reads a unit through whose rows came along."""
    view = commission.view
    roles: dict[str, Any] = {}
    if rows.columns is not None:
        source = view.source
        roles["source"] = SentRows(source.schema, source.describe(), rows.columns)
    for name in ("target", "weight"):
        if getattr(rows, name) is not None:
            roles[name] = getattr(rows, name)
    made = _with_schema(replace(view, **roles), commission.schema)
    return made, replace(unit, global_row=0)


def _columns_of(view: View, unit: Unit) -> list[Columns]:
    names, size = view.source_columns, view.layout.rows_per_batch
    read = view.source.read(unit.span, unit.start, unit.stop, names, size)
    return [_compact(columns) for columns in read]


def _compact(columns: Columns) -> Columns:
    """The same without what a slice of a table is cut from."""
    if not isinstance(columns, TableColumns):
        return columns
    batch = columns.batch
    if batch.get_total_buffer_size() <= batch.nbytes + MOST_WASTE:
        return columns
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as stream:
        stream.write_batch(batch)
    return TableColumns(pa.ipc.open_stream(sink.getvalue()).read_next_batch())


def _part(role: object, unit: Unit) -> NDArray[Any] | None:
    if not isinstance(role, np.ndarray):
        return None
    assert unit.global_row is not None
    return role[unit.global_row : unit.global_row + (unit.n_rows or 0)]
