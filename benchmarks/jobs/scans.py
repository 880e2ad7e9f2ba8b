"""The same scan on one core and on several, on other executors, and beside dask-ml on all cores."""

from __future__ import annotations

import atexit
import hashlib
import time
from abc import abstractmethod
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any, ClassVar

import numpy as np

from benchmarks import data
from benchmarks.jobs.base import Job, Note, Size, Timed, job

BLOBS: list[Size] = [(300_000, 32), (1_000_000, 32)]
CLUSTERS = 20
COPIED = 64 * 2**20
FEW_BYTES, HASHES = 2**18, 400
FEW = 2000
HELD = ExitStack()  # clusters, until the process ends
atexit.register(HELD.close)


def copy_speed(threads: int) -> float:
    """Bytes a second that so many threads copy together: what memory allows."""
    source, out = np.ones(threads * COPIED, np.uint8), np.zeros(threads * COPIED, np.uint8)
    parts = [slice(k * COPIED, (k + 1) * COPIED) for k in range(threads)]
    best = 0.0
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(5):
            start = time.perf_counter()
            list(pool.map(lambda part: np.copyto(out[part], source[part]), parts))
            best = max(best, source.nbytes / (time.perf_counter() - start))
    return best


def hash_speed(threads: int) -> float:
    """Bytes a second that so many threads hash, each its own few: what processors allow."""
    few = bytes(FEW_BYTES)

    def hash_all(_: int) -> None:
        for _ in range(HASHES):
            hashlib.sha256(few).digest()

    best = 0.0
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(5):
            start = time.perf_counter()
            list(pool.map(hash_all, range(threads)))
            best = max(best, threads * HASHES * FEW_BYTES / (time.perf_counter() - start))
    return best


def limits(threads: int) -> str:
    """How many times as much this machine does with so many threads as with one."""
    memory = copy_speed(threads) / copy_speed(1)
    processors = hash_speed(threads) / hash_speed(1)
    return f"copying memory: {memory:.2f} times, hashing in cache: {processors:.2f}"


class Scan(Job):
    """A scan, by onebox, with so many threads or on an executor."""

    sizes: ClassVar[list[Size]] = BLOBS

    @staticmethod
    def prepare(size: Size) -> None:
        data.blobs(*size, CLUSTERS)

    @staticmethod
    def open(size: Size) -> Any:
        """The rows: an array in memory, unless overridden."""
        return np.load(data.blobs(*size, CLUSTERS))

    @staticmethod
    @abstractmethod
    def scan(rows: Any) -> str: ...

    @classmethod
    def here(cls, size: Size, **how: Any) -> Timed:
        import onebox as ob

        rows = cls.open(size)

        def timed(*, warm: bool) -> Note:
            with ob.config(**how):
                return cls.scan(rows[:FEW] if warm and isinstance(rows, np.ndarray) else rows)

        return timed


class Scaling(Scan):
    """Ours on all threads beside ours on one; notes what memory and processors gain by as many."""

    peer_name = "onebox on 1 thread"
    target = "1.8 times as fast on 2 threads, where the machine allows"

    @classmethod
    def ours(cls, size: Size, threads: int) -> Timed:  # type: ignore[override]
        run = cls.here(size, n_jobs=threads)

        def timed(*, warm: bool) -> Note:
            run(warm=warm)
            return lambda: limits(threads)

        return timed

    @classmethod
    def peer(cls, size: Size, threads: int) -> Timed:  # type: ignore[override]
        run = cls.here(size, n_jobs=1)

        def timed(*, warm: bool) -> Note:
            run(warm=warm)
            return ""

        return timed


@job
class ScalingMoments(Scaling):
    title = "Moments, float32 in memory"

    @staticmethod
    def scan(rows: Any) -> str:
        import onebox as ob
        from onebox.aggregates import Moments

        return str(ob.aggregate(rows, Moments()).count[0])


@job
class ScalingGram(Scaling):
    title = "Gram, float32 in memory"

    @staticmethod
    def scan(rows: Any) -> str:
        import onebox as ob
        from onebox.aggregates import Gram

        return str(ob.aggregate(rows, Gram()).n_rows)


def kmeans(rows: Any, kind: Any = None, **options: Any) -> str:
    from onebox.cluster import KMeans

    init = np.random.default_rng(0).normal(size=(CLUSTERS, 32)).astype(np.float32)
    model = (kind or KMeans)(CLUSTERS, init=init, n_init=1, max_iter=10, tol=0, **options).fit(rows)
    return f"inertia {model.inertia_:.6g}"


@job
class ScalingKMeans(Scaling):
    title = "k-means, 10 passes, float32 in memory"
    scan = staticmethod(kmeans)


