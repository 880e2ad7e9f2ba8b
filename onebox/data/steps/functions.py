"""Steps by functions of the user, and what may come out of such a function."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from onebox.data.block import Block
from onebox.data.columns import MatrixColumns, TableColumns
from onebox.data.steps.step import Step, with_columns
from onebox.errors import MismatchedRows, SchemaMismatch, WrongType


@dataclass(frozen=True)
class Assign(Step):
    """Add a column, or replace one, by a function of the block."""

    name: str
    function: Callable[[Block], Any]
    type: pa.DataType

    def schema(self, before: pa.Schema) -> pa.Schema:
        field = pa.field(self.name, self.type)
        if self.name in before.names:
            return before.set(before.get_field_index(self.name), field)
        return before.append(field)

    def needs(self, wanted: set[str], before: pa.Schema) -> set[str]:
        # What a function looks at cannot be seen from outside.
        return set(before.names) if self.name in wanted else wanted

    def apply(self, block: Block) -> Block:
        made = as_array(self.function(_own(block)), block.n_rows, f"assign({self.name}=...)")
        made = made if made.type == self.type else made.cast(self.type)
        batch = block.columns.to_batch()
        if self.name in block.names:
            at = block.names.index(self.name)
            batch = batch.set_column(at, pa.field(self.name, self.type), made)
        else:
            batch = batch.append_column(pa.field(self.name, self.type), made)
        return with_columns(block, TableColumns(batch))


@dataclass(frozen=True)
class Map(Step):
    """Replace every block by what a function makes of it, row for row.

    Attributes
    ----------
    function : callable
    after : pyarrow.Schema
        What comes out.
    takes_missing : bool
        Whether it is handed rows with missing values where a dataset drops those.
    takes_sparse : bool
        Whether it makes no matrix of rows that came as CSR.
    """

    function: Callable[[Block], Any]
    after: pa.Schema
    takes_missing: bool = True
    takes_sparse: bool = False

    def schema(self, before: pa.Schema) -> pa.Schema:
        return self.after

    def needs(self, wanted: set[str], before: pa.Schema) -> set[str]:
        return set(before.names)

    def apply(self, block: Block) -> Block:
        columns = as_columns(self.function(_own(block)), self.after.names, "map(function)")
        if columns.n_rows != block.n_rows:
            raise MismatchedRows(
                f"map(function) turned {block.n_rows:,} rows into {columns.n_rows:,} in "
                f"{block.place(0)}; it must keep the rows. Use .filter to drop some."
            )
        if list(columns.names) != self.after.names:
            raise SchemaMismatch(
                f"map(function) gave the columns {', '.join(columns.names)} in {block.place(0)}, "
                f"and {', '.join(self.after.names)} before. Return the same columns every time."
            )
        if isinstance(columns, TableColumns) and columns.batch.schema.types != self.after.types:
            columns = TableColumns(columns.batch.cast(self.after))
        return with_columns(block, columns)


def _own(block: Block) -> Block:
    """The block in memory that is not used again: an answer may be a view of it."""
    return Block(block.columns, block.partition, block.first_row, block.rows)


def as_array(made: Any, n_rows: int, job: str) -> pa.Array:
    """A function's answer as one Arrow column."""
    if isinstance(made, pa.ChunkedArray):
        made = made.combine_chunks()
    if not isinstance(made, pa.Array):
        try:
            made = pa.array(np.asarray(made) if not isinstance(made, list) else made)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError) as error:
            raise WrongType(
                f"{job} gave a {type(made).__name__} that is no column: {error}. Return a "
                "one-dimensional numpy or Arrow array with one value a row."
            ) from None
    if len(made) != n_rows:
        raise MismatchedRows(
            f"{job} gave {len(made):,} values for {n_rows:,} rows; give one a row."
        )
    return made


def as_columns(made: Any, names: Iterable[str] | None, job: str) -> TableColumns | MatrixColumns:
    """A function's answer as columns: a matrix, a table, a dict of columns, or one column."""
    if isinstance(made, Block):
        made = made.to_arrow()
    if isinstance(made, dict):
        made = pa.record_batch({k: pa.array(np.asarray(v)) for k, v in made.items()})
    if isinstance(made, np.ndarray) and made.ndim <= 2:
        matrix = made if made.ndim == 2 else made.reshape(-1, 1)
        if matrix.dtype.kind in "fiub":
            wanted = tuple(names or ())
            fits = len(wanted) == matrix.shape[1]
            return MatrixColumns(
                matrix, wanted if fits else tuple(f"x{j}" for j in range(matrix.shape[1]))
            )
        made = pa.record_batch([pa.array(c) for c in matrix.T], names=list(names or ["x0"]))
    if hasattr(made, "__arrow_c_stream__") and not isinstance(made, pa.RecordBatch):
        table = pa.table(made)
        arrays = [column.combine_chunks() for column in table.columns]
        made = pa.RecordBatch.from_arrays(arrays, schema=table.schema)
    if isinstance(made, pa.RecordBatch):
        return TableColumns(made)
    raise WrongType(
        f"{job} gave a {type(made).__name__}; return a numpy array, an Arrow record batch or "
        "table, a dict of columns, or a data frame."
    )
