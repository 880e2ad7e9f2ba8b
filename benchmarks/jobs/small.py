"""Fits so small that only overhead counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from benchmarks.jobs.base import Job, Size, Timed, job


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
