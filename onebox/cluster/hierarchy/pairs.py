"""Trees that may merge any two clusters."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from onebox._kernels import all_pairs, forest, pair_chain, prim, ward_chain
from onebox.cluster.hierarchy.metrics import (
    COMPILED,
    Float64,
    Metric,
    directed,
    is_compiled,
    sorts_nodes,
    to_later,
    undirected,
)
from onebox.cluster.hierarchy.rows import LANES, in_lanes
from onebox.cluster.hierarchy.tree import Tree
from onebox.errors import BadInput

BAND = 8  # rows whose distances lie side by side, as bands.pxd says


def ward(X: Float64, weights: Float64 | None = None) -> Tree:
    """Ward's tree; a row of weight w counts for w rows, at least 1.

    Cost: O(n² p); memory: X and a copy, 60 bytes a row.
    """
    n, p = X.shape
    lanes = in_lanes(X)
    room = len(lanes) * LANES + 1
    ends, costs = _room_for_merges(n)
    numbers = np.ones((2, room))
    if weights is not None:
        numbers[0, :n] = weights
    made = ward_chain.chain(lanes, np.empty(p), numbers, np.empty((3, room), np.int32), ends, costs)
    return _ordered(made, ends, np.sqrt(2.0 * costs))


def average_or_complete(
    X: Float64, metric: Metric, linkage: str, weights: Float64 | None = None
) -> Tree:
    """The tree by average or complete linkage; a row of weight w counts for w rows.

    Cost: O(n² p); memory: X and a copy, and the distances of all pairs, 4 n² bytes.
    """
    n, distances = len(X), distances_in_bands(X, metric)
    ends, heights = _room_for_merges(n)
    numbers = np.ones((3, n + 1))
    if weights is not None:
        numbers[0, :n] = weights
    made = pair_chain.chain(
        distances, linkage == "average", numbers, np.empty((5, n + 1), np.int32), ends,
        heights,
    )  # fmt: skip
    return _ordered(made, ends, heights)


def single(X: Float64, metric: Metric) -> Tree:
    """The tree by single linkage.

    Cost: O(n² p); memory: X and a copy, 50 bytes a row. Metrics that are not compiled take the
    distances of all pairs, 4 n² bytes.
    """
    n, p = X.shape
    ends, heights = _room_for_merges(n)
    if is_compiled(metric):
        lanes = in_lanes(directed(X, metric))
        slots = len(lanes) * LANES
        made = prim.grow(
            lanes, COMPILED[str(metric)], np.empty(p), np.empty(slots), np.empty(slots, np.int32),
            ends, heights,
        )  # fmt: skip
        undirected(heights[:made], metric)
    else:
        made = all_pairs.grow(distances_in_bands(X, metric), np.empty(n), ends, heights)
    return _ordered(made, ends, heights, sort=sorts_nodes(metric))


def distances_in_bands(X: Float64, metric: Metric) -> Float64:
    """The distances of all pairs, as kernels want them.

    Raises
    ------
    BadInput
        When one is not finite or negative.
    """
    n, p = X.shape
    out = np.empty(all_pairs.room(n))
    if is_compiled(metric):
        lanes = in_lanes(directed(X, metric))
        all_pairs.fill(lanes, COMPILED[str(metric)], np.zeros((BAND, p)), out, n)
        return undirected(out, metric)
    distances, at = to_later(X, metric), 0
    for start in range(0, n, BAND):
        rows = distances(start, start + BAND)
        if not (np.isfinite(rows).all() and rows.min(initial=0) >= 0):
            raise BadInput(
                f"Distances of rows {start} to {start + len(rows) - 1} are negative or not finite: "
                f"metric={metric!r} is not defined for all rows of X."
            )
        stop = at + BAND * (n - start)
        band = out[at:stop].reshape(n - start, BAND)
        band[:, : len(rows)], band[:, len(rows) :] = rows.T, 0
        at = stop
    return out


def _room_for_merges(n: int) -> tuple[NDArray[np.int32], Float64]:
    return np.empty((n - 1, 2), np.int32), np.empty(n - 1)


def _ordered(made: int, ends: NDArray[np.int32], heights: Float64, *, sort: bool = True) -> Tree:
    """The tree of merges that were found in another order than that of their heights."""
    n = len(ends) + 1
    if made < n - 1 or not np.isfinite(heights).all():
        raise BadInput(
            f"Only {made:,} of {n - 1:,} merges have a finite distance: it overflows float64. Scale X, "
            "by StandardScaler for one."
        )
    order = np.argsort(heights, kind="stable")
    children, used = np.empty((n - 1, 2), np.int32), np.empty(n - 1, np.int64)
    forest.join(ends, order, np.empty(2 * n - 1, np.int32), children, used)
    if sort:
        children.sort(axis=1)
    return Tree(children.astype(np.int64), heights[used], n, 1, 2 * n - 1)
