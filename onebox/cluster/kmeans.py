"""k-means by exact Lloyd iterations, one scan each."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from onebox.aggregates.aggregate import Aggregate, join, parts_of
from onebox.aggregates.spread import Spread
from onebox.base import MultiPass
from onebox.base.inputs import is_lazy
from onebox.cluster.bounds import LABELS, Bounds, affords_bounds, next_bounds, wants_bounds
from onebox.cluster.centers import Centers
from onebox.cluster.centers_model import CentersModel
from onebox.cluster.lloyd import Farthest, Inertia, Lloyd
from onebox.cluster.passes import first_pass, lloyd_pass
from onebox.cluster.seeding import Seeds, sample_size, seeding_nbytes, seeds
from onebox.config import Settings
from onebox.data.view import View
from onebox.engine.plan import make_plan
from onebox.engine.run import Run
from onebox.errors import BadInput

Float64 = NDArray[np.float64]


class _Try(NamedTuple):
    """What one start led to."""

    centers: Float64
    inertia: float
    n_iter: int
    n_filled: int
    labels: NDArray[np.int32] | None


class KMeans(CentersModel, MultiPass):
    """k-means clustering.

    Parameters
    ----------
    n_clusters : int, default=8
    init : {"k-means||", "k-means++", "random"} or array of shape (n_clusters, n_features)
        How to start. The named ones pick among a sample of the rows, drawn in one pass.
    n_init : int or "auto", default="auto"
        Starts to try; the one with the least inertia stays. "auto" is 1.
    max_iter : int, default=300
        Passes of one start, at the most.
    tol : float, default=1e-4
        Centres that move less than this, relative to the columns' mean variance, have converged.
    verbose : int, default=0
    random_state : int, RandomState or None, default=None
        An int makes it deterministic: the sample depends on the seed and the rows' places only.
    copy_x : bool, default=True
        For scikit-learn's sake: data are never changed.
    algorithm : {"lloyd"}, default="lloyd"

    Attributes
    ----------
    cluster_centers_ : ndarray of shape (n_clusters, n_features)
    labels_ : ndarray of shape (n_samples,), or a lazy Dataset when fitted on one
    inertia_ : float
        Weighted sum of squared distances to the nearest centre.
    n_iter_ : int
    n_features_in_ : int
    feature_names_in_ : ndarray of str, where the columns have names
    fit_report_ : FitReport

    Raises
    ------
    BadInput
        When there are fewer rows than clusters, or parameters do not fit.
    BadValue
        For a NaN or an infinity, naming its place.
    NotEnoughMemory
        When one block and the sums do not fit the budget.

    Notes
    -----
    Cost: 1 pass to draw the start (none when `init` is an array), 1 an iteration, 1 for inertia and
    labels. Blocks stay decoded in memory between passes when they fit the budget,
    else they are spilled once to the cache folder. Row state: 4 bytes a row, and 4 for a bound on the
    distance to other centres where they fit the budget: once few rows change their cluster, most
    are then left alone, the more the better rows fall into clusters.

    Exactness: exact Lloyd iterations, labels to rounding in the dtype of X, sums in float64. The
    same bits for any number of workers and any budget, with bounds and without.

    Sources: Lloyd, IEEE Trans. Information Theory 28 (1982); Bahmani et al., "Scalable K-Means++",
    PVLDB 5 (2012); bounds: Hamerly, "Making k-means even faster", SDM 2010.

    Examples
    --------
    >>> import numpy as np
    >>> from onebox.cluster import KMeans
    >>> X = np.array([[1, 2], [1, 4], [1, 0], [10, 2], [10, 4], [10, 0]])
    >>> model = KMeans(n_clusters=2, random_state=0).fit(X)
    >>> sorted(model.cluster_centers_.tolist())
    [[1.0, 2.0], [10.0, 2.0]]
    >>> len(set(model.predict([[0, 0], [12, 3]]).tolist()))
    2
    """

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        init: Any = "k-means||",
        n_init: int | str = "auto",
        max_iter: int = 300,
        tol: float = 1e-4,
        verbose: int = 0,
        random_state: Any = None,
        copy_x: bool = True,
        algorithm: str = "lloyd",
    ) -> None:
        self.n_clusters = n_clusters
        self.init = init
        self.n_init = n_init
        self.max_iter = max_iter
        self.tol = tol
        self.verbose = verbose
        self.random_state = random_state
        self.copy_x = copy_x
        self.algorithm = algorithm

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> KMeans:
        """Find the centres.

        Parameters
        ----------
        X : array, sparse matrix, table, path or Dataset, of shape (n_samples, n_features)
        y : ignored
        sample_weight : array of shape (n_samples,) or Dataset of the same rows, optional

        Returns
        -------
        KMeans
        """
        self._check_parameters()
        view, settings = self._training_view(X, None, sample_weight)
        view = view.sparsely()
        rng = np.random.default_rng(check_random_state(self.random_state).randint(2**31 - 1))
        n_rows = None if view.drops_rows else view.layout.n_rows
        self._refuse_too_few(n_rows, view)
        self._dtype = view.schema.dtype
        lazy = is_lazy(X)
        size = sample_size(self.n_clusters, view)
        opened, bounded = self._open(view, size, settings, keeps_labels=not lazy)
        with opened as run:
            starts = self._starts(run, size, rng)
            tries = [self._try(run, start, bounded=bounded, lazy=lazy) for start in starts]
        best = min(tries, key=lambda one: one.inertia)
        self.cluster_centers_, self.inertia_ = best.centers.astype(self._dtype), best.inertia
        self.n_iter_, self._n_features_out = best.n_iter, self.n_clusters
        self._warn_of_duplicates(best.n_filled)
        self.labels_ = self.predict(X) if best.labels is None else best.labels
        self.fit_report_ = run.report
        return self

    def _open(
        self, view: View, size: int, settings: Settings, *, keeps_labels: bool
    ) -> tuple[Run, bool]:
        """The run, and whether it keeps bounds."""
        p, held = view.schema.n_features, 0
        if isinstance(self.init, str):
            held += Seeds(size + 1, 0).nbytes(view.schema)
            held += seeding_nbytes(self.n_clusters, size, p)
        if keeps_labels:
            held += (view.layout.n_rows or 0) * LABELS.itemsize
        sparse = view.entry_row_bytes is not None
        wanted = not sparse and wants_bounds(view.layout.n_rows, self.n_clusters, p)
        bounded = wanted and affords_bounds(
            lambda bounded: make_plan(
                view, [parts_of(scan) for scan in self._scans(view, size, bounded)], settings,
                job="KMeans", many_passes=True, result_bytes=held,
            )
        )  # fmt: skip
        scans = self._scans(view, size, bounded)
        return self._passes(view, scans, settings, result_bytes=held), bounded

    def _scans(self, view: View, size: int, bounded: bool) -> list[Aggregate[Any]]:
        """What is scanned for, each at its largest."""
        centers = Centers(np.zeros((self.n_clusters, view.schema.n_features)), view.schema.dtype)
        lloyd = join(Lloyd(centers, Bounds(centers) if bounded else None), Spread())
        scans: list[Aggregate[Any]] = [lloyd, Farthest(centers, self.n_clusters)]
        return [*scans, self._drawing(view, size, 0)] if isinstance(self.init, str) else scans

    def _starts(self, run: Run, size: int, rng: np.random.Generator) -> list[Float64]:
        if not isinstance(self.init, str):
            return [self._start_of(run.view.schema.n_features)]
        drawing = self._drawing(run.view, size, int(rng.integers(2**31 - 1)))
        drawn = drawing.drawn(run.scan(drawing, job="KMeans start"))
        self._refuse_too_few(run.report.rows, run.view)
        self._refuse_too_few_weights(len(drawn.rows))
        count, weights = 1 if self.n_init == "auto" else int(self.n_init), drawn.weights(size)
        return [seeds(drawn.rows, self.init, self.n_clusters, rng, weights) for _ in range(count)]

    def _drawing(self, view: View, size: int, seed: int) -> Seeds:
        return Seeds(size + 1, seed, sparse=view.entry_row_bytes is not None)

    def _try(self, run: Run, start: Float64, *, bounded: bool, lazy: bool) -> _Try:
        tolerance, changed, centers = 0.0, 1.0, Centers(start, self._dtype)
        bounds: Bounds | None = None
        for iteration in range(1, self.max_iter + 1):
            bounds = next_bounds(bounds, centers, changed) if bounded else None
            step, job = Lloyd(centers, bounds), f"KMeans pass {iteration}"
            if iteration == 1:
                summary, spread = first_pass(run, step, job)
                self._refuse_too_few(run.report.rows, run.view)
                tolerance = self.tol * float(Spread().result(spread).mean())
            else:
                summary = lloyd_pass(run, step, job)
            moved = step.result(summary)
            shift = float(((moved - centers.exact) ** 2).sum())
            centers, changed = Centers(moved, self._dtype), summary.n_changed / run.report.rows
            if self.verbose:
                print(f"{job}: {summary.n_changed:,} labels changed, shift {shift:.3g}")
            if summary.n_changed == 0 or shift <= tolerance:
                break
        # Those that predict will use.
        centers = Centers(moved.astype(self._dtype).astype(np.float64), self._dtype)
        final = Inertia(centers, bounds and bounds.after(centers))
        inertia = final.result(run.scan(final, job="KMeans labels"))
        labels = None if lazy else run.row_state(LABELS)
        n_filled = int((summary.weights > 0).sum())
        return _Try(centers.exact, inertia, iteration, n_filled, labels)

    def _check_parameters(self) -> None:
        super()._check_parameters()
        if self.algorithm != "lloyd":
            raise BadInput(f"algorithm={self.algorithm!r} is not known; use 'lloyd'.")
