"""What a Dataset does to its rows on the way: select, rename, filter, cast, assign, map, draw.

A step is a frozen recipe with three answers: the schema that comes out, the columns it needs, and
the rows that come out of some rows. Steps that drop rows report which rows of the file remain, so
that samples, errors and pairing still know every row by its place.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from onebox._kernels import sampling
from onebox.data.block import Block, _present
from onebox.data.columns import MatrixColumns, TableColumns
from onebox.data.schema import require_columns
from onebox.errors import BadInput, MismatchedRows, SchemaMismatch, WrongType
from onebox.storage.hashing import hash_bytes


class Step(ABC):
    """One thing done to the rows of a block."""

    drops_rows: ClassVar[bool] = False

    @abstractmethod
    def schema(self, before: pa.Schema) -> pa.Schema:
        """The columns that come out."""

    @abstractmethod
    def needs(self, wanted: set[str], before: pa.Schema) -> set[str]:
        """The columns that must come in, so that `wanted` can come out."""

    @abstractmethod
    def apply(self, block: Block) -> Block:
        """The rows that come out."""

    def origin(self, name: str) -> str | None:
        """The incoming column whose nulls an outgoing one has; None when it is made anew."""
        return None


def _own(block: Block) -> Block:
    """The block in memory that is not used again: an answer may be a view of it."""
    return Block(block.columns, block.partition, block.first_row, block.rows)


def _with_columns(block: Block, columns: Any) -> Block:
    return Block(columns, block.partition, block.first_row, block.rows, scratch=block.scratch)


@dataclass(frozen=True)
class Select(Step):
    """Keep these columns, in this order."""

    names: tuple[str, ...]

    def schema(self, before: pa.Schema) -> pa.Schema:
        require_columns(before.names, list(self.names))
        return pa.schema([before.field(name) for name in self.names])

    def origin(self, name: str) -> str | None:
        return name

    def needs(self, wanted: set[str], before: pa.Schema) -> set[str]:
        return wanted

    def apply(self, block: Block) -> Block:
        names = [name for name in self.names if name in block.names]
        return _with_columns(block, block.columns.select(names))


@dataclass(frozen=True)
class Rename(Step):
    """Give columns new names."""

    names: tuple[tuple[str, str], ...]

    def schema(self, before: pa.Schema) -> pa.Schema:
        require_columns(before.names, [old for old, _ in self.names])
        new = dict(self.names)
        after = [new.get(name, name) for name in before.names]
        if len(set(after)) < len(after):
            raise BadInput(f"rename({dict(self.names)}) would give two columns one name.")
        return pa.schema([f.with_name(n) for f, n in zip(before, after, strict=True)])

    def origin(self, name: str) -> str | None:
        return {new: old for old, new in self.names}.get(name, name)

    def needs(self, wanted: set[str], before: pa.Schema) -> set[str]:
        old = {new: name for name, new in self.names}
        return {old.get(name, name) for name in wanted}

    def apply(self, block: Block) -> Block:
        new = dict(self.names)
        return _with_columns(block, block.columns.rename([new.get(n, n) for n in block.names]))


@dataclass(frozen=True, eq=False)
class Filter(Step):
    """Keep the rows for which an Arrow expression is true."""

    expression: pc.Expression
    drops_rows: ClassVar[bool] = True

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Filter) and self.expression.equals(other.expression)

    def __hash__(self) -> int:
        return hash(str(self.expression))

    def schema(self, before: pa.Schema) -> pa.Schema:
        try:
            before.empty_table().filter(self.expression)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            reason = str(error).split("\n", 1)[0]
            raise BadInput(
                f"The filter {self.expression} does not fit the columns: {reason}"
            ) from None
        return before

    def needs(self, wanted: set[str], before: pa.Schema) -> set[str]:
        # An expression does not tell its fields; every name that occurs in its text is a superset.
        text = str(self.expression)
        named = {name for name in before.names if name in text}
        try:
            pa.schema([before.field(n) for n in named]).empty_table().filter(self.expression)
        except pa.ArrowInvalid:
            named = set(before.names)
        return wanted | named

    def apply(self, block: Block) -> Block:
        batch = block.columns.to_batch()
        at = pa.array(np.arange(batch.num_rows))
        table = pa.Table.from_arrays([*batch.columns, at], names=[*batch.schema.names, "\0row"])
        kept = table.filter(self.expression).column("\0row").to_numpy()
        if len(kept) == block.n_rows:
            return block
        keep = np.zeros(block.n_rows, np.bool_)
        keep[kept] = True
        return block.take(keep)


@dataclass(frozen=True)
class DropMissing(Step):
    """Keep the rows in which these columns have values: no null, NaN or infinity."""

    names: tuple[str, ...]
    drops_rows: ClassVar[bool] = True

    def schema(self, before: pa.Schema) -> pa.Schema:
        require_columns(before.names, list(self.names))
        return before

    def needs(self, wanted: set[str], before: pa.Schema) -> set[str]:
        return wanted | set(self.names)

    def apply(self, block: Block) -> Block:
        keep = np.ones(block.n_rows, np.uint8)
        for name in self.names:
            keep &= _present(block.column(name))
        return block if keep.all() else block.take(keep.view(np.bool_))


@dataclass(frozen=True)
class Cast(Step):
    """Change the types of columns."""

    types: tuple[tuple[str, pa.DataType], ...]

    def schema(self, before: pa.Schema) -> pa.Schema:
        require_columns(before.names, [name for name, _ in self.types])
        kinds = dict(self.types)
        return pa.schema([f.with_type(kinds.get(f.name, f.type)) for f in before])

    def origin(self, name: str) -> str | None:
        return name

    def needs(self, wanted: set[str], before: pa.Schema) -> set[str]:
        return wanted

    def apply(self, block: Block) -> Block:
        kinds = dict(self.types)
        arrays = []
        for name in block.names:
            array = block.column(name)
            try:
                arrays.append(array.cast(kinds[name]) if name in kinds else array)
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
                reason = str(error).split("\n", 1)[0]
                raise BadInput(
                    f"cast({{{name!r}: '{kinds[name]}'}}) failed in {block.place(0)} or one of the "
                    f"{block.n_rows:,} rows from there on: {reason}"
                ) from None
        return _with_columns(block, TableColumns(pa.record_batch(arrays, names=list(block.names))))


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
        return _with_columns(block, TableColumns(batch))


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
    """

    function: Callable[[Block], Any]
    after: pa.Schema
    takes_missing: bool = True

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
        return _with_columns(block, columns)


