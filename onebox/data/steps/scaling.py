"""Steps on rows as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from onebox.data.block import Block
from onebox.data.columns import MatrixColumns, SparseColumns
from onebox.data.schema import canonical_dtype
from onebox.data.steps.step import Step, with_columns


@dataclass(frozen=True)
class UnitRows(Step):
    """Divide every row by its Euclidean norm; a row of zeros stays, and rows that came as CSR stay so."""

    takes_missing: ClassVar[bool] = False

    def schema(self, before: pa.Schema) -> pa.Schema:
        kind = pa.from_numpy_dtype(canonical_dtype(before.types))
        return pa.schema([pa.field(name, kind) for name in before.names])

    def needs(self, wanted: set[str], before: pa.Schema) -> set[str]:
        return set(before.names)

    def apply(self, block: Block) -> Block:
        sparse = block.finite_csr
        if sparse is not None:
            starts, values = sparse.indptr, sparse.data
            each = np.repeat(np.arange(block.n_rows), np.diff(starts))
            largest = np.zeros(block.n_rows)
            np.maximum.at(largest, each, np.abs(values))
            # First by the largest entry, so that no square over- or underflows.
            scaled = np.divide(values, largest[each], where=values != 0, out=np.zeros(len(values)))
            norms = np.sqrt(np.bincount(each, scaled**2, block.n_rows))
            made = type(sparse)(
                (
                    (scaled / np.maximum(norms, 1)[each]).astype(sparse.dtype),
                    sparse.indices,
                    starts,
                ),
                shape=sparse.shape,
            )
            return with_columns(block, SparseColumns(made, block.names))
        X: Any = block.finite_X
        largest = np.abs(X).max(axis=1, initial=0).astype(np.float64)
        scaled = X / np.where(largest > 0, largest, 1)[:, None]
        norms = np.sqrt(np.einsum("ij,ij->i", scaled, scaled))
        scaled /= np.maximum(norms, 1)[:, None]  # 1 or more, but for zeros
        return with_columns(block, MatrixColumns(scaled.astype(X.dtype), block.names))
