"""Rows of a numpy array or a scipy sparse matrix that the caller holds."""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Sequence
from copy import copy
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import scipy.sparse as sp
from numpy.typing import NDArray

from onebox.data.columns import Columns, MatrixColumns, SparseColumns, csr_rows
from onebox.data.partition import Span
from onebox.data.schema import require_columns
from onebox.data.source import Source
from onebox.errors import BadInput, WrongType


class ArraySource(Source):
    """Rows of a numeric matrix in memory; one dimension makes one column.

    Parameters
    ----------
    array : ndarray or scipy.sparse.csr_array
        Of one or two dimensions. Pages of a memory-mapped array are given back after reading.
    names : sequence of str, optional
        Names of the columns; x0, x1, ... without them.
    owner : object, optional
        What the caller handed over, when the array was made of it: tells rows apart.
    """

    raw = True
    travels = False

    def __init__(
        self,
        array: NDArray[Any] | sp.csr_array,
        names: Sequence[str] | None = None,
        owner: object | None = None,
    ) -> None:
        require_numbers(array.dtype, "The array")
        if not 1 <= array.ndim <= 2:
            raise WrongType(
                f"The array has {array.ndim} dimensions {array.shape}; rows and columns are "
                f"needed. Found array with dim {array.ndim}, expected <= 2: reshape it to (n_rows, "
                "n_columns)."
            )
        if not isinstance(array, np.ndarray):
            owner = array if owner is None else owner
            array = _canonical(array)
        one = isinstance(array, np.ndarray) and array.ndim == 1
        self.array: Any = array.reshape(-1, 1) if one else array
        self._dtype = array.dtype.newbyteorder("=")
        self.named = names is not None
        self._names = array_names(self.array.shape[1], names)
        self._seen = self._names
        self._schema: pa.Schema | None = None
        self._owner = array if owner is None else owner  # held, so that its id stays taken
        self._pages = _mapped_pages(array) if isinstance(array, np.ndarray) else None
        self.in_memory = self._pages is None and self._dtype == array.dtype

    def __getstate__(self) -> dict[str, Any]:
        """All but what belongs to this process: the owner's object, the pages of a file."""
        return {**self.__dict__, "_owner": None, "_pages": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._owner = self.array
        self._pages = _mapped_pages(self.array) if isinstance(self.array, np.ndarray) else None

    @property
    def schema(self) -> pa.Schema:
        if self._schema is None:
            self._schema = _schema(self._seen, self._dtype)
        return self._schema

    def narrowed(self, columns: Sequence[str]) -> ArraySource:
        """Keep the same rows and these columns only, in this order."""
        require_columns(list(self._seen), list(columns))
        other = copy(self)
        other._seen, other._schema = tuple(columns), None
        return other

    def spans(self) -> list[Span]:
        nbytes = 0  # nothing comes from a disk
        return [Span("", 0, 0, self.array.shape[0], nbytes, "", seekable=True)]

    def read(
        self, span: Span, start: int, stop: int, names: Sequence[str], rows_per_batch: int
    ) -> Iterator[Columns]:
        dense = isinstance(self.array, np.ndarray)
        make = MatrixColumns if dense else SparseColumns
        for at in range(start, stop, rows_per_batch):
            until = min(at + rows_per_batch, stop)
            rows = self.array[at:until] if dense else csr_rows(self.array, at, until)
            native = rows.astype(self._dtype, copy=False)
            yield make(native, self._names).select(names)
            if self._pages is not None:
                _give_back(self._pages, rows)

    @property
    def entry_row_bytes(self) -> int | None:
        if not sp.issparse(self.array):
            return None
        return entry_bytes(self.array.nnz, self.array.shape[0], self._dtype)

    @property
    def token(self) -> object:
        return ("array", id(self._owner))

    @property
    def content(self) -> object:
        return self.array

    def describe(self) -> str:
        return f"{'sparse' if sp.issparse(self.array) else 'numpy'} array {self.array.shape}"


def _canonical(matrix: Any) -> sp.csr_array:
    """As CSR with one entry for each place, in order; a copy where it was not."""
    made = sp.csr_array(matrix)
    if not made.has_canonical_format:
        made = made.copy()
        made.sum_duplicates()
    return made


@lru_cache(maxsize=16)
def _schema(names: tuple[str, ...], dtype: np.dtype[Any]) -> pa.Schema:
    """Made once for all arrays of a width: many small ones are often fitted in a row."""
    kind = pa.from_numpy_dtype(dtype)
    return pa.schema([(name, kind) for name in names])


def array_names(count: int, names: Sequence[str] | None) -> tuple[str, ...]:
    """Names of the columns of a matrix: those given, else x0, x1, ..."""
    if names is None:
        return tuple(f"x{j}" for j in range(count))
    if len(names) != count or len(set(names)) != count:
        raise BadInput(
            f"columns= gives {len(set(names))} different names to a matrix of {count} columns; a "
            "matrix has no names of its own, so give one to every column."
        )
    return tuple(names)


def entry_bytes(n_entries: int, n_rows: int, dtype: np.dtype[Any]) -> int:
    """What a row of CSR takes in the mean, rounded up to a power of two.

    >>> entry_bytes(1000, 100, np.dtype(float))
    128
    """
    mean = 8 + n_entries * (dtype.itemsize + 4) // max(n_rows, 1)
    return 1 << (mean - 1).bit_length()


def require_numbers(dtype: np.dtype[Any], what: str) -> None:
    """Refuse arrays that are no matrix of numbers."""
    if dtype.kind == "c":
        raise WrongType(
            f"{what} has dtype {dtype}. Complex data not supported: use .real and .imag as columns."
        )
    if dtype.kind not in "fiub" or dtype.itemsize > 8:
        raise WrongType(
            f"{what} has dtype {dtype}, which is no matrix of numbers. Convert it with "
            "astype(float), or hand over a table (pandas, polars, Arrow) to keep text and dates."
        )


def _mapped_pages(array: NDArray[Any]) -> mmap.mmap | None:
    """Find the mapping under an array whose pages can be read again from the file."""
    base: Any = array
    while isinstance(base, np.ndarray):
        # Mode "c" keeps what was written in the pages themselves: they must stay.
        if isinstance(base, np.memmap) and base.mode == "c":
            return None
        base = base.base
    return base if isinstance(base, mmap.mmap) and hasattr(base, "madvise") else None


def _give_back(pages: mmap.mmap, rows: NDArray[Any]) -> None:
    """Take the pages of some rows out of the process; touching them brings them back."""
    if not rows.size:
        return
    start = np.frombuffer(pages, np.uint8).ctypes.data
    low, high = np.lib.array_utils.byte_bounds(rows)
    first = (low - start) // mmap.PAGESIZE * mmap.PAGESIZE
    pages.madvise(mmap.MADV_DONTNEED, first, high - start - first)
