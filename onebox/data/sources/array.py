"""Rows of a numpy array or a scipy sparse matrix that the caller holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import scipy.sparse as sp
from numpy.typing import NDArray

from onebox.data.columns import Columns, MatrixColumns, SparseColumns
from onebox.data.partition import Span
from onebox.data.source import Source
from onebox.errors import WrongType


class ArraySource(Source):
    """Rows of a numeric matrix in memory; one dimension makes one column."""

    raw: ClassVar[bool] = True

    def __init__(
        self, array: NDArray[Any] | sp.csr_array, names: Sequence[str] | None = None
    ) -> None:
        if array.dtype.kind not in "fiub":
            raise WrongType(
                f"An array of dtype {array.dtype} is no matrix of numbers. Convert it with "
                "astype(float), or hand over a table (pandas, polars, Arrow) to keep its types."
            )
        self.array: Any = array.reshape(len(array), -1) if isinstance(array, np.ndarray) else array
        count = self.array.shape[1]
        self._names = tuple(names) if names is not None else tuple(f"x{j}" for j in range(count))

    @property
    def schema(self) -> pa.Schema:
        kind = pa.from_numpy_dtype(self.array.dtype)
        return pa.schema([(name, kind) for name in self._names])

    def spans(self) -> list[Span]:
        nbytes = 0  # nothing comes from a disk
        return [Span("", 0, 0, self.array.shape[0], nbytes, "", seekable=True)]

    def read(
        self, span: Span, start: int, stop: int, names: Sequence[str], rows_per_batch: int
    ) -> Iterator[Columns]:
        make = MatrixColumns if isinstance(self.array, np.ndarray) else SparseColumns
        for at in range(start, stop, rows_per_batch):
            rows = self.array[at : min(at + rows_per_batch, stop)]
            yield make(rows, self._names).select(names)

    @property
    def token(self) -> object:
        return ("array", id(self.array))

    def describe(self) -> str:
        return f"{'sparse' if sp.issparse(self.array) else 'numpy'} array {self.array.shape}"
