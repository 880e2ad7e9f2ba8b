"""Rows of CSV files, decoded in pieces of whole records, about a megabyte at a time.

The first opening of a file streams it once, to cut it about every 16 MB at the end of a record, to
count the records of every chunk, and to settle types; that is kept in the cache folder until the
file changes; of one that has grown only what is new is streamed. Compressed files are one chunk of
unknown length.

Text is UTF-8, the first line holds the names, empty lines are passed over. Missing are an empty
field and what Arrow takes for it (NA, NaN, null, ...), in text too. A column's type is the
narrowest that fits samples of every megabyte of every file (of the first 16 of a compressed one):
integers, decimals, dates, times, booleans, else text. A value elsewhere that does not fit is
refused, naming file, line, column and remedy.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property, partial
from typing import ClassVar

import pyarrow as pa

from onebox.config import resolve
from onebox.data.columns import Columns, TableColumns
from onebox.data.partition import Span
from onebox.data.schema import parse_type, require_columns
from onebox.data.sources.csv_index import Index, kept_index
from onebox.data.sources.csv_records import PIECE_BYTES, Piece, Read, decode
from onebox.data.sources.csv_text import CHUNK_BYTES, Text, common_type
from onebox.data.sources.files import READ_ERRORS, File, FileSource, Folder
from onebox.data.sources.paths import COMPRESSIONS
from onebox.data.sources.settle import settle_schemas
from onebox.data.sources.trace import Trace
from onebox.errors import BadInput, CorruptFile
from onebox.storage.spill import default_cache_folder

OPENERS = 4
WORKSPACE = 12  # times a piece: its text twice, Arrow's list of its fields, the columns made of it


class CsvSource(FileSource):
    """Rows of CSV files.

    Parameters
    ----------
    folder : Folder
        The files.
    columns : sequence of str, optional
        The columns to see, in this order; files may differ in all others.
    types : mapping of str to (str or pyarrow.DataType), optional
        Types of some columns, instead of the inferred ones.
    delimiter : str
        What stands between fields.
    chunk_bytes, piece_bytes : int
        Bytes between cuts, and bytes decoded at once.
    """

    kind: ClassVar[str] = "CSV"

    def __init__(
        self,
        folder: Folder,
        columns: Sequence[str] | None = None,
        types: Mapping[str, str | pa.DataType] | None = None,
        delimiter: str = ",",
        *,
        chunk_bytes: int = CHUNK_BYTES,
        piece_bytes: int = PIECE_BYTES,
    ) -> None:
        super().__init__(folder, columns)
        self.types = {
            name: parse_type(kind, f"types={{{name!r}: ...}}")
            for name, kind in (types or {}).items()
        }
        self.delimiter = delimiter
        self.chunk_bytes, self.piece_bytes = chunk_bytes, piece_bytes
        # Asked here: threads that make indexes do not see the settings of their caller.
        settings = resolve()
        self.cache = settings.cache_folder or default_cache_folder()
        self.verify = settings.verify

    @cached_property
    def _indexes(self) -> dict[str, Index]:
        files = self.folder.files
        with ThreadPoolExecutor(min(OPENERS, len(files))) as pool:
            indexes = list(pool.map(self._index, files))
        return {file.key: index for file, index in zip(files, indexes, strict=True)}

    def _index(self, file: File) -> Index:
        name = (
            f"{self.folder.filesystem.type_name} {file.path} {self.delimiter!r} {self.chunk_bytes}"
        )
        try:
            return kept_index(
                self.cache, name, self._fingerprint(file), partial(self._made_index, file)
            )
        except BadInput:
            raise
        except READ_ERRORS as error:
            raise self.folder.failure(file, "", error) from error

    def _made_index(self, file: File, before: Index | None) -> Index:
        """Stream the file; of one that has rows more than before, only those."""
        text, index = self._text(file), None
        old = None if before is None else before.growth
        if not self._grows(file):
            return text.index(file.size)
        if before and old and old.size < file.size and old.mark == self._mark(file, old.size):
            index = text.grown(before, file.size)
        index = index or text.index(file.size)
        assert index.growth is not None
        return replace(index, growth=replace(index.growth, mark=self._mark(file, file.size)))

    def _grows(self, file: File) -> bool:
        """Whether rows can be added at its end; with ``verify="content"`` all is looked at anyway."""
        packed = self._text(file).is_packed
        return self.folder.is_local and not packed and self.verify != "content"

    def _mark(self, file: File, size: int) -> str:
        """Hash of samples of the first bytes."""
        return Trace(self.folder.filesystem, file.path, "", size, None).samples(0, size)

    def _text(self, file: File) -> Text:
        packing = COMPRESSIONS.get(posixpath.splitext(file.path)[1].lower())

        @contextmanager
        def opened(offset: int) -> Iterator[Read]:
            disk = self.folder.filesystem
            if packing is None:
                with disk.open_input_file(file.path) as handle:
                    handle.seek(offset)
                    yield handle.read
                return
            with disk.open_input_stream(file.path, compression=packing) as stream:
                while offset:
                    offset -= len(stream.read(min(offset, PIECE_BYTES)))
                yield stream.read

        return Text(file.key, self.delimiter, opened, packing is not None, self.chunk_bytes)

    @cached_property
    def _schema(self) -> pa.Schema:
        kinds: dict[str, pa.DataType] = {}
        for index in self._indexes.values():
            for field in index.schema:
                kinds[field.name] = common_type(kinds.get(field.name, pa.null()), field.type)
        require_columns(list(kinds), list(self.types), self.folder.label)
        kinds.update(self.types)
        settled = [
            (key, pa.schema([(name, kinds[name]) for name in index.schema.names]))
            for key, index in self._indexes.items()
        ]
        return settle_schemas(settled, self.columns)

    @property
    def schema(self) -> pa.Schema:
        return self._schema

    @cached_property
    def _spans(self) -> list[Span]:
        spans = []
        for file in self.folder.files:
            index, first, fingerprint = self._indexes[file.key], 0, self._fingerprint(file)
            if self._text(file).is_packed:
                spans.append(Span(file.key, 0, 0, None, file.size, fingerprint))
                continue
            for i, n_rows in enumerate(index.rows):
                nbytes = index.edges[i + 1] - index.edges[i]
                spans.append(Span(file.key, i, first, n_rows, nbytes, fingerprint))
                first += n_rows
        return spans

    def spans(self) -> list[Span]:
        return self._spans

    def _place(self, file: File) -> tuple[int, int] | None:
        return None if self._text(file).is_packed else (0, file.size)

    def read(
        self, span: Span, start: int, stop: int, names: Sequence[str], rows_per_batch: int
    ) -> Iterator[Columns]:
        file, index = self._files[span.file], self._indexes[span.file]
        self.folder.check(file)
        text, offset = self._text(file), index.edges[span.index]
        try:
            with text.opened(offset) as read:
                if not text.is_packed:
                    read = _limited(read, index.edges[span.index + 1] - offset)
                for piece in text.pieces(read, offset, self.piece_bytes):
                    yield from self._decoded(text, piece, index.schema.names, names)
        except BadInput:
            raise
        except READ_ERRORS as error:
            raise self.folder.failure(file, f", part {span.index},", error) from error
        self.folder.check(file)

    def _decoded(
        self, text: Text, piece: Piece, present: Sequence[str], names: Sequence[str]
    ) -> Iterator[Columns]:
        types = {name: self.schema.field(name).type for name in names}
        try:
            table = decode(piece.text, present, self.delimiter, types, names)
        except pa.ArrowInvalid as error:
            raise text.explained(error, piece, present, types) from error
        if table.num_rows != piece.n_records:
            raise CorruptFile(
                f"{text.key}, line {text.line(piece, 0):,} and the {piece.n_records:,} records "
                f"from there on decode to {table.num_rows:,} rows. Look there for stray quotes and "
                "control characters."
            )
        for batch in table.combine_chunks().to_batches():
            yield TableColumns(batch)

    def reading_bytes(self, span: Span, names: Sequence[str], rows_per_batch: int) -> int:
        return WORKSPACE * self.piece_bytes


def _limited(read: Read, left: int) -> Read:
    """Hand out the same bytes up to an end."""

    def limited(size: int) -> bytes:
        nonlocal left
        data = read(min(size, left))
        left -= len(data)
        return data

    return limited
