"""The jobs: for each, how onebox does it and how its peer's own users would.

A side is a function of (size, threads) that opens its input and returns the timed part. The timed
part is called with ``warm=True`` first, on next to nothing, so that lazy imports and thread pools
of either side are not measured. It returns a note, or a function that makes one when the clock has
stopped; a side may also hand back the seconds that count, where it does more than one thing.
"""

from __future__ import annotations

import os
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from benchmarks import data

Size = tuple[int, ...]
Note = str | Callable[[], str] | tuple[str, float]
Timed = Callable[..., Note]


class Job(ABC):
    """Something that both sides do."""

    title: ClassVar[str]
    peer_name: ClassVar[str]
    target: ClassVar[str]
    sizes: ClassVar[list[Size]]

    @staticmethod
    @abstractmethod
    def prepare(size: Size) -> None:
        """Make the input."""

    @staticmethod
    @abstractmethod
    def ours(size: Size, threads: int) -> Timed: ...

    @staticmethod
    @abstractmethod
    def peer(size: Size, threads: int) -> Timed: ...


JOBS: dict[str, type[Job]] = {}


def job(cls: type[Job]) -> type[Job]:
    JOBS[cls.__name__] = cls
    return cls


def few(path: Any, n: int = 2000) -> Any:
    """The first rows of a matrix, for warming up."""
    return np.array(np.load(path, mmap_mode="r")[:n])


TABLE_SIZES: list[Size] = [(500_000,), (1_500_000,), (5_000_000,)]
FEATURES = [f"x{j}" for j in range(40)]


class OnTable(Job):
    """A job on the Parquet table, held against decoding it once with pyarrow."""

    peer_name = "pyarrow read_table"
    sizes = TABLE_SIZES

    @staticmethod
    def prepare(size: Size) -> None:
        data.table(*size)
        data.table(2000)

    @staticmethod
    def peer(size: Size, threads: int) -> Timed:
        import pyarrow as pa
        import pyarrow.parquet as pq

        pa.set_cpu_count(threads)

        def timed(*, warm: bool) -> str:
            path = data.table(2000 if warm else size[0])
            rows = sum(batch.num_rows for batch in pq.read_table(path).to_batches())
            return f"{rows:,} rows"

        return timed


@job
class Describe(OnTable):
    title = "describe, 41 columns of Parquet"
    target = "at most 2 times"

    @staticmethod
    def ours(size: Size, threads: int) -> Timed:
        import onebox as ob

        def timed(*, warm: bool) -> str:
            with ob.config(n_jobs=threads, memory="400MB"):
                table = ob.describe(ob.dataset(data.table(2000 if warm else size[0]))).to_arrow()
            return f"{table.num_rows} columns"

        return timed


@job
class DescribeDuckDB(Describe):
    title = "describe, against DuckDB"
    peer_name = "DuckDB SUMMARIZE"
    target = ""

    @staticmethod
    def peer(size: Size, threads: int) -> Timed:
        import duckdb

        def timed(*, warm: bool) -> str:
            path = data.table(2000 if warm else size[0])
            with duckdb.connect(config={"threads": threads}) as connection:
                rows = connection.sql(f"SUMMARIZE SELECT * FROM '{path}'").fetchall()
            return f"{len(rows)} columns"

        return timed


@job
class DescribePolars(Describe):
    title = "describe, against polars"
    peer_name = "polars scan_parquet.describe"
    target = ""

    @staticmethod
    def peer(size: Size, threads: int) -> Timed:
        os.environ["POLARS_MAX_THREADS"] = str(threads)
        import polars

        def timed(*, warm: bool) -> str:
            made = polars.scan_parquet(data.table(2000 if warm else size[0])).describe()
            return f"{made.width - 1} columns"

        return timed


@job
class RidgeParquet(OnTable):
    title = "Ridge, 40 columns of Parquet"
    target = "at most 1.5 times"

    @staticmethod
    def ours(size: Size, threads: int) -> Timed:
        import onebox as ob
        from onebox.linear_model import Ridge

        def timed(*, warm: bool) -> str:
            with ob.config(n_jobs=threads, memory="400MB"):
                table = ob.dataset(data.table(2000 if warm else size[0]))
                model = Ridge(alpha=1.0).fit(table.drop("y"), table["y"])
            return f"{model.fit_report_.rows:,} rows"

        return timed