@job
class ScalingParquet(Scaling):
    title = "Moments of 41 columns of Parquet"
    sizes: ClassVar[list[Size]] = [(500_000,), (1_500_000,)]

    @staticmethod
    def prepare(size: Size) -> None:
        data.table(*size)

    @staticmethod
    def open(size: Size) -> Any:
        import onebox as ob

        return ob.dataset(data.table(*size))

    scan = ScalingMoments.scan


class Executors(ScalingParquet):
    """The same fit on threads and on another executor: what it costs to leave the process."""

    target = ""
    title = "Moments of 41 columns of Parquet, on threads"

    @classmethod
    def ours(cls, size: Size, threads: int) -> Timed:  # type: ignore[override]
        return cls.here(size, n_jobs=threads)


@job
class OnProcesses(Executors):
    peer_name = "onebox, executor='processes'"

    @classmethod
    def peer(cls, size: Size, threads: int) -> Timed:  # type: ignore[override]
        return cls.here(size, n_jobs=threads, executor="processes")


@contextmanager
def cluster(n_workers: int) -> Any:
    """A Dask cluster of this machine: processes of one thread each."""
    from distributed import Client, LocalCluster

    with (
        LocalCluster(
            n_workers=n_workers, threads_per_worker=1, processes=True, dashboard_address=":0"
        ) as made,
        Client(made) as client,
    ):
        yield client


@job
class OnDask(Executors):
    peer_name = "onebox, a local Dask cluster"

    @classmethod
    def peer(cls, size: Size, threads: int) -> Timed:  # type: ignore[override]
        client = HELD.enter_context(cluster(threads))
        return cls.here(size, n_jobs=threads, executor=client)


class Cost(Scan):
    """One thread of ours, all of theirs: McSherry et al., "Scalability! But at what COST?", 2015."""

    target = "at least as fast, with one thread against all"

    @staticmethod
    def open(size: Size) -> Any:
        import onebox as ob

        return ob.dataset(data.blobs(*size, CLUSTERS))

    @classmethod
    def ours(cls, size: Size, threads: int) -> Timed:  # type: ignore[override]
        return cls.here(size, n_jobs=1)

    @classmethod
    def peer(cls, size: Size, threads: int) -> Timed:  # type: ignore[override]
        import dask.array as da

        HELD.enter_context(cluster(threads))
        mapped = np.load(data.blobs(*size, CLUSTERS), mmap_mode="r")
        rows = da.from_array(mapped, chunks=(len(mapped) // (4 * threads), -1))
        few = da.from_array(np.array(mapped[: 4 * FEW]), chunks=(FEW, -1))
        return lambda *, warm: cls.theirs(few if warm else rows)

    @staticmethod
    @abstractmethod
    def theirs(rows: Any) -> str: ...


@job
class CostKMeans(Cost):
    title = "k-means, 10 passes, 1 thread of ours"
    peer_name = "dask-ml KMeans, all cores"
    scan = staticmethod(kmeans)

    @staticmethod
    def theirs(rows: Any) -> str:
        from dask_ml.cluster import KMeans

        init = np.random.default_rng(0).normal(size=(CLUSTERS, 32)).astype(np.float32)
        model = KMeans(CLUSTERS, init=init, max_iter=10, tol=0).fit(rows)
        return f"sum of distances {float(model.inertia_):.6g}"  # not squared ones, as its name says


@job
class CostPCA(Cost):
    title = "PCA(10), 1 thread of ours"
    peer_name = "dask-ml PCA, all cores"

    @staticmethod
    def scan(rows: Any) -> str:
        from onebox.decomposition import PCA

        return f"variance {PCA(10).fit(rows).explained_variance_.sum():.6g}"

    @staticmethod
    def theirs(rows: Any) -> str:
        from dask_ml.decomposition import PCA

        return f"variance {PCA(10).fit(rows).explained_variance_.sum():.6g}"


@job
class CostRidge(Cost):
    title = "Ridge, 1 thread of ours"
    peer_name = "dask-ml LinearRegression (l2, lbfgs), all cores"

    @staticmethod
    def scan(rows: Any) -> str:
        from onebox.linear_model import Ridge

        model = Ridge().fit(rows.drop("x0"), rows["x0"])
        return f"coefficients {np.abs(model.coef_).sum():.4g}"

    @staticmethod
    def theirs(rows: Any) -> str:
        from dask_ml.linear_model import LinearRegression

        # With its default solver, ADMM, it takes minutes.
        model = LinearRegression(penalty="l2", C=1.0, solver="lbfgs").fit(rows[:, 1:], rows[:, 0])
        return f"coefficients {np.abs(model.coef_).sum():.4g}"
