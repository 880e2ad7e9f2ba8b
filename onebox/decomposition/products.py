"""The product of the rows' scatter with a few directions: all that a pass of a randomized SVD needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.blas import dger

from onebox._kernels import entries, gram
from onebox.aggregates.aggregate import Aggregate
from onebox.data.block import NO_WEIGHTS, Block
from onebox.data.schema import Schema

Float64 = NDArray[np.float64]


@dataclass
class ProductSums:
    """Sums over the rows seen."""

    n_rows: int
    mean: Float64  # (p,)
    products: Float64  # (p, l)


@dataclass(frozen=True, eq=False)
class Products(Aggregate[ProductSums]):
    """``X.T @ (X @ directions)``, of X as it is or centred.

    Attributes
    ----------
    directions : ndarray of shape (p, l)
    centered : bool
    sparse : bool
        Whether rows come as CSR, so that no matrix of them is made.

    Notes
    -----
    Cost: 1 pass; 4 p l operations a row, by BLAS; summary 8 p (l + 1) bytes. Rows that came sparse
    stay so, also when they are centred.

    Exactness: in float64. Of every block the coordinates are centred, not the rows: a mean of m
    standard deviations leaves a relative error of m times that of rounding.

    Source: Chan, Golub & LeVeque, The American Statistician 37 (1983), eq. 2.1, for products.
    """

    directions: Float64
    centered: bool
    sparse: bool = False
    grouped: ClassVar[bool] = False
    refuses_missing: ClassVar[bool] = True

    def empty(self, schema: Schema) -> ProductSums:
        return ProductSums(0, np.zeros(len(self.directions)), np.zeros(self.directions.shape))

    def nbytes(self, schema: Schema) -> int:
        return 8 * (int(self.directions.size) + len(self.directions) + 1)

    def work_nbytes(self, schema: Schema, n_rows: int) -> int:
        copied = 0 if self.sparse or schema.dtype == np.float64 else len(self.directions)
        return 8 * n_rows * (int(self.directions.shape[1]) + copied) + self.nbytes(schema)

    def update(self, summary: ProductSums, block: Block) -> None:
        if not block.n_rows:
            return
        sparse = block.csr
        X = block.X.astype(np.float64, copy=False) if sparse is None else sparse
        coordinates = X @ self.directions
        if not np.isfinite(coordinates).all():  # as a NaN or an infinity makes them
            block.finite_X if sparse is None else block.finite_csr  # noqa: B018 (raises)
        mean = np.zeros(len(self.directions))
        if self.centered:
            for _ in range(2):  # a mean far from zero leaves a rest that is large beside the rows
                coordinates -= coordinates.mean(axis=0)
            if sparse is None:
                gram.column_means(X, NO_WEIGHTS, mean)
            else:
                mean = np.asarray(sparse.sum(axis=0)).ravel() / block.n_rows
        self._move(summary, block.n_rows, mean)
        if sparse is None:
            summary.products += X.T @ coordinates
        else:
            entries.add_transposed(
                sparse.indptr.astype(np.int64, copy=False),
                sparse.indices.astype(np.int32, copy=False), sparse.data, coordinates,
                summary.products,
            )  # fmt: skip

    def merge(self, into: ProductSums, other: ProductSums) -> None:
        self._move(into, other.n_rows, other.mean)
        into.products += other.products

    def _move(self, summary: ProductSums, n_rows: int, mean: Float64) -> None:
        """Move the mean towards that of further rows, and add what lies between the two."""
        total = summary.n_rows + n_rows
        if self.centered and n_rows:
            apart = mean - summary.mean
            if summary.n_rows:
                along = (summary.n_rows * (n_rows / total)) * (apart @ self.directions)
                # In place: an outer product of its own would be as large as the summary.
                dger(1.0, along, apart, a=summary.products.T, overwrite_a=1)
            summary.mean += (n_rows / total) * apart
        summary.n_rows = total

    def result(self, summary: ProductSums) -> Float64:
        """The products."""
        return summary.products.copy()
