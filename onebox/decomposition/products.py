"""The product of the rows' scatter with a few directions: all that a pass of a randomized SVD needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from onebox._kernels import gram
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
    grouped: ClassVar[bool] = False
    refuses_missing: ClassVar[bool] = True

    def empty(self, schema: Schema) -> ProductSums:
        return ProductSums(0, np.zeros(len(self.directions)), np.zeros(self.directions.shape))

    def nbytes(self, schema: Schema) -> int:
        return 8 * (int(self.directions.size) + len(self.directions) + 1)

    def work_nbytes(self, schema: Schema, n_rows: int) -> int:
        width = sum(self.directions.shape)
        return 8 * n_rows * width + self.nbytes(schema)

    def update(self, summary: ProductSums, block: Block) -> None:
        if not block.n_rows:
            return
        sparse = block.csr
        X = block.X.astype(np.float64, copy=False) if sparse is None else sparse
        coordinates = X @ self.directions
        if not np.isfinite(coordinates).all():  # as a NaN or an infinity makes them
            block.finite_X  # noqa: B018 (raises)
        mean = np.zeros(len(self.directions))
        if self.centered:
            for _ in range(2):  # a mean far from zero leaves a rest that is large beside the rows
                coordinates -= coordinates.mean(axis=0)
            if sparse is None:
                gram.column_means(X, NO_WEIGHTS, mean)
            else:
                mean += np.asarray(sparse.sum(axis=0)).ravel() / block.n_rows
        self.merge(summary, ProductSums(block.n_rows, mean, X.T @ coordinates))

    def merge(self, into: ProductSums, other: ProductSums) -> None:
        total = into.n_rows + other.n_rows
        into.products += other.products
        if self.centered and into.n_rows:
            apart = other.mean - into.mean
            share = other.n_rows / total
            into.products += np.outer(apart, (into.n_rows * share) * (apart @ self.directions))
            into.mean += share * apart
        elif self.centered:
            into.mean += other.mean
        into.n_rows = total

    def result(self, summary: ProductSums) -> Float64:
        """The products."""
        return summary.products.copy()
