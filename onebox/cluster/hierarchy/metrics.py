"""How far apart two rows are, by the names that scikit-learn and scipy have for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from sklearn.metrics import DistanceMetric
from sklearn.metrics.pairwise import paired_distances, pairwise_distances

from onebox._kernels import edges
from onebox.errors import BadInput, BadValue

Float64 = NDArray[np.float64]
Metric = str | Callable[..., Any]

# What kernels know: whether absolute differences are summed, or squares. Cosine is the half square
# between rows of length 1.
COMPILED = {
    "euclidean": False,
    "l2": False,
    "cosine": False,
    "cityblock": True,
    "l1": True,
    "manhattan": True,
}


def is_compiled(metric: Metric) -> bool:
    """Whether kernels know it."""
    return isinstance(metric, str) and metric in COMPILED


def sorts_nodes(metric: Metric) -> bool:
    """Whether the two nodes of a merge come sorted, in scikit-learn's trees by single linkage."""
    if not isinstance(metric, str) or metric in ("cosine", "precomputed"):
        return True
    try:
        DistanceMetric.get_metric({"l2": "euclidean", "l1": "cityblock"}.get(metric, metric))
    except (ValueError, TypeError):  # not known, or not without more parameters
        return True
    return False


def directed(X: Float64, metric: Metric) -> Float64:
    """The rows as kernels compare them: of length 1 for cosine, else as they are.

    Raises
    ------
    BadValue
        For a row of zeros, which has no direction.
    """
    if metric != "cosine":
        return X
    norms = np.abs(X).max(axis=1)  # first, so that squares neither overflow nor vanish
    if not norms.all():
        zeros = np.flatnonzero(norms == 0)
        raise BadValue(
            f"{len(zeros):,} of {len(X):,} rows are zero, row {zeros[0]:,} first: they have no "
            "direction. Cosine affinity cannot be used when X contains zero vectors: leave them out "
            "or use another metric."
        )
    X = X / norms[:, None]
    X /= np.sqrt(np.einsum("ij,ij->i", X, X))[:, None]
    return X


def undirected(distances: Float64, metric: Metric) -> Float64:
    """Distances between rows of length 1 as cosine distances, in place; others as they are."""
    if metric == "cosine":
        distances *= distances
        distances *= 0.5
    return distances


def along(X: Float64, ends: NDArray[np.int32], metric: Metric) -> Float64:
    """The distance between the two rows that each edge joins.

    Raises
    ------
    BadInput
        For a metric that is not defined row by row.
    """
    if is_compiled(metric):
        out = np.empty(len(ends))
        edges.lengths(directed(X, metric), ends, COMPILED[str(metric)], out)
        return undirected(out, metric)
    if metric == "precomputed":
        return X[ends[:, 1], ends[:, 0]]
    if isinstance(metric, str):
        raise BadInput(
            f"metric={metric!r} cannot be used with connectivity; use one of "
            f"{', '.join(COMPILED)}, 'precomputed', or a function of two rows that gives their "
            "distance."
        )
    # In the order in which scikit-learn hands them over: the later row first.
    return np.asarray(paired_distances(X[ends[:, 1]], X[ends[:, 0]], metric=metric), np.float64)


def between(
    X: Float64, rows: NDArray[np.int64], columns: NDArray[np.int64], metric: Metric
) -> Float64:
    """Distances of some rows to some others, for metrics that are not compiled."""
    if metric == "precomputed":
        return X[np.ix_(rows, columns)]
    return np.asarray(pairwise_distances(X[rows], X[columns], metric=metric), np.float64)


def to_later(X: Float64, metric: Metric) -> Callable[[int, int], Float64]:
    """A function of (start, stop): the distances of these rows to all from `start` on.

    Raises
    ------
    BadInput
        For a metric that neither scipy nor scikit-learn knows, and for a precomputed matrix that is
        not square, not symmetric, or has negative entries.
    """
    if callable(metric):
        X, metric = np.asarray(metric(X), np.float64), "precomputed"
    if metric == "precomputed":
        require_distances(X)
        return lambda start, stop: X[start:stop, start:]
    options: dict[str, Any] = {}
    if metric == "seuclidean":
        options["V"] = np.var(X, axis=0, ddof=1)
    if metric == "mahalanobis":
        options["VI"] = np.linalg.inv(np.atleast_2d(np.cov(X.T))).T
    name = "cityblock" if metric in ("l1", "manhattan") else metric
    try:
        cdist(X[:1], X[:1], name, **options)
    except ValueError:
        return _of_scikit_learn(X, metric)
    return lambda start, stop: np.asarray(cdist(X[start:stop], X[start:], name, **options))


def _of_scikit_learn(X: Float64, metric: str) -> Callable[[int, int], Float64]:
    try:
        kind: Any = DistanceMetric.get_metric(metric)
    except ValueError as error:
        raise BadInput(
            f"metric={metric!r} is not known; use one of {', '.join(COMPILED)}, 'precomputed', one "
            "that scipy.spatial.distance.cdist takes, or a function of X that gives the matrix of "
            f"distances ({error})."
        ) from None
    return lambda start, stop: np.asarray(kind.pairwise(X[start:stop], X[start:]))


def require_distances(D: Float64) -> None:
    """Refuse what cannot be the distances between rows.

    Raises
    ------
    BadInput
    """
    if D.ndim != 2 or D.shape[0] != D.shape[1]:
        raise BadInput(
            f"Distance matrix should be square, got matrix of shape {D.shape}: metric='precomputed' "
            "wants the distance of every row to every row."
        )
    scale = float(np.abs(D).max(initial=0))
    for start in range(0, len(D), 256):
        rows = D[start : start + 256]
        if rows.min(initial=0) < 0:
            i, j = np.argwhere(rows < 0)[0]
            raise BadValue(
                f"The distance of rows {i + start} and {j} is {rows[i, j]}; distances are not negative. "
                "Leave metric='precomputed' out if X holds features."
            )
        differ = np.abs(rows - D[:, start : start + 256].T) > 1e-6 * scale
        if differ.any():
            i, j = np.argwhere(differ)[0]
            raise BadInput(
                f"The distance matrix is not symmetric: {rows[i, j]} at row {i + start}, column {j}, but "
                f"{D[j, i + start]} the other way. Use (D + D.T) / 2 if that is what is meant."
            )
