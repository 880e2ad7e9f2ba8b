"""PCA of an array."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from benchmarks import data
from benchmarks.jobs.base import Job, Note, Size, Timed, job


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


def _angle(X: Any, components: Any) -> float:
    """Largest angle between a fitted subspace and that of the exact covariance."""
    from scipy.linalg import eigh, subspace_angles

    centred = X - X.mean(axis=0)
    p, k = X.shape[1], len(components)
    _, vectors = eigh(centred.T @ centred, subset_by_index=(p - k, p - 1))
    return float(subspace_angles(components.T, vectors).max())
