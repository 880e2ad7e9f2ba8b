"""A start that is made better by swaps: one centre goes where it is missed, from where it is not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]
Places = NDArray[np.intp]

TILE = 1024  # rows whose distances to all centres stand side by side
TRIES = 4  # candidates of a step, of which the best is taken
LEAST = 1e-3  # of the cost a cluster, which a swap must spare


@dataclass
class _Nearest:
    """For every row the nearest two of the chosen rows: which, and their squared distances."""

    labels: NDArray[np.intp]  # (n, 2)
    distances: Float64  # (n, 2)


def local_search(
    X: Float64, weights: Float64, chosen: Places, n_steps: int, rng: np.random.Generator
) -> Places:
    """Swap chosen rows for others while the cost falls.

    A step draws a few rows, each with a chance that goes with its weight and its squared distance to
    the nearest chosen one, and swaps the best of them for the chosen row that is missed least.

    Parameters
    ----------
    X : ndarray of shape (n, p)
    weights : ndarray of shape (n,)
    chosen : ndarray of shape (k,)
        Row numbers.
    n_steps : int
    rng : Generator

    Returns
    -------
    ndarray of shape (k,)

    Notes
    -----
    Cost: some 8 n p operations a step, and 4 n p more when it swaps; memory 72 n bytes.

    Source: Lattanzi & Sohler, "A Better k-means++ Algorithm via Local Search", ICML 2019, taking the
    best of some candidates a step, as greedy k-means++ does.
    """
    chosen = chosen.copy()
    norms = np.einsum("ij,ij->i", X, X)
    near = _nearest_two(X, norms, chosen)
    for _ in range(n_steps if len(chosen) > 1 else 0):
        costs = np.cumsum(weights * near.distances[:, 0])
        if not costs[-1] > 0:
            break
        drawn = np.searchsorted(costs, rng.random(TRIES) * costs[-1], side="right")
        candidates = np.minimum(drawn, len(X) - 1)
        apart = [_distances(X, norms, row) for row in candidates]
        found = [_best_swap(one, weights, near, len(chosen)) for one in apart]
        best = int(np.argmin([change for change, _ in found]))
        change, place = found[best]
        if change < -LEAST * costs[-1] / len(chosen):
            chosen[place] = candidates[best]
            _swapped(near, X, norms, chosen, place, apart[best])
    return chosen


def _best_swap(apart: Float64, weights: Float64, near: _Nearest, k: int) -> tuple[float, int]:
    """By how much the cost changes at best when a candidate comes, and which centre goes."""
    first, second = near.distances.T
    with_both = np.minimum(apart, first)
    comes = float(weights @ (with_both - first))
    goes = np.bincount(near.labels[:, 0], weights * (np.minimum(apart, second) - with_both), k)
    place = int(goes.argmin())
    return comes + float(goes[place]), place


def _swapped(
    near: _Nearest, X: Float64, norms: Float64, chosen: Places, place: int, apart: Float64
) -> None:
    """Bring up to date what a swap has changed."""
    lost = np.flatnonzero((near.labels == place).any(axis=1))
    again = _nearest_two(X, norms, chosen, lost)
    first = apart < near.distances[:, 0]
    second = ~first & (apart < near.distances[:, 1])
    near.labels[first, 1], near.distances[first, 1] = (
        near.labels[first, 0],
        near.distances[first, 0],
    )
    near.labels[first, 0], near.distances[first, 0] = place, apart[first]
    near.labels[second, 1], near.distances[second, 1] = place, apart[second]
    near.labels[lost], near.distances[lost] = again.labels, again.distances


def _nearest_two(
    X: Float64, norms: Float64, chosen: Places, rows: Places | None = None
) -> _Nearest:
    """The nearest two of the chosen rows, of which there are two or more, to some or all rows."""
    rows = np.arange(len(X)) if rows is None else rows
    near = _Nearest(np.zeros((len(rows), 2), np.intp), np.zeros((len(rows), 2)))
    if len(chosen) < 2:
        return near
    centers = X[chosen].T
    for start in range(0, len(rows), TILE):
        tile = slice(start, start + TILE)
        squared = X[rows[tile]] @ centers
        squared *= -2.0
        squared += norms[chosen]
        squared += norms[rows[tile], None]
        both = np.argpartition(squared, 1, axis=1)[:, :2]
        near.labels[tile] = both
        near.distances[tile] = np.maximum(np.take_along_axis(squared, both, axis=1), 0)
    return near


def _distances(X: Float64, norms: Float64, row: int) -> Float64:
    squared: Float64 = norms + norms[row] - 2 * (X @ X[row])
    squared[row] = 0
    return np.maximum(squared, 0, out=squared)
