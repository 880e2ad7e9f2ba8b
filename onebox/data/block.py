"""A Block: some consecutive rows of one partition, the unit of computing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import scipy.sparse as sp
from numpy.typing import NDArray

from onebox._kernels import layout
from onebox.data.buffers import Floats
from onebox.data.columns import Columns
from onebox.data.partition import Partition
from onebox.data.schema import canonical_dtype, is_numeric
from onebox.data.scratch import FreshMemory, Scratch
from onebox.errors import BadValue

Weights = NDArray[np.float64]
NO_WEIGHTS: Weights = np.empty(0, np.float64)


class Block:
    """Some consecutive rows of one partition.

    ``X``, ``y``, ``weight`` and ``column(name)`` are views made on request. Inside a scan they lie
    in memory that is used again: they are good until the next block, and read-only by convention.

    Attributes
    ----------
    columns : Columns
        The feature columns in the form they came in.
    partition : Partition
        Where the rows are from.
    first_row : int
        Row of the file at which the block begins, before filters.
    rows : ndarray of int64 or None
        Rows of the file, when a filter has left gaps.
    state : dict of str to ndarray
        Row state: per-row arrays that an aggregate carries from scan to scan; `update` may write.
    """

    def __init__(
        self,
        columns: Columns,
        partition: Partition,
        first_row: int,
        rows: NDArray[np.int64] | None = None,
        *,
        target: Columns | NDArray[Any] | None = None,
        target_ndim: int = 1,
        weight: Columns | NDArray[Any] | None = None,
        scratch: Scratch | None = None,
        dtype: np.dtype[Any] | None = None,
    ) -> None:
        self.columns = columns
        self.partition = partition
        self.first_row = first_row
        self.rows = rows
        self.scratch = scratch if scratch is not None else FreshMemory()
        self.state: dict[str, NDArray[Any]] = {}
        self._target, self._target_ndim, self._weight = target, target_ndim, weight
        self._dtype = dtype
        self._X: Floats | None = None
        self._numbers: tuple[tuple[str, ...], list[Floats]] | None = None
        self._y: NDArray[Any] | None = None
        self._w: Weights | None = None

    @property
    def n_rows(self) -> int:
        return self.columns.n_rows

    def __len__(self) -> int:
        return self.n_rows

    def __repr__(self) -> str:
        where = self.partition.file or "memory"
        size = f"{self.n_rows:,} rows x {len(self.names)} columns"
        return f"<Block {size}, {where} row {self.first_row:,}>"

    @property
    def names(self) -> tuple[str, ...]:
        return self.columns.names

    @property
    def dtype(self) -> np.dtype[Any]:
        """The canonical dtype of ``X``."""
        if self._dtype is None:
            self._dtype = canonical_dtype(self.columns.kinds)
        return self._dtype

    @property
    def X(self) -> Floats:
        """The features: (rows, columns), C order, canonical dtype, null as NaN."""
        if self._X is None:
            self._X = self.columns.matrix(self.dtype, self.scratch)
        return self._X

    @property
    def finite_X(self) -> Floats:
        """``X``, after a check that every value is finite.

        Raises
        ------
        BadValue
            Naming file, row and column of the first NaN or infinity.
        """
        self._refuse(self.X, allow_nan=False)
        return self.X

    @property
    def csr(self) -> sp.csr_array | None:
        """The features as a CSR array of the dtype of ``X``, where the rows came as one; else None.

        For work that need not see the zeros.
        """
        return self.columns.csr(self.dtype)

    @property
    def finite_csr(self) -> sp.csr_array | None:
        """``csr``, after a check that every value is finite.

        Raises
        ------
        BadValue
            Naming file, row and column of the first NaN or infinity.
        """
        sparse = self.csr
        if sparse is not None and not np.isfinite(sparse.data).all():
            entry = int(np.argmin(np.isfinite(sparse.data)))
            row = int(np.searchsorted(sparse.indptr, entry, side="right")) - 1
            self._complain_of(sparse.data[entry], row, int(sparse.indices[entry]))
        return sparse

    @property
    def noninf_X(self) -> Floats:
        """``X``, NaN allowed, after a check that nothing is infinite."""
        self._refuse(self.X, allow_nan=True)
        return self.X

    @property
    def y(self) -> NDArray[Any]:
        """The target: (rows,) or (rows, targets), of its own dtype (text as objects)."""
        if self._y is None:
            if self._target is None:
                raise AttributeError("this block carries no target; pair X with y")
            self._y = self._target_array(self._target)
        return self._y

    @property
    def y_matrix(self) -> Weights:
        """The target as finite float64, always (rows, targets)."""
        y = np.ascontiguousarray(self.y, dtype=np.float64)
        y = y[:, None] if y.ndim == 1 else y  # not reshape(n, -1), which fails on no rows
        self._refuse(y, allow_nan=False, what="y")
        return y

    @property
    def has_target(self) -> bool:
        return self._target is not None

    @property
    def weight(self) -> Weights:
        """Row weights as float64; an empty array stands for "all one"."""
        if self._weight is None:
            return NO_WEIGHTS
        if self._w is None:
            given = self._weight
            if isinstance(given, Columns):
                given = given.matrix(np.dtype(np.float64), self.scratch, "weight").ravel()
            self._w = np.ascontiguousarray(given, dtype=np.float64)
            self._refuse(self._w.reshape(-1, 1), allow_nan=False, what="sample_weight")
            if (self._w < 0).any():
                row = int(np.argmax(self._w < 0))
                raise BadValue(
                    f"sample_weight is {self._w[row]:g} in {self.place(row)}: a weight says how "
                    "often a row counts and is zero or more. Correct it, or drop the row."
                )
        return self._w

    def column(self, name: str) -> pa.Array:
        """One column as an Arrow array, with its type and nulls."""
        return self.columns.array(name)

    def __getitem__(self, name: str) -> NDArray[Any]:
        """One column as a numpy array: numbers with NaN for null, everything else as objects."""
        array = self.column(name)
        if is_numeric(array.type) and array.null_count:
            return np.asarray(array.cast(pa.float64()).to_numpy(zero_copy_only=False))
        return np.asarray(array.to_numpy(zero_copy_only=False))

    def values(self, names: list[str], dtype: np.dtype[Any] | None = None) -> Floats:
        """Numeric columns as the rows of a (columns, rows) matrix, null as NaN."""
        return self.columns.values(names, dtype or np.dtype(np.float64), self.scratch)

    def numbers(self, names: tuple[str, ...]) -> list[Floats]:
        """The same in one or more matrices, float32 where that is exact; good until the next call.

        For work that goes column by column: no column is copied that lies well as it is.
        Aggregates that share a scan often ask for the same columns, so the last answer is kept.
        """
        if self._numbers is None or self._numbers[0] != names:
            self._numbers = (names, self.columns.numbers(names, self.scratch))
        return self._numbers[1]

    def to_arrow(self) -> pa.RecordBatch:
        """The rows as an Arrow record batch."""
        return self.columns.to_batch()

    def as_batch(self, schema: pa.Schema) -> pa.RecordBatch:
        """The rows as an Arrow record batch of this schema."""
        batch = self.columns.to_batch()
        return batch if batch.schema.equals(schema) else batch.cast(schema)

    def file_rows(self) -> NDArray[np.int64]:
        """The row of the file that each row of the block is."""
        if self.rows is not None:
            return self.rows
        return np.arange(self.first_row, self.first_row + self.n_rows, dtype=np.int64)

    def place(self, row: int) -> str:
        """Where one row of the block is, for messages."""
        at = int(self.rows[row]) if self.rows is not None else self.first_row + row
        return f"{self.partition.file}, row {at:,}" if self.partition.file else f"row {at:,}"

    @property
    def where(self) -> str:
        """Which rows these are, for notes on errors."""
        of = self.partition.file or "the data in memory"
        if not self.n_rows:
            return f"no rows of {of}"
        first, last = self.file_rows()[[0, -1]]
        some = "" if last - first + 1 == self.n_rows else f"{self.n_rows:,} of "
        return f"{some}rows {first:,} to {last:,} of {of}"

    def finite_rows(self) -> NDArray[np.bool_]:
        """Which rows have finite numbers in X, y and weight (text: not null)."""
        keep = np.ones(self.n_rows, np.uint8)
        if all(map(is_numeric, self.columns.kinds)):
            layout.mark_finite_rows(self.X, keep)
        else:
            for name in self.names:
                keep &= present(self.column(name))
        if self._target is not None:
            y = self.y
            if y.dtype == object:
                keep &= np.array([v is not None and v == v for v in y.ravel()], np.uint8)
            elif y.dtype.kind == "f":
                keep &= np.isfinite(y).reshape(self.n_rows, -1).all(axis=1)
        if isinstance(self._weight, Columns | np.ndarray):
            given = self._weight
            if isinstance(given, Columns):
                given = given.matrix(np.dtype(np.float64), self.scratch, "weight").ravel()
            keep &= np.isfinite(given)
        return keep.view(np.bool_)

    def with_features(self, features: Block, dtype: np.dtype[Any] | None) -> Block:
        """The columns of another block of the same rows, with target and weights of this."""
        return Block(
            features.columns, features.partition, features.first_row, features.rows,
            target=self._target, target_ndim=self._target_ndim, weight=self._weight,
            scratch=self.scratch, dtype=dtype,
        )  # fmt: skip

    def take(self, keep: NDArray[np.bool_]) -> Block:
        """The rows where `keep` is true."""
        target, weight = (
            part.take(keep) if isinstance(part, Columns) else None if part is None else part[keep]
            for part in (self._target, self._weight)
        )
        return Block(
            self.columns.take(keep), self.partition, self.first_row, self.file_rows()[keep],
            target=target, target_ndim=self._target_ndim, weight=weight, scratch=self.scratch,
            dtype=self._dtype,
        )  # fmt: skip

    def _target_array(self, target: Columns | NDArray[Any]) -> NDArray[Any]:
        if not isinstance(target, Columns):
            return target
        if self._target_ndim == 1:
            array = target.array(target.names[0])
            if array.null_count and not is_numeric(array.type):
                first = int(np.argmin(present(array)))
                self._complain("null", "y", first)
            if is_numeric(array.type) and array.null_count:
                array = array.cast(pa.float64())
            return np.asarray(array.to_numpy(zero_copy_only=False))
        return target.matrix(np.dtype(np.float64), self.scratch, "y")

    def _refuse(self, values: Floats, *, allow_nan: bool, what: str = "X") -> None:
        flat = layout.first_nonfinite(values, allow_nan)
        if flat >= 0:
            row, column = divmod(flat, values.shape[1])
            self._complain_of(values[row, column], row, column, what)

    def _complain_of(self, value: float, row: int, column: int, what: str = "X") -> None:
        shown = "NaN" if np.isnan(value) else "infinity"
        self._complain(shown, f"column {self.names[column]!r}" if what == "X" else what, row)

    def _complain(self, value: str, what: str, row: int) -> None:
        raise BadValue(
            f"Input contains {value}: {what}, {self.place(row)}. Fill such values (SimpleImputer), "
            "drop their rows (dataset(..., on_missing='drop') or .drop_missing()), or leave the "
            "column out."
        )


def present(array: pa.Array) -> NDArray[np.uint8]:
    """1 where a value is there: not null, not NaN, not infinite."""
    if pa.types.is_floating(array.type):
        return np.asarray(np.isfinite(array.to_numpy(zero_copy_only=False)), np.uint8)
    return np.asarray(array.is_valid(), np.uint8)
