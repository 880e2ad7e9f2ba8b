"""Where rows come from: the contract that every file format and container fulfils.

A source is a picklable description. It knows its columns and spans without reading rows, and it
opens its files inside the task that reads. One file a format lives in ``onebox.data.sources``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from onebox.data.columns import Columns
    from onebox.data.partition import Span
    from onebox.data.sources.trace import Trace


class Source(ABC):
    """Where rows come from."""

    single_pass: bool = False
    """Whether the rows can be read once only."""
    raw: bool = False
    """Whether reading again costs no decoding, so that nothing is gained by keeping blocks."""

    travels: bool = True
    """Whether a copy in another process reads the same rows: it carries paths, not the rows."""
    in_memory: bool = False
    """Whether the caller holds the rows already, so that reading copies nothing."""
    tells_nulls: bool = False
    """Whether `null_counts` may know something."""
    named: bool = True
    """Whether the columns' names come from the data; if not they are x0, x1, ..."""

    @property
    @abstractmethod
    def schema(self) -> pa.Schema:
        """Every column, settled over all files."""

    @abstractmethod
    def spans(self) -> list[Span]:
        """The runs of rows, in order. Reads footers and indexes, never rows."""

    @abstractmethod
    def read(
        self, span: Span, start: int, stop: int, names: Sequence[str], rows_per_batch: int
    ) -> Iterator[Columns]:
        """Rows `start` to `stop` (-1: the end) of a span, in order, in batches of any length.

        A span that is not seekable is always read from 0. Batches of `rows_per_batch` rows save a
        copy. The file must be checked against ``span.fingerprint`` when it is opened.
        """

    def reads_apart(self, names: Sequence[str]) -> bool:
        """Whether some of these columns take less time than all, and come in the same batches."""
        return False

    @property
    @abstractmethod
    def token(self) -> object:
        """Equal for sources that give the same rows: half of a row identity. Hashable."""

    @property
    def content(self) -> object:
        """What its rows are made of, for keys: equal for equal rows, in any process."""
        return self.token

    def trace(self, file: str) -> Trace | None:
        """How a cache recognises a file, given by its key; None for what is no file."""
        return None

    def reading_bytes(self, span: Span, names: Sequence[str], rows_per_batch: int) -> int:
        """Peak bytes that reading one span adds, beside the batch it hands over."""
        return 0

    def stored_bytes(self, span: Span, names: Sequence[str]) -> int:
        """Bytes that reading these columns takes from the disk."""
        return span.nbytes

    def unpacked_bytes(self, span: Span, names: Sequence[str]) -> int:
        """Bytes that these columns have before compression, at the least."""
        return self.stored_bytes(span, names)

    @property
    def entry_row_bytes(self) -> int | None:
        """Bytes that the entries of a row take where rows come as CSR; None where they do not.

        In the mean, rounded up to a power of two: so that few rows more move no cut.
        """
        return None

    def null_counts(self, span: Span, names: Sequence[str]) -> list[int | None]:
        """Nulls of columns that a footer tells of, None where it does not."""
        return [None] * len(names)

    def may_match(self, span: Span, expression: pc.Expression) -> bool:
        """False only when statistics prove that no row of the span can match."""
        return True

    def describe(self) -> str:
        """A few words for reprs and messages: "12 Parquet files in trips"."""
        return type(self).__name__
