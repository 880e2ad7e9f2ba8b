"""A uniform sample of the rows, the same whatever reads them in whatever order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from onebox.aggregates.aggregate import Aggregate
from onebox.data.block import Block
from onebox.data.schema import Schema, require_columns
from onebox.data.steps import draw_hashes
from onebox.data.view import type_width
from onebox.errors import BadInput

# Names that no file's column has.
DRAW, FILE, ROW = "\0draw", "\0file", "\0row"

KEY_BYTES = 8 + 64 + 8  # a draw, the path of a file, a row
ARROW_SLACK = 256  # buffers are rounded up


@dataclass
class SampleSummary:
    """Rows that may be in the sample, with their draws and places as further columns."""

    rows: list[pa.RecordBatch]  # each longer than the next, so that there are few
    n_candidates: int
    limit: int  # no row with a greater draw can be in the sample


@dataclass(frozen=True)
class Sample(Aggregate[SampleSummary]):
    """A uniform sample of n rows without replacement, as an Arrow table in the order of the rows.

    Every row draws a number that depends on the seed, its file and its place in it, or on the value
    of a column; the n lowest draws are the sample. So other files that come or go move no row's
    draw.

    Parameters
    ----------
    n : int
        Rows of the sample; all there are when there are fewer.
    random_state : int, default=0
        The seed.
    by : str, default=None
        Draw by the values of this column, so that rows of equal value are drawn together; only of
        the last value drawn may rows be cut off to make n.

    Notes
    -----
    Cost: 1 pass; summary at most 2 n rows, in which texts and lists are reckoned at 32 bytes each.

    Exactness: exact; the same rows for any order of reading and any split. Weights are ignored.
    Dictionaries come out decoded.

    Source: bottom-k sampling, Cohen & Kaplan, "Summarizing data using bottom-k sketches", PODC
    2007.

    Examples
    --------
    >>> import numpy as np, onebox as ob
    >>> from onebox.aggregates import Sample
    >>> ob.aggregate(np.arange(1000), Sample(3)).column("x0").to_pylist()
    [180, 202, 873]
    """

    n: int
    random_state: int = 0
    by: str | None = None

    grouped: ClassVar[bool] = False
    no_error: ClassVar[str] = "a sample is no estimate"

    def __post_init__(self) -> None:
        if self.n < 1:
            raise BadInput(f"n={self.n} rows make no sample; ask for 1 or more.")

    def empty(self, schema: Schema) -> SampleSummary:
        if self.by is not None:
            require_columns(schema.names, [self.by])
        columns = [pa.array([], _decoded(field.type)) for field in schema.columns]
        keys = [pa.array([], kind) for kind in (pa.uint64(), pa.string(), pa.int64())]
        names = [*schema.names, DRAW, FILE, ROW]
        none = pa.record_batch([*columns, *keys], names=names)
        return SampleSummary([none], 0, 2**64 - 1)

    def nbytes(self, schema: Schema) -> int:
        width = KEY_BYTES + sum(type_width(_decoded(kind)) for kind in schema.columns.types)
        return 2 * self.n * width + ARROW_SLACK * (len(schema.columns) + 3)

    def update(self, summary: SampleSummary, block: Block) -> None:
        draws = draw_hashes(block, self.random_state, self.by)
        keep = draws <= np.uint64(summary.limit)
        if not keep.any():
            return
        rows = block.columns.take(keep).to_batch()
        columns = [_plain(column) for column in rows.columns]
        files = pa.repeat(block.partition.file, rows.num_rows)
        keys = [pa.array(draws[keep]), files, pa.array(block.file_rows()[keep])]
        names = [*rows.schema.names, DRAW, FILE, ROW]
        self._add(summary, [pa.record_batch([*columns, *keys], names=names)])

    def merge(self, into: SampleSummary, other: SampleSummary) -> None:
        into.limit = min(into.limit, other.limit)
        self._add(into, other.rows)

    def _add(self, summary: SampleSummary, more: list[pa.RecordBatch]) -> None:
        rows = summary.rows
        for batch in more:
            if not batch.num_rows:
                continue
            summary.n_candidates += batch.num_rows
            rows.append(batch)
            while len(rows) > 1 and rows[-2].num_rows <= rows[-1].num_rows:
                rows[-2:] = [pa.concat_batches(rows[-2:])]
        if summary.n_candidates >= 2 * self.n:
            lowest = self._lowest(rows)
            summary.rows, summary.n_candidates = [lowest], lowest.num_rows
            summary.limit = lowest.column(DRAW)[-1].as_py()

    def _lowest(self, rows: list[pa.RecordBatch]) -> pa.RecordBatch:
        """The n rows with the lowest draws, lowest first."""
        together = pa.concat_batches(rows)
        keys = together.select([DRAW, FILE, ROW])
        order = pc.sort_indices(keys, [(name, "ascending") for name in (DRAW, FILE, ROW)])
        return together.take(order[: self.n])

    def result(self, summary: SampleSummary) -> pa.Table:
        lowest = self._lowest(summary.rows)
        order = pc.sort_indices(
            lowest.select([FILE, ROW]), [(FILE, "ascending"), (ROW, "ascending")]
        )
        names = lowest.schema.names[: -len((DRAW, FILE, ROW))]
        return pa.table(lowest.select(names).take(order))


def _decoded(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _plain(array: pa.Array) -> pa.Array:
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array
