"""Weighted rows on which k-means costs about what it costs on all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from onebox.aggregates.spread import Spread, SpreadSums
from onebox.cluster.centers import Centers
from onebox.cluster.seeding import Seeds
from onebox.data.buffers import Floats
from onebox.dataset import as_dataset, pair
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
        How many rows of the data each stands for, or how much of their weight.
    """

    points: Floats
    weights: Float64


@dataclass(frozen=True, eq=False)
class Importance:
    """What rows are drawn by, beside their weight: half alike, half by squared distance to the mean.

    Attributes
    ----------
    mean : ndarray of shape (p,)
    weight : float
        Of all rows.
    squares : float
        Weighted sum of all squared distances.
    """

    mean: Float64
    weight: float
    squares: float

    @classmethod
    def of(cls, spread: SpreadSums) -> Importance:
        return cls(spread.mean, spread.weight, float(spread.squares.sum()))

    def __call__(self, X: Any) -> Float64:
        alike = np.full(X.shape[0], 0.5 / self.weight)
        return alike + 0.5 * self._distances(X) / self.squares if self.squares > 0 else 2 * alike

    def _distances(self, X: Any) -> Float64:
        if sp.issparse(X):
            return Centers(self.mean[None], X.dtype).squares(X, np.zeros(X.shape[0], np.int32))
        apart = np.subtract(X, self.mean, dtype=np.float64)
        return np.asarray(np.einsum("ij,ij->i", apart, apart))


def lightweight_coreset(
    data: Any, m: int, *, sample_weight: Any = None, random_state: Any = None
) -> Coreset:
    """Draw rows and weights for which k-means costs about what it costs for all rows.

    Parameters
    ----------
    data : array, sparse matrix, table, path or Dataset, of shape (n, p)
    m : int
        Rows of the coreset; all that have a weight, with their own, when there are no more.
    sample_weight : array of shape (n,) or Dataset of the same rows, optional
        How often each row counts, zero or more; one by default.
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
        When there are no rows, or none has a weight above zero.
    MismatchedRows
        When there are not as many weights as rows.
    SinglePass
        When the rows can be read once only.
    WrongType
        For a column that is not numeric.

    Notes
    -----
    Cost: 2 passes; summary ``m + 1`` rows. Of sparse rows only the coreset is made a matrix.

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
    view, settings = pair(given, None, sample_weight).sparsely(), given.settings
    view.schema.require_numeric("lightweight_coreset")
    seed = int(check_random_state(random_state).randint(2**31 - 1))
    job, sparse = "lightweight_coreset", view.entry_row_bytes is not None
    everywhere = Importance(np.zeros(view.schema.n_features), 1.0, 1.0)
    largest = Seeds(m + 1, seed, everywhere, sparse=sparse)
    with Run(view, [Spread(), largest], settings=settings, many_passes=True, job=job) as run:
        importance = Importance.of(run.scan(Spread(), job=f"{job} pass 1"))
        if not run.report.rows:
            raise EmptyData(f"{job} was given 0 rows: {view.source.describe()} holds none.")
        if not importance.weight:
            raise EmptyData(
                f"{job} was given {run.report.rows:,} rows, of which none has a sample_weight above 0."
            )
        drawing = Seeds(m + 1, seed, importance, "coreset", sparse)
        drawn = drawing.drawn(run.scan(drawing, job=f"{job} pass 2"))
    own = drawn.given if len(drawn.given) else np.ones(len(drawn.rows))
    if len(drawn.keys) <= m:
        return Coreset(drawn.rows, own)
    chance = -np.expm1(-importance(drawn.rows) * own * drawn.keys[m])
    return Coreset(drawn.rows, own / chance)
