"""Rows out of an estimator: a function of a matrix, applied to blocks into an array or lazily."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from onebox.config import resolve
from onebox.data.block import Block
from onebox.data.partition import Unit
from onebox.data.schema import Schema
from onebox.data.scratch import FreshMemory
from onebox.dataset import Dataset
from onebox.engine.run import Run

SMALL_BYTES = 2**20  # below this an array is transformed in the caller: no worker is started

Function = Callable[[Any], Any]
Fields = Sequence[tuple[str, Any]]


@dataclass(frozen=True, eq=False)
class RowFunction:
    """A function of a matrix as a function of a block, with a check of the values."""

    function: Function
    schema: pa.Schema
    dtype: np.dtype[Any]
    is_column: bool
    allow_nan: bool

    @classmethod
    def of(cls, function: Function, fields: Fields, given: Schema, allow_nan: bool) -> RowFunction:
        kinds = [given.dtype if kind is None else np.dtype(kind) for _, kind in fields]
        names = [name for name, _ in fields]
        schema = pa.schema(list(zip(names, map(_arrow_type, kinds), strict=True)))
        one = len(fields) == 1 and names[0] in ("prediction", "label")
        return cls(function, schema, np.result_type(*kinds), one, allow_nan)

    def __call__(self, block: Block) -> NDArray[Any]:
        X = block.noninf_X if self.allow_nan else block.finite_X
        return np.asarray(self.function(X), self.dtype)


def filled(data: Dataset, step: RowFunction) -> NDArray[Any]:
    """All rows that come out, as one array; nothing else is held."""
    view, n_rows = data.view, data.n_rows
    out = np.empty((n_rows,) if step.is_column else (n_rows, len(step.schema)), step.dtype)

    def fill(unit: Unit, blocks: Iterator[Block]) -> None:
        at = unit.global_row or 0
        for block in blocks:
            out[at : at + block.n_rows] = step(block)
            at += block.n_rows

    if n_rows * view.row_bytes <= SMALL_BYTES:
        for unit in view.layout.units:
            fill(unit, view.blocks(unit, FreshMemory()))
    else:
        with Run(view, [], settings=resolve(), job="transform") as run:
            for _ in run.map(fill):
                pass
    return out


def _arrow_type(kind: np.dtype[Any]) -> pa.DataType:
    return pa.string() if kind.kind in "OUS" else pa.from_numpy_dtype(kind)
