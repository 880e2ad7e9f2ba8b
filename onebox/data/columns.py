"""The rows of a block in the form they came in: an Arrow table, a matrix, or a sparse matrix.

Every form answers the same few questions, so that nothing above this file asks which it is.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import scipy.sparse as sp
from numpy.typing import NDArray

from onebox._kernels import layout
from onebox.data.buffers import ColumnBuffers, Floats
from onebox.data.schema import canonical_dtype
from onebox.data.scratch import Scratch


class Columns(ABC):
    """Some rows, seen by columns or as a matrix. Immutable."""

    names: tuple[str, ...]
    n_rows: int

    @abstractmethod
    def array(self, name: str) -> pa.Array:
        """One column as it came, with its type and nulls."""

    @abstractmethod
    def matrix(self, dtype: np.dtype[Any], scratch: Scratch, name: str = "X") -> Floats:
        """All columns as a C-ordered matrix, null as NaN."""

    @abstractmethod
    def select(self, names: Sequence[str]) -> Columns: ...

    @abstractmethod
    def rename(self, names: Sequence[str]) -> Columns: ...

    @abstractmethod
    def slice(self, start: int, stop: int) -> Columns: ...

    @abstractmethod
    def take(self, keep: NDArray[np.bool_]) -> Columns:
        """The rows where `keep` is true."""

    @property
    @abstractmethod
    def nbytes(self) -> int: ...

    @property
    @abstractmethod
    def kinds(self) -> list[pa.DataType]:
        """Types of the columns, without making any of them."""

    def values(
        self, names: Sequence[str], dtype: np.dtype[Any], scratch: Scratch, name: str = "values"
    ) -> Floats:
        """Numeric columns as the rows of a (columns, rows) matrix, null as NaN."""
        matrix = self.select(names).matrix(dtype, scratch, f"{name}.rows")
        out = scratch.take(name, (len(names), self.n_rows), dtype)
        layout.unpack(matrix, out)
        return out

    @abstractmethod
    def numbers(self, names: Sequence[str], scratch: Scratch) -> list[Floats]:
        """The same in one or more matrices, float32 where that is exact.

        For work that goes column by column: no column is copied that lies well as it is.
        """

    def csr(self, dtype: np.dtype[Any]) -> sp.csr_array | None:
        """All columns as a CSR array, where they came as one; else None."""
        return None

    def to_batch(self) -> pa.RecordBatch:
        """The same rows as an Arrow record batch."""
        return pa.RecordBatch.from_arrays([self.array(n) for n in self.names], list(self.names))


class TableColumns(Columns):
    """Rows of an Arrow record batch.

    A slice, selection or renaming of it only remembers where it stands in the batch, and becomes a
    batch of its own when somebody asks for one.
    """

    def __init__(self, batch: pa.RecordBatch) -> None:
        self._whole = ColumnBuffers(batch)
        self._stored = self.names = tuple(batch.schema.names)
        self._start, self.n_rows = 0, batch.num_rows

    def _part(
        self, stored: tuple[str, ...], names: tuple[str, ...], start: int, n_rows: int
    ) -> TableColumns:
        part = object.__new__(TableColumns)
        part._whole, part._stored, part.names = self._whole, stored, names
        part._start, part.n_rows = start, n_rows
        return part

    def __reduce__(self) -> Any:
        return TableColumns, (self.batch,)

    @property
    def kinds(self) -> list[pa.DataType]:
        return list(self.batch.schema.types)

    def array(self, name: str) -> pa.Array:
        stored = self._stored[self.names.index(name)]
        return self._whole.batch.column(stored).slice(self._start, self.n_rows)

    def matrix(self, dtype: np.dtype[Any], scratch: Scratch, name: str = "X") -> Floats:
        out = scratch.take(name, (self.n_rows, len(self.names)), dtype)
        self._whole.pack(self._stored, self._start, out)
        return out

    def values(
        self, names: Sequence[str], dtype: np.dtype[Any], scratch: Scratch, name: str = "values"
    ) -> Floats:
        out = scratch.take(name, (len(names), self.n_rows), dtype)
        for row, stored in zip(out, self._stored_names(names), strict=True):
            self._whole.pack([stored], self._start, row.reshape(-1, 1))
        return out

    def numbers(self, names: Sequence[str], scratch: Scratch) -> list[Floats]:
        matrices: list[Floats] = []
        stop = self._start + self.n_rows
        for stored in self._stored_names(names):
            lying = self._whole.floats(stored)
            if lying is not None:
                matrices.append(lying[self._start : stop].reshape(1, -1))
            else:
                dtype = self._whole.dtype(stored)
                matrices.append(scratch.take(f"numbers.{stored}", (1, self.n_rows), dtype))
                self._whole.pack([stored], self._start, matrices[-1].reshape(-1, 1))
        return matrices

    def _stored_names(self, names: Sequence[str]) -> tuple[str, ...]:
        return _stored(tuple(names), self.names, self._stored)

    def select(self, names: Sequence[str]) -> Columns:
        names = tuple(names)
        if names == self.names:
            return self
        return self._part(self._stored_names(names), names, self._start, self.n_rows)

    def rename(self, names: Sequence[str]) -> Columns:
        return self._part(self._stored, tuple(names), self._start, self.n_rows)

    def slice(self, start: int, stop: int) -> Columns:
        return self._part(self._stored, self.names, self._start + start, stop - start)

    def take(self, keep: NDArray[np.bool_]) -> Columns:
        return TableColumns(self.to_batch().filter(pa.array(keep)))

    @property
    def nbytes(self) -> int:
        return int(self.to_batch().get_total_buffer_size())

    @property
    def batch(self) -> pa.RecordBatch:
        """The rows as a record batch."""
        whole = self._whole.batch
        if self._stored != tuple(whole.schema.names):
            whole = whole.select(list(self._stored))
        if (self._start, self.n_rows) != (0, whole.num_rows):
            whole = whole.slice(self._start, self.n_rows)
        return whole if self._stored == self.names else whole.rename_columns(list(self.names))

    def to_batch(self) -> pa.RecordBatch:
        return self.batch


@lru_cache(maxsize=64)
def _stored(
    names: tuple[str, ...], seen: tuple[str, ...], stored: tuple[str, ...]
) -> tuple[str, ...]:
    """Names in the batch of columns by the names under which they are seen. Asked every block."""
    where = dict(zip(seen, stored, strict=True))
    return tuple(where[name] for name in names)


class MatrixColumns(Columns):
    """Rows of a numpy matrix."""

    def __init__(self, matrix: NDArray[Any], names: tuple[str, ...]) -> None:
        self.data = matrix
        self.names = names
        self.n_rows = matrix.shape[0]

    @property
    def kinds(self) -> list[pa.DataType]:
        return [pa.from_numpy_dtype(self.data.dtype)] * len(self.names)

    def array(self, name: str) -> pa.Array:
        return pa.array(np.ascontiguousarray(self.data[:, self.names.index(name)]))

    def matrix(self, dtype: np.dtype[Any], scratch: Scratch, name: str = "X") -> Floats:
        if self.data.dtype == dtype and self.data.flags.c_contiguous:
            return self.data
        out = scratch.take(name, self.data.shape, dtype)
        np.copyto(out, self.data, casting="unsafe")
        return out

    def numbers(self, names: Sequence[str], scratch: Scratch) -> list[Floats]:
        dtype = canonical_dtype([pa.from_numpy_dtype(self.data.dtype)])
        return [self.values(names, dtype, scratch, "numbers")]

    def select(self, names: Sequence[str]) -> Columns:
        if tuple(names) == self.names:
            return self
        where = {name: i for i, name in enumerate(self.names)}
        # take, not indexing: the result is in C order and serves as a matrix without another copy
        chosen = np.take(self.data, [where[name] for name in names], axis=1)
        return MatrixColumns(chosen, tuple(names))

    def rename(self, names: Sequence[str]) -> Columns:
        return MatrixColumns(self.data, tuple(names))

    def slice(self, start: int, stop: int) -> Columns:
        return MatrixColumns(self.data[start:stop], self.names)

    def take(self, keep: NDArray[np.bool_]) -> Columns:
        return MatrixColumns(self.data[keep], self.names)

    @property
    def nbytes(self) -> int:
        return int(self.data.nbytes)


class SparseColumns(Columns):
    """Rows of a scipy CSR array."""

    def __init__(self, matrix: sp.csr_array, names: tuple[str, ...]) -> None:
        self.data = matrix
        self.names = names
        self.n_rows = matrix.shape[0]

    @property
    def kinds(self) -> list[pa.DataType]:
        return [pa.from_numpy_dtype(self.data.dtype)] * len(self.names)

    def array(self, name: str) -> pa.Array:
        return pa.array(self.data[:, [self.names.index(name)]].toarray().ravel())

    def csr(self, dtype: np.dtype[Any]) -> sp.csr_array | None:
        return self.data.astype(dtype, copy=False)

    def matrix(self, dtype: np.dtype[Any], scratch: Scratch, name: str = "X") -> Floats:
        out = scratch.take(name, self.data.shape, dtype)
        data = self.data if self.data.dtype == dtype else self.data.astype(dtype)
        data.toarray(out=out)
        return out

    def numbers(self, names: Sequence[str], scratch: Scratch) -> list[Floats]:
        dtype = canonical_dtype([pa.from_numpy_dtype(self.data.dtype)])
        return [self.values(names, dtype, scratch, "numbers")]

    def select(self, names: Sequence[str]) -> Columns:
        if tuple(names) == self.names:
            return self
        if tuple(names) == self.names[: len(names)]:
            return SparseColumns(self.data[:, : len(names)], tuple(names))
        where = {name: i for i, name in enumerate(self.names)}
        return SparseColumns(self.data[:, [where[name] for name in names]], tuple(names))

    def rename(self, names: Sequence[str]) -> Columns:
        return SparseColumns(self.data, tuple(names))

    def slice(self, start: int, stop: int) -> Columns:
        return SparseColumns(csr_rows(self.data, start, stop), self.names)

    def take(self, keep: NDArray[np.bool_]) -> Columns:
        return SparseColumns(self.data[keep], self.names)

    @property
    def nbytes(self) -> int:
        return int(self.data.data.nbytes + self.data.indices.nbytes + self.data.indptr.nbytes)


def csr_rows(matrix: sp.csr_array, start: int, stop: int) -> sp.csr_array:
    """Some consecutive rows of a CSR array as they lie there."""
    first, last = matrix.indptr[start], matrix.indptr[stop]
    rows = sp.csr_array((stop - start, matrix.shape[1]), dtype=matrix.dtype)
    # Not by slicing, and not handed to the constructor: both copy a small part of a large array.
    rows.data, rows.indices = matrix.data[first:last], matrix.indices[first:last]
    rows.indptr = matrix.indptr[start : stop + 1] - first
    return rows


def concat(parts: Sequence[Columns]) -> Columns:
    """Rows of several parts of one form, in order."""
    first = parts[0]
    if len(parts) == 1:
        return first
    if isinstance(first, MatrixColumns):
        rows = [part.data for part in parts if isinstance(part, MatrixColumns)]
        return MatrixColumns(np.concatenate(rows), first.names)
    if isinstance(first, SparseColumns):
        stacked = sp.vstack([part.data for part in parts if isinstance(part, SparseColumns)])
        return SparseColumns(sp.csr_array(stacked), first.names)
    return TableColumns(pa.concat_batches([part.to_batch() for part in parts]))
