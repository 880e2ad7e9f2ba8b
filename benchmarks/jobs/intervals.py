"""Intervals for coefficients of a table in memory: the jackknife and what people resample with.

Notes tell the median half width of the 95 % intervals, so that one sees that all mean the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from benchmarks import data
from benchmarks.jobs.base import Job, Note, Size, Timed, job
from benchmarks.jobs.parquet import FEATURES

RESAMPLES = 200
SUBSAMPLES, WEIGHTINGS = 5, 50
NORMAL = 1.96

Fit = Callable[[int], Any]


def _loaded(size: Size) -> tuple[Any, Any]:
    import pyarrow.parquet as pq

    table = pq.read_table(data.table(size[0]))
    return np.column_stack([table[c].to_numpy() for c in FEATURES]), table["y"].to_numpy()


def _note(half: Any) -> str:
    return f"median half width {float(np.median(half)):.5f}"


def _by_formula(X: Any, y: Any, model: Any) -> float:
    """The same of least squares with equal normal errors, as this table has them."""
    centred, residual = X - X.mean(axis=0), y - model.predict(X)
    variance = np.linalg.inv(centred.T @ centred).diagonal() * residual.var()
    return NORMAL * float(np.median(np.sqrt(variance)))


@job
class RidgeIntervals(Job):
    """Rows drawn again with replacement, on as many threads as there are."""

    title = "95 % intervals for 40 ridge coefficients, in memory"
    peer_name = f"bootstrap, {RESAMPLES} scikit-learn Ridge"
    target = ""
    sizes: ClassVar[list[Size]] = [(500_000, 40)]

    @staticmethod
    def prepare(size: Size) -> None:
        data.table(size[0])

    @staticmethod
    def ours(size: Size, threads: int) -> Timed:
        import onebox as ob
        from onebox.linear_model import Ridge

        X, y = _loaded(size)

        def timed(*, warm: bool) -> Note:
            rows = slice(5000 if warm else None)
            with ob.config(n_jobs=threads):
                model = ob.fit(Ridge(), X[rows], y[rows], standard_error=True)
                error = model.coef_standard_error_
            half = model.accuracy_["coef_"].quantile(0.95) * error
            return lambda: f"{_note(half)} (by the formula {_by_formula(X, y, model):.5f})"

        return timed

    @staticmethod
    def peer(size: Size, threads: int) -> Timed:
        from sklearn.linear_model import Ridge

        X, y = _loaded(size)

        def timed(*, warm: bool) -> str:
            n = 5000 if warm else len(X)

            def once(seed: int) -> Any:
                rows = np.random.default_rng(seed).integers(n, size=n)
                rows.sort()  # memory is read in order: half the time
                return Ridge(copy_X=False).fit(X[rows], y[rows]).coef_

            made = _each(once, 2 if warm else RESAMPLES, threads)
            return _note(NORMAL * np.std(made, axis=0, ddof=1))

        return timed


@job
class RidgeBags(RidgeIntervals):
    """A few subsamples, each weighted again and again as if it were all rows.

    Source: Kleiner, Talwalkar, Sarkar & Jordan, "A scalable bootstrap for massive data", Journal of
    the Royal Statistical Society B 76 (2014).
    """

    title = "the same, against the bag of little bootstraps"
    peer_name = f"{SUBSAMPLES} x n^0.6 rows, {WEIGHTINGS} scikit-learn Ridge each"

    @staticmethod
    def peer(size: Size, threads: int) -> Timed:
        from sklearn.linear_model import Ridge

        X, y = _loaded(size)

        def timed(*, warm: bool) -> str:
            n, n_weightings = len(X), 2 if warm else WEIGHTINGS

            def spread(seed: int) -> Any:
                rng = np.random.default_rng(seed)
                rows = rng.choice(n, round(n**0.6), replace=False, shuffle=False)
                x, target = X[rows], y[rows]
                weights = rng.multinomial(n, np.full(len(rows), 1 / len(rows)), n_weightings)
                made = [Ridge().fit(x, target, sample_weight=w).coef_ for w in weights]
                return np.std(made, axis=0, ddof=1)

            return _note(NORMAL * np.mean(_each(spread, SUBSAMPLES, threads), axis=0))

        return timed


def _each(work: Fit, times: int, threads: int) -> list[Any]:
    """The work of every seed, one BLAS thread each."""
    from concurrent.futures import ThreadPoolExecutor

    from threadpoolctl import threadpool_limits

    with threadpool_limits(1), ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, range(times)))
