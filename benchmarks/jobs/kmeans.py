"""k-means, in memory and from disk."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from benchmarks import data
from benchmarks.jobs.base import Job, Size, Timed, job
from benchmarks.jobs.parquet import FEATURES, TABLE_SIZES, OnTable


@job
class KMeansPass(Job):
    title = "k-means, 10 passes, k=100, float32"
    peer_name = "scikit-learn KMeans (lloyd)"
    target = "1.5 times as fast"
    sizes: ClassVar[list[Size]] = [(100_000, 32), (300_000, 32), (1_000_000, 32)]

    @staticmethod
    def prepare(size: Size) -> None:
        data.blobs(*size, 100)

    @staticmethod
    def ours(size: Size, threads: int) -> Timed:
        import onebox as ob
        from onebox.cluster import KMeans

        return KMeansPass._timed(size, KMeans, lambda: ob.config(n_jobs=threads))

    @staticmethod
    def peer(size: Size, threads: int) -> Timed:
        from sklearn.cluster import KMeans
        from threadpoolctl import threadpool_limits

        return KMeansPass._timed(size, KMeans, lambda: threadpool_limits(threads))

    @staticmethod
    def _timed(size: Size, kind: Any, limits: Callable[[], Any]) -> Timed:
        X = np.load(data.blobs(*size, 100))
        init = X[np.random.default_rng(0).choice(len(X), 100, replace=False)]

        def timed(*, warm: bool) -> str:
            with limits():
                model = kind(100, init=init, n_init=1, max_iter=10, tol=0).fit(
                    X[:5000] if warm else X
                )
            return f"inertia {model.inertia_:.6g} after {model.n_iter_}"

        return timed


@job
class KMeansParquet(Job):
    """The whole fit, each with its own default start, as its users write it."""

    title = "KMeans(50), 20 iterations over 40 columns of Parquet"
    peer_name = "scikit-learn KMeans in memory"
    target = "4 times as fast, within 600 MB"
    sizes = TABLE_SIZES
    same_start: ClassVar[bool] = False

    @staticmethod
    def prepare(size: Size) -> None:
        OnTable.prepare(size)

    @classmethod
    def ours(cls, size: Size, threads: int) -> Timed:
        import onebox as ob
        from onebox.cluster import KMeans

        def timed(*, warm: bool) -> str:
            with (
                tempfile.TemporaryDirectory(dir=data.FOLDER) as cache,
                ob.config(n_jobs=threads, memory="600MB", cache=cache),
            ):
                X = ob.dataset(data.table(2000 if warm else size[0])).select(FEATURES)
                model = cls._fitted(KMeans, X, X.head(50))
            return f"inertia {model.inertia_:.6g} after {model.n_iter_}"

        return timed

    @classmethod
    def peer(cls, size: Size, threads: int) -> Timed:
        import pyarrow.parquet as pq
        from sklearn.cluster import KMeans
        from threadpoolctl import threadpool_limits

        table = pq.read_table(data.table(size[0]), columns=FEATURES)
        first = table.slice(0, 50)
        X = np.column_stack([table.column(c).to_numpy() for c in FEATURES])
        del table

        def timed(*, warm: bool) -> str:
            with threadpool_limits(threads):
                model = cls._fitted(KMeans, X[:5000] if warm else X, first)
            return f"inertia {model.inertia_:.6g} after {model.n_iter_}"

        return timed

    @classmethod
    def _fitted(cls, kind: Any, X: Any, first: Any) -> Any:
        options: dict[str, Any] = {"max_iter": 20, "tol": 0, "random_state": 0, "n_init": 1}
        if cls.same_start:
            options["init"] = np.column_stack([c.to_numpy() for c in first.columns])
        return kind(50, **options).fit(X)


@job
class KMeansSameStart(KMeansParquet):
    """Iterations alone: both begin with the first 50 rows."""

    title = "the same from the same start"
    target = ""
    same_start = True
