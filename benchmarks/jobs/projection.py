"""Random projections of an array."""

from __future__ import annotations

import time
from typing import Any, ClassVar

import numpy as np

from benchmarks import data
from benchmarks.jobs.base import Job, Note, Size, Timed, job

N_COMPONENTS = 200


@job
class SparseProjection(Job):
    title = f"sparse random projection to {N_COMPONENTS}"
    peer_name = "scikit-learn"
    target = "20 times as fast"
    kind: ClassVar[str] = "SparseRandomProjection"
    sizes: ClassVar[list[Size]] = [(10_000, 2_000), (30_000, 2_000), (100_000, 2_000)]

    @staticmethod
    def prepare(size: Size) -> None:
        data.matrix(*size)

    @classmethod
    def ours(cls, size: Size, threads: int) -> Timed:
        import onebox as ob
        from onebox import random_projection

        X = np.load(data.matrix(*size))
        projection = getattr(random_projection, cls.kind)(N_COMPONENTS, random_state=0).fit(X)

        def timed(*, warm: bool) -> Note:
            with ob.config(n_jobs=threads):
                made = projection.transform(X[:2000] if warm else X)
            return lambda: f"{_stretch(X, made)}; one thread adds up X in {_seconds(X):.3f} s"

        return timed

    @classmethod
    def peer(cls, size: Size, threads: int) -> Timed:
        from sklearn import random_projection
        from threadpoolctl import threadpool_limits

        X = np.load(data.matrix(*size))
        threadpool_limits(threads)
        projection = getattr(random_projection, cls.kind)(N_COMPONENTS, random_state=0).fit(X)

        def timed(*, warm: bool) -> Note:
            made = projection.transform(X[:2000] if warm else X)
            return lambda: _stretch(X, made)

        return timed


@job
class GaussianProjection(SparseProjection):
    title = f"Gaussian random projection to {N_COMPONENTS}"
    kind = "GaussianRandomProjection"
    target = ""


@job
class SketchSparse(Job):
    title = f"CountSketch of a sparse matrix to {N_COMPONENTS}, 100 entries a row"
    peer_name = "scikit-learn SparseRandomProjection"
    target = ""
    sizes: ClassVar[list[Size]] = [(10_000, 20_000), (30_000, 20_000), (100_000, 20_000)]

    @staticmethod
    def prepare(size: Size) -> None:
        """Nothing: the matrix is drawn."""

    @staticmethod
    def ours(size: Size, threads: int) -> Timed:
        import onebox as ob
        from onebox.random_projection import CountSketch

        X = data.sparse_matrix(*size)
        projection = CountSketch(N_COMPONENTS, random_state=0).fit(X)

        def timed(*, warm: bool) -> Note:
            with ob.config(n_jobs=threads):
                made = projection.transform(X[:2000] if warm else X)
            return lambda: _stretch(X[:1000].toarray(), made[:1000].toarray())

        return timed

    @staticmethod
    def peer(size: Size, threads: int) -> Timed:
        from sklearn.random_projection import SparseRandomProjection

        X = data.sparse_matrix(*size)
        projection = SparseRandomProjection(N_COMPONENTS, random_state=0).fit(X)

        def timed(*, warm: bool) -> Note:
            made = projection.transform(X[:2000] if warm else X)
            return lambda: _stretch(X[:1000].toarray(), made[:1000].toarray())

        return timed


def _seconds(X: Any) -> float:
    """How long it takes to read a matrix, with next to no arithmetic: the floor of any projection."""
    start = time.perf_counter()
    X.sum()
    return time.perf_counter() - start


def _stretch(X: Any, made: Any) -> str:
    """How much distances between neighbours have changed."""
    n = min(len(made), 1_000)
    before = np.linalg.norm(np.diff(X[:n], axis=0), axis=1)
    after = np.linalg.norm(np.diff(made[:n], axis=0), axis=1)
    return f"distances off by {np.abs(after / before - 1).mean():.1%} in the mean"
