"""k-means, in memory and from disk; how good it gets, and mini-batches."""

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
    options: ClassVar[dict[str, Any]] = {"max_iter": 10, "tol": 0}

    @staticmethod
    def prepare(size: Size) -> None:
        data.blobs(*size, 100)

    @classmethod
    def ours(cls, size: Size, threads: int) -> Timed:
        import onebox as ob
        from onebox.cluster import KMeans

        return cls._timed(size, KMeans, lambda: ob.config(n_jobs=threads))

    @classmethod
    def peer(cls, size: Size, threads: int) -> Timed:
        from sklearn.cluster import KMeans
        from threadpoolctl import threadpool_limits

        return cls._timed(size, KMeans, lambda: threadpool_limits(threads))

    @staticmethod
    def rows_and_start(size: Size) -> tuple[Any, Any]:
        X = np.load(data.blobs(*size, 100))
        return X, X[np.random.default_rng(0).choice(len(X), 100, replace=False)]

    @classmethod
    def _timed(cls, size: Size, kind: Any, limits: Callable[[], Any]) -> Timed:
        X, init = cls.rows_and_start(size)

        def timed(*, warm: bool) -> str:
            with limits():
                model = kind(len(init), init=init, n_init=1, **cls.options).fit(
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


@job
class KMeansFit(KMeansPass):
    title = "k-means until it has converged, k=100, float32, from the same random rows"
    target = "3 times as fast"
    options: ClassVar[dict[str, Any]] = {}


@job
class KMeansSparse(KMeansPass):
    title = (
        "k-means of a sparse matrix, 10 passes, k=50, 100 entries a row, from the same random rows"
    )
    target = "at least as fast"
    sizes: ClassVar[list[Size]] = [(10_000, 5_000), (30_000, 5_000), (100_000, 5_000)]

    @staticmethod
    def prepare(size: Size) -> None:
        """Nothing: the matrix is drawn."""

    @staticmethod
    def rows_and_start(size: Size) -> tuple[Any, Any]:
        X = data.sparse_matrix(*size)
        return X, X[np.random.default_rng(0).choice(X.shape[0], 50, replace=False)].toarray()


@job
class KMeansQuality(Job):
    """One default fit against the best of ten."""

    title = "k-means, k=100, default start"
    peer_name = "scikit-learn KMeans, best of 10 starts"
    target = "inertia within 0.5 %"
    sizes: ClassVar[list[Size]] = [(20_000, 32), (50_000, 32), (100_000, 32)]
    n_clusters: ClassVar[int] = 100

    @staticmethod
    def path(size: Size) -> Any:
        return data.blobs(*size, 100)

    @classmethod
    def prepare(cls, size: Size) -> None:
        cls.path(size)

    @classmethod
    def ours(cls, size: Size, threads: int) -> Timed:
        import onebox as ob

        X = np.load(cls.path(size))

        def timed(*, warm: bool) -> str:
            with ob.config(n_jobs=threads):
                model = cls._fitted(X[:2000] if warm else X)
            return f"inertia {model.inertia_:.6g}"

        return timed

    @classmethod
    def peer(cls, size: Size, threads: int) -> Timed:
        from sklearn.cluster import KMeans
        from threadpoolctl import threadpool_limits

        X = np.load(cls.path(size))

        def timed(*, warm: bool) -> Callable[[], str]:
            with threadpool_limits(threads):
                theirs = KMeans(cls.n_clusters, n_init=10, random_state=0)
                theirs.fit(X[:2000] if warm else X)

            def note() -> str:
                ours = [cls._fitted(X, seed).inertia_ / theirs.inertia_ for seed in range(5)]
                shown = ", ".join(f"{ratio:.4f}" for ratio in ours)
                return f"best of 10 {theirs.inertia_:.6g}; ours over it, by seed: {shown}"

            return note

        return timed

    @classmethod
    def _fitted(cls, X: Any, seed: int = 0) -> Any:
        from onebox.cluster import KMeans

        return KMeans(cls.n_clusters, random_state=seed).fit(X)


@job
class KMeansPatches(KMeansQuality):
    title = "k-means of patches of photographs, k=64, default start"
    sizes: ClassVar[list[Size]] = [(5_000, 192), (10_000, 192), (20_000, 192)]
    n_clusters: ClassVar[int] = 64

    @staticmethod
    def path(size: Size) -> Any:
        return data.patches(size[0])


@job
class MiniBatch(Job):
    """Both to the end, without labels: ours ends lower, so it has passed the peer's end by then."""

    title = "mini-batch k-means, k=100, float32"
    peer_name = "scikit-learn MiniBatchKMeans"
    target = "10 times as fast to the same inertia"
    sizes: ClassVar[list[Size]] = [(100_000, 32), (300_000, 32), (1_000_000, 32)]

    @staticmethod
    def prepare(size: Size) -> None:
        data.blobs(*size, 100)

    @staticmethod
    def ours(size: Size, threads: int) -> Timed:
        import onebox as ob
        from onebox.cluster import MiniBatchKMeans

        return MiniBatch._timed(size, MiniBatchKMeans, lambda: ob.config(n_jobs=threads))

    @staticmethod
    def peer(size: Size, threads: int) -> Timed:
        from sklearn.cluster import MiniBatchKMeans
        from threadpoolctl import threadpool_limits

        return MiniBatch._timed(size, MiniBatchKMeans, lambda: threadpool_limits(threads))

    @staticmethod
    def _timed(size: Size, kind: Any, limits: Callable[[], Any]) -> Timed:
        X = np.load(data.blobs(*size, 100))

        def timed(*, warm: bool) -> Callable[[], str]:
            with limits():
                model = kind(100, random_state=0, compute_labels=False)
                model.fit(X[:5000] if warm else X)
            return lambda: f"inertia {-model.score(X):.6g}"

        return timed
