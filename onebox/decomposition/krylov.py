"""Leading directions of a matrix of any width, in a few passes over its rows.

A pass multiplies the scatter ``G = X.T @ X`` with an orthonormal block of directions. What all passes
have multiplied spans a Krylov space K; of ``G`` that keeps ``G K (K.T G K)^-1 (G K).T``, which is
``X.T P X`` with P the projection on the span of ``X K``: the approximation of a randomized SVD whose
range finder is K. Its best directions begin the next pass.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import blas, lapack

from onebox.aggregates.aggregate import Aggregate, join
from onebox.aggregates.spread import Spread, SpreadSums
from onebox.decomposition.products import Products
from onebox.engine.run import Run
from onebox.random_projection.matrix import normals

Float64 = NDArray[np.float64]

SETTLED = 1e-4  # share of the variance that half a step may still add
PROBES = 10  # random directions that the error is looked for in
KEPT_EIGENVALUES = 1e-13  # smaller shares of the largest are rounding
DEPENDENT = 1e-6  # a column with less that is new, in parts of the largest, needs Householder's QR


@dataclass(frozen=True)
class Search:
    """What to look for, and how long.

    Attributes
    ----------
    n_components : int
    n_extra : int
        Directions of a pass beyond those that are wanted.
    max_passes : int
    centered : bool
    seed : int
    probes : bool
        Whether the first pass also looks where the error will be.
    """

    n_components: int
    n_extra: int
    max_passes: int
    centered: bool
    seed: int
    probes: bool = False

    def n_directions(self, n_features: int) -> int:
        """Directions of one pass."""
        return min(self.n_components + self.n_extra, n_features)

    def scans(self, n_features: int, *, sparse: bool) -> list[Aggregate[Any]]:
        """What is scanned for, at its largest."""
        width = self.n_directions(n_features) + PROBES * self.probes
        # Nothing is written to it: it takes no memory.
        directions = np.empty((n_features, width))
        return [join(Products(directions, self.centered, sparse), Spread())]

    def nbytes(self, n_features: int) -> int:
        """What is held between passes, and what it takes to decompose it."""
        width = min(self.n_directions(n_features) * self.max_passes, n_features)
        return 8 * n_features * (6 * width + 2 * PROBES * self.probes)


@dataclass
class Leading:
    """The leading directions, and what is known of the rest.

    Attributes
    ----------
    squares : ndarray of shape (m,)
        Squared singular values of the approximation, largest first: of all directions of all
        passes.
    axes : ndarray of shape (k, p)
        Orthonormal; the entry of the largest magnitude is positive.
    n_rows : int
    mean : ndarray of shape (p,)
        Of the rows, also where they are not centred.
    variances : ndarray of shape (p,)
        Of the columns, divided by the number of rows.
    total : float
        Sum of all squared singular values.
    probed : float
        The largest norm of what the approximation misses of ``G`` times a random vector; NaN where
        there were no probes.
    """

    squares: Float64
    axes: Float64
    n_rows: int
    mean: Float64
    variances: Float64
    total: float
    probed: float


@dataclass
class _Approximation:
    """What is known of G: ``root @ root.T``.

    Attributes
    ----------
    squares : ndarray of shape (m,)
        Its eigenvalues, largest first.
    axes : ndarray of shape (p, n_axes)
        Its leading eigenvectors.
    root : ndarray of shape (p, at most m)
    within : float
        The leading eigenvalues of G within K, summed.
    """

    squares: Float64
    axes: Float64
    root: Float64
    within: float


class _Space:
    """The directions multiplied so far, and their products.

    Parameters
    ----------
    n_features, n_directions : int
        Directions at the most.
    """

    def __init__(self, n_features: int, n_directions: int) -> None:
        self._directions = np.empty((n_features, n_directions))
        self._products = np.empty((n_features, n_directions))
        self._inner = np.empty((n_directions, n_directions))
        self.n = 0

    def add(self, directions: Float64, products: Float64) -> None:
        """Take directions that are orthonormal, to all before as well, and their products."""
        before, self.n = self.n, self.n + directions.shape[1]
        new = slice(before, self.n)
        self._directions[:, new], self._products[:, new] = directions, products
        block = self._directions[:, : self.n].T @ self._products[:, new]
        self._inner[: self.n, new] = block
        self._inner[new, :before] = block[:before].T
        self._inner[new, new] = (block[before:] + block[before:].T) / 2

    def decomposed(self, n_leading: int, n_axes: int) -> _Approximation:
        """The approximation that the directions so far give."""
        K, GK = self._directions[:, : self.n], self._products[:, : self.n]
        values, vectors = np.linalg.eigh(self._inner[: self.n, : self.n])
        keep = values > KEPT_EIGENVALUES * max(values[-1], 0.0)
        root = GK @ (vectors[:, keep] / np.sqrt(values[keep]))
        squares = np.zeros(self.n)
        # Not an SVD of the root, which takes many times as long: K.T G K has rounded as much.
        found, turn = (part[..., ::-1] for part in np.linalg.eigh(root.T @ root))
        squares[: len(found)] = np.maximum(found, 0)
        sure = min(int((squares > KEPT_EIGENVALUES * squares[0]).sum()), n_axes)
        axes = root @ (turn[:, :sure] / np.sqrt(squares[:sure]))
        if sure < n_axes:  # low rank: any directions will do for the rest
            axes = np.hstack([axes, K])
        axes = _orthonormal(axes)[:, :n_axes]
        within = float(np.maximum(values[::-1][:n_leading], 0).sum())
        return _Approximation(squares, axes, root, within)

    def next_directions(self, axes: Float64) -> Float64:
        """What is new of some directions, orthogonal to all before."""
        K = self._directions[:, : self.n]
        fresh = axes[:, : len(K) - self.n]
        for _ in range(2):  # once leaves what rounding makes of directions that are hardly new
            fresh = _orthonormal(fresh - K @ (K.T @ fresh))
        return fresh


def _orthonormal(vectors: Float64) -> Float64:
    """An orthonormal basis of columns, the first of the first column and so on.

    By Cholesky factors of the Gram matrix, twice, which is faster than Householder's QR; by the latter
    where the columns are too near to each other (Fukaya et al., "CholeskyQR2", ScalA 2014).
    """
    made = np.array(vectors, order="C")
    for _ in range(2):
        factor, failed = lapack.dpotrf(made.T @ made, lower=0, clean=1)
        edges = np.abs(factor.diagonal())
        if failed or edges.min(initial=np.inf) < DEPENDENT * edges.max(initial=0.0):
            return np.asarray(np.linalg.qr(vectors)[0])
        # A C array is the transpose that BLAS sees: it is solved for in its place.
        blas.dtrsm(1.0, factor, made.T, trans_a=1, overwrite_b=1)
    return made


def leading(run: Run, search: Search) -> Leading:
    """Find the leading directions of the rows of a run."""
    p, k = run.view.schema.n_features, search.n_components
    width = search.n_directions(p)
    drawn = normals(search.seed, width + PROBES * search.probes, 0, p)
    probes = drawn[:, width:]
    directions = _orthonormal(drawn[:, :width])
    space, missed = _Space(p, min(width * search.max_passes, p)), probes
    for number in range(1, search.max_passes + 1):
        job = f"{run.job} pass {number}"
        if number == 1:
            asked = Products(np.hstack([directions, probes]), search.centered)
            sums, spread = run.scan(join(asked, Spread()), job=job)
            products, missed = sums.products[:, :width], sums.products[:, width:]
        else:
            products = run.scan(Products(directions, search.centered), job=job).products
        space.add(directions, products)
        made = space.decomposed(k, width)
        found = float(made.squares[:k].sum())
        if found - made.within <= SETTLED * found or len(made.squares) == p:
            break
        directions = space.next_directions(made.axes)
    axes = np.ascontiguousarray(made.axes[:, :k].T)
    largest = axes[np.arange(k), np.abs(axes).argmax(axis=1)]
    axes[largest < 0] *= -1
    probed = np.nan
    if search.probes:
        rest = missed - made.root @ (made.root.T @ probes)
        probed = float(np.linalg.norm(rest, axis=0).max(initial=0))
    return _described(spread, made.squares, axes, probed, search.centered)


def _described(
    spread: SpreadSums, squares: Float64, axes: Float64, probed: float, centered: bool
) -> Leading:
    n, variances = int(spread.weight), Spread().result(spread)
    total = float(spread.squares.sum())
    if not centered:
        total += n * float(spread.mean @ spread.mean)
    return Leading(squares, axes, n, spread.mean, variances, total, probed)
