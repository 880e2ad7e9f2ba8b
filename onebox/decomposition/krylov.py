"""Leading directions of a matrix of any width, in a few passes over its rows.

A pass multiplies the scatter ``G = X.T @ X`` with an orthonormal block of directions. What all passes
have multiplied spans a Krylov space K; of ``G`` that keeps ``G K (K.T G K)^-1 (G K).T``, which is
``X.T P X`` with P the projection on the span of ``X K``: the approximation of a randomized SVD whose
range finder is K. Its best directions begin the next pass.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from onebox.aggregates.aggregate import Aggregate, join
from onebox.aggregates.spread import Spread, SpreadSums
from onebox.decomposition.products import Products
from onebox.engine.run import Run
from onebox.random_projection.matrix import normals

Float64 = NDArray[np.float64]

SETTLED = 1e-4  # share of the variance that half a step may still add
PROBES = 10  # random directions that the error is looked for in
KEPT_EIGENVALUES = 1e-13  # smaller shares of the largest are rounding


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

    def scans(self, n_features: int) -> list[Aggregate[Any]]:
        """What is scanned for, at its largest."""
        width = self.n_directions(n_features) + PROBES * self.probes
        # Nothing is written to it: it takes no memory.
        return [join(Products(np.empty((n_features, width)), self.centered), Spread())]

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
class _Space:
    """The directions multiplied so far, and their products."""

    directions: list[Float64] = field(default_factory=list)
    products: list[Float64] = field(default_factory=list)

    def decomposed(self, n_leading: int) -> tuple[Float64, Float64, float]:
        """Squares and axes of the approximation, and the sum of the leading squares within K."""
        K, GK = np.hstack(self.directions), np.hstack(self.products)
        inner = K.T @ GK
        values, vectors = np.linalg.eigh((inner + inner.T) / 2)
        keep = values > KEPT_EIGENVALUES * max(values[-1], 0.0)
        half = GK @ (vectors[:, keep] / np.sqrt(values[keep]))
        left, roots, _ = np.linalg.svd(half, full_matrices=False)
        within = float(np.maximum(values[::-1][:n_leading], 0).sum())
        squares = np.zeros(K.shape[1])
        squares[: len(roots)] = roots**2
        if len(roots) < len(squares):  # low rank: any directions will do for the rest
            left = np.linalg.qr(np.hstack([left, K]))[0][:, : len(squares)]
        return squares, left, within

    def next_directions(self, left: Float64, width: int) -> Float64:
        """The first of some directions that are new, orthogonal to all before."""
        K = np.hstack(self.directions)
        fresh = left[:, : min(width, len(K) - K.shape[1])]
        for _ in range(2):  # once leaves what rounding makes of directions that are hardly new
            fresh = np.linalg.qr(fresh - K @ (K.T @ fresh))[0]
        return fresh


def leading(run: Run, search: Search) -> Leading:
    """Find the leading directions of the rows of a run."""
    p, k = run.view.schema.n_features, search.n_components
    width = search.n_directions(p)
    drawn = normals(search.seed, width + PROBES * search.probes, 0, p)
    probes = drawn[:, width:]
    directions = np.linalg.qr(drawn[:, :width])[0]
    space, missed = _Space(), probes
    for number in range(1, search.max_passes + 1):
        job = f"{run.job} pass {number}"
        if number == 1:
            asked = Products(np.hstack([directions, probes]), search.centered)
            sums, spread = run.scan(join(asked, Spread()), job=job)
            products, missed = sums.products[:, :width], sums.products[:, width:]
        else:
            products = run.scan(Products(directions, search.centered), job=job).products
        space.directions.append(directions)
        space.products.append(np.ascontiguousarray(products))
        squares, left, within = space.decomposed(k)
        found = float(squares[:k].sum())
        n_seen = sum(one.shape[1] for one in space.directions)
        if found - within <= SETTLED * found or n_seen == p:
            break
        directions = space.next_directions(left, width)
    axes = np.ascontiguousarray(left[:, :k].T)
    largest = axes[np.arange(k), np.abs(axes).argmax(axis=1)]
    axes[largest < 0] *= -1
    probed = np.nan
    if search.probes:
        rest = missed - left @ (squares[:, None] * (left.T @ probes))
        probed = float(np.linalg.norm(rest, axis=0).max(initial=0))
    return _described(spread, squares, axes, probed, search.centered)


def _described(
    spread: SpreadSums, squares: Float64, axes: Float64, probed: float, centered: bool
) -> Leading:
    n, variances = int(spread.weight), Spread().result(spread)
    total = float(spread.squares.sum())
    if not centered:
        total += n * float(spread.mean @ spread.mean)
    return Leading(squares, axes, n, spread.mean, variances, total, probed)
