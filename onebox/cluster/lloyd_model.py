"""Exact Lloyd iterations, one scan each, from one or several starts."""

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

Float64 = NDArray[np.float64]


class _Try(NamedTuple):
    """What one start led to."""

    centers: Float64
    inertia: float
    n_iter: int
    n_filled: int
    labels: NDArray[np.int32] | None


class LloydModel(CentersModel, MultiPass):
    """Centres found by Lloyd iterations until they hardly move."""

    verbose: int
    random_state: Any

    def _placed(self, means: Float64, before: Float64) -> Float64:
        """Where centres may be, next to the means of their rows."""
        return means

    def _learn(self, X: Any, sample_weight: Any) -> None:
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
        self._warn_of_duplicates(best.n_filled, stacklevel=4)
        self.labels_ = self.predict(X) if best.labels is None else best.labels
        self.fit_report_ = run.report

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
                job=type(self).__name__, many_passes=True, result_bytes=held,
            )
        )  # fmt: skip
        scans = self._scans(view, size, bounded)
        return self._passes(view, scans, settings, result_bytes=held), bounded

    def _scans(self, view: View, size: int, bounded: bool) -> list[Aggregate[Any]]:
        """What is scanned for, each at its largest."""
        centers = Centers(np.zeros((self.n_clusters, view.schema.n_features)), view.schema.dtype)
        lloyd = join(Lloyd(centers, Bounds(centers) if bounded else None), Spread())
        scans: list[Aggregate[Any]] = [
            lloyd,
            Farthest(centers, self.n_clusters, view.entry_row_bytes is not None),
        ]
        return [*scans, self._drawing(view, size, 0)] if isinstance(self.init, str) else scans

    def _starts(self, run: Run, size: int, rng: np.random.Generator) -> list[Float64]:
        if not isinstance(self.init, str):
            start = self._start_of(run.view.schema.n_features)
            return [self._placed(start, start)]
        name = type(self).__name__
        drawing = self._drawing(run.view, size, int(rng.integers(2**31 - 1)))
        drawn = drawing.drawn(run.scan(drawing, job=f"{name} start"))
        self._refuse_too_few(run.report.rows, run.view)
        self._refuse_too_few_weights(len(drawn.rows))
        count, weights = 1 if self.n_init == "auto" else int(self.n_init), drawn.weights(size)
        return [seeds(drawn.rows, self.init, self.n_clusters, rng, weights) for _ in range(count)]

    def _drawing(self, view: View, size: int, seed: int) -> Seeds:
        return Seeds(size + 1, seed, sparse=view.entry_row_bytes is not None)

    def _try(self, run: Run, start: Float64, *, bounded: bool, lazy: bool) -> _Try:
        name = type(self).__name__
        tolerance, changed, centers = 0.0, 1.0, Centers(start, self._dtype)
        bounds: Bounds | None = None
        for iteration in range(1, self.max_iter + 1):
            bounds = next_bounds(bounds, centers, changed) if bounded else None
            step, job = Lloyd(centers, bounds), f"{name} pass {iteration}"
            if iteration == 1:
                summary, spread = first_pass(run, step, job)
                self._refuse_too_few(run.report.rows, run.view)
                tolerance = self.tol * float(Spread().result(spread).mean())
            else:
                summary = lloyd_pass(run, step, job)
            moved = self._placed(step.result(summary), centers.exact)
            shift = float(((moved - centers.exact) ** 2).sum())
            centers, changed = Centers(moved, self._dtype), summary.n_changed / run.report.rows
            if self.verbose:
                print(f"{job}: {summary.n_changed:,} labels changed, shift {shift:.3g}")
            if summary.n_changed == 0 or shift <= tolerance:
                break
        # Those that predict will use.
        centers = Centers(moved.astype(self._dtype).astype(np.float64), self._dtype)
        final = Inertia(centers, bounds and bounds.after(centers))
        inertia = final.result(run.scan(final, job=f"{name} labels"))
        labels = None if lazy else run.row_state(LABELS)
        n_filled = int((summary.weights > 0).sum())
        return _Try(centers.exact, inertia, iteration, n_filled, labels)