@job
class RidgeIntelex(RidgeParquet):
    title = "Ridge, against incremental Ridge of scikit-learn-intelex"
    peer_name = "sklearnex IncrementalRidge"
    target = ""

    @staticmethod
    def peer(size: Size, threads: int) -> Timed:
        import pyarrow.parquet as pq
        from sklearnex.linear_model import IncrementalRidge
        from threadpoolctl import threadpool_limits

        threadpool_limits(threads)

        def timed(*, warm: bool) -> str:
            model = IncrementalRidge(alpha=1.0)
            rows = 0
            file = pq.ParquetFile(data.table(2000 if warm else size[0]))
            for group in range(file.num_row_groups):
                table = file.read_row_group(group)
                y = table.column("y").to_numpy()
                X = np.column_stack([c.to_numpy() for c in table.drop_columns(["y"]).columns])
                model.partial_fit(X, y)
                rows += len(y)
            return f"{rows:,} rows, intercept {float(np.ravel(model.intercept_)[0]):.6g}"

        return timed


@job
class PCAParquet(OnTable):
    title = "PCA(10), 41 columns of Parquet"
    target = "at most 1.5 times"

    @staticmethod
    def ours(size: Size, threads: int) -> Timed:
        import onebox as ob
        from onebox.decomposition import PCA

        def timed(*, warm: bool) -> str:
            with ob.config(n_jobs=threads, memory="400MB"):
                table = ob.dataset(data.table(2000 if warm else size[0]))
                model = PCA(n_components=10).fit(table)
            return f"{model.fit_report_.rows:,} rows"

        return timed


class Streamed(OnTable):
    """The same, held against pyarrow decoding in batches on as many threads, keeping nothing.

    Harder than `read_table`, which has to find memory for all rows.
    """

    peer_name = "pyarrow iter_batches, rows dropped"
    target = ""

    @staticmethod
    def peer(size: Size, threads: int) -> Timed:
        from concurrent.futures import ThreadPoolExecutor

        import pyarrow.parquet as pq

        def timed(*, warm: bool) -> str:
            path = data.table(2000 if warm else size[0])
            footer = pq.read_metadata(path)

            def decode(group: int) -> int:
                file = pq.ParquetFile(path, metadata=footer, pre_buffer=False, buffer_size=2**18)
                batches = file.iter_batches(65_536, row_groups=[group], use_threads=False)
                return sum(batch.num_rows for batch in batches)

            with ThreadPoolExecutor(threads) as pool:
                rows = sum(pool.map(decode, range(footer.num_row_groups)))
            return f"{rows:,} rows"

        return timed


@job
class DescribeStreamed(Streamed):
    title = "describe, against streaming"
    ours = Describe.ours


@job
class RidgeStreamed(Streamed):
    title = "Ridge, against streaming"
    ours = RidgeParquet.ours


@job
class PCAStreamed(Streamed):
    title = "PCA(10), against streaming"
    ours = PCAParquet.ours


@job
class PCAArray(Job):
    title = "PCA(50), one pass over an array"
    peer_name = "scikit-learn IncrementalPCA"
    target = "15 times as fast"
    sizes: ClassVar[list[Size]] = [(10_000, 500), (30_000, 500), (100_000, 500)]

    @staticmethod
    def prepare(size: Size) -> None:
        data.matrix(*size)

    @staticmethod
    def ours(size: Size, threads: int) -> Timed:
        import onebox as ob
        from onebox.decomposition import PCA

        path = data.matrix(*size)
        X = np.load(path)

        def timed(*, warm: bool) -> Note:
            with ob.config(n_jobs=threads):
                model = PCA(n_components=50).fit(X[:2000] if warm else X)
            return lambda: "" if warm else f"angle {_angle(X, model.components_):.1e} rad"

        return timed

    @staticmethod
    def peer(size: Size, threads: int) -> Timed:
        from sklearn.decomposition import IncrementalPCA
        from threadpoolctl import threadpool_limits

        X = np.load(data.matrix(*size))
        threadpool_limits(threads)

        def timed(*, warm: bool) -> Note:
            model = IncrementalPCA(n_components=50).fit(X[:2000] if warm else X)
            return lambda: "" if warm else f"angle {_angle(X, model.components_):.1e} rad"

        return timed


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