@dataclass(frozen=True)
class Draw(Step):
    """Keep rows by a draw that depends on the seed and the row's place (or a column's value) only.

    A row is kept when its number in [0, 1) lies in [low, high): the same rows whatever other files
    there are, however many workers read, in whatever order. Draws of different purposes are
    independent.
    """

    seed: int
    purpose: str
    low: float
    high: float
    by: str | None = None
    drops_rows: ClassVar[bool] = True

    def schema(self, before: pa.Schema) -> pa.Schema:
        if self.by is not None:
            require_columns(before.names, [self.by])
        return before

    def needs(self, wanted: set[str], before: pa.Schema) -> set[str]:
        return wanted | ({self.by} if self.by is not None else set())

    def apply(self, block: Block) -> Block:
        number = draw_hashes(block, self.seed, self.by, self.purpose) >> np.uint64(11)
        share = number.astype(np.float64) * 2.0**-53
        keep = (share >= self.low) & (share < self.high)
        return block if keep.all() else block.take(keep)


def draw_hashes(
    block: Block, seed: int, by: str | None = None, purpose: str = ""
) -> NDArray[np.uint64]:
    """One well-mixed number a row, a function of (seed, file, row) or of (seed, value of `by`)."""
    out = np.empty(block.n_rows, np.uint64)
    if by is not None:
        sampling.mix(_key(seed, f"{purpose}\0by"), value_hashes(block.column(by)), out)
    elif block.rows is None:
        sampling.row_hashes(
            _key(seed, f"{purpose}\0file\0{block.partition.file}"), block.first_row, out
        )
    else:
        sampling.row_hashes_at(
            _key(seed, f"{purpose}\0file\0{block.partition.file}"), block.rows, out
        )
    return out


def value_hashes(array: pa.Array) -> NDArray[np.uint64]:
    """A hash of each value; equal values of any width or encoding are hashed alike."""
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_temporal(array.type):
        array = array.view(pa.int32() if array.type.bit_width == 32 else pa.int64())
    encoded = array.dictionary_encode("encode")
    hashes = np.array(
        [
            int(hash_bytes(repr(value).encode())[:16], 16)
            for value in encoded.dictionary.to_pylist()
        ],
        dtype=np.uint64,
    )
    return np.asarray(hashes[encoded.indices.to_numpy(zero_copy_only=False)], np.uint64)


def _key(seed: int, text: str) -> int:
    return int(hash_bytes(f"{seed}\0{text}".encode())[:16], 16)


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
