"""A scan of a file that does not fit."""

from __future__ import annotations

import os
from typing import ClassVar

import numpy as np

from benchmarks import data
from benchmarks.jobs.base import Job, Note, Size, Timed, job


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
