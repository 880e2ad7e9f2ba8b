"""What k-means scans for: sums by nearest centre, the inertia, and the rows farthest from theirs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from onebox._kernels import kmeans, sparse_kmeans
from onebox.aggregates.aggregate import Aggregate, RowState
from onebox.cluster.bounds import BOUNDS, LABELS, Bounds
from onebox.cluster.centers import Centers, Entries, Float64
from onebox.data.block import Block
from onebox.data.schema import Schema
from onebox.data.scratch import Scratch


@dataclass
class LloydSummary:
    """Sums over the rows seen, by nearest centre."""

    sums: Float64  # (k, p)
    weights: Float64  # (k,)
    n_changed: int


@dataclass(frozen=True, eq=False)
class Lloyd(Aggregate[LloydSummary]):
    """One iteration of k-means: sums and weights by nearest centre, and how many labels changed.

    Notes
    -----
    Cost: 1 pass; summary 8 k (p + 1) bytes, row state 4 bytes a row, 8 with bounds, which spare
    arithmetic where centres move little.

    Exactness: labels to rounding in the dtype of X; sums in float64; bounds change no bit.

    Source: Lloyd, "Least squares quantization in PCM", IEEE Trans. Information Theory 28 (1982).
    """

    centers: Centers
    bounds: Bounds | None = None
    grouped: ClassVar[bool] = False

    def empty(self, schema: Schema) -> LloydSummary:
        k, p = self.centers.exact.shape
        return LloydSummary(np.zeros((k, p)), np.zeros(k), 0)

    def nbytes(self, schema: Schema) -> int:
        k, p = self.centers.exact.shape
        return int(8 * k * (p + 1) + 8)

    def work_nbytes(self, schema: Schema, n_rows: int) -> int:
        return _work_nbytes(self.centers, self.bounds, n_rows)

    def row_state(self, schema: Schema) -> tuple[RowState, ...]:
        return _row_state(self.bounds)

    def afresh(self) -> Lloyd:
        return replace(self, bounds=self.bounds and self.bounds.afresh())

    def update(self, summary: LloydSummary, block: Block) -> None:
        labels = _nearest(self.centers, self.bounds, block)
        accumulate(block, labels, summary.sums, summary.weights)
        summary.n_changed += kmeans.changed(labels, block.state[LABELS.name])

    def merge(self, into: LloydSummary, other: LloydSummary) -> None:
        into.sums += other.sums
        into.weights += other.weights
        into.n_changed += other.n_changed

    def result(self, summary: LloydSummary) -> Float64:
        """The new centres; where no row was nearest, the old one."""
        weights = summary.weights[:, None]
        moved = np.divide(summary.sums, weights, where=weights > 0, out=self.centers.exact.copy())
        return np.asarray(moved)


@dataclass(frozen=True, eq=False)
class Inertia(Aggregate[Float64]):
    """The weighted sum of squared distances to the nearest centre; labels stay behind as row state.

    Notes
    -----
    Cost: 1 pass; summary 8 bytes, row state as that of `Lloyd`. Exactness: differences in float64.
    """

    centers: Centers
    bounds: Bounds | None = None
    grouped: ClassVar[bool] = False

    def empty(self, schema: Schema) -> Float64:
        return np.zeros(1)

    def nbytes(self, schema: Schema) -> int:
        return 8

    def work_nbytes(self, schema: Schema, n_rows: int) -> int:
        return _work_nbytes(self.centers, self.bounds, n_rows)

    def row_state(self, schema: Schema) -> tuple[RowState, ...]:
        return _row_state(self.bounds)

    def afresh(self) -> Inertia:
        return replace(self, bounds=self.bounds and self.bounds.afresh())

    def update(self, summary: Float64, block: Block) -> None:
        labels = _nearest(self.centers, self.bounds, block)
        block.state[LABELS.name][:] = labels
        sparse = block.csr
        if sparse is None:
            summary += kmeans.inertia(block.X, block.weight, labels, self.centers.exact)
        else:
            squares = self.centers.squares(sparse, labels)
            summary += squares @ block.weight if len(block.weight) else squares.sum()

    def merge(self, into: Float64, other: Float64) -> None:
        into += other

    def result(self, summary: Float64) -> float:
        return float(summary[0])


def accumulate(block: Block, labels: NDArray[np.int32], sums: Float64, weights: Float64) -> None:
    """Add the rows of a block, times their weights, to the sums of their clusters."""
    sparse = block.csr
    if sparse is None:
        kmeans.accumulate(block.X, block.weight, labels, sums, weights)
    else:
        sparse_kmeans.accumulate(*Entries.of(sparse), block.weight, labels, sums, weights)


def rows_of(block: Block) -> Any:
    """The rows as they came: a CSR array or a matrix."""
    sparse = block.csr
    return block.X if sparse is None else sparse


def _nearest(centers: Centers, bounds: Bounds | None, block: Block) -> NDArray[np.int32]:
    return bounds.nearest(block) if bounds else centers.nearest(rows_of(block), block.scratch)


def _row_state(bounds: Bounds | None) -> tuple[RowState, ...]:
    return (LABELS, BOUNDS) if bounds else (LABELS,)


def _work_nbytes(centers: Centers, bounds: Bounds | None, n_rows: int) -> int:
    return centers.work_nbytes(n_rows) + (LABELS.itemsize * n_rows if bounds else 0)


@dataclass
class FarSummary:
    """The rows farthest from their centre, farthest first."""

    distances: Float64  # squared
    rows: Float64
    labels: NDArray[np.int32]
    weights: Float64


@dataclass(frozen=True, eq=False)
class Farthest(Aggregate[FarSummary]):
    """The `n` rows farthest from their nearest centre: where clusters without rows go next.

    Attributes
    ----------
    centers : Centers
    n : int
    sparse : bool
        Whether rows come as CSR; of these, only the farthest are made a matrix.

    Notes
    -----
    Cost: 1 pass, run when a cluster is empty only; summary 8 n (p + 3) bytes.
    """

    centers: Centers
    n: int
    sparse: bool = False
    grouped: ClassVar[bool] = False

    def empty(self, schema: Schema) -> FarSummary:
        none = np.empty(0)
        return FarSummary(none, np.empty((0, schema.n_features)), np.empty(0, np.int32), none)

    def nbytes(self, schema: Schema) -> int:
        return 8 * self.n * (schema.n_features + 3)

    def work_nbytes(self, schema: Schema, n_rows: int) -> int:
        if self.sparse:
            wide = 8 * (4 * n_rows + 2 * self.n * schema.n_features)
        else:  # the centres of the rows, the differences
            wide = 8 * n_rows * (2 * schema.n_features + 4)
        return wide + self.centers.work_nbytes(n_rows)

    def update(self, summary: FarSummary, block: Block) -> None:
        X = rows_of(block)
        labels = self.centers.nearest(X, block.scratch)
        if sp.issparse(X):
            distances = self.centers.squares(X, labels)
        else:
            difference = X - self.centers.exact[labels]
            distances = np.einsum("ij,ij->i", difference, difference).astype(np.float64)
        w = block.weight if len(block.weight) else np.ones(block.n_rows)
        distances[w == 0] = -1  # a row without weight cannot hold a cluster
        keep = np.argsort(-distances, kind="stable")[: self.n]
        rows = (X[keep].toarray() if sp.issparse(X) else X[keep]).astype(np.float64)
        self.merge(summary, FarSummary(distances[keep], rows, labels[keep].copy(), w[keep]))

    def merge(self, into: FarSummary, other: FarSummary) -> None:
        distances = np.concatenate([into.distances, other.distances])
        keep = np.argsort(-distances, kind="stable")[: self.n]
        into.distances = distances[keep]
        into.rows = np.concatenate([into.rows, other.rows])[keep]
        into.labels = np.concatenate([into.labels, other.labels])[keep]
        into.weights = np.concatenate([into.weights, other.weights])[keep]

    def result(self, summary: FarSummary) -> FarSummary:
        return summary


def relocate(summary: LloydSummary, far: FarSummary) -> None:
    """Give every empty cluster the next farthest row, taken from the cluster that had it."""
    for cluster, row in zip(
        np.flatnonzero(summary.weights == 0), range(len(far.rows)), strict=False
    ):
        if far.distances[row] <= 0:
            return  # fewer distinct rows than clusters
        owner, weight = far.labels[row], far.weights[row]
        summary.sums[owner] -= weight * far.rows[row]
        summary.weights[owner] -= weight
        summary.sums[cluster] = weight * far.rows[row]
        summary.weights[cluster] = weight


def transform(X: Any, centers: Float64) -> Float64:
    """Distances of every row to every centre, about the centres' mean where X is a matrix."""
    if sp.issparse(X):
        squared = -2.0 * (X @ centers.T)
        squared += np.asarray(X.power(2).sum(axis=1)).reshape(-1, 1)
        squared += np.einsum("ij,ij->i", centers, centers)
        return np.asarray(np.sqrt(np.maximum(squared, 0, out=squared), out=squared))
    middle = centers.mean(axis=0)
    moved, rows = centers - middle, X - middle
    squared = -2.0 * rows @ moved.T
    squared += np.einsum("ij,ij->i", rows, rows)[:, None]
    squared += np.einsum("ij,ij->i", moved, moved)
    return np.asarray(np.sqrt(np.maximum(squared, 0, out=squared), out=squared))


def label(X: Any, centers: Float64, scratch: Scratch) -> NDArray[np.int32]:
    """The nearest centre of every row."""
    if sp.issparse(X):
        return Centers(centers, X.dtype).nearest(X, scratch)
    if X.dtype not in (np.float32, np.float64) or not X.flags.c_contiguous:
        X = np.ascontiguousarray(X, np.float64)
    return Centers(centers, X.dtype).nearest(X, scratch)
