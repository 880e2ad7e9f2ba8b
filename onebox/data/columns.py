"""The rows of a block in the form they came in: an Arrow table, a matrix, or a sparse matrix.

Every form answers the same few questions, so that nothing above this file asks which it is.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import scipy.sparse as sp
from numpy.typing import NDArray

from onebox._kernels import layout
from onebox.data.schema import canonical_dtype, is_numeric
from onebox.data.scratch import Scratch

Floats = NDArray[np.floating[Any]]

_KINDS = {
    "float": layout.FLOAT32,
    "double": layout.FLOAT64,
    "int8": layout.INT8,
    "int16": layout.INT16,
    "int32": layout.INT32,
    "int64": layout.INT64,
    "uint8": layout.UINT8,
    "uint16": layout.UINT16,
    "uint32": layout.UINT32,
    "uint64": layout.UINT64,
}


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

    def to_batch(self) -> pa.RecordBatch:
        """The same rows as an Arrow record batch."""
        return pa.RecordBatch.from_arrays([self.array(n) for n in self.names], list(self.names))


class TableColumns(Columns):
    """Rows of an Arrow record batch."""

    def __init__(self, batch: pa.RecordBatch) -> None:
        self.batch = batch
        self.names = tuple(batch.schema.names)
        self.n_rows = batch.num_rows

    def array(self, name: str) -> pa.Array:
        return self.batch.column(self.names.index(name))

    def matrix(self, dtype: np.dtype[Any], scratch: Scratch, name: str = "X") -> Floats:
        out = scratch.take(name, (self.n_rows, len(self.names)), dtype)
        _pack(self.batch.columns, out)
        return out

    def values(
        self, names: Sequence[str], dtype: np.dtype[Any], scratch: Scratch, name: str = "values"
    ) -> Floats:
        out = scratch.take(name, (len(names), self.n_rows), dtype)
        for row, column in zip(out, names, strict=True):
            _pack([self.array(column)], row.reshape(-1, 1))
        return out

    def numbers(self, names: Sequence[str], scratch: Scratch) -> list[Floats]:
        matrices: list[Floats] = []
        for name in names:
            array = self.array(name)
            if str(array.type) in ("float", "double") and not array.null_count:
                matrices.append(array.to_numpy().reshape(1, -1))
            else:
                dtype = canonical_dtype([array.type])
                matrices.append(scratch.take(f"numbers.{name}", (1, self.n_rows), dtype))
                _pack([array], matrices[-1].reshape(-1, 1))
        return matrices

    def select(self, names: Sequence[str]) -> Columns:
        return self if tuple(names) == self.names else TableColumns(self.batch.select(list(names)))

    def rename(self, names: Sequence[str]) -> Columns:
        return TableColumns(self.batch.rename_columns(list(names)))

    def slice(self, start: int, stop: int) -> Columns:
        return TableColumns(self.batch.slice(start, stop - start))

    def take(self, keep: NDArray[np.bool_]) -> Columns:
        return TableColumns(self.batch.filter(pa.array(keep)))

    @property
    def nbytes(self) -> int:
        return int(self.batch.get_total_buffer_size())

    def to_batch(self) -> pa.RecordBatch:
        return self.batch


class MatrixColumns(Columns):
    """Rows of a numpy matrix."""

    def __init__(self, matrix: NDArray[Any], names: tuple[str, ...]) -> None:
        self.data = matrix
        self.names = names
        self.n_rows = matrix.shape[0]

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

    def array(self, name: str) -> pa.Array:
        return pa.array(self.data[:, [self.names.index(name)]].toarray().ravel())

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
        where = {name: i for i, name in enumerate(self.names)}
        return SparseColumns(self.data[:, [where[name] for name in names]], tuple(names))

    def rename(self, names: Sequence[str]) -> Columns:
        return SparseColumns(self.data, tuple(names))

    def slice(self, start: int, stop: int) -> Columns:
        return SparseColumns(self.data[start:stop], self.names)

    def take(self, keep: NDArray[np.bool_]) -> Columns:
        return SparseColumns(self.data[keep], self.names)

    @property
    def nbytes(self) -> int:
        return int(self.data.data.nbytes + self.data.indices.nbytes + self.data.indptr.nbytes)


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


def _plain(array: pa.Array) -> pa.Array:
    """A numeric array whose values lie in a plain buffer."""
    if str(array.type) in _KINDS:
        return array
    if not is_numeric(array.type):
        raise TypeError(f"a column of type {array.type} is not numeric")
    kind = array.type
    if pa.types.is_boolean(kind):
        return array.cast(pa.uint8())
    return array.cast(pa.float32() if pa.types.is_float16(kind) else pa.float64())


def _pack(arrays: Sequence[pa.Array], out: Floats) -> None:
    """Write columns side by side into a C-ordered matrix, null as NaN."""
    n = len(arrays)
    addresses, bitmaps = np.zeros(n, np.int64), np.zeros(n, np.int64)
    kinds, offsets = np.zeros(n, np.uint8), np.zeros(n, np.int64)
    keep = []  # the buffers must outlive the call
    for j, array in enumerate(arrays):
        array = _plain(array)
        validity, data = array.buffers()
        keep.append((validity, data))
        width = array.type.bit_width // 8
        kinds[j] = _KINDS[str(array.type)]
        if data is not None:
            addresses[j] = data.address + array.offset * width
        if validity is not None and array.null_count:
            bitmaps[j], offsets[j] = validity.address, array.offset
    if out.shape[0]:
        layout.pack(addresses, kinds, bitmaps, offsets, out)
