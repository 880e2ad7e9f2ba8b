"""k-means from a sample that grows until more rows would teach nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from onebox.aggregates.aggregate import Aggregate
from onebox.base import Sequential
from onebox.base.inputs import is_lazy
from onebox.base.recipe import Recipe
from onebox.cluster.bounds import BOUNDS, LABELS
from onebox.cluster.centers import Centers
from onebox.cluster.centers_model import CentersModel, is_count
from onebox.cluster.lloyd import Farthest, Inertia, Lloyd, accumulate
from onebox.cluster.nested import Learning, Nested
from onebox.cluster.passes import lloyd_pass
from onebox.cluster.seeding import Drawn, Seeds, largest_batch, sample_size, seeding_nbytes, seeds
from onebox.config import Settings
from onebox.data.recut import in_random_order
from onebox.data.view import View
from onebox.engine.run import Run
from onebox.errors import BadInput


class MiniBatchKMeans(CentersModel, Sequential):
    """k-means clustering from batches of rows: little worse than `KMeans`, in two passes.

    One pass draws a sample. Iterations begin on a few of its rows and go on with twice as many
    whenever these teach more than another iteration; in the end one iteration over all rows makes
    every centre the mean of all that are nearest to it.

    Parameters
    ----------
    n_clusters : int, default=8
    init : {"k-means||", "k-means++", "random"} or array of shape (n_clusters, n_features)
        How to start. The named ones pick among rows of the sample.
    max_iter : int, default=100
        Iterations on a batch of one size, at the most.
    batch_size : int, default=1024
        Rows of the first batch. It has 8 a cluster, at the least.
    verbose : int, default=0
    compute_labels : bool, default=True
        Whether to label the rows, in a pass of its own.
    random_state : int, RandomState or None, default=None
        An int makes it deterministic: the sample depends on the seed and the rows' places only.
    tol : float, default=0.0
        On the largest batch, centres that move less than this, relative to the columns' mean
        variance, have converged.
    n_init : int or "auto", default="auto"
        Starts to try; the one with the least inertia on the sample stays. "auto" is 1.

    Attributes
    ----------
    cluster_centers_ : ndarray of shape (n_clusters, n_features)
    labels_ : ndarray of shape (n_samples,), or a lazy Dataset when fitted on one
    inertia_ : float
        Weighted sum of squared distances to the nearest centre. Neither is there without
        `compute_labels`; after `partial_fit` they are those of its rows.
    counts_ : ndarray of shape (n_clusters,)
        The weight of the rows that have formed every centre: `partial_fit` moves it by so much less.
    n_iter_ : int
        Passes over the data that have moved centres, or drawn what moves them.
    n_steps_ : int
        Iterations on batches of the sample, and blocks seen by `partial_fit`.
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
        When the sample, one block and the sums do not fit the budget.
    NotMergeable
        By `merge`: `partial_fit` learns in order.
    SinglePass
        When the rows can be read once only.

    See Also
    --------
    KMeans : Iterates over all rows until nothing changes.

    Notes
    -----
    Cost: 1 pass to draw the sample, 1 to average where the sample is not all rows, 1 for inertia and
    labels. The sample has 256 rows a cluster, and more where 16 MB hold more; of sparse rows, which
    it holds as a matrix, at the most what 64 MB hold. `partial_fit` reads its rows once, and once
    more for labels.

    Exactness: the sample of m rows raises the inertia by a share of some ``n_clusters / m``, most of
    which the iteration over all rows takes back. Rows are drawn by keys of their own, so how they
    lie on disk matters as little as another seed. The same bits for any number of workers and any
    budget. `partial_fit` goes through blocks in a seeded order and moves every centre towards the
    mean of all rows that were ever nearest to it, with no way back: there, order matters.

    scikit-learn's ``init_size``, ``max_no_improvement`` and ``reassignment_ratio`` have nothing to set.

    Sources: Newling & Fleuret, "Nested Mini-Batch K-Means", NIPS 2016; for `partial_fit`, MacQueen,
    "Some methods for classification and analysis of multivariate observations", 5th Berkeley
    Symposium (1967), and Sculley, "Web-scale k-means clustering", WWW 2010.

    Examples
    --------
    >>> import numpy as np
    >>> from onebox.cluster import MiniBatchKMeans
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(50_000, 2)) + 10 * rng.integers(0, 3, size=(50_000, 1))
    >>> model = MiniBatchKMeans(3, random_state=0).fit(X)
    >>> np.sort(model.cluster_centers_[:, 0]).round().astype(int)
    array([ 0, 10, 20])
    >>> model = model.partial_fit(X[:1000] + 0.1)
    >>> int(model.counts_.sum())
    51000
    """

    counts_: NDArray[np.float64]
    n_steps_: int

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        init: Any = "k-means||",
        max_iter: int = 100,
        batch_size: int = 1024,
        verbose: int = 0,
        compute_labels: bool = True,
        random_state: Any = None,
        tol: float = 0.0,
        n_init: int | str = "auto",
    ) -> None:
        self.n_clusters = n_clusters
        self.init = init
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.verbose = verbose
        self.compute_labels = compute_labels
        self.random_state = random_state
        self.tol = tol
        self.n_init = n_init

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> MiniBatchKMeans:
        """Find the centres.

        Parameters
        ----------
        X : array, sparse matrix, table, path or Dataset, of shape (n_samples, n_features)
        y : ignored
        sample_weight : array of shape (n_samples,) or Dataset of the same rows, optional

        Returns
        -------
        MiniBatchKMeans
        """
        self._check_parameters()
        view, settings = self._training_view(X, None, sample_weight)
        self._learn(view.sparsely(), settings, X)
        return self

    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> MiniBatchKMeans:
        """Go on with further rows: block by block, in a seeded order.

        The first call learns as `fit` does, so it needs as many rows as there are clusters, and
        better some hundred a cluster.

        Parameters
        ----------
        X : array, sparse matrix, table, path or Dataset, of shape (n_samples, n_features)
        y : ignored
        sample_weight : array of shape (n_samples,) or Dataset of the same rows, optional

        Returns
        -------
        MiniBatchKMeans
        """
        if not hasattr(self, "counts_"):
            return self.fit(X, None, sample_weight)
        self._check_parameters()
        recipe = self.recipe_
        view, settings = self._training_view(X, None, sample_weight, reset=False)
        view, job = view.sparsely(), f"{type(self).__name__} partial_fit"
        scans = [Lloyd(Centers(self.cluster_centers_.astype(np.float64), view.schema.dtype))]
        ordered = in_random_order(view, self._seed())
        with Run(ordered, scans, settings=settings, job=job) as run:
            self._go_through(run)
        self.fit_report_ = run.report
        self._recipe = recipe.joined(Recipe.of(view), "partial_fit")
        self.n_iter_ += 1
        with Run(view, scans, settings=settings, job=job) as run:
            self._label(run, X)
        return self

    def _go_through(self, run: Run) -> None:
        """Move the centres by one block after the other."""
        centers, counts = self.cluster_centers_.astype(np.float64), self.counts_.copy()
        sums, weights = np.zeros_like(centers), np.zeros_like(counts)
        for block in run.blocks():
            X: Any = block.finite_csr
            X = block.finite_X if X is None else X
            labels = Centers(centers, run.view.schema.dtype).nearest(X, block.scratch)
            sums[:], weights[:] = 0, 0
            accumulate(block, labels, sums, weights)
            counts += weights
            hit = weights > 0
            apart = sums[hit] - weights[hit, None] * centers[hit]
            centers[hit] += apart / counts[hit, None]
            self.n_steps_ += 1
        self.counts_, self.cluster_centers_ = counts, centers.astype(self.cluster_centers_.dtype)

    def _learn(self, view: View, settings: Settings, X: Any) -> None:
        """Learn from the rows of a view, those of X, from the beginning."""
        rng = np.random.default_rng(self._seed())
        self._refuse_too_few(None if view.drops_rows else view.layout.n_rows, view)
        job, drawing = type(self).__name__, self._drawing(view, int(rng.integers(2**31 - 1)))
        with self._open(view, drawing, settings, keeps_labels=not is_lazy(X)) as run:
            drawn = drawing.drawn(run.scan(drawing, job=f"{job} sample"))
            self._refuse_too_few(run.report.rows, view)
            self._refuse_too_few_weights(len(drawn.rows))
            best = min(self._tries(drawn, rng, view, settings), key=lambda one: one.inertia)
            centers, weights, self.n_iter_ = best.centers, best.weights, 1
            if len(drawn.keys) > len(drawn.rows):  # some were left out
                step = Lloyd(Centers(centers, view.schema.dtype))
                summary = lloyd_pass(run, step, f"{job} all rows")
                centers, weights, self.n_iter_ = step.result(summary), summary.weights, 2
            self.cluster_centers_ = centers.astype(view.schema.dtype)
            self.counts_, self.n_steps_ = weights, best.n_steps
            self._n_features_out = self.n_clusters
            self._warn_of_duplicates(int((weights > 0).sum()), stacklevel=4)
            self._label(run, X)
        self.fit_report_ = run.report

    def _drawing(self, view: View, seed: int) -> Seeds:
        """A sample, and one row more, which tells what the others stand for."""
        size = largest_batch(self.n_clusters, view)
        return Seeds(size + 1, seed, sparse=view.entry_row_bytes is not None)

    def _open(self, view: View, drawing: Seeds, settings: Settings, *, keeps_labels: bool) -> Run:
        """The run, for what is scanned for, each at its largest."""
        schema, k = view.schema, self.n_clusters
        empty = Centers(np.zeros((k, schema.n_features)), schema.dtype)
        held = 2 * drawing.nbytes(schema) + (LABELS.itemsize + BOUNDS.itemsize) * drawing.n
        held += seeding_nbytes(k, sample_size(k, view), schema.n_features)
        held += (view.layout.n_rows or 0) * LABELS.itemsize if keeps_labels else 0
        scans: list[Aggregate[Any]] = [drawing, Lloyd(empty), Farthest(empty, k, drawing.sparse)]
        return Run(
            view, scans, settings=settings, many_passes=True, job=type(self).__name__,
            result_bytes=held,
        )  # fmt: skip

    def _tries(
        self, drawn: Drawn, rng: np.random.Generator, view: View, settings: Settings
    ) -> Iterator[Learning]:
        """What the starts lead to."""
        nested = Nested(
            drawn, view.entry_row_bytes is not None, self.batch_size, self.max_iter, self.tol,
            settings, type(self).__name__,
        )  # fmt: skip
        if not isinstance(self.init, str):
            yield nested.learn(self._start_of(view.schema.n_features))
            return
        few = min(sample_size(self.n_clusters, view), len(drawn.rows))
        for _ in range(1 if self.n_init == "auto" else int(self.n_init)):
            weights = drawn.weights(few)
            learning = nested.learn(
                seeds(drawn.rows[:few], self.init, self.n_clusters, rng, weights)
            )
            if self.verbose:
                print(f"{nested.job}: inertia {learning.inertia:.6g} a row of the sample")
            yield learning

    def _label(self, run: Run, X: Any) -> None:
        """One pass for inertia and labels, where they are wanted."""
        for name in ("labels_", "inertia_"):
            self.__dict__.pop(name, None)
        if self.compute_labels:
            exact = self.cluster_centers_.astype(np.float64)
            final = Inertia(Centers(exact, run.view.schema.dtype))
            self.inertia_ = final.result(run.scan(final, job=f"{type(self).__name__} labels"))
            self.labels_ = self.predict(X) if is_lazy(X) else run.row_state(LABELS)

    def _seed(self) -> int:
        return int(check_random_state(self.random_state).randint(2**31 - 1))

    def _check_parameters(self) -> None:
        super()._check_parameters()
        if not is_count(self.batch_size):
            raise BadInput(f"batch_size={self.batch_size!r} must be an integer of 1 or more.")
