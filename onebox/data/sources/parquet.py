"""Rows of Parquet files: a row group is a span, read in small batches through a buffered stream.

The reader's defaults would hold a whole row group (apache/arrow issue 39808): pre-buffering is off,
reads are buffered, and threads are ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads
import pyarrow.parquet as pq

from onebox.data.columns import Columns, TableColumns
from onebox.data.partition import Span
from onebox.data.source import Source
from onebox.data.sources.files import File, Folder, settle_schemas, unreadable

READ_BUFFER = 256 * 1024


class ParquetSource(Source):
    """Rows of Parquet files, pruned to the columns that are needed.

    Parameters
    ----------
    folder : Folder
        The files.
    partitioning : dict of str to dict of str to str
        Hive-partition values by file key: columns that only the path tells.
    """

    def __init__(self, folder: Folder, partitioning: dict[str, dict[str, Any]] | None = None) -> None:
        self.folder = folder
        self.partitioning = partitioning or {}

    @cached_property
    def _footers(self) -> dict[str, pq.FileMetaData]:
        footers = {}
        for file in self.folder.files:
            try:
                with self.folder.filesystem.open_input_file(file.path) as handle:
                    footers[file.key] = pq.read_metadata(handle)
            except (pa.ArrowException, OSError) as error:
                raise unreadable(file.key, "", error) from error
        return footers

    @cached_property
    def _schema(self) -> pa.Schema:
        schemas = [(key, footer.schema.to_arrow_schema()) for key, footer in self._footers.items()]
        schema = settle_schemas(schemas)
        for name, kind in self._hive_types.items():
            schema = schema.append(pa.field(name, kind))
        return schema

    @cached_property
    def _hive_types(self) -> dict[str, pa.DataType]:
        rows = list(self.partitioning.values())
        return {n: pa.array([r[n] for r in rows]).type for n in (rows[0] if rows else ())}

    @property
    def schema(self) -> pa.Schema:
        return self._schema

    @cached_property
    def _spans(self) -> list[Span]:
        spans = []
        for file in self.folder.files:
            footer, row = self._footers[file.key], 0
            for i in range(footer.num_row_groups):
                group = footer.row_group(i)
                nbytes = sum(
                    group.column(j).total_compressed_size for j in range(group.num_columns)
                )
                spans.append(Span(file.key, i, row, group.num_rows, nbytes, file.fingerprint))
                row += group.num_rows
        return spans

    def spans(self) -> list[Span]:
        return self._spans

    @cached_property
    def _files(self) -> dict[str, File]:
        return {file.key: file for file in self.folder.files}

    def read(
        self, span: Span, start: int, stop: int, names: Sequence[str], rows_per_batch: int
    ) -> Iterator[Columns]:
        file = self._files[span.file]
        self.folder.check(file)
        stored = [name for name in names if name not in self._hive_types]
        target = pa.schema([self.schema.field(name) for name in stored])
        try:
            with self.folder.filesystem.open_input_file(file.path) as handle:
                reader = pq.ParquetFile(
                    handle,
                    metadata=self._footers[span.file],
                    pre_buffer=False,
                    buffer_size=READ_BUFFER,
                )
                batches = reader.iter_batches(
                    batch_size=rows_per_batch,
                    row_groups=[span.index],
                    columns=stored,
                    use_threads=False,
                )
                for batch in batches:
                    if batch.schema.names != stored:
                        batch = batch.select(stored)
                    if batch.schema.types != target.types:
                        batch = batch.cast(target)
                    yield TableColumns(self._with_hive(batch, span.file, names))
        except (pa.ArrowException, OSError) as error:
            self.folder.check(file)
            raise unreadable(span.file, f", row group {span.index},", error) from error

    def _with_hive(self, batch: pa.RecordBatch, key: str, names: Sequence[str]) -> pa.RecordBatch:
        if len(batch.schema.names) == len(names):
            return batch
        arrays = []
        for name in names:
            if name in self._hive_types:
                value = pa.scalar(self.partitioning[key][name], self._hive_types[name])
                arrays.append(pa.repeat(value, batch.num_rows))
            else:
                arrays.append(batch.column(name))
        return pa.record_batch(arrays, names=list(names))

    def reading_bytes(self, span: Span, names: Sequence[str], rows_per_batch: int) -> int:
        group = self._footers[span.file].row_group(span.index)
        wanted, total = set(names), 0
        for j in range(group.num_columns):
            column = group.column(j)
            if column.path_in_schema.split(".", 1)[0] in wanted:
                # a buffer of the stream, a page both packed and unpacked, a dictionary
                total += READ_BUFFER + min(column.total_uncompressed_size, 3 * 2**20)
        return total

    def stored_bytes(self, span: Span, names: Sequence[str]) -> int:
        group, wanted = self._footers[span.file].row_group(span.index), set(names)
        columns = (group.column(j) for j in range(group.num_columns))
        return sum(
            c.total_compressed_size for c in columns if c.path_in_schema.split(".", 1)[0] in wanted
        )

    def null_count(self, span: Span, name: str) -> int | None:
        if name in self._hive_types:
            return 0
        footer = self._footers[span.file]
        position = footer.schema.names.index(name) if name in footer.schema.names else -1
        if position < 0:
            return None
        statistics = footer.row_group(span.index).column(position).statistics
        known = statistics is not None and statistics.has_null_count
        return int(statistics.null_count) if known else None

    def may_match(self, span: Span, expression: pc.Expression) -> bool:
        if self._hive_types:
            return True
        try:
            fragment = pads.ParquetFileFormat().make_fragment(
                self._files[span.file].path, self.folder.filesystem, row_groups=[span.index]
            )
            return bool(fragment.subset(expression, schema=self.schema).row_groups)
        except (pa.ArrowException, OSError) as error:
            raise unreadable(span.file, f", row group {span.index},", error) from error

    @property
    def token(self) -> object:
        return self.folder.token

    def describe(self) -> str:
        count = len(self.folder.files)
        return f"{count:,} Parquet file{'s' if count != 1 else ''} in {self.folder.label}"
