"""Centres of clusters, made ready to find the nearest one of every row."""

from __future__ import annotations

from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from onebox._kernels import nearest, nearest_two, sparse_kmeans
from onebox.data.scratch import Scratch

Float64 = NDArray[np.float64]

TILE = 256  # rows whose scores against all centres stay in the fast levels of memory
NO_ROWS = np.empty(0, np.int32)
NO_BOUNDS = np.empty(0, np.float32)


class Entries(NamedTuple):
    """The rows of a CSR array as the kernels take them."""

    starts: NDArray[np.int64]
    columns: NDArray[np.int32]
    values: Any

    @classmethod
    def of(cls, sparse: Any) -> Entries:
        starts = sparse.indptr.astype(np.int64, copy=False)
        return cls(starts, sparse.indices.astype(np.int32, copy=False), sparse.data)


class Centers:
    """Centres made ready for blocked assignment.

    The nearest centre of x is the least of ``||c||²/2 - x.c``. That difference of large numbers is
    taken about the centres' mean, where it is small: ``x.(c - m)`` against
    ``||c - m||²/2 + m.(c - m)`` has the same minimum and loses no digits to a large m. Rows of
    float64 are compared in float32 first, and again where that does not decide. Rows that came as CSR
    are compared in float64, entry by entry.
    """

    def __init__(self, centers: Float64, dtype: np.dtype[Any]) -> None:
        self.exact = centers
        self.dtype = dtype
        self.middle = centers.mean(axis=0)
        moved = centers - self.middle
        squares = np.einsum("ij,ij->i", moved, moved)
        self.size = float(np.sqrt(squares.max()))  # how far the farthest is from the middle
        norms = 0.5 * squares
        self.moved: Any = np.ascontiguousarray(moved, dtype)
        self.half_norms: Any = (norms + moved @ self.middle).astype(dtype)
        with np.errstate(over="ignore"):  # what float32 cannot hold decides nothing
            self.coarse = moved.astype(np.float32)
            self.coarse_norms = (norms * (1 - 2 * nearest_two.coarseness(moved.shape[1]))).astype(
                np.float32
            )

    def nearest(self, X: Any, scratch: Scratch) -> NDArray[np.int32]:
        """The label of every row, of the dtype given: the first of the nearest centres."""
        labels: NDArray[np.int32] = scratch.take("kmeans.labels", (X.shape[0],), np.int32)
        if sp.issparse(X):
            room = scratch.take("kmeans.scores", (len(self.exact),), np.float64)
            by_column, half_norms = self.for_entries
            sparse_kmeans.assign(*Entries.of(X), by_column, half_norms, room, labels)
            return labels
        if X.dtype == np.float64 and nearest.served(X.shape[1]):
            nearest_two.assign_coarsely_first(
                X, self.moved, self.half_norms, self.middle, self.coarse, self.coarse_norms,
                NO_ROWS, labels, NO_BOUNDS, 0.0,
            )  # fmt: skip
        else:
            nearest.assign(X, self.moved, self.half_norms, self.scores(scratch), labels)
        return labels

    @cached_property
    def for_entries(self) -> tuple[Float64, Float64]:
        """The centres column by column, (p, k), less their middle, and half their norms likewise."""
        moved = self.exact - self.middle
        half_norms = 0.5 * np.einsum("ij,ij->i", moved, moved) + moved @ self.middle
        return np.ascontiguousarray(moved.T), half_norms

    def squares(self, X: Any, labels: NDArray[np.int32]) -> Float64:
        """The squared distance of every row of a CSR array to its centre."""
        out = np.empty(X.shape[0])
        norms = np.einsum("ij,ij->i", self.exact, self.exact)
        sparse_kmeans.distances(*Entries.of(X), labels, self.by_column, norms, out)
        return out

    @cached_property
    def by_column(self) -> Float64:
        """The centres column by column, (p, k)."""
        return np.ascontiguousarray(self.exact.T)

    def scores(self, scratch: Scratch) -> NDArray[Any]:
        """Room for the scores of a tile of rows."""
        return scratch.take("kmeans.scores", (len(self.exact), TILE), self.dtype)

    def work_nbytes(self, n_rows: int) -> int:
        """Bytes of scratch that `nearest` takes."""
        return 4 * n_rows + TILE * len(self.exact) * self.dtype.itemsize
