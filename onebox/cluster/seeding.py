"""Where k-means starts: a keyed sample of the rows, drawn in one pass, and k-means|| on it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.cluster import kmeans_plusplus

from onebox.aggregates.aggregate import Aggregate
from onebox.cluster.local_search import local_search
from onebox.data.block import NO_WEIGHTS, Block
from onebox.data.buffers import Floats
from onebox.data.schema import Schema
from onebox.data.steps import draw_hashes
from onebox.data.view import View

Float64 = NDArray[np.float64]

SAMPLE_BYTES = 2 * 10**6
SPARSE_SAMPLE_BYTES = 64 * 10**6
ROWS_PER_CLUSTER = 64
BATCH_BYTES = 16 * 10**6
ROWS_PER_CLUSTER_OF_BATCH = 256
ROUNDS = 5
OVERSAMPLING = 2
SWAPS_PER_CLUSTER = 2  # that are looked at: fewer miss clusters now and then, more find none
TILE = 1024  # rows whose distances to all candidates stand side by side


@dataclass
class SeedSummary:
    """The rows drawn so far, in no order."""

    n_held: int
    keys: Float64  # (n,), of which n_held are filled
    rows: Floats  # (n, p), likewise
    weights: Float64  # (n,), likewise; none where rows have none


@dataclass(frozen=True, eq=False)
class Drawn:
    """A weighted sample in the order of its keys: the first rows of it are a smaller one.

    Attributes
    ----------
    rows : ndarray of shape (m, p)
    keys : ndarray of shape (m,) or (m + 1,)
        With the first one that was left out, if any was.
    given : ndarray of shape (m,) or (0,)
        The weights that the rows came with; none where they came without.
    """

    rows: Floats
    keys: Float64
    given: Float64

    def weights(self, n: int) -> Float64:
        """How much each of the first `n` rows stands for; none where all stand for the same.

        Its weight, over the chance of being drawn given the first key that is left out (Cohen &
        Kaplan, "Summarizing data using bottom-k sketches", PODC 2007).
        """
        given = self.given[:n]
        if not len(given) or n >= len(self.keys):
            return given
        return np.asarray(-given / np.expm1(-given * self.keys[n]))


@dataclass(frozen=True)
class Seeds(Aggregate[SeedSummary]):
    """A weighted sample of `n` rows.

    Attributes
    ----------
    n, seed : int
    importance : callable, optional
        From rows to what they are drawn by, beside their weight.
    purpose : str
        Draws of different purposes are independent.
    sparse : bool
        Whether rows come as CSR; of these, only the sample is made a matrix.

    A row's key is ``-log(u) / weight`` with u drawn from (seed, file, row); the n smallest keys are
    a sample without replacement, with chances proportional to the weights.

    Notes
    -----
    Cost: 1 pass; summary n (p + 1) values.

    Source: Efraimidis & Spirakis, "Weighted random sampling with a reservoir", Information
    Processing Letters 97 (2006), algorithm A-ES.
    """

    n: int
    seed: int
    importance: Callable[[Floats], Float64] | None = None
    purpose: str = "kmeans"
    sparse: bool = False
    refuses_missing: ClassVar[bool] = True
    grouped: ClassVar[bool] = False

    def empty(self, schema: Schema) -> SeedSummary:
        # Not touched before it is filled, so that it takes no memory before.
        rows = np.empty((self.n, schema.n_features), schema.dtype)
        weights = np.empty(self.n) if schema.weighted else NO_WEIGHTS
        return SeedSummary(0, np.empty(self.n), rows, weights)

    def nbytes(self, schema: Schema) -> int:
        width = schema.n_features * schema.dtype.itemsize + 8 * (1 + schema.weighted)
        return self.n * width

    def work_nbytes(self, schema: Schema, n_rows: int) -> int:
        apart = 0 if self.importance is None or self.sparse else 8 * schema.n_features * n_rows
        dense = 8 * schema.n_features * min(n_rows, self.n) if self.sparse else 0
        return 40 * n_rows + apart + dense + 32 * self.n

    def update(self, summary: SeedSummary, block: Block) -> None:
        sparse = block.finite_csr if self.sparse else None
        X = block.finite_X if sparse is None else sparse
        w = block.weight
        if self.importance is not None:
            w = self.importance(X) * w if len(w) else self.importance(X)
        numbers = draw_hashes(block, self.seed, None, self.purpose) >> np.uint64(11)
        offered = _candidates(numbers, w, self._bound(summary))
        keys = -np.log((numbers[offered] + 0.5) * 2.0**-53)
        if len(w):
            keys /= w[offered]
        self._offer(summary, keys, X, block.weight, offered)

    def merge(self, into: SeedSummary, other: SeedSummary) -> None:
        keys = other.keys[: other.n_held]
        offered = np.flatnonzero(keys < self._bound(into))
        self._offer(into, keys[offered], other.rows, other.weights, offered)

    def result(self, summary: SeedSummary) -> Floats:
        """Give the sampled rows, by their keys."""
        order = np.argsort(summary.keys[: summary.n_held], kind="stable")
        return np.asarray(summary.rows[order])

    def drawn(self, summary: SeedSummary) -> Drawn:
        """Give all but the last, which tells the chances of the others, or all rows there are."""
        order = np.argsort(summary.keys[: summary.n_held], kind="stable")
        taken = order[: self.n - 1]
        return Drawn(summary.rows[taken], summary.keys[order], summary.weights[taken]
                     if len(summary.weights) else NO_WEIGHTS)  # fmt: skip

    def _bound(self, summary: SeedSummary) -> float:
        """Find the key that a row must stay below to be taken."""
        full = summary.n_held == self.n
        return float(summary.keys.max()) if full else math.inf

    def _offer(
        self, summary: SeedSummary, keys: Float64, rows: Any, weights: Float64,
        offered: NDArray[np.intp],
    ) -> None:  # fmt: skip
        """Take the rows whose keys are among the n smallest, in the places of those that go."""
        n_held = summary.n_held
        both = np.concatenate([summary.keys[:n_held], keys])
        stay = np.ones(len(both), np.bool_)
        if len(both) > self.n:
            stay[np.argpartition(both, self.n - 1)[self.n :]] = False
        summary.n_held = min(len(both), self.n)
        places = np.flatnonzero(~stay[:n_held])
        places = np.concatenate([places, np.arange(n_held, summary.n_held)])
        taken = np.flatnonzero(stay[n_held:])
        found = rows[offered[taken]]
        summary.keys[places] = keys[taken]
        summary.rows[places] = found.toarray() if self.sparse and sp.issparse(found) else found
        if len(summary.weights):
            summary.weights[places] = weights[offered[taken]]


def _candidates(numbers: NDArray[np.uint64], w: Float64, bound: float) -> NDArray[np.intp]:
    """Rows whose keys may lie below a bound. Without weights no logarithm is taken to tell."""
    if len(w):
        counting = np.flatnonzero(w)
        keys = -np.log((numbers[counting] + 0.5) * 2.0**-53) / w[counting]
        return np.asarray(counting[keys < bound])
    least = math.exp(-bound) * (1 - 1e-9) * 2.0**53
    return np.flatnonzero(numbers >= np.uint64(max(least - 1, 0)))


def sample_size(n_clusters: int, view: View) -> int:
    """Count the rows to seed from: what 2 MB hold, and at least 64 a cluster.

    Of sparse rows, which the sample holds with all their zeros: what 64 MB hold, and two a cluster.
    """
    row_bytes = max(view.schema.n_features * view.schema.dtype.itemsize, 1)
    wanted = max(ROWS_PER_CLUSTER * n_clusters, SAMPLE_BYTES // row_bytes)
    return _at_most_all(wanted, n_clusters, view)


def _at_most_all(wanted: int, n_clusters: int, view: View) -> int:
    if view.entry_row_bytes is not None:
        row_bytes = max(view.schema.n_features * view.schema.dtype.itemsize, 1)
        wanted = max(2 * n_clusters, min(wanted, SPARSE_SAMPLE_BYTES // row_bytes))
    n_rows = None if view.drops_rows else view.layout.n_rows
    return wanted if n_rows is None else min(wanted, n_rows)


def largest_batch(n_clusters: int, view: View) -> int:
    """Count the rows of the largest batch: what 16 MB hold, and at least 256 a cluster.

    Of sparse rows, at the most what 64 MB hold with all their zeros, and two a cluster.
    """
    row_bytes = max(view.schema.n_features * view.schema.dtype.itemsize, 1)
    wanted = max(ROWS_PER_CLUSTER_OF_BATCH * n_clusters, BATCH_BYTES // row_bytes)
    return _at_most_all(wanted, n_clusters, view)


def seeding_nbytes(n_clusters: int, n_rows: int, n_features: int) -> int:
    """Count what it takes to choose the centres among some rows, beside the rows."""
    candidates = min(OVERSAMPLING * ROUNDS * n_clusters, n_rows)
    searching = 8 * candidates * (n_features + 24)
    tiles = 8 * 3 * min(TILE, n_rows) * (OVERSAMPLING * n_clusters + n_features)
    return 8 * n_rows * (n_features + 7) + max(tiles, searching)  # one after the other


def kmeans_parallel(
    rows: Floats, n_clusters: int, rng: np.random.Generator, weights: Float64 = NO_WEIGHTS
) -> Float64:
    """k-means||, then greedy k-means++ among what it has found, then a search by swaps.

    A few rounds draw many far rows at once; each stands for the rows that are nearest to it. Swaps
    find the clusters that k-means++ misses, which no iteration of k-means does.

    Source: Bahmani et al., "Scalable K-Means++", PVLDB 5 (2012), algorithm 2, drawing a fixed
    number of rows a round (exponential keys) in place of independent coins.
    """
    X = rows.astype(np.float64)
    X -= X.mean(axis=0)
    norms = np.einsum("ij,ij->i", X, X)
    w = weights if len(weights) else np.ones(len(X))
    chosen = np.array([rng.choice(len(X), p=w / w.sum())])
    nearest, distances = _nearest(X, norms, chosen)
    for _ in range(ROUNDS):
        apart = np.flatnonzero(distances > 1e-12 * (norms.max() + 1e-300))
        if len(apart) == 0:
            break
        keys = rng.exponential(size=len(apart)) / (w[apart] * distances[apart])
        fresh = np.sort(apart[np.argsort(keys, kind="stable")[: OVERSAMPLING * n_clusters]])
        best, shortest = _nearest(X, norms, fresh)
        closer = shortest < distances
        nearest[closer] = len(chosen) + best[closer]
        distances[closer] = shortest[closer]
        chosen = np.concatenate([chosen, fresh])
    if len(chosen) < n_clusters:  # fewer distinct rows than clusters: the rest are repeats
        extra = rng.choice(len(X), n_clusters - len(chosen), replace=len(X) < n_clusters)
        return np.asarray(rows[np.concatenate([chosen, extra])], np.float64)
    stands_for = np.bincount(nearest, w, len(chosen)).astype(np.float64, copy=False)
    seed = int(rng.integers(2**31 - 1))
    candidates = np.ascontiguousarray(X[chosen])
    _, picked = kmeans_plusplus(candidates, n_clusters, sample_weight=stands_for, random_state=seed)
    picked = local_search(candidates, stands_for, picked, SWAPS_PER_CLUSTER * n_clusters, rng)
    return np.asarray(rows[chosen[picked]], np.float64)


def seeds(
    rows: Floats, init: Any, n_clusters: int, rng: np.random.Generator,
    weights: Float64 = NO_WEIGHTS,
) -> Float64:  # fmt: skip
    """Starting centres out of the sampled rows, by the method that `init` names."""
    if init == "random":
        return np.asarray(rows[rng.choice(len(rows), n_clusters, replace=False)], np.float64)
    if init == "k-means++":
        seed = int(rng.integers(2**31 - 1))
        centers, _ = kmeans_plusplus(
            np.asarray(rows, np.float64), n_clusters, random_state=seed,
            sample_weight=weights if len(weights) else None,
        )  # fmt: skip
        return np.asarray(centers, np.float64)
    return kmeans_parallel(rows, n_clusters, rng, weights)


def _nearest(
    X: Float64, norms: Float64, chosen: NDArray[np.intp]
) -> tuple[NDArray[np.intp], Float64]:
    """The nearest of some rows to every row, and the squared distance to it."""
    nearest, distances = np.empty(len(X), np.intp), np.empty(len(X))
    centers = X[chosen].T
    for start in range(0, len(X), TILE):
        tile = slice(start, start + TILE)
        squared = X[tile] @ centers
        squared *= -2.0
        squared += norms[tile, None]
        squared += norms[chosen]
        nearest[tile] = squared.argmin(axis=1)
        distances[tile] = np.take_along_axis(squared, nearest[tile, None], axis=1)[:, 0]
    distances[chosen] = 0.0
    nearest[chosen] = np.arange(len(chosen))
    return nearest, np.maximum(distances, 0.0, out=distances)
