"""Random matrices of which every column is a function of the seed and of its number.

So the matrix of more columns begins with that of fewer, any part of it can be made at any time, and
nothing of it needs to be kept.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.special import ndtri

from onebox._kernels import sampling

SIGNS, NORMALS, COINS, HASHES = 1, 2, 3, 0  # parts of the key
STEPS = 1 << 16  # in which the density of a sparse matrix is counted
PANEL = 1 << 20  # entries of a matrix that are made at a time
KEPT_BYTES = 32 << 20  # a larger matrix is made again whenever it is needed


@dataclass(frozen=True)
class Factor(ABC):
    """Multiplies rows by a random matrix, which it makes in panels of columns.

    Attributes
    ----------
    seed, n_components : int
    """

    seed: int
    n_components: int

    @abstractmethod
    def __call__(self, X: Any) -> Any:
        """From rows to their projections."""

    @abstractmethod
    def nbytes(self, n_columns: int) -> float:
        """What the matrix takes."""

    @abstractmethod
    def panel(self, first: int, n_columns: int) -> Any:
        """Some columns of the matrix."""

    def panels(self, n_columns: int) -> Iterable[tuple[int, Any]]:
        """The matrix in panels, and the column that each begins with; they do not depend on memory."""
        if self.nbytes(n_columns) <= KEPT_BYTES:
            return _kept(self, n_columns)
        return self.made(n_columns)

    def made(self, n_columns: int) -> Iterator[tuple[int, Any]]:
        """As `panels`, made anew one by one."""
        width = max(PANEL // self.n_components, 1)
        for first in range(0, n_columns, width):
            yield first, self.panel(first, min(width, n_columns - first))


@lru_cache(maxsize=2)
def _kept(factor: Factor, n_columns: int) -> tuple[tuple[int, Any], ...]:
    return tuple(factor.made(n_columns))


@dataclass(frozen=True)
class Signs:
    """Some columns of a matrix of zeros, ones and minus ones.

    Attributes
    ----------
    starts : ndarray of int64 of shape (2 * n_columns + 1,)
        Where in `rows` the ones of each column begin, then where its minus ones begin.
    rows : ndarray of int32
        In rising order within both.
    n_rows : int
    """

    starts: NDArray[np.int64]
    rows: NDArray[np.int32]
    n_rows: int

    @property
    def matrix(self) -> sp.csc_matrix:
        """As a sparse matrix of float64."""
        lengths = np.diff(self.starts)
        values = np.repeat(np.tile([1.0, -1.0], len(lengths) // 2), lengths)
        shape = (self.n_rows, len(lengths) // 2)
        made = sp.csc_matrix((values, self.rows, self.starts[::2]), shape=shape, copy=True)
        made.sort_indices()
        return made


def counted(density: float) -> float:
    """The density that a sparse matrix gets: a multiple of 1/65,536, and not zero."""
    return max(round(density * STEPS), 1) / STEPS


def signs(seed: int, n_rows: int, first: int, n_columns: int, density: float) -> Signs:
    """Columns `first`, ... of the matrix whose entries are not zero with a probability.

    Parameters
    ----------
    seed : int
    n_rows : int
    first, n_columns : int
    density : float
        As `counted` gives it.

    Returns
    -------
    Signs

    Notes
    -----
    Cost: one draw of 64 bits for four entries, and one for each that is not zero.
    """
    words = -(-n_rows // 4)  # a column takes so many, whatever is drawn in it
    drawn = np.empty((n_columns, words), np.uint64)
    sampling.row_hashes(_key(seed, SIGNS), first * words, drawn.reshape(-1))
    quarters = drawn.astype("<u8", copy=False).view("<u2")[:, :n_rows]
    column, row = np.nonzero(quarters < round(density * STEPS) if density < 1 else quarters >= 0)
    place = (column.astype(np.int64) + first) * n_rows + row
    coins = np.empty(len(place), np.uint64)
    sampling.row_hashes_at(_key(seed, COINS), place, coins)
    minus = (coins >> np.uint64(63)).astype(np.int64)
    group = 2 * column + minus
    order = np.argsort(group, kind="stable")
    starts = np.zeros(2 * n_columns + 1, np.int64)
    np.cumsum(np.bincount(group, minlength=2 * n_columns), out=starts[1:])
    return Signs(starts, row[order].astype(np.int32), n_rows)


def hashes(seed: int, n_rows: int, first: int, n_columns: int) -> Signs:
    """Columns `first`, ... of the matrix with one entry in each column, plus or minus one.

    Notes
    -----
    Cost: one draw of 64 bits for each column.
    """
    drawn = np.empty(n_columns, np.uint64)
    sampling.row_hashes(_key(seed, HASHES), first, drawn)
    # The upper half, as a fraction of all, says the row; the lowest bit says the sign.
    row = ((drawn >> np.uint64(32)) * np.uint64(n_rows)) >> np.uint64(32)
    starts = np.repeat(np.arange(n_columns + 1, dtype=np.int64), 2)[:-1]
    starts[1::2] += (drawn & np.uint64(1)).astype(np.int64)
    return Signs(starts, row.astype(np.int32), n_rows)


def normals(seed: int, n_rows: int, first: int, n_columns: int) -> NDArray[np.float64]:
    """Columns `first`, ... of the matrix of standard normal numbers: shape (n_columns, n_rows).

    Notes
    -----
    Cost: one draw of 64 bits and one inverse of the normal distribution for each number.
    """
    drawn = np.empty(n_columns * n_rows, np.uint64)
    sampling.row_hashes(_key(seed, NORMALS), first * n_rows, drawn)
    uniform = ((drawn >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53
    values: NDArray[np.float64] = ndtri(uniform).reshape(n_columns, n_rows)
    return values


def _key(seed: int, part: int) -> int:
    return (seed * 4 + part) % 2**64
