"""What is found out about a CSV file once, and kept in the cache folder: cuts, counts and types.

The file is streamed through the record scanner; about every 16 MB, at the end of a record, it is
cut. Types are then inferred from the first megabyte and a little of every other one, so that a
column of integers in which decimals appear late, or gaps early, gets the right type without
decoding the whole file.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.ipc as ipc

from onebox.data.sources.csv_records import (
    IN_QUOTES,
    LINE_START,
    PIECE_BYTES,
    Piece,
    Place,
    Read,
    UnclosedError,
    count_records,
    cut_pieces,
    decode,
    end_of_record,
    explain,
    split_fields,
)
from onebox.errors import BadInput, CorruptFile
from onebox.storage.store import Store

CHUNK_BYTES = 16 * 2**20
FIRST_SAMPLE_BYTES = 2**20
SAMPLE_EVERY = 2**20
SAMPLE_BYTES = 64 * 1024
PACKED_SAMPLES = 16
READ_BYTES = 2**20
HEADER_LIMIT = 16 * 2**20
VERSION = 1


@dataclass(frozen=True)
class Index:
    """A CSV file's cuts and types.

    Attributes
    ----------
    schema : pyarrow.Schema
        Names from the header; types inferred from samples.
    edges : tuple of int
        Byte offsets of the chunks, from the end of the header to the end of the file.
    rows : tuple of int
        Records of each chunk; none for a compressed file.
    """

    schema: pa.Schema
    edges: tuple[int, ...]
    rows: tuple[int, ...]

    def dump(self) -> bytes:
        """As bytes, to be kept."""
        table = pa.table({"edge": self.edges, "rows": (*self.rows, 0)})
        table = table.replace_schema_metadata({"schema": self.schema.serialize().to_pybytes()})
        sink = pa.BufferOutputStream()
        with ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        return bytes(sink.getvalue().to_pybytes())

    @classmethod
    def load(cls, data: bytes) -> Index:
        """Read what `dump` wrote."""
        table = ipc.open_stream(data).read_all()
        schema = ipc.read_schema(pa.py_buffer(table.schema.metadata[b"schema"]))
        edges, rows = table["edge"].to_pylist(), table["rows"].to_pylist()
        return cls(schema, tuple(edges), tuple(rows[:-1]))


def kept_index(folder: Path, name: str, make: Callable[[], Index]) -> Index:
    """Take the index kept in a folder under a name; make and keep it if there is none."""
    key = f"csv index {VERSION}: {name}"
    # A folder that cannot be used costs time only: the index is made anew next time.
    with contextlib.suppress(OSError):
        kept = Store(folder).get(key)
        if kept is not None:
            return Index.load(kept)
    index = make()
    with contextlib.suppress(OSError):
        Store(folder).put(key, index.dump())
    return index


@dataclass(frozen=True)
class Text:
    """A CSV file that can be read from any byte on.

    Attributes
    ----------
    key : str
        Names it in messages.
    delimiter : str
    opened : callable
        Hands out a reader of the bytes from an offset on.
    is_packed : bool
        Whether the file is compressed: it is then one chunk whose records nobody counted.
    chunk_bytes : int
        Bytes between cuts.
    """

    key: str
    delimiter: str
    opened: Callable[[int], contextlib.AbstractContextManager[Read]]
    is_packed: bool
    chunk_bytes: int

    def header(self) -> tuple[list[str], int]:
        """Names of the columns, and the offset behind them."""
        with self.opened(0) as read:
            head = b""
            while not count_records(head, self.delimiter)[0] and (fresh := read(PIECE_BYTES)):
                head += fresh
                if len(head) > HEADER_LIMIT:
                    raise CorruptFile(
                        f"{self.key}, line 1: the header has no end within {len(head):,} bytes. "
                        "Close its quotes, or check that this is a CSV file."
                    )
        n_records, _, state = count_records(head, self.delimiter)
        if not n_records and state == IN_QUOTES:
            raise self.unclosed(0)
        end = end_of_record(head, self.delimiter, 1)
        # Empty lines before the header are none of it.
        names = split_fields(head[:end].lstrip(b"\r\n"), self.key, self.delimiter)
        if not names:
            raise CorruptFile(
                f"{self.key} is empty: a CSV file begins with the names of its columns."
            )
        self._refuse_names(names)
        return names, end

    def _refuse_names(self, names: list[str]) -> None:
        for number, name in enumerate(names, 1):
            if not name.strip():
                raise BadInput(
                    f"{self.key}, line 1: column {number} of {len(names)} has no name. Name every "
                    "column."
                )
        twice, count = Counter(names).most_common(1)[0]
        if count > 1:
            raise BadInput(
                f"{self.key}, line 1: {count} columns are named {twice!r}; columns "
                "are known by name. Rename them."
            )

    def index(self) -> Index:
        """Stream the file once to find its cuts, and infer types behind each."""
        names, start = self.header()
        edges, rows, samples = [start], list[int](), [start]
        if not self.is_packed:
            edges, rows, samples = self._cuts(start)
        kinds = dict.fromkeys(names, pa.null())
        for piece in self._samples(samples):
            self._infer(piece, names, kinds)
        self._find_values(names, start, kinds)
        return Index(pa.schema(list(kinds.items())), tuple(edges), tuple(rows))

    def _cuts(self, start: int) -> tuple[list[int], list[int], list[int]]:
        """Edges and records of the chunks, and where to take samples."""
        edges, rows, samples = [start], list[int](), [start]
        position = behind = start
        n_records, state, cut = 0, LINE_START, start + self.chunk_bytes
        with self.opened(start) as read:
            while fresh := read(min(READ_BYTES, cut - position)):
                found, end, state = count_records(fresh, self.delimiter, state)
                n_records += found
                behind = position + end if end >= 0 else behind
                position += len(fresh)
                if position - start >= len(samples) * SAMPLE_EVERY and behind > samples[-1]:
                    samples.append(behind)
                if position == cut:
                    cut += self.chunk_bytes
                    if n_records:
                        edges.append(behind)
                        rows.append(n_records)
                        n_records = 0
        if state == IN_QUOTES:
            raise self.unclosed(behind)
        n_records += state != LINE_START
        if n_records:
            edges.append(position)
            rows.append(n_records)
        return edges, rows, samples

    def _samples(self, places: list[int]) -> Iterator[Piece]:
        """Take some records at every place; more of them from what can be entered at one only."""
        for number, place in enumerate(places):
            size = SAMPLE_BYTES if number else FIRST_SAMPLE_BYTES
            with self.opened(place) as read:
                pieces = self.pieces(read, place, size)
                yield from islice(pieces, PACKED_SAMPLES if self.is_packed else 1)

    def _infer(self, piece: Piece, names: list[str], kinds: dict[str, pa.DataType]) -> None:
        """Widen the types of `kinds` to what occurs in some records."""
        try:
            found = decode(piece.text, names, self.delimiter, wanted=list(kinds)).schema
            unclear = {f.name: pa.string() for f in found if pa.types.is_binary(f.type)}
            if unclear:  # what is no text stops here, where its line can be told
                decode(piece.text, names, self.delimiter, unclear, list(unclear))
        except pa.ArrowInvalid as error:
            raise self.explained(error, piece, names, kinds) from error
        for field in found:
            kinds[field.name] = common_type(kinds[field.name], field.type)

    def _find_values(self, names: list[str], start: int, kinds: dict[str, pa.DataType]) -> None:
        """Look through the file for the first values of columns that all samples lack."""
        with self.opened(start) as read:
            for piece in self.pieces(read, start):
                empty = {name: kind for name, kind in kinds.items() if pa.types.is_null(kind)}
                if not empty:
                    return
                self._infer(piece, names, empty)
                kinds.update(empty)

    def pieces(self, read: Read, offset: int, size: int = PIECE_BYTES) -> Iterator[Piece]:
        """Whole records from an offset on, where one begins."""
        try:
            yield from cut_pieces(read, self.delimiter, offset, size)
        except UnclosedError as error:
            raise self.unclosed(error.offset) from None

    def explained(
        self, error: Exception, piece: Piece, names: Sequence[str], kinds: dict[str, pa.DataType]
    ) -> BadInput:
        """Make the error to raise when some records cannot be decoded."""
        record = Place.of(error).record or 1
        offset = end_of_record(piece.text, self.delimiter, record - 1)
        return explain(error, self.key, self.line(piece, offset), names, kinds)

    def unclosed(self, offset: int) -> CorruptFile:
        """Make the error to raise for quotes opened at `offset` and never closed."""
        with self.opened(offset) as read:
            line = self.line(Piece(read(PIECE_BYTES), 0, offset), 0)
        return CorruptFile(
            f"{self.key}, line {line:,}: a quote opened in this record is never closed, so that "
            "what follows would be one value. Close it, or double a quote that belongs to the "
            "text."
        )

    def line(self, piece: Piece, offset: int) -> int:
        """Line of the record that begins at an offset of a piece, or behind empty lines there."""
        blank = len(piece.text) - offset - len(piece.text[offset:].lstrip(b"\r\n"))
        left, lines, last = piece.offset + offset + blank, 1, b""
        with self.opened(0) as read:
            while left and (text := read(min(READ_BYTES, left))):
                lines += text.count(b"\n") + text.count(b"\r") - text.count(b"\r\n")
                lines -= last == b"\r" and text[:1] == b"\n"
                left, last = left - len(text), text[-1:]
        return lines


def common_type(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    """Settle the type that holds the values of both: text where nothing else does."""
    types = pa.types
    if one == other or types.is_null(other):
        return one
    if types.is_null(one):
        return other
    kinds = [one, other]
    if all(types.is_integer(kind) or types.is_floating(kind) for kind in kinds):
        return pa.float64()
    if all(types.is_date(kind) or types.is_timestamp(kind) for kind in kinds):
        zones = {kind.tz if types.is_timestamp(kind) else None for kind in kinds}
        fine = any(types.is_timestamp(kind) and kind.unit == "ns" for kind in kinds)
        if len(zones) == 1:
            return pa.timestamp("ns" if fine else "s", zones.pop())
    return pa.string()
