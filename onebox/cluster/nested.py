"""k-means on batches that contain one another: twice as many rows when a batch has taught enough."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.sparse as sp

from onebox.aggregates.spread import SpreadSums
from onebox.cluster.bounds import Bounds, next_bounds, wants_bounds
from onebox.cluster.centers import Centers, Float64
from onebox.cluster.lloyd import Lloyd, LloydSummary
from onebox.cluster.passes import first_pass, lloyd_pass
from onebox.cluster.seeding import Drawn
from onebox.config import Settings
from onebox.dataset import as_dataset, pair
from onebox.engine.run import Run

ROWS_PER_CLUSTER = 8  # of the first batch, at the least
# Of what chance does to the inertia of a batch: an iteration that gains less was the last. Less on the
# largest batch, as no other brings what is left.
ENOUGH, ENOUGH_AT_LAST = 0.1, 1e-3


@dataclass
class Learning:
    """Where one start has led to.

    Attributes
    ----------
    centers : ndarray of shape (k, p)
    weights : ndarray of shape (k,)
        Of the rows of the last batch, by their nearest centre.
    inertia : float
        Of the last batch, as its mean.
    n_steps : int
    """

    centers: Float64
    weights: Float64
    inertia: float
    n_steps: int


@dataclass(frozen=True)
class Nested:
    """Iterations of k-means on batches that grow.

    A batch of b rows places k centres with an error of chance that raises the inertia by some k / b of
    it. When an iteration lowers it by less than a tenth of that, more iterations teach less than
    more rows: the batch doubles.

    Attributes
    ----------
    drawn : Drawn
        A batch is its first rows: a sample of the data, however these lie.
    sparse : bool
    first : int
        Rows of the first batch.
    max_iter : int
        Iterations on a batch, at the most.
    tol : float
        Sum of the squared movements, over the columns' mean variance, at which an iteration on the
        last batch is the last.
    settings : Settings
    job : str

    Notes
    -----
    Source: Newling & Fleuret, "Nested Mini-Batch K-Means", NIPS 2016. There the batch doubles by the
    median over clusters of spread to movement; in sums of squares, as here, rows of clusters that
    are empty or alike divide by nothing.
    """

    drawn: Drawn
    sparse: bool
    first: int
    max_iter: int
    tol: float
    settings: Settings
    job: str

    def learn(self, start: Float64) -> Learning:
        """Go from some centres to those of the largest batch."""
        n = len(self.drawn.rows)
        size = min(n, max(self.first, ROWS_PER_CLUSTER * len(start)))
        learning = Learning(start, np.zeros(len(start)), np.inf, 0)
        self._on(size, learning, last=size == n)
        while size < n:
            size = min(2 * size, n)
            self._on(size, learning, last=size == n)
        return learning

    def _on(self, size: int, learning: Learning, *, last: bool) -> None:
        """Learn from one batch."""
        rows: Any = self.drawn.rows[:size]
        dtype, weights = rows.dtype, self.drawn.weights(size)
        data = as_dataset(sp.csr_array(rows) if self.sparse else rows)
        view = pair(data, None, weights if len(weights) else None).sparsely()
        k = len(learning.centers)
        bounds: Bounds | None = None
        bounded = not self.sparse and wants_bounds(size, k, rows.shape[1])
        step = Lloyd(Centers(learning.centers, dtype), None)
        quiet = replace(self.settings, progress=False, cache=None)
        with Run(view, [step], settings=quiet, many_passes=True, job=self.job) as run:
            summary, spread = first_pass(run, step, self.job)
            for iteration in range(1, self.max_iter + 1):
                moved = step.result(summary)
                gain = float(summary.weights @ ((moved - learning.centers) ** 2).sum(axis=1))
                shift = float(((moved - learning.centers) ** 2).sum())
                learning.inertia = _within(spread, summary, moved)
                learning.centers, learning.weights = moved, summary.weights
                learning.n_steps += 1
                chance = learning.inertia * spread.weight * k / size
                variance = float(spread.squares.mean()) / spread.weight
                enough = ENOUGH_AT_LAST if last else ENOUGH
                if gain <= enough * chance or (last and shift <= self.tol * variance):
                    break
                if iteration == self.max_iter or summary.n_changed == 0:
                    break
                centers, changed = Centers(moved, dtype), summary.n_changed / size
                bounds = next_bounds(bounds, centers, changed) if bounded else None
                step = Lloyd(centers, bounds)
                summary = lloyd_pass(run, step, self.job)


def _within(spread: SpreadSums, summary: LloydSummary, centers: Float64) -> float:
    """The mean squared distance to the means of the clusters: what the spread leaves beside theirs."""
    between = summary.weights @ ((centers - spread.mean) ** 2).sum(axis=1)
    return max(float(spread.squares.sum() - between), 0.0) / spread.weight
