"""Where k-means starts: a keyed sample of the rows, drawn in one pass, and k-means|| on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import kmeans_plusplus

from onebox.aggregates.aggregate import Aggregate
from onebox.data.block import Block
from onebox.data.columns import Floats
from onebox.data.schema import Schema
from onebox.data.steps import draw_hashes

Float64 = NDArray[np.float64]

SAMPLE_BYTES = 8 * 10**6
ROWS_PER_CLUSTER = 64
ROUNDS = 5
OVERSAMPLING = 2


@dataclass
class SeedSummary:
    """Means and squared deviations of the columns, and the rows drawn so far."""

    weight: float
    mean: Float64
    m2: Float64
    keys: Float64
    rows: Floats


@dataclass(frozen=True)
class Seeds(Aggregate[SeedSummary]):
    """A weighted sample of `n` rows, and the columns' variances, by which the tolerance is scaled.

    A row's key is ``-log(u) / weight`` with u drawn from (seed, file, row); the n smallest keys are a
    sample without replacement, with chances proportional to the weights.

    Notes
    -----
    Cost: 1 pass; summary n (p + 1) values.

    Source: Efraimidis & Spirakis, "Weighted random sampling with a reservoir", Information Processing
    Letters 97 (2006), algorithm A-ES.
    """

    n: int
    seed: int
    refuses_missing: ClassVar[bool] = True
    grouped: ClassVar[bool] = False

    def empty(self, schema: Schema) -> SeedSummary:
        p = schema.n_features
        none = np.empty((0, p), schema.dtype)
        return SeedSummary(0.0, np.zeros(p), np.zeros(p), np.empty(0), none)

    def nbytes(self, schema: Schema) -> int:
        row = schema.n_features * schema.dtype.itemsize + 8
        return self.n * row + 16 * schema.n_features

    def work_nbytes(self, schema: Schema, n_rows: int) -> int:
        return 8 * n_rows * (schema.n_features + 3)

    def update(self, summary: SeedSummary, block: Block) -> None:
        X, w = block.finite_X, block.weight
        weights = w if len(w) else np.ones(block.n_rows)
        number = (draw_hashes(block, self.seed, None, "kmeans") >> np.uint64(11)).astype(np.float64)
        keys = np.full(block.n_rows, np.inf)
        np.divide(-np.log((number + 0.5) * 2.0**-53), weights, out=keys, where=weights > 0)
        total = float(weights.sum())
        mean = weights @ X / total if total else np.zeros(X.shape[1])
        centred = X - mean
        m2 = weights @ np.square(centred, out=centred)
        keep = self._smallest(keys[np.isfinite(keys)])
        chosen = np.flatnonzero(np.isfinite(keys))[keep]
        self.merge(summary, SeedSummary(total, mean, m2, keys[chosen], X[chosen]))

    def merge(self, into: SeedSummary, other: SeedSummary) -> None:
        total = into.weight + other.weight
        if other.weight:
            difference = other.mean - into.mean
            share = other.weight / total
            into.m2 += other.m2 + difference**2 * (into.weight * share)
            into.mean += difference * share
            into.weight = total
        keys = np.concatenate([into.keys, other.keys])
        keep = self._smallest(keys)
        into.rows = np.concatenate([into.rows, other.rows])[keep]
        into.keys = keys[keep]

    def result(self, summary: SeedSummary) -> tuple[Floats, Float64]:
        """The sampled rows, and the variance of every column."""
        return summary.rows, summary.m2 / max(summary.weight, 1e-300)

    def _smallest(self, keys: Float64) -> NDArray[np.intp]:
        if len(keys) <= self.n:
            return np.argsort(keys, kind="stable")
        nearest = np.argpartition(keys, self.n - 1)[: self.n]
        return nearest[np.argsort(keys[nearest], kind="stable")]


def sample_size(n_clusters: int, row_bytes: int) -> int:
    """Rows to seed from: what 8 MB hold, and at least 64 a cluster."""
    return max(ROWS_PER_CLUSTER * n_clusters, SAMPLE_BYTES // max(row_bytes, 1))


def kmeans_parallel(rows: Floats, n_clusters: int, rng: np.random.Generator) -> Float64:
    """k-means||: a few rounds that each draw many far rows at once, then k-means++ among them.

    Source: Bahmani et al., "Scalable K-Means++", PVLDB 5 (2012), algorithm 2, drawing a fixed number
    of rows a round (exponential keys) in place of independent coins.
    """
    X = np.asarray(rows, np.float64)
    X = X - X.mean(axis=0)
    norms = np.einsum("ij,ij->i", X, X)
    chosen = np.array([rng.integers(len(X))])
    nearest = np.zeros(len(X), np.intp)
    distances = _squared(X, norms, chosen)[:, 0]
    for _ in range(ROUNDS):
        apart = np.flatnonzero(distances > 1e-12 * (norms.max() + 1e-300))
        if len(apart) == 0:
            break
        keys = rng.exponential(size=len(apart)) / distances[apart]
        fresh = np.sort(apart[np.argsort(keys, kind="stable")[: OVERSAMPLING * n_clusters]])
        to_fresh = _squared(X, norms, fresh)
        best = to_fresh.argmin(axis=1)
        shortest = to_fresh[np.arange(len(X)), best]
        closer = shortest < distances
        nearest[closer] = len(chosen) + best[closer]
        distances[closer] = shortest[closer]
        chosen = np.concatenate([chosen, fresh])
    weights = np.bincount(nearest, minlength=len(chosen)).astype(np.float64)
    seed = int(rng.integers(2**31 - 1))
    if len(chosen) < n_clusters:  # fewer distinct rows than clusters: the rest are repeats
        extra = rng.choice(len(X), n_clusters - len(chosen), replace=len(X) < n_clusters)
        return np.asarray(rows[np.concatenate([chosen, extra])], np.float64)
    _, picked = kmeans_plusplus(X[chosen], n_clusters, sample_weight=weights, random_state=seed)
    return np.asarray(rows[chosen[picked]], np.float64)


def seeds(rows: Floats, init: Any, n_clusters: int, rng: np.random.Generator) -> Float64:
    """Starting centres out of the sampled rows, by the method that `init` names."""
    if init == "random":
        return np.asarray(rows[rng.choice(len(rows), n_clusters, replace=False)], np.float64)
    if init == "k-means++":
        seed = int(rng.integers(2**31 - 1))
        centers, _ = kmeans_plusplus(
            np.asarray(rows, np.float64), n_clusters, random_state=seed
        )
        return np.asarray(centers, np.float64)
    return kmeans_parallel(rows, n_clusters, rng)


def _squared(X: Float64, norms: Float64, chosen: NDArray[np.intp]) -> Float64:
    """Squared distances of all rows to some of them."""
    squared = norms[:, None] + norms[chosen] - 2.0 * X @ X[chosen].T
    squared[chosen, np.arange(len(chosen))] = 0.0
    return np.maximum(squared, 0.0)
