"""How data are cut: spans that a source can open, pieces of them, the partitions' numbers.

A `Span` is what a reader opens at once: a Parquet row group, a chunk of a CSV file, a whole array.
It is cut into pieces, and each piece is one `Partition`. The first 32 pieces of a span hold one
block each, the next 32 two blocks, then four, and so on: so rows added at the end of a span move no
earlier cut, a span of any length has a bounded number of pieces, and there are as many partitions
as error groups wherever there are that many blocks. Cuts depend on the data and the columns read
only.

A block is small enough for the shared level of a processor's caches, and large enough that what
Python does once a block is little beside what kernels do; readers hand over several blocks at a
time, as decoding small batches costs more.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

PIECES_PER_LEVEL = 32
BLOCK_BYTES = 5 * 2**19
READ_BYTES = 8 * 2**20
MIN_BLOCK_ROWS = 512
MAX_BLOCK_ROWS = 32_768


def block_rows(row_bytes: int) -> int:
    """Rows of a block: a multiple of 512, up to 32,768, that keeps its matrix within 2.6 MB.

    >>> block_rows(41 * 8), block_rows(1), block_rows(100_000)
    (7680, 32768, 512)
    """
    rows = BLOCK_BYTES // max(row_bytes, 1) // MIN_BLOCK_ROWS * MIN_BLOCK_ROWS
    return min(max(rows, MIN_BLOCK_ROWS), MAX_BLOCK_ROWS)


def batch_rows(row_bytes: int) -> int:
    """Rows to decode at a time: whole blocks, some 8 MB together.

    >>> batch_rows(41 * 8), batch_rows(100_000)
    (23040, 512)
    """
    rows = block_rows(row_bytes)
    return rows * max(1, READ_BYTES // (rows * max(row_bytes, 1)))


def piece_edges(n_rows: int, rows_per_block: int) -> tuple[int, ...]:
    """Row offsets at which a span is cut, from 0 to `n_rows`.

    >>> piece_edges(10, 4)
    (0, 4, 8, 10)
    """
    edges, step = [0], rows_per_block
    while edges[-1] < n_rows:
        for _ in range(PIECES_PER_LEVEL):
            edges.append(min(edges[-1] + step, n_rows))
            if edges[-1] == n_rows:
                break
        step *= 2
    return tuple(edges) if n_rows else (0, 0)


@dataclass(frozen=True, slots=True)
class Span:
    """A run of rows that a reader opens at once.

    Attributes
    ----------
    file : str
        Key of the file: its path relative to the dataset's root; "" for what lies in memory.
    index : int
        Number of the row group, record batch or chunk within the file.
    first_row : int
        Row of the file at which the span begins.
    n_rows : int or None
        Rows in it; None when only reading can tell (then the span is one partition).
    nbytes : int
        Bytes to be read, before decoding.
    fingerprint : str
        Changes when the file changes.
    seekable : bool
        Whether a piece can be read without reading what lies before it.
    """

    file: str
    index: int
    first_row: int
    n_rows: int | None
    nbytes: int
    fingerprint: str
    seekable: bool = False

    @property
    def place(self) -> str:
        """Where this is, for messages."""
        return f"{self.file}, part {self.index}" if self.file else "the data in memory"


@dataclass(frozen=True, slots=True)
class Partition:
    """The unit of reading, caching and merging: consecutive rows of one file.

    Attributes
    ----------
    number : int
        Position in the dataset; it belongs to error group ``number % 32``.
    file : str
        Key of the file.
    first_row : int
        Row of the file at which it begins.
    n_rows : int or None
        Rows before any filter; None when only reading can tell.
    fingerprint : str
        Changes when the file changes.
    """

    number: int
    file: str
    first_row: int
    n_rows: int | None
    fingerprint: str

    @property
    def key(self) -> tuple[str, int]:
        """File and first row: stays the same when other files come and go."""
        return self.file, self.first_row


@dataclass(frozen=True, slots=True)
class Unit:
    """What one task reads: one span, or one piece of a span that can be entered anywhere.

    Attributes
    ----------
    span : Span
    start, stop : int
        Rows within the span; `stop` is -1 when unknown.
    edges : tuple of int
        Cuts between its partitions, as rows within the span.
    first_partition : int
        Number of its first partition.
    global_row : int or None
        Rows of the dataset before it; None when a span before it has an unknown length.
    """

    span: Span
    start: int
    stop: int
    edges: tuple[int, ...]
    first_partition: int
    global_row: int | None

    @property
    def n_rows(self) -> int | None:
        return None if self.stop < 0 else self.stop - self.start

    @property
    def n_partitions(self) -> int:
        return len(self.edges) - 1

    @property
    def nbytes(self) -> int:
        """Bytes that reading it takes from the disk."""
        if self.n_rows is None or not self.span.n_rows:
            return self.span.nbytes
        return self.span.nbytes * self.n_rows // self.span.n_rows

    def partitions(self) -> Iterator[Partition]:
        for i in range(self.n_partitions):
            first, stop = self.edges[i], self.edges[i + 1]
            yield Partition(
                self.first_partition + i,
                self.span.file,
                self.span.first_row + first,
                None if stop < 0 else stop - first,
                self.span.fingerprint,
            )


@dataclass(frozen=True)
class Layout:
    """Every unit of a dataset, for one choice of columns."""

    units: tuple[Unit, ...]
    rows_per_block: int
    rows_per_batch: int

    @classmethod
    def cut(cls, spans: list[Span], row_bytes: int, rows_per_block: int | None = None) -> Layout:
        """Cut spans into pieces of blocks; `rows_per_block` is derived from the width of a row."""
        rows_per_block = rows_per_block or block_rows(row_bytes)
        units: list[Unit] = []
        number, row = 0, 0
        known = True
        for span in spans:
            if span.n_rows is None:
                edges: tuple[int, ...] = (0, -1)
            else:
                edges = piece_edges(span.n_rows, rows_per_block)
            at = row if known else None
            if span.seekable and len(edges) > 2:
                for i in range(len(edges) - 1):
                    ends = edges[i : i + 2]
                    here = None if at is None else at + ends[0]
                    units.append(Unit(span, ends[0], ends[1], ends, number + i, here))
            else:
                units.append(Unit(span, 0, edges[-1], edges, number, at))
            number += len(edges) - 1
            known = known and span.n_rows is not None
            row += span.n_rows or 0
        return cls(tuple(units), rows_per_block, batch_rows(row_bytes))

    @property
    def n_rows(self) -> int | None:
        """Rows before any filter; None when only reading can tell."""
        counts = [unit.n_rows for unit in self.units]
        known = [count for count in counts if count is not None]
        return sum(known) if len(known) == len(counts) else None

    @property
    def n_partitions(self) -> int:
        return sum(unit.n_partitions for unit in self.units)

    @property
    def nbytes(self) -> int:
        return sum(unit.nbytes for unit in self.units)

    def partitions(self) -> Iterator[Partition]:
        for unit in self.units:
            yield from unit.partitions()
