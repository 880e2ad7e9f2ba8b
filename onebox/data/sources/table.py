"""Rows of an Arrow table that the caller holds (also pandas and polars frames, through Arrow)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from onebox.data.columns import Columns, TableColumns
from onebox.data.partition import Span
from onebox.data.source import Source
from onebox.data.sources.settle import conform, plain_schema


class TableSource(Source):
    """Rows of a table in memory.

    Parameters
    ----------
    table : pyarrow.Table
    columns : sequence of str, optional
        The columns to see, in this order.
    owner : object, optional
        What the caller handed over, when the table was made of it: tells rows apart.
    """

    travels = False
    tells_nulls = True

    def __init__(
        self, table: pa.Table, columns: Sequence[str] | None = None, owner: object | None = None
    ) -> None:
        self.table = table
        self._schema = plain_schema(table.schema, columns, "the table")
        self.in_memory = all(table.schema.field(f.name).type == f.type for f in self._schema)
        self._owner = table if owner is None else owner  # held, so that its id stays taken

    def __getstate__(self) -> dict[str, Any]:
        """All but the owner's object, which the table was made of."""
        return {**self.__dict__, "_owner": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._owner = self.table

    @property
    def schema(self) -> pa.Schema:
        return self._schema

    def spans(self) -> list[Span]:
        return [Span("", 0, 0, self.table.num_rows, 0, "", seekable=True)]

    def read(
        self, span: Span, start: int, stop: int, names: Sequence[str], rows_per_batch: int
    ) -> Iterator[Columns]:
        target = pa.schema([self._schema.field(name) for name in names])
        part = self.table.select(list(names)).slice(start, stop - start)
        for batch in part.to_batches(max_chunksize=rows_per_batch):
            yield TableColumns(conform(batch, target, "the table"))

    def unpacked_bytes(self, span: Span, names: Sequence[str]) -> int:
        return int(self.table.select(list(names)).nbytes)

    def null_counts(self, span: Span, names: Sequence[str]) -> list[int | None]:
        return [int(self.table.column(name).null_count) for name in names]

    @property
    def token(self) -> object:
        return ("table", id(self._owner))

    @property
    def content(self) -> object:
        return self.table

    def describe(self) -> str:
        return f"table of {self.table.num_rows:,} rows"
