"""A CSV file as text: its header, its cuts, and the types of its columns.

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

import pyarrow as pa

from onebox.data.sources.csv_cuts import READ_BYTES, Cuts
from onebox.data.sources.csv_index import Growth, Index
from onebox.data.sources.csv_records import (
    IN_QUOTES,
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

CHUNK_BYTES = 16 * 2**20
FIRST_SAMPLE_BYTES = 2**20
SAMPLE_BYTES = 64 * 1024
PACKED_SAMPLES = 16
HEADER_LIMIT = 16 * 2**20


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

    def index(self, size: int) -> Index:
        """Stream the file of `size` bytes once to find its cuts, and infer types behind each."""
        names, start = self.header()
        kinds = dict.fromkeys(names, pa.null())
        if self.is_packed:
            self._infer_all(self._samples([start]), names, kinds, size)
            self._find_values(names, start, kinds)
            return Index(pa.schema(list(kinds.items())), (start,), ())
        cuts, growth = self._cuts(Cuts.begin(start, self.chunk_bytes), names, kinds, size)
        self._find_values(names, start, kinds)
        return Index(pa.schema(list(kinds.items())), tuple(cuts.edges), tuple(cuts.rows), growth)

    def grown(self, before: Index, size: int) -> Index | None:
        """The index of a file of `size` bytes that begins as an earlier one; only the rest is read.

        None when that cannot be told from the rest.
        """
        old, names = before.growth, before.schema.names
        if old is None or old.size == old.cuts.start:  # its header may not have been complete
            return None
        kinds: dict[str, pa.DataType] = dict(zip(names, old.types.types, strict=True))
        behind = old.cuts.behind
        cuts, growth = self._cuts(old.cuts, names, kinds, size, old.n_closed)
        empty = [name for name, kind in kinds.items() if pa.types.is_null(kind)]
        if any(not pa.types.is_null(before.schema.field(name).type) for name in empty):
            return None  # its first values were looked for behind the samples
        rest = dict(kinds)
        self._find_values(names, behind, rest)
        if rest != kinds:
            return None  # which values come first depends on where pieces begin
        return Index(pa.schema(list(kinds.items())), tuple(cuts.edges), tuple(cuts.rows), growth)

    def _cuts(
        self, cuts: Cuts, names: list[str], kinds: dict[str, pa.DataType], size: int,
        n_closed: int = 0,
    ) -> tuple[Cuts, Growth]:  # fmt: skip
        """The cuts of the whole file, and what a longer one goes on from; widens `kinds`."""
        with self.opened(cuts.position) as read:
            before = cuts.go_on(read, self.delimiter)
        if cuts.state == IN_QUOTES:
            raise self.unclosed(cuts.behind)
        cuts.finish()
        pieces = self._samples(cuts.samples, n_closed)
        closed, types = self._infer_all(pieces, names, kinds, size)
        return cuts, Growth(size, before, n_closed + closed, types)

    def _samples(self, places: list[int], first: int = 0) -> Iterator[Piece]:
        """Take some records at every place; more of them from what can be entered at one only."""
        for number, place in enumerate(places[first:], first):
            size = SAMPLE_BYTES if number else FIRST_SAMPLE_BYTES
            with self.opened(place) as read:
                pieces = self.pieces(read, place, size)
                yield from islice(pieces, PACKED_SAMPLES if self.is_packed else 1)

    def _infer_all(
        self, pieces: Iterator[Piece], names: list[str], kinds: dict[str, pa.DataType], size: int
    ) -> tuple[int, pa.Schema]:
        """Widen `kinds` to samples; how many of the first cannot change, and what they tell."""
        n_closed, types, closed = 0, dict(kinds), True
        for piece in pieces:
            self._infer(piece, names, kinds)
            # All that was read for it lies within the file.
            closed &= piece.offset + len(piece.text) + FIRST_SAMPLE_BYTES <= size
            if closed:
                n_closed, types = n_closed + 1, dict(kinds)
        return n_closed, pa.schema(list(types.items()))

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
        empty = {name: kind for name, kind in kinds.items() if pa.types.is_null(kind)}
        with self.opened(start) as read:
            pieces = self.pieces(read, start)
            while empty and (piece := next(pieces, None)):
                self._infer(piece, names, empty)
                kinds.update(empty)
                empty = {name: kind for name, kind in empty.items() if pa.types.is_null(kind)}

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
