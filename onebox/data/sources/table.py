"""Rows of an Arrow table that the caller holds (also pandas and polars frames, through Arrow)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

import pyarrow as pa

from onebox.data.columns import Columns, TableColumns
from onebox.data.partition import Span
from onebox.data.source import Source


class TableSource(Source):
    """Rows of a table in memory."""

    raw: ClassVar[bool] = True

    def __init__(self, table: pa.Table, owner: object | None = None) -> None:
        self.table = table
        self._token = ("table", id(table if owner is None else owner))
        self._owner = owner  # keeps the id taken

    @property
    def schema(self) -> pa.Schema:
        return self.table.schema.remove_metadata()

    def spans(self) -> list[Span]:
        return [Span("", 0, 0, self.table.num_rows, 0, "", seekable=True)]

    def read(
        self, span: Span, start: int, stop: int, names: Sequence[str], rows_per_batch: int
    ) -> Iterator[Columns]:
        part = self.table.select(list(names)).slice(start, stop - start)
        for batch in part.to_batches(max_chunksize=rows_per_batch):
            yield TableColumns(batch)

    def null_count(self, span: Span, name: str) -> int | None:
        return int(self.table.column(name).null_count)

    @property
    def token(self) -> object:
        return self._token

    def describe(self) -> str:
        return f"table of {self.table.num_rows:,} rows"