@job
class AnyScan(Job):
    title = "Gram of a .npy, 10 times the budget"
    peer_name = "the larger of reading and BLAS"
    target = "at most 1.3 times"
    sizes: ClassVar[list[Size]] = [(100_000, 500), (300_000, 500), (750_000, 500)]

    @staticmethod
    def prepare(size: Size) -> None:
        data.matrix(*size)
        data.matrix(2000, 500)

    @staticmethod
    def ours(size: Size, threads: int) -> Timed:
        import onebox as ob
        from onebox.aggregates import Gram

        def timed(*, warm: bool) -> str:
            budget = max(size[0] * size[1] * 8 // 10, 200 * 10**6)
            path = data.matrix(2000 if warm else size[0], size[1])
            with ob.config(n_jobs=threads, memory=budget):
                result = ob.aggregate(ob.dataset(path), Gram())
            return f"{result.n_rows:,} rows, budget {budget / 1e6:.0f} MB"

        return timed

    @staticmethod
    def peer(size: Size, threads: int) -> Timed:
        """Read the file once; multiply as many cached rows; the longer of the two."""
        import time
        from concurrent.futures import ThreadPoolExecutor

        from threadpoolctl import threadpool_limits

        def timed(*, warm: bool) -> Note:
            path = data.matrix(2000 if warm else size[0], size[1])
            nbytes, chunk = os.path.getsize(path), 4 * 2**20
            rows = np.random.default_rng(0).normal(size=(2048, size[1]))

            def read(part: int) -> None:
                buffer, at = memoryview(bytearray(chunk)), part * nbytes // threads
                with open(path, "rb", buffering=0) as file:
                    file.seek(at)
                    while at < (part + 1) * nbytes // threads:
                        at += file.readinto(buffer)

            def multiply(part: int) -> None:
                total = np.empty((size[1], size[1]))
                for _ in range((2000 if warm else size[0]) // 2048 // threads):
                    # numpy calls BLAS's syrk for it, without the GIL.
                    np.dot(rows.T, rows, out=total)

            seconds = []
            for work in (read, multiply):
                start = time.perf_counter()
                with threadpool_limits(1), ThreadPoolExecutor(threads) as pool:
                    list(pool.map(work, range(threads)))
                seconds.append(time.perf_counter() - start)
            note = f"reading {seconds[0]:.3f} s, BLAS {seconds[1]:.3f} s"
            return note, max(seconds)

        return timed


class Small(Job):
    """A fit of 1,000 x 20, repeated."""

    peer_name = "scikit-learn"
    target = "at most 2 times"
    sizes: ClassVar[list[Size]] = [(1000, 20)]
    repeats = 200

    @staticmethod
    def prepare(size: Size) -> None:
        return

    @staticmethod
    def timed(size: Size, fit: Callable[[Any, Any], Any]) -> Timed:
        rng = np.random.default_rng(0)
        X = rng.normal(size=size)
        y = X @ rng.normal(size=size[1])

        def run(*, warm: bool) -> str:
            for _ in range(5 if warm else Small.repeats):
                fit(X, y)
            return f"{Small.repeats} fits"

        return run


@job
class SmallRidge(Small):
    title = "Ridge, 1,000 x 20, 200 fits"

    @staticmethod
    def ours(size: Size, threads: int) -> Timed:
        from onebox.linear_model import Ridge

        return Small.timed(size, lambda X, y: Ridge().fit(X, y))

    @staticmethod
    def peer(size: Size, threads: int) -> Timed:
        from sklearn.linear_model import Ridge

        return Small.timed(size, lambda X, y: Ridge().fit(X, y))


@job
class SmallScaler(Small):
    title = "StandardScaler, 1,000 x 20, 200 fits"

    @staticmethod
    def ours(size: Size, threads: int) -> Timed:
        from onebox.preprocessing import StandardScaler

        return Small.timed(size, lambda X, y: StandardScaler().fit(X))

    @staticmethod
    def peer(size: Size, threads: int) -> Timed:
        from sklearn.preprocessing import StandardScaler

        return Small.timed(size, lambda X, y: StandardScaler().fit(X))


@job
class SmallPCA(Small):
    title = "PCA(5), 1,000 x 20, 200 fits"

    @staticmethod
    def ours(size: Size, threads: int) -> Timed:
        from onebox.decomposition import PCA

        return Small.timed(size, lambda X, y: PCA(5).fit(X))

    @staticmethod
    def peer(size: Size, threads: int) -> Timed:
        from sklearn.decomposition import PCA

        return Small.timed(size, lambda X, y: PCA(5).fit(X))


def _angle(X: Any, components: Any) -> float:
    """Largest angle between a fitted subspace and that of the exact covariance."""
    from scipy.linalg import eigh, subspace_angles

    centred = X - X.mean(axis=0)
    p, k = X.shape[1], len(components)
    _, vectors = eigh(centred.T @ centred, subset_by_index=(p - k, p - 1))
    return float(subspace_angles(components.T, vectors).max())
