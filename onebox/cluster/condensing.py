"""Many rows as few weighted ones: micro-clusters, on which a tree can be grown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from onebox.aggregates.aggregate import join
from onebox.aggregates.spread import Spread
from onebox.cluster.centers import Centers
from onebox.cluster.hierarchy.rows import Float64, gather
from onebox.cluster.hierarchy.trees import needed_without_graph
from onebox.cluster.lloyd import Lloyd, label
from onebox.data.scratch import Scratch
from onebox.dataset import Dataset
from onebox.engine.report import FitReport
from onebox.engine.run import scan

MAX_LEAVES = 2**14  # Ward's tree of more takes minutes: its time grows with their square
MIN_LEAVES = 2**8
COPIES = 16  # of the centres, at the most, in sampling and in two workers' sums


@dataclass(frozen=True, eq=False)
class MicroClusters:
    """Means of rows that are near each other.

    Attributes
    ----------
    centers : float64 array of shape (m, p)
    weights : float64 array of shape (m,)
        How many rows each is the mean of; at least 1.
    """

    centers: Float64
    weights: Float64

    def means(self, labels: NDArray[np.int64], n_clusters: int) -> Float64:
        """The means of the rows of clusters of micro-clusters: shape (n_clusters, p)."""
        sums = np.zeros((n_clusters, self.centers.shape[1]))
        np.add.at(sums, labels, self.weights[:, None] * self.centers)
        return sums / np.bincount(labels, self.weights, n_clusters)[:, None]


@dataclass(frozen=True, eq=False)
class LabelsOfNearest:
    """Gives every row the label of the nearest centre."""

    centers: Float64
    labels: NDArray[np.int64]

    def __call__(self, X: Any) -> NDArray[np.int64]:
        return self.labels[label(X, self.centers, Scratch())]


def leaves_within(budget: int, n_features: int, linkage: str) -> int:
    """How many micro-clusters are worth the time, or the half, a quarter, ... that half the budget holds.

    In powers of two, so that the number, and with it the tree, changes with small budgets only.
    """
    leaves = MAX_LEAVES
    while leaves > MIN_LEAVES and _needed(leaves, n_features, linkage) > budget // 2:
        leaves //= 2
    return leaves


def _needed(leaves: int, n_features: int, linkage: str) -> int:
    tree = needed_without_graph((leaves, n_features), linkage, "euclidean")
    return max(tree, COPIES * 8 * leaves * n_features)


def condense(
    data: Dataset, most: int, random_state: int, job: str
) -> tuple[MicroClusters, FitReport]:
    """The rows as at most `most` micro-clusters.

    A uniform sample of distinct rows, and every row joins the one that is nearest: one step of k-means.

    Notes
    -----
    Cost: 3 passes, two of which draw the sample; ``2 m n p`` operations in the last; 24 m p bytes.

    Exactness: means and counts are of all rows. The sample depends on the seed and on the files and
    places of rows only.
    """
    sample, _ = gather(data.sample(most, random_state=random_state).view, data.settings, job)
    view = data.view.without_roles()
    step = Lloyd(Centers(np.unique(sample, axis=0), view.schema.dtype))
    # Spread refuses what is not finite among the rows that are not in the sample.
    (sums, _), report = scan(
        view, join(step, Spread()), settings=data.settings, job=f"{job}, micro-clusters"
    )
    report.passes += 2
    held = sums.weights > 0
    return MicroClusters(step.result(sums)[held], sums.weights[held]), report
