"""Answers that stop early, on 4.8 GB of Parquet: how much is read, and how soon it is good enough.

Every side tells how many bytes it took from the system, ours beside what its report says.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, ClassVar

from benchmarks import data
from benchmarks.jobs.base import Job, Note, Size, Timed, job

ERROR = 0.01
COLUMN = "x3"
SIZES: list[Size] = [(18_000_000,)]


def _path(size: Size, *, warm: bool) -> Path:
    return data.regrouped(20_000, 500) if warm else data.regrouped(*size)


def taken() -> int:
    """Bytes that this process has read so far, whether from the disk or from the page cache."""
    fields = Path("/proc/self/io").read_text().split()
    return int(fields[fields.index("rchar:") + 1])


def _reading(report: Any, nbytes: int) -> str:
    read, full = report.bytes_read, report.reading.full_bytes
    return (
        f"{report.reading.share:.1%} of the rows, looks: {report.reading.looks}, "
        f"{read / 1e6:,.0f} of {full / 1e6:,.0f} MB ({read / full:.1%}), "
        f"by the system's count {nbytes / 1e6:,.0f} MB"
    )


class OnLargeTable(Job):
    sizes = SIZES

    @staticmethod
    def prepare(size: Size) -> None:
        for warm in (True, False):
            _path(size, warm=warm)


@job
class MeanEarly(OnLargeTable):
    """System sampling in a doubling share of the rows, until the naive error is small enough.

    The naive error takes rows for independent, as these are; sorted rows it would not suit.
    """

    title = "1 % error on a mean, 4.8 GB of Parquet"
    peer_name = "DuckDB USING SAMPLE (system)"
    target = "at most 10 % of the bytes"

    @staticmethod
    def ours(size: Size, threads: int) -> Timed:
        import onebox as ob
        from onebox.aggregates import Mean

        def timed(*, warm: bool) -> Note:
            before = taken()
            with ob.config(n_jobs=threads, memory="400MB"):
                table = ob.dataset(_path(size, warm=warm))
                mean = ob.aggregate(table, Mean(COLUMN), error=ERROR)
            nbytes = taken() - before
            return lambda: f"{mean}, {_reading(mean.report, nbytes)}"

        return timed

    @staticmethod
    def peer(size: Size, threads: int) -> Timed:
        import duckdb

        def timed(*, warm: bool) -> str:
            before = taken()
            with duckdb.connect(config={"threads": threads}) as connection:
                note = _sampled(connection, _path(size, warm=warm))
            return f"{note}, {(taken() - before) / 1e6:,.0f} MB"

        return timed


def _sampled(connection: Any, path: Path) -> str:
    select, percent = f"SELECT avg({COLUMN}), stddev({COLUMN}), count(*) FROM '{path}'", 0.1
    while True:
        query = f"{select} USING SAMPLE {percent}% (system)"
        mean, deviation, rows = connection.execute(query).fetchone()
        error = deviation / rows**0.5 if rows > 1 else float("inf")
        if percent == 100 or (rows > 1 and 1.96 * error <= ERROR * abs(mean)):
            return f"{mean:.4f} ± {error:.4f} from {rows:,} rows, {percent:g} % asked for"
        percent = min(2 * percent, 100)


@job
class MeanEarlyPolars(MeanEarly):
    """The mean of all rows: polars samples no blocks of what it scans, only rows in memory."""

    title = "1 % error on a mean, against polars"
    peer_name = "polars scan_parquet, full mean (a scan cannot sample)"
    target = ""

    @staticmethod
    def peer(size: Size, threads: int) -> Timed:
        os.environ["POLARS_MAX_THREADS"] = str(threads)
        import polars

        def timed(*, warm: bool) -> str:
            before = taken()
            scan = polars.scan_parquet(_path(size, warm=warm))
            mean = scan.select(polars.col(COLUMN).mean()).collect().item()
            return f"{mean:.4f} from all rows, {(taken() - before) / 1e6:,.0f} MB"

        return timed


@job
class MeanEarlyFull(MeanEarly):
    title = "1 % error on a mean, against all rows"
    peer_name = "onebox aggregate without error="
    target = ""

    @staticmethod
    def peer(size: Size, threads: int) -> Timed:
        import onebox as ob
        from onebox.aggregates import Mean

        def timed(*, warm: bool) -> str:
            before = taken()
            with ob.config(n_jobs=threads, memory="400MB"):
                mean = ob.aggregate(ob.dataset(_path(size, warm=warm)), Mean(COLUMN))
            return f"{mean:.4f} from all rows, {(taken() - before) / 1e6:,.0f} MB"

        return timed


@job
class RidgeEarly(OnLargeTable):
    """All 40 columns, which nearly depend on each other: 1 % takes a sixth of the rows in theory."""

    title = "1 % error on ridge coefficients, 4.8 GB of Parquet"
    peer_name = "onebox Ridge().fit"
    target = "at most 10 % of the bytes"
    n_columns: ClassVar[int] = 40

    @classmethod
    def ours(cls, size: Size, threads: int) -> Timed:
        import onebox as ob
        from onebox.linear_model import Ridge

        def timed(*, warm: bool) -> Note:
            before = taken()
            with ob.config(n_jobs=threads, memory="400MB"):
                model = ob.fit(Ridge(), *cls._xy(size, warm=warm), error=ERROR)
            nbytes = taken() - before
            return lambda: "" if warm else f"{_reading(model.fit_report_, nbytes)}; {held(model)}"

        def held(model: Any) -> str:
            """How many coefficients of all rows the intervals hold."""
            exact = cls._fitted(size, threads, warm=False).coef_
            low, high = model.accuracy_["coef_"].interval(0.95)
            n_held = int(((low <= exact) & (exact <= high)).sum())
            return f"{n_held} of {len(exact)} intervals hold the coefficient of all rows"

        return timed

    @classmethod
    def peer(cls, size: Size, threads: int) -> Timed:
        def timed(*, warm: bool) -> str:
            before = taken()
            model = cls._fitted(size, threads, warm=warm)
            return f"{model.fit_report_.rows:,} rows, {(taken() - before) / 1e6:,.0f} MB"

        return timed

    @classmethod
    def _xy(cls, size: Size, *, warm: bool) -> tuple[Any, Any]:
        import onebox as ob

        table = ob.dataset(_path(size, warm=warm))
        return table.select([f"x{j}" for j in range(cls.n_columns)]), table["y"]

    @classmethod
    def _fitted(cls, size: Size, threads: int, *, warm: bool) -> Any:
        import onebox as ob
        from onebox.linear_model import Ridge

        with ob.config(n_jobs=threads, memory="400MB"):
            return Ridge().fit(*cls._xy(size, warm=warm))


@job
class RidgeEarlyHalf(RidgeEarly):
    """Columns correlated as columns usually are."""

    title = "the same with 20 of the columns"
    n_columns = 20
