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

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads
import pyarrow.parquet as pq

from onebox.data.columns import Columns, TableColumns
from onebox.data.partition import Span
from onebox.data.sources.files import READ_ERRORS, File, FileSource, Folder
from onebox.data.sources.parquet_chunks import Chunks, Int64, Leaves
from onebox.data.sources.parquet_pages import page_sizes
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
        self._footer_hashes: dict[str, str] = {}
        self._forget()

    def _forget(self) -> None:
        """Begin to learn from footers."""
        self._chunks: dict[str, Chunks] = {}
        self._leaves: dict[str, Leaves] = {}
        self._last_leaves: Leaves | None = None
        self._pages: dict[tuple[Leaves, tuple[str, ...]], Int64] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Paths, types and fingerprints: whoever reads a file reads its footer, and no other."""
        known = {name: self.__dict__[name] for name in ("_schema",) if name in self.__dict__}
        _ = self._footers  # which the fingerprints are made of
        return {
            "folder": self.folder, "columns": self.columns, "_footer_hashes": self._footer_hashes,
            "_matching": {}, "_traces": {}, **known,
        }  # fmt: skip

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _footers=_Footers(self))
        self._forget()

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
        schemas: list[tuple[str, pa.Schema]] = []
        last: pq.FileMetaData | None = None
        for file in self.folder.files:
            footer = self._footers[file.key]
            if last is not None and _are_alike(last, footer):
                schemas.append((file.key, schemas[-1][1]))
                continue
            try:
                schemas.append((file.key, footer.schema.to_arrow_schema()))
            except READ_ERRORS as error:
                raise self.folder.failure(file, "", error) from error
            last = footer
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
            for i, nbytes in enumerate(self._chunks_of(file.key).stored.sum(axis=1).tolist()):
                n_rows = footer.row_group(i).num_rows
                spans.append(Span(file.key, i, row, n_rows, nbytes, fingerprint))
                row += n_rows
        return spans

    def spans(self) -> list[Span]:
        return self._spans

    def _shape(self, file: File) -> str:
        _ = self._footers
        return self._footer_hashes[file.key]

    def _place(self, file: File) -> tuple[int, int] | None:
        chunks = self._chunks_of(file.key)
        stop = int((chunks.first[-1:] + chunks.stored[-1:]).max(initial=0))
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

    def reads_apart(self, names: Sequence[str]) -> bool:
        # Of other types Arrow may cut batches where their bytes become too many.
        return all(pa.types.is_primitive(self.schema.field(name).type) for name in names)

    def _chunks_of(self, key: str) -> Chunks:
        """What the footer of a file tells of its chunks."""
        held = self._chunks.get(key)
        if held is None:
            held = self._chunks[key] = Chunks(self._footers[key])
        return held

    def _leaves_of(self, key: str) -> Leaves:
        """Which stored columns of a file make up each column."""
        held = self._leaves.get(key)
        if held is None:
            schema = self._footers[key].schema
            alike = self._last_leaves  # files of one writer are
            held = alike if alike is not None and schema.equals(alike.schema) else Leaves(schema)
            self._leaves[key] = self._last_leaves = held
        return held

    def reading_bytes(self, span: Span, names: Sequence[str], rows_per_batch: int) -> int:
        leaves = self._leaves_of(span.file)
        asked = leaves, tuple(names)
        if asked not in self._pages:
            self._pages[asked] = self._page_sizes([leaves.paths[i] for i in leaves.of(names)])
        chunks, pages = self._chunks_of(span.file), self._pages[asked]
        return chunks.reading_bytes(span.index, leaves.of(names), pages, READ_BUFFER)

    def _page_sizes(self, paths: Sequence[str]) -> Int64:
        """Sizes of the pages of some leaves: the largest dictionary, page and packed page of each.

        The larger of the usual, and of what the chunks of the largest row group begin with.
        """
        sizes = np.full((3, len(paths)), PAGE_BYTES, np.int64)
        span = max(self._spans, key=lambda span: span.nbytes, default=None)
        # Many small reads of a remote file take too long for what they tell.
        if span is None or not self.folder.is_local:
            return sizes
        chunks, positions = self._chunks_of(span.file), self._leaves_of(span.file).paths
        try:
            with self.folder.filesystem.open_input_file(self._files[span.file].path) as handle:
                for i, path in enumerate(paths):
                    at = (span.index, positions.index(path)) if path in positions else None
                    if at is None or chunks.unpacked[at] <= PAGE_BYTES:
                        continue
                    first = int(chunks.first[at])
                    stop = first + int(chunks.stored[at])
                    seen = page_sizes(handle, first, stop, PAGES_LOOKED_AT)
                    np.maximum(sizes[:, i], seen, out=sizes[:, i])
        except (*READ_ERRORS, ValueError):
            pass  # whatever is wrong shows when it is read
        return sizes

    def unpacked_bytes(self, span: Span, names: Sequence[str]) -> int:
        leaves = self._leaves_of(span.file).of(names)
        return int(self._chunks_of(span.file).unpacked[span.index, leaves].sum())

    def stored_bytes(self, span: Span, names: Sequence[str]) -> int:
        leaves = self._leaves_of(span.file).of(names)
        return int(self._chunks_of(span.file).stored[span.index, leaves].sum())

    def null_counts(self, span: Span, names: Sequence[str]) -> list[int | None]:
        told = self._leaves_of(span.file).alone(names)
        leaves = [leaf for leaf in told if leaf is not None]
        counts = iter(self._chunks_of(span.file).nulls(span.index, leaves))
        return [None if leaf is None else next(counts) for leaf in told]

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


def _are_alike(one: pq.FileMetaData, other: pq.FileMetaData) -> bool:
    """Whether two footers say the same of their columns."""
    # What a writer adds in Arrow's own terms is metadata, and no part of Parquet's schema.
    return bool(one.schema.equals(other.schema)) and one.metadata == other.metadata
