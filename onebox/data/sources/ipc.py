"""Rows of Arrow IPC files (also named Feather) and IPC streams: a record batch is a span.

A local file is mapped, because Arrow then takes plain columns straight from its pages; the pages
are given back after each piece, so that they do not pile up in the process. A stream has no index:
it is one span of unknown length.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.ipc as ipc

from onebox.data.columns import Columns, TableColumns
from onebox.data.partition import Span
from onebox.data.sources.files import READ_ERRORS, File, FileSource
from onebox.data.sources.ipc_index import MAGIC, BatchHead, batch_heads
from onebox.data.sources.settle import conform, settle_schemas
from onebox.data.widths import type_width
from onebox.errors import CorruptFile
from onebox.storage.hashing import hash_bytes

FIRST_FEATHER = b"FEA1"


@dataclass(frozen=True)
class _Index:
    """Schema of a file, and its record batches; None for a stream."""

    schema: pa.Schema
    heads: list[BatchHead] | None


class IpcSource(FileSource):
    """Rows of Arrow IPC files and streams."""

    kind: ClassVar[str] = "Arrow"

    @cached_property
    def _indexes(self) -> dict[str, _Index]:
        return {file.key: self._index(file) for file in self.folder.files}

    def _index(self, file: File) -> _Index:
        disk = self.folder.filesystem
        try:
            with disk.open_input_file(file.path) as handle:
                head = handle.read_at(len(MAGIC), 0)
                if head.startswith(FIRST_FEATHER):
                    raise CorruptFile(
                        f"{file.key} is a Feather file of version 1, which few programs still "
                        "read. Write it again with pyarrow.feather.write_feather."
                    )
                if head != MAGIC:
                    handle.seek(0)
                    return _Index(ipc.open_stream(handle).schema, None)
                heads = batch_heads(handle.read_at, file.size)
                return _Index(ipc.open_file(handle).schema, heads)
        except (*READ_ERRORS, struct.error) as error:
            raise self.folder.failure(file, "", error) from error

    @cached_property
    def _schema(self) -> pa.Schema:
        schemas = [(key, index.schema) for key, index in self._indexes.items()]
        return settle_schemas(schemas, self.columns)

    @property
    def schema(self) -> pa.Schema:
        return self._schema

    @cached_property
    def _spans(self) -> list[Span]:
        spans = []
        for file in self.folder.files:
            heads, first = self._indexes[file.key].heads, 0
            fingerprint = self._fingerprint(file)
            if heads is None:
                spans.append(Span(file.key, 0, 0, None, file.size, fingerprint))
                continue
            for i, head in enumerate(heads):
                # A packed batch is unpacked as a whole: it is read once, not once a piece.
                seekable = self._is_mapped and not head.compressed
                spans.append(
                    Span(
                        file.key, i, first, head.n_rows, head.nbytes, fingerprint,
                        seekable=seekable,
                    )
                )  # fmt: skip
                first += head.n_rows
        return spans

    def spans(self) -> list[Span]:
        return self._spans

    def _shape(self, file: File) -> str:
        return hash_bytes(repr(self._indexes[file.key]).encode())[:16]

    def _place(self, file: File) -> tuple[int, int] | None:
        heads = self._indexes[file.key].heads
        return (len(MAGIC), heads[-1].stop) if heads else None

    @property
    def _is_mapped(self) -> bool:
        return isinstance(self.folder.filesystem, pafs.LocalFileSystem)

    def read(
        self, span: Span, start: int, stop: int, names: Sequence[str], rows_per_batch: int
    ) -> Iterator[Columns]:
        file = self._files[span.file]
        self.folder.check(file)
        target = pa.schema([self.schema.field(name) for name in names])
        pieces = (
            self._streamed(file, names, rows_per_batch)
            if span.n_rows is None
            else self._pieces(file, span, range(start, stop, rows_per_batch), names)
        )
        try:
            for batch in pieces:
                # Offsets and categories that point outside would bring the process down.
                batch.validate(full=True)
                yield TableColumns(conform(batch, target, span.place))
        except READ_ERRORS as error:
            raise self.folder.failure(file, f", record batch {span.index},", error) from error
        self.folder.check(file)

    def _pieces(
        self, file: File, span: Span, rows: range, names: Sequence[str]
    ) -> Iterator[pa.RecordBatch]:
        if not self._is_mapped:
            with self.folder.filesystem.open_input_file(file.path) as handle:
                reader = ipc.open_file(handle, options=self._options(file, names))
                batch = reader.get_batch(span.index)
            for first in rows:
                yield batch.slice(first, min(rows.step, rows.stop - first))
            return
        with Path(file.path).open("rb") as handle:
            pages = mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ)
        # Without a choice of columns Arrow leaves plain ones in the pages; with one it copies them.
        options = None if span.seekable else self._options(file, names)
        reader = ipc.open_file(pa.py_buffer(pages), options=options)
        batch = reader.get_batch(span.index).select(list(names))
        if batch.num_rows != span.n_rows:
            raise EOFError(f"it holds {batch.num_rows:,} rows and its head says {span.n_rows:,}")
        for first in rows:
            # Touching a page beyond the end of a file that shrank would kill the process.
            self.folder.check(file)
            yield batch.slice(first, min(rows.step, rows.stop - first))
            if hasattr(pages, "madvise"):
                pages.madvise(mmap.MADV_DONTNEED)

    def _streamed(
        self, file: File, names: Sequence[str], rows_per_batch: int
    ) -> Iterator[pa.RecordBatch]:
        with self.folder.filesystem.open_input_stream(file.path) as stream:
            for batch in ipc.open_stream(stream, options=self._options(file, names)):
                for first in range(0, batch.num_rows, rows_per_batch):
                    yield batch.select(list(names)).slice(first, rows_per_batch)

    def _options(self, file: File, names: Sequence[str]) -> ipc.IpcReadOptions:
        stored = self._indexes[file.key].schema
        chosen = [stored.get_field_index(name) for name in names]
        return ipc.IpcReadOptions(included_fields=chosen, use_threads=False)

    def reading_bytes(self, span: Span, names: Sequence[str], rows_per_batch: int) -> int:
        if span.seekable:
            return 0
        # A packed batch lies there packed and unpacked; a stream's batch is not known beforehand.
        rows = span.n_rows if span.n_rows is not None else rows_per_batch
        unpacked = rows * sum(type_width(self.schema.field(name).type) for name in names)
        return unpacked + (span.nbytes if span.n_rows is not None else 0)

    def stored_bytes(self, span: Span, names: Sequence[str]) -> int:
        widths = {field.name: type_width(field.type) for field in self.schema}
        return span.nbytes * sum(widths[name] for name in names) // max(sum(widths.values()), 1)
