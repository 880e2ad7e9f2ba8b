"""CSV text as whole records: cut out of a stream, decoded into columns, found for messages."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

from onebox._kernels import records
from onebox.errors import BadInput, CorruptFile

PIECE_BYTES = 2**20
RECORD_LIMIT = 64 * 2**20
QUOTE = ord('"')
LINE_START, IN_QUOTES = 0, 3  # states of `scan_records`
MARK = b"\xef\xbb\xbf"
OTHER_MARKS = (b"\xff\xfe", b"\xfe\xff")

Read = Callable[[int], bytes]
"""The next bytes of a file, at most so many; none at its end."""


class UnclosedError(Exception):
    """Text ends, or goes on too long, within the record at this offset."""

    def __init__(self, offset: int) -> None:
        super().__init__(offset)
        self.offset = offset


@dataclass(frozen=True)
class Piece:
    """Some whole records.

    Attributes
    ----------
    text : bytes
    n_records : int
    offset : int
        Byte of the file at which they begin.
    """

    text: bytes
    n_records: int
    offset: int


def count_records(text: bytes, delimiter: str, state: int = LINE_START) -> tuple[int, int, int]:
    """Count the records that end in `text`; also the offset behind them (or -1) and the state."""
    return records.scan_records(np.frombuffer(text, np.uint8), QUOTE, ord(delimiter), state)


def cut_pieces(
    read: Read, delimiter: str, offset: int = 0, size: int = PIECE_BYTES
) -> Iterator[Piece]:
    """Cut what `read` gives, from the start of a record on, into pieces of whole records.

    Raises
    ------
    UnclosedError
        The text ends within quotes, or a record is longer than 64 MB.
    """
    held, state, count = b"", LINE_START, 0
    while fresh := read(size):
        n_records, end, state = count_records(fresh, delimiter, state)
        count += n_records
        if end < 0:
            held += fresh
            if len(held) > RECORD_LIMIT:
                raise UnclosedError(offset)
            continue
        piece = Piece(held + fresh[:end], count, offset)
        yield piece
        offset += len(piece.text)
        held, count = fresh[end:], 0
    if state == IN_QUOTES:
        raise UnclosedError(offset)
    if state != LINE_START:
        yield Piece(held, 1, offset)


def end_of_record(text: bytes, delimiter: str, number: int) -> int:
    """Offset just behind record `number` of `text` (0 for none), its length at most."""
    if number == 0:
        return 0
    low, high = 0, len(text)
    while low < high:
        middle = (low + high) // 2
        if count_records(text[:middle], delimiter)[0] < number:
            low = middle + 1
        else:
            high = middle
    return low


def split_fields(record: bytes, key: str, delimiter: str) -> list[str]:
    """Fields of one record, e.g. a header."""
    if record.startswith(OTHER_MARKS):
        raise CorruptFile(
            f"{key} is encoded as UTF-16; only UTF-8 is read. Convert it: iconv -f utf-16 -t utf-8."
        )
    try:
        text = record.removeprefix(MARK).decode()
    except UnicodeDecodeError as error:
        raise CorruptFile(f"{key}, line 1: {_not_utf8(str(error))}") from None
    return next(csv.reader(io.StringIO(text.strip("\r\n"), newline=""), delimiter=delimiter), [])


def decode(
    text: bytes,
    names: Sequence[str],
    delimiter: str,
    types: dict[str, pa.DataType] | None = None,
    wanted: Sequence[str] | None = None,
) -> pa.Table:
    """Columns of some whole records; types that are not given are inferred.

    Raises
    ------
    pyarrow.ArrowInvalid
        Its message tells the number of the record.
    """
    return pacsv.read_csv(
        pa.BufferReader(text),
        # one block: pieces are small, threads are ours
        read_options=pacsv.ReadOptions(
            column_names=list(names), use_threads=False, block_size=len(text) + 1
        ),
        parse_options=pacsv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
        convert_options=pacsv.ConvertOptions(
            column_types=types,
            include_columns=None if wanted is None else list(wanted),
            strings_can_be_null=True,
        ),
    )


@dataclass(frozen=True)
class Place:
    """What a message of Arrow's CSV reader says about where it stumbled."""

    record: int | None
    column: int | None

    @classmethod
    def of(cls, error: Exception) -> Place:
        record = re.search(r"Row #(\d+)", str(error))
        column = re.search(r"In CSV column #(\d+)", str(error))
        return cls(int(record[1]) if record else None, int(column[1]) if column else None)


def explain(
    error: Exception, key: str, line: int, names: Sequence[str], types: dict[str, pa.DataType]
) -> BadInput:
    """Make the error to raise for a record that cannot be decoded: line, column, value, remedy."""
    message = " ".join(str(error).split())
    number = Place.of(error).column
    where = f"{key}, line {line:,}"
    if "UTF8" in message:
        column = "" if number is None else f", column {names[number]!r}"
        return CorruptFile(f"{where}{column}: {_not_utf8('invalid bytes')}")
    if counts := re.search(r"Expected (\d+) columns, got (\d+)", message):
        return CorruptFile(
            f"{where}: the record has {counts[2]} fields and the header {counts[1]}. Mend the "
            "line; a field that holds the separator or a newline must stand in quotes."
        )
    value = re.search(r"invalid value '(.*)'$", message)
    if number is None or value is None:
        return CorruptFile(f"{where}: {message[:300]}. Mend the line, or leave the file out.")
    name = names[number]
    kind = types.get(name)
    shown = value[1] if len(value[1]) <= 60 else value[1][:60] + "..."
    fitting = "float64" if _is_number(value[1]) else "string"
    return BadInput(
        f"{where}, column {name!r}: the value {shown!r} is no {kind}, the type of the column. Mend "
        f"it, or open the data with types={{{name!r}: {fitting!r}}}."
    )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _not_utf8(reason: str) -> str:
    return f"the text is not UTF-8 ({reason}). Convert the file, e.g. iconv -f latin1 -t utf-8."
