"""Weighted rows on which k-means costs about what it costs on all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from onebox.aggregates.spread import Spread, SpreadSums
from onebox.cluster.seeding import Seeds
from onebox.data.buffers import Floats
from onebox.dataset import as_dataset
from onebox.engine.run import Run
from onebox.errors import BadInput, EmptyData

Float64 = NDArray[np.float64]


class Coreset(NamedTuple):
    """Rows and their weights.

    Attributes
    ----------
    points : ndarray of shape (m, p)
        Of the canonical dtype of the data, by their keys: the first ones are the coreset of fewer
        rows, with other weights.
    weights : ndarray of float64 of shape (m,)
        How many rows of the data each stands for.
    """

    points: Floats
    weights: Float64


@dataclass(frozen=True, eq=False)
class Importance:
    """What rows are drawn by: half alike, half by their share of the squared distances to the mean.

    Attributes
    ----------
    mean : ndarray of shape (p,)
    n_rows : float
    squares : float
        Sum of all squared distances.
    """

    mean: Float64
    n_rows: float
    squares: float

    @classmethod
    def of(cls, spread: SpreadSums) -> Importance:
        return cls(spread.mean, spread.weight, float(spread.squares.sum()))

    def __call__(self, X: Floats) -> Float64:
        apart = np.subtract(X, self.mean, dtype=np.float64)
        distances = np.einsum("ij,ij->i", apart, apart)
        alike = np.full(len(X), 0.5 / self.n_rows)
        return alike + 0.5 * distances / self.squares if self.squares > 0 else 2 * alike


def lightweight_coreset(data: Any, m: int, *, random_state: Any = None) -> Coreset:
    """Draw rows and weights for which k-means costs about what it costs for all rows.

    Parameters
    ----------
    data : array, sparse matrix, table, path or Dataset, of shape (n, p)
    m : int
        Rows of the coreset; all, with a weight of one, when there are no more.
    random_state : int, RandomState or None, default=None
        An int makes it deterministic: draws depend on the seed and the rows' places only.

    Returns
    -------
    Coreset
        ``KMeans(k).fit(points, sample_weight=weights)`` clusters it.

    Raises
    ------
    BadInput
        For fewer than one row.
    BadValue
        For a NaN or an infinity, naming its place.
    EmptyData
        When there are no rows.
    SinglePass
        When the rows can be read once only.
    WrongType
        For a column that is not numeric.

    Notes
    -----
    Cost: 2 passes; summary ``m + 1`` rows.

    Exactness: for any k centres, the cost on the coreset is without bias and off by at most ``eps / 2``
    of the cost plus ``eps / 2`` of the cost of one cluster, when m is some ``p k log(k) / eps²``. Drawn
    without replacement by keys, and weighted by one over the chance of being drawn given the first
    key that is left out: so a coreset of more rows contains that of fewer.

    Source: Bachem, Lucic & Krause, "Scalable k-means clustering via lightweight coresets", KDD 2018,
    algorithm 1; Cohen & Kaplan, "Summarizing data using bottom-k sketches", PODC 2007, for the
    weights.

    Examples
    --------
    >>> import numpy as np
    >>> from onebox.cluster import KMeans
    >>> from onebox.sampling import lightweight_coreset
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(50_000, 2)) + 10 * rng.integers(0, 3, size=(50_000, 1))
    >>> points, weights = lightweight_coreset(X, 500, random_state=0)
    >>> model = KMeans(3, random_state=0).fit(points, sample_weight=weights)
    >>> np.sort(model.cluster_centers_[:, 0]).round().astype(int)
    array([ 0, 10, 20])
    """
    if m < 1:
        raise BadInput(f"m={m} rows make no coreset; ask for 1 or more.")
    given = as_dataset(data)
    view, settings = given.view.without_roles(), given.settings
    view.schema.require_numeric("lightweight_coreset")
    seed = int(check_random_state(random_state).randint(2**31 - 1))
    job = "lightweight_coreset"
    largest = Seeds(m + 1, seed, Importance(np.zeros(view.schema.n_features), 1.0, 1.0))
    with Run(view, [Spread(), largest], settings=settings, many_passes=True, job=job) as run:
        importance = Importance.of(run.scan(Spread(), job=f"{job} pass 1"))
        if not importance.n_rows:
            raise EmptyData(f"{job} was given 0 rows: {view.source.describe()} holds none.")
        drawing = Seeds(m + 1, seed, importance, "coreset")
        drawn = run.scan(drawing, job=f"{job} pass 2")
    points, keys = drawing.result(drawn), np.sort(drawn.keys[: drawn.n_held])
    if len(points) <= m:
        return Coreset(points, np.ones(len(points)))
    chosen = np.ascontiguousarray(points[:m])
    return Coreset(chosen, -1 / np.expm1(-importance(chosen) * keys[m]))
