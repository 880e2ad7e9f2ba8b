"""Rows out of an estimator: a function of a matrix, applied to blocks into an array or lazily."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from onebox.data.block import Block
from onebox.data.partition import Unit
from onebox.data.schema import Schema
from onebox.data.scratch import FreshMemory
from onebox.dataset import Dataset
from onebox.engine.run import Run

SMALL_BYTES = 2**20  # below this an array is transformed in the caller: no worker is started

Function = Callable[[Any], Any]
Fields = Sequence[tuple[str, Any]]


class Writer(ABC):
    """A function of a matrix that puts its rows where they are wanted, and checks what it reads.

    For one that takes hardly longer than a check and a copy would.
    """

    @abstractmethod
    def write(self, X: Any, out: NDArray[Any]) -> bool:
        """Write what comes of the rows of a matrix; tell whether all of it is finite.

        If not, `out` holds anything.
        """


@dataclass(frozen=True, eq=False)
class RowFunction:
    """A function of a matrix as a function of a block, with a check of the values.

    Attributes
    ----------
    function : callable
        From a matrix to as many rows; dense ones are handed to its `write` if it is a Writer.
    names : tuple of str
        Of the columns that come out.
    dtypes : tuple of dtype
    allow_nan : bool
    takes_sparse : bool
        Whether the function is handed a CSR array where the rows came as one.
    """

    function: Function
    names: tuple[str, ...]
    dtypes: tuple[np.dtype[Any], ...]
    allow_nan: bool = False
    takes_sparse: bool = False

    @classmethod
    def of(
        cls, function: Function, fields: Fields, given: Schema, *, allow_nan: bool = False,
        takes_sparse: bool = False,
    ) -> RowFunction:  # fmt: skip
        """With the canonical dtype of what is given where a field says none."""
        dtypes = (given.dtype if kind is None else np.dtype(kind) for _, kind in fields)
        names = tuple(name for name, _ in fields)
        return cls(function, names, tuple(dtypes), allow_nan, takes_sparse)

    def __call__(self, block: Block) -> NDArray[Any]:
        if self._sparse(block):
            return np.asarray(self.function(block.finite_csr), self.dtype)
        if isinstance(self.function, Writer):
            out = np.empty((block.n_rows, len(self.names)), self.dtype)
            self._write(block, self.function, out)
            return out
        X = block.noninf_X if self.allow_nan else block.finite_X
        return np.asarray(self.function(X), self.dtype)

    def into(self, block: Block, out: NDArray[Any]) -> None:
        """Put what comes of a block into an array of its rows."""
        if isinstance(self.function, Writer) and not self._sparse(block):
            self._write(block, self.function, out)
        else:
            out[:] = self(block)

    def _sparse(self, block: Block) -> bool:
        return self.takes_sparse and block.csr is not None

    def _write(self, block: Block, writer: Writer, out: NDArray[Any]) -> None:
        if not writer.write(block.X, out):
            block.finite_X  # noqa: B018 (raises, naming the place)

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.result_type(*self.dtypes) if self.dtypes else np.dtype(np.float64)

    @property
    def schema(self) -> pa.Schema:
        kinds = map(_arrow_type, self.dtypes)
        return pa.schema(list(zip(self.names, kinds, strict=True)))

    @property
    def is_column(self) -> bool:
        """Whether what comes out has one dimension."""
        return self.names in (("prediction",), ("label",))


def filled(data: Dataset, step: RowFunction) -> NDArray[Any]:
    """All rows that come out, as one array; nothing else is held."""
    view, n_rows = data.view.sparsely() if step.takes_sparse else data.view, data.n_rows
    out = np.empty((n_rows,) if step.is_column else (n_rows, len(step.names)), step.dtype)

    def fill(unit: Unit, blocks: Iterator[Block]) -> None:
        at = unit.global_row or 0
        for block in blocks:
            step.into(block, out[at : at + block.n_rows])
            at += block.n_rows

    if n_rows * view.row_bytes <= SMALL_BYTES:
        for unit in view.layout.units:
            fill(unit, view.blocks(unit, FreshMemory()))
        return out
    # A copy of the block in float64 and what is made of it, beside the block.
    copied = 0 if view.entry_row_bytes is not None else 16 * view.schema.n_features
    task_bytes = view.layout.rows_per_block * (copied + _width(out))
    run = Run(
        view, [], settings=data.settings, job="transform", result_bytes=out.nbytes,
        task_bytes=task_bytes,
    )  # fmt: skip
    with run:
        for _ in run.map(fill):
            pass
    return out


def _width(rows: NDArray[Any]) -> int:
    return rows.itemsize * (rows.shape[1] if rows.ndim == 2 else 1)


def _arrow_type(kind: np.dtype[Any]) -> pa.DataType:
    return pa.string() if kind.kind in "OUS" else pa.from_numpy_dtype(kind)
