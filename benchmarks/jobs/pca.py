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


@job
class PCARandomized(Job):
    title = "PCA(50), randomized, of an array"
    peer_name = "scikit-learn PCA(svd_solver='randomized')"
    target = "3 times as fast, same accuracy"
    sizes: ClassVar[list[Size]] = [(10_000, 2_000), (30_000, 2_000), (100_000, 2_000)]

    @staticmethod
    def prepare(size: Size) -> None:
        data.matrix(*size)

    @staticmethod
    def ours(size: Size, threads: int) -> Timed:
        import onebox as ob
        from onebox.decomposition import PCA

        X = np.load(data.matrix(*size))

        def timed(*, warm: bool) -> Note:
            with ob.config(n_jobs=threads):
                model = PCA(n_components=50, random_state=0).fit(X[:2000] if warm else X)
            passes = f"{model.fit_report_.passes} passes, "
            return lambda: "" if warm else passes + _accuracy(X, model)

        return timed

    @staticmethod
    def peer(size: Size, threads: int) -> Timed:
        from sklearn.decomposition import PCA
        from threadpoolctl import threadpool_limits

        X = np.load(data.matrix(*size))
        threadpool_limits(threads)
        peer = PCA(n_components=50, svd_solver="randomized", random_state=0)

        def timed(*, warm: bool) -> Note:
            model = peer.fit(X[:2000] if warm else X)
            return lambda: "" if warm else _accuracy(X, model)

        return timed


@job
class TruncatedSparse(Job):
    title = "TruncatedSVD(50) of a sparse matrix, 100 entries a row"
    peer_name = "scikit-learn TruncatedSVD"
    target = ""
    sizes: ClassVar[list[Size]] = [(10_000, 20_000), (30_000, 20_000), (100_000, 20_000)]

    @staticmethod
    def prepare(size: Size) -> None:
        """Nothing: the matrix is drawn."""

    @staticmethod
    def ours(size: Size, threads: int) -> Timed:
        import onebox as ob
        from onebox.decomposition import TruncatedSVD

        X = data.sparse_matrix(*size)

        def timed(*, warm: bool) -> Note:
            with ob.config(n_jobs=threads):
                model = TruncatedSVD(50, random_state=0).fit(X[:500] if warm else X)
            passes = f"{model.fit_report_.passes} passes, "
            return passes + f"sum of squares {(model.singular_values_**2).sum():.5g}"

        return timed

    @staticmethod
    def peer(size: Size, threads: int) -> Timed:
        from sklearn.decomposition import TruncatedSVD
        from threadpoolctl import threadpool_limits

        X = data.sparse_matrix(*size)
        threadpool_limits(threads)

        def timed(*, warm: bool) -> Note:
            model = TruncatedSVD(50, random_state=0).fit(X[:500] if warm else X)
            return f"sum of squares {(model.singular_values_**2).sum():.5g}"

        return timed


def _accuracy(X: Any, model: Any) -> str:
    """Angle to the exact subspace, and the variance found against that of the exact one."""
    from scipy.linalg import eigh, subspace_angles

    centred = X - X.mean(axis=0)
    p, k = X.shape[1], len(model.components_)
    values, vectors = eigh(centred.T @ centred, subset_by_index=(p - k, p - 1))
    angle = float(subspace_angles(model.components_.T, vectors).max())
    lost = 1 - (model.singular_values_**2).sum() / values.sum()
    return f"angle {angle:.1e} rad, {max(lost, 0):.1e} of the variance lost"
