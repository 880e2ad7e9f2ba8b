"""Reading svmlight files."""

from __future__ import annotations

from typing import ClassVar

from benchmarks import data
from benchmarks.jobs.base import Job, Note, Size, Timed, job


@job
class SvmlightFile(Job):
    title = "all rows of an svmlight file as CSR, 100 entries a row"
    peer_name = "scikit-learn load_svmlight_file"
    target = ""
    sizes: ClassVar[list[Size]] = [(3_000, 20_000), (10_000, 20_000), (30_000, 20_000)]

    @staticmethod
    def prepare(size: Size) -> None:
        data.svmlight(*size)

    @staticmethod
    def ours(size: Size, threads: int) -> Timed:
        import onebox as ob

        path = data.svmlight(*size)

        def timed(*, warm: bool) -> Note:
            with ob.config(n_jobs=threads):
                rows = ob.dataset(path)
                n = 0 if warm else sum(block.n_rows for block in rows.blocks())
            return "" if warm else f"{n:,} rows, opening and one pass"

        return timed

    @staticmethod
    def peer(size: Size, threads: int) -> Timed:
        from sklearn.datasets import load_svmlight_file

        path = data.svmlight(*size)

        def timed(*, warm: bool) -> Note:
            if not warm:
                load_svmlight_file(str(path))
            return ""

        return timed
