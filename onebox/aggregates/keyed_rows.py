"""What samples of rows share: every row gets a key that depends on the row alone, the lowest stay."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from onebox.aggregates.aggregate import Aggregate
from onebox.data.block import Block
from onebox.data.schema import Schema
from onebox.data.widths import type_width
from onebox.errors import BadInput

# Names that no file's column has.
STRATUM, DRAW, FILE, ROW = "\0stratum", "\0draw", "\0file", "\0row"
PLACE = (FILE, ROW)

KEY_BYTES = 8 + 8 + 64 + 8  # a stratum, a draw, the path of a file, a row
ARROW_SLACK = 256  # buffers are rounded up

Keys = dict[str, NDArray[Any]]


@dataclass
class KeyedSummary:
    """Rows that may be in the sample, with their keys and places as further columns."""

    rows: list[pa.RecordBatch]  # each longer than the next, so that there are few
    n_candidates: int
    limit: float  # no row with a greater draw can be in the sample


@dataclass(frozen=True)
class KeyedRows(Aggregate[KeyedSummary]):
    """The rows with the lowest keys, as an Arrow table in the order of the rows.

    Parameters
    ----------
    n : int
    """

    n: int

    grouped: ClassVar[bool] = False
    no_error: ClassVar[str] = "a sample is no estimate"
    own_keys: ClassVar[dict[str, pa.DataType]]
    """Names and types of the keys, most important first; places decide between equal ones."""
    highest: ClassVar[float]
    """A draw that no row exceeds."""

    def __post_init__(self) -> None:
        if self.n < 1:
            raise BadInput(f"n={self.n} rows make no sample; ask for 1 or more.")

    @property
    @abstractmethod
    def room(self) -> int:
        """Rows of the sample, at the most."""

    @abstractmethod
    def offered(self, summary: KeyedSummary, block: Block) -> tuple[NDArray[np.bool_], Keys]:
        """Which rows of a block may be in the sample, and their keys."""

    def cut(self, rows: pa.RecordBatch, order: pa.Array) -> pa.Array:
        """Those of an order of rows by their keys that are the sample."""
        return order[: self.n]

    def empty(self, schema: Schema) -> KeyedSummary:
        columns = [pa.array([], _decoded(field.type)) for field in schema.columns]
        keys = [pa.array([], kind) for kind in (*self.own_keys.values(), pa.string(), pa.int64())]
        names = [*schema.names, *self.own_keys, *PLACE]
        none = pa.record_batch([*columns, *keys], names=names)
        return KeyedSummary([none], 0, self.highest)

    def nbytes(self, schema: Schema) -> int:
        width = KEY_BYTES + sum(type_width(_decoded(kind)) for kind in schema.columns.types)
        return 2 * self.room * width + ARROW_SLACK * (len(schema.columns) + 4)

    def update(self, summary: KeyedSummary, block: Block) -> None:
        keep, keys = self.offered(summary, block)
        if not keep.any():
            return
        rows = block.columns.take(keep).to_batch()
        columns = [_plain(column) for column in rows.columns]
        drawn = [pa.array(keys[name], kind) for name, kind in self.own_keys.items()]
        place = [
            pa.repeat(block.partition.file, rows.num_rows), pa.array(block.file_rows()[keep]),
        ]  # fmt: skip
        names = [*rows.schema.names, *self.own_keys, *PLACE]
        self._add(summary, [pa.record_batch([*columns, *drawn, *place], names=names)])

    def merge(self, into: KeyedSummary, other: KeyedSummary) -> None:
        into.limit = min(into.limit, other.limit)
        self._add(into, other.rows)

    def _add(self, summary: KeyedSummary, more: list[pa.RecordBatch]) -> None:
        rows = summary.rows
        for batch in more:
            if not batch.num_rows:
                continue
            summary.n_candidates += batch.num_rows
            rows.append(batch)
            while len(rows) > 1 and rows[-2].num_rows <= rows[-1].num_rows:
                rows[-2:] = [pa.concat_batches(rows[-2:])]
        if summary.n_candidates >= 2 * self.room:
            lowest = self._lowest(rows)
            summary.rows, summary.n_candidates = [lowest], lowest.num_rows
            if lowest.num_rows == self.room and len(self.own_keys) == 1:
                summary.limit = lowest.column(DRAW)[-1].as_py()

    def _lowest(self, rows: list[pa.RecordBatch]) -> pa.RecordBatch:
        """The sample of these rows, sorted by the keys."""
        together = pa.concat_batches(rows)
        names = [*self.own_keys, *PLACE]
        order = pc.sort_indices(together.select(names), [(name, "ascending") for name in names])
        return together.take(self.cut(together, order))

    def result(self, summary: KeyedSummary) -> pa.Table:
        lowest = self._lowest(summary.rows)
        order = pc.sort_indices(lowest.select(PLACE), [(name, "ascending") for name in PLACE])
        names = lowest.schema.names[: -len((*self.own_keys, *PLACE))]
        return pa.table(lowest.select(names).take(order))


def _decoded(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _plain(array: pa.Array) -> pa.Array:
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array
