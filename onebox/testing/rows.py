"""Rows in memory that can be cut into blocks and partitions in any way, and damaged on purpose."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import scipy.sparse as sp
from numpy.typing import NDArray

from onebox.aggregates.aggregate import Aggregate
from onebox.data.block import Block
from onebox.data.columns import Columns, MatrixColumns, SparseColumns, TableColumns, concat
from onebox.data.partition import Partition
from onebox.data.schema import Schema
from onebox.data.scratch import FreshMemory, Scratch
from onebox.dataset import as_dataset, pair
from onebox.errors import EmptyData

N_ROWS = 300


class SpoiledScratch(Scratch):
    """Scratch that forgets what it held when it is told to, as reuse by the next block would."""

    def spoil(self) -> None:
        for buffer in self._buffers.values():
            buffer.fill(0xA5)


@dataclass(frozen=True)
class Rows:
    """Some rows with the roles of their columns."""

    schema: Schema
    columns: Columns
    target: NDArray[Any] | None = None
    weight: NDArray[np.float64] | None = None
    start: int = 0

    @classmethod
    def of(cls, data: Any, y: Any = None, sample_weight: Any = None) -> Rows:
        """Read everything that a dataset holds."""
        view = pair(as_dataset(data), y, sample_weight)
        blocks = [block for unit in view.layout.units for block in view.blocks(unit, FreshMemory())]
        if not blocks:
            raise EmptyData("check_aggregate needs data with some rows to work with; these have 0.")
        target = np.concatenate([block.y for block in blocks]) if blocks[0].has_target else None
        weight = np.concatenate([block.weight for block in blocks])
        columns = concat([block.columns for block in blocks])
        return cls(view.schema, columns, target, weight if len(weight) else None)

    def __len__(self) -> int:
        return self.columns.n_rows

    def part(self, start: int, stop: int) -> Rows:
        """Some consecutive rows, copied, so that nothing is shared."""
        keep = np.zeros(len(self), np.bool_)
        keep[start:stop] = True
        return replace(
            self,
            columns=self.columns.take(keep),
            target=None if self.target is None else self.target[keep],
            weight=None if self.weight is None else self.weight[keep],
            start=self.start + start,
        )

    def spoil(self) -> None:
        """Overwrite the numbers of a matrix, as a reader does that fills it anew."""
        if isinstance(self.columns, MatrixColumns):
            self.columns.data.fill(93)

    def block(self, scratch: Scratch, aggregate: Aggregate[Any]) -> Block:
        """The rows as one block."""
        block = Block(
            self.columns, Partition(0, "", 0, None, ""), self.start,
            target=self.target, target_ndim=self.schema.target_ndim, weight=self.weight,
            scratch=scratch, dtype=self.schema.dtype,
        )  # fmt: skip
        for state in aggregate.row_state(self.schema):
            block.state[state.name] = np.full(len(self), state.fill, state.dtype)
        return block

    def damaged(self, at: int, value: str) -> Rows | None:
        """The same with a NaN, an infinity or a null in one row of every column that takes it."""
        columns = self.columns
        if isinstance(columns, TableColumns):
            arrays = [_damaged(array, at, value) for array in columns.batch.columns]
            if arrays == columns.batch.columns:
                return None
            batch = pa.record_batch(arrays, names=list(columns.names))
            return replace(self, columns=TableColumns(batch))
        assert isinstance(columns, MatrixColumns | SparseColumns)
        if value == "null" or columns.data.dtype.kind != "f":
            return None
        bad = np.nan if value == "NaN" else np.inf
        if isinstance(columns, SparseColumns):
            sparse = sp.lil_array(columns.data)
            sparse[at] = bad
            return replace(self, columns=SparseColumns(sp.csr_array(sparse), columns.names))
        dense = columns.data.copy()
        dense[at] = bad
        return replace(self, columns=MatrixColumns(dense, columns.names))


def made_rows(names: Sequence[str]) -> Iterator[Rows]:
    """Rows with numbers, a target, and then weights, for aggregates that bring no data."""
    random = np.random.default_rng(0)
    table = {
        name: random.normal(10.0**j, 2.0, N_ROWS) if j % 3 < 2 else random.integers(0, 50, N_ROWS)
        for j, name in enumerate(names)
    }
    y = random.normal(size=N_ROWS)
    yield Rows.of(pa.table(table), y)
    yield Rows.of(pa.table(table), y, random.uniform(0.5, 2.0, N_ROWS))


def _damaged(array: pa.Array, at: int, value: str) -> pa.Array:
    if value == "null":
        bad = pa.nulls(1, array.type)
    elif pa.types.is_floating(array.type):
        bad = pa.array([np.nan if value == "NaN" else np.inf], pa.float64()).cast(array.type)
    else:
        return array
    return pa.concat_arrays([array.slice(0, at), bad, array.slice(at + 1)])
