"""Rows of Parquet files: a row group is a span, read in small batches through a buffered stream.

The reader's defaults would hold a whole row group (apache/arrow issue 39808): pre-buffering is off,
reads are buffered, and threads are ours.
"""

from __future__ import annotations

import pickle
import struct
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads
import pyarrow.parquet as pq

from onebox.data.columns import Columns, TableColumns
from onebox.data.partition import Span
from onebox.data.sources.files import READ_ERRORS, File, FileSource, Folder
from onebox.data.sources.parquet_pages import PageSizes, page_sizes
from onebox.data.sources.settle import conform, settle_schemas
from onebox.storage.hashing import hash_bytes

READ_BUFFER = 256 * 1024
PAGE_BYTES = 2**20  # what most writers aim at, for pages and for dictionaries
PAGES_LOOKED_AT = 5  # a dictionary, pages of its indices, and what follows when it was given up
OPENERS = 4


class ParquetSource(FileSource):
    """Rows of Parquet files, pruned to the columns that are needed."""

    kind: ClassVar[str] = "Parquet"
    tells_nulls = True

    def __init__(self, folder: Folder, columns: Sequence[str] | None = None) -> None:
        super().__init__(folder, columns)
        self._matching: dict[tuple[str, bytes], frozenset[int]] = {}
        self._positions: dict[str, dict[str, list[int]]] = {}
        self._last: tuple[pq.ParquetSchema, dict[str, list[int]]] | None = None
        self._page_sizes: dict[str, PageSizes] = {}
        self._footer_hashes: dict[str, str] = {}
        self._stored_sizes: dict[tuple[str, int, tuple[str, ...]], int] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Paths, types and fingerprints: whoever reads a file reads its footer, and no other."""
        known = {name: self.__dict__[name] for name in ("_schema",) if name in self.__dict__}
        _ = self._footers  # which the fingerprints are made of
        return {
            "folder": self.folder, "columns": self.columns, "_footer_hashes": self._footer_hashes,
            "_matching": {}, "_page_sizes": {}, "_positions": {}, "_last": None, "_stored_sizes": {},
            "_traces": {}, **known,
        }  # fmt: skip

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _footers=_Footers(self))

    @cached_property
    def _footers(self) -> dict[str, pq.FileMetaData]:
        files = self.folder.files
        with ThreadPoolExecutor(min(OPENERS, len(files))) as pool:
            footers = list(pool.map(self._footer, files))
        return {file.key: footer for file, footer in zip(files, footers, strict=True)}

    def _footer(self, file: File) -> pq.FileMetaData:
        try:
            with self.folder.filesystem.open_input_file(file.path) as handle:
                self.folder.note_tag(file, handle)
                footer = pq.read_metadata(handle)
                (length,) = struct.unpack("<i", handle.read_at(4, file.size - 8))
                text = handle.read_at(length, file.size - 8 - length)
                self._footer_hashes[file.key] = hash_bytes(text)[:16]
                return footer
        except (*READ_ERRORS, struct.error) as error:
            raise self.folder.failure(file, "", error) from error

    @cached_property
    def _schema(self) -> pa.Schema:
        schemas = []
        for file in self.folder.files:
            try:
                schemas.append((file.key, self._footers[file.key].schema.to_arrow_schema()))
            except READ_ERRORS as error:
                raise self.folder.failure(file, "", error) from error
        return settle_schemas(schemas, self.columns)

    @property
    def schema(self) -> pa.Schema:
        return self._schema

    @cached_property
    def _spans(self) -> list[Span]:
        spans = []
        for file in self.folder.files:
            footer, row = self._footers[file.key], 0
            fingerprint = self._fingerprint(file)
            for i in range(footer.num_row_groups):
                group = footer.row_group(i)
                nbytes = sum(
                    group.column(j).total_compressed_size for j in range(group.num_columns)
                )
                spans.append(Span(file.key, i, row, group.num_rows, nbytes, fingerprint))
                row += group.num_rows
        return spans

    def spans(self) -> list[Span]:
        return self._spans

    def _shape(self, file: File) -> str:
        _ = self._footers
        return self._footer_hashes[file.key]

    def _place(self, file: File) -> tuple[int, int] | None:
        footer = self._footers[file.key]
        if not footer.num_row_groups:
            return None
        group = footer.row_group(footer.num_row_groups - 1)
        chunks = [group.column(j) for j in range(group.num_columns)]
        stop = max((_first_byte(c) + c.total_compressed_size for c in chunks), default=0)
        return (4, stop) if 4 < stop <= file.size else None

    def read(
        self, span: Span, start: int, stop: int, names: Sequence[str], rows_per_batch: int
    ) -> Iterator[Columns]:
        file = self._files[span.file]
        self.folder.check(file)
        target = pa.schema([self.schema.field(name) for name in names])
        place = f", row group {span.index},"
        n_rows = 0
        try:
            with self.folder.filesystem.open_input_file(file.path) as handle:
                reader = pq.ParquetFile(
                    handle,
                    metadata=self._footers[span.file],
                    pre_buffer=False,
                    buffer_size=READ_BUFFER,
                    page_checksum_verification=True,
                )
                batches = reader.iter_batches(
                    batch_size=rows_per_batch,
                    row_groups=[span.index],
                    columns=list(names),
                    use_threads=False,
                )
                for batch in batches:
                    n_rows += batch.num_rows
                    yield TableColumns(conform(batch, target, span.place))
        except READ_ERRORS as error:
            raise self.folder.failure(file, place, error) from error
        self.folder.check(file)
        if n_rows != span.n_rows:
            wrong = EOFError(f"it holds {n_rows:,} rows and its footer says {span.n_rows:,}")
            raise self.folder.failure(file, place, wrong)

    def _leaves(self, key: str) -> dict[str, list[int]]:
        """Positions in a file of the stored columns that make up each column."""
        held = self._positions.get(key)
        if held is not None:
            return held
        schema = self._footers[key].schema
        if self._last is not None and schema.equals(self._last[0]):
            held = self._last[1]  # files of one writer are alike
        else:
            held = _positions(schema)
            self._last = schema, held
        self._positions[key] = held
        return held

    def _stored(self, span: Span, names: Sequence[str]) -> Iterator[pq.ColumnChunkMetaData]:
        group = self._footers[span.file].row_group(span.index)
        leaves = self._leaves(span.file)
        for name in names:
            for position in leaves.get(name, ()):
                yield group.column(position)

    def reading_bytes(self, span: Span, names: Sequence[str], rows_per_batch: int) -> int:
        held = packed = 0
        for column in self._stored(span, names):
            pages = self._pages(column.path_in_schema)
            unpacked = min(pages.unpacked, column.total_uncompressed_size)
            dictionary = min(pages.dictionary, column.total_uncompressed_size)
            held += READ_BUFFER + unpacked + dictionary * column.has_dictionary_page
            if column.compression != "UNCOMPRESSED":
                packed = max(packed, min(pages.packed, column.total_compressed_size))
        # A packed page goes when it is unpacked, so that one of them is held at a time.
        return held + packed

    def _pages(self, path: str) -> PageSizes:
        """Sizes of a column's pages, the larger of the usual and what its largest chunk begins with."""
        if path not in self._page_sizes:
            self._page_sizes[path] = self._measured_pages(path)
        return self._page_sizes[path]

    def _measured_pages(self, path: str) -> PageSizes:
        usual = PageSizes(PAGE_BYTES, PAGE_BYTES, PAGE_BYTES)
        # Many small reads of a remote file take too long for what they tell.
        if path not in self._largest_chunks or not self.folder.is_local:
            return usual
        file, chunk = self._largest_chunks[path]
        if chunk.total_uncompressed_size <= PAGE_BYTES:
            return usual
        first = _first_byte(chunk)
        try:
            with self.folder.filesystem.open_input_file(file.path) as handle:
                stop = first + chunk.total_compressed_size
                seen = page_sizes(handle, first, stop, PAGES_LOOKED_AT)
        except (*READ_ERRORS, ValueError):
            return usual  # whatever is wrong shows when it is read
        return PageSizes(*map(max, usual, seen))

    @cached_property
    def _largest_chunks(self) -> dict[str, tuple[File, pq.ColumnChunkMetaData]]:
        """The chunks of the largest row group by their paths, each with its file."""
        largest: dict[str, tuple[File, pq.ColumnChunkMetaData]] = {}
        span = max(self._spans, key=lambda span: span.nbytes, default=None)
        if span is not None:
            group = self._footers[span.file].row_group(span.index)
            for j in range(group.num_columns):
                chunk = group.column(j)
                largest[chunk.path_in_schema] = self._files[span.file], chunk
        return largest

    def unpacked_bytes(self, span: Span, names: Sequence[str]) -> int:
        return sum(column.total_uncompressed_size for column in self._stored(span, names))

    def stored_bytes(self, span: Span, names: Sequence[str]) -> int:
        what = (span.file, span.index, tuple(names))
        if what not in self._stored_sizes:  # asked for several times a unit
            sizes = (column.total_compressed_size for column in self._stored(span, names))
            self._stored_sizes[what] = sum(sizes)
        return self._stored_sizes[what]

    def null_count(self, span: Span, name: str) -> int | None:
        columns = list(self._stored(span, [name]))
        if len(columns) != 1 or columns[0].path_in_schema != name:
            return None  # nested: the leaf's nulls are not the column's
        statistics = columns[0].statistics
        known = statistics is not None and statistics.has_null_count
        return int(statistics.null_count) if known else None

    def null_counts(self, span: Span, names: Sequence[str]) -> list[int | None]:
        group = self._footers[span.file].row_group(span.index)
        leaves = self._leaves(span.file)
        counts: list[int | None] = []
        for name in names:
            places = leaves.get(name, ())
            column = group.column(places[0]) if len(places) == 1 else None
            statistics = None if column is None else column.statistics
            if column is None or statistics is None or column.path_in_schema != name:
                counts.append(None)
            else:
                counts.append(int(statistics.null_count) if statistics.has_null_count else None)
        return counts

    def may_match(self, span: Span, expression: pc.Expression) -> bool:
        key = (span.file, pickle.dumps(expression))
        if key not in self._matching:
            self._matching[key] = self._groups_that_may_match(self._files[span.file], expression)
        return span.index in self._matching[key]

    def _groups_that_may_match(self, file: File, expression: pc.Expression) -> frozenset[int]:
        everything = frozenset(range(self._footers[file.key].num_row_groups))
        form = pads.ParquetFileFormat()
        try:
            fragment = form.make_fragment(file.path, self.folder.filesystem)
            groups = fragment.subset(expression, schema=self.schema).row_groups
        except pa.ArrowInvalid:
            return everything  # an expression of columns that are not in the file
        except READ_ERRORS as error:
            raise self.folder.failure(file, "", error) from error
        return frozenset(group.id for group in groups)


def _positions(schema: pq.ParquetSchema) -> dict[str, list[int]]:
    held: dict[str, list[int]] = {}
    top = set(schema.to_arrow_schema().names)
    for position in range(len(schema.names)):
        path = schema.column(position).path
        # A name may hold a dot itself; a leaf's path begins with that of its column.
        name = path if path in top else path.split(".", 1)[0]
        held.setdefault(name, []).append(position)
    return held


class _Footers(dict[str, pq.FileMetaData]):
    """Footers by the keys of files, read when they are asked for, and all of them by `items`."""

    def __init__(self, source: ParquetSource) -> None:
        super().__init__()
        self._source = source

    def __missing__(self, key: str) -> pq.FileMetaData:
        source = self._source
        known = source._footer_hashes.get(key)
        footer = self[key] = source._footer(source._files[key])
        if known is not None and source._footer_hashes[key] != known:
            source._footer_hashes[key] = known
            raise source.folder.changed(source._files[key])
        return footer


def _first_byte(chunk: pq.ColumnChunkMetaData) -> int:
    return int(min(chunk.dictionary_page_offset or chunk.data_page_offset, chunk.data_page_offset))
