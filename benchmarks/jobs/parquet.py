"""Jobs of one pass over a Parquet table."""

from __future__ import annotations

import os

import numpy as np

from benchmarks import data
from benchmarks.jobs.base import Job, Size, Timed, job

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
