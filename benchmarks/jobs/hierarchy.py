"""Trees of clusters: along a grid of voxels, and of all pairs."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from benchmarks.jobs.base import Job, Note, Size, Timed, job

N_SIGNALS = 50


def voxels(shape: tuple[int, ...], n_signals: int = N_SIGNALS) -> tuple[Any, Any]:
    """Smooth random signals on a grid, as brain images have them, and who is whose neighbour."""
    from scipy.ndimage import gaussian_filter
    from sklearn.feature_extraction.image import grid_to_graph

    signals = np.random.default_rng(0).normal(size=(*shape, n_signals))
    for j in range(n_signals):
        signals[..., j] = gaussian_filter(signals[..., j], 1)
    return signals.reshape(-1, n_signals), grid_to_graph(*shape)


@job
class WardGrid(Job):
    title = f"Ward along a grid of voxels, {N_SIGNALS} signals"
    peer_name = "scikit-learn ward_tree"
    target = "10 times as fast, the same tree"
    linkage: ClassVar[str] = "ward"
    sizes: ClassVar[list[Size]] = [(20, 20, 20), (30, 36, 30), (40, 50, 50)]

    @staticmethod
    def prepare(size: Size) -> None:
        pass  # made in less time than it takes to read

    @classmethod
    def ours(cls, size: Size, threads: int) -> Timed:
        import onebox as ob
        from onebox import cluster

        ob.config(n_jobs=threads)
        return cls._timed(size, cluster)

    @classmethod
    def peer(cls, size: Size, threads: int) -> Timed:
        from sklearn import cluster

        return cls._timed(size, cluster)

    @classmethod
    def _timed(cls, size: Size, cluster: Any) -> Timed:
        X, graph = voxels(size)
        small, small_graph = voxels((5, 5, 5))

        def timed(*, warm: bool) -> Note:
            rows, who = (small, small_graph) if warm else (X, graph)
            if cls.linkage == "ward":
                made = cluster.ward_tree(rows, connectivity=who, return_distance=True)
            else:
                made = cluster.linkage_tree(
                    rows, connectivity=who, linkage=cls.linkage, return_distance=True
                )
            return lambda: f"sum of distances {made[4].sum():.10g}"

        return timed


@job
class AverageGrid(WardGrid):
    title = f"average linkage along a grid of voxels, {N_SIGNALS} signals"
    peer_name = "scikit-learn linkage_tree"
    target = "50 times as fast, the same tree"
    linkage = "average"
    sizes: ClassVar[list[Size]] = [(12, 12, 12), (20, 20, 20), (30, 36, 30)]


class Pairs(Job):
    """Trees of all pairs; the faster one of fastcluster's ways at 10,000 rows."""

    peer_name = "fastcluster linkage"
    target = "at least as fast"
    linkage: ClassVar[str]
    vector: ClassVar[bool] = False
    sizes: ClassVar[list[Size]] = [(2_500, 20), (5_000, 20), (10_000, 20)]

    @staticmethod
    def prepare(size: Size) -> None:
        pass

    @classmethod
    def ours(cls, size: Size, threads: int) -> Timed:
        import onebox as ob
        from onebox.cluster import linkage_tree, ward_tree

        X = _rows(size)

        def timed(*, warm: bool) -> Note:
            rows = X[:100] if warm else X
            with ob.config(n_jobs=threads):
                if cls.linkage == "ward":
                    made = ward_tree(rows, return_distance=True)
                else:
                    made = linkage_tree(rows, linkage=cls.linkage, return_distance=True)
            return lambda: f"sum of distances {made[4].sum():.10g}"

        return timed

    @classmethod
    def peer(cls, size: Size, threads: int) -> Timed:
        import fastcluster

        X = _rows(size)
        grow = fastcluster.linkage_vector if cls.vector else fastcluster.linkage

        def timed(*, warm: bool) -> Note:
            made = grow(X[:100] if warm else X, cls.linkage)
            return lambda: f"sum of distances {made[:, 2].sum():.10g}"

        return timed


@job
class WardPairs(Pairs):
    title = "Ward of all pairs, memory O(n p)"
    peer_name = "fastcluster linkage_vector"
    linkage = "ward"
    vector = True


@job
class SinglePairs(Pairs):
    title = "single linkage of all pairs, memory O(n p)"
    peer_name = "fastcluster linkage_vector"
    linkage = "single"
    vector = True


@job
class AveragePairs(Pairs):
    title = "average linkage of all pairs"
    linkage = "average"


@job
class CompletePairs(Pairs):
    title = "complete linkage of all pairs"
    linkage = "complete"


@job
class CondensedNoise(Job):
    """How tight the clusters of micro-clusters are, where the full tree can be grown too."""

    title = "Ward of a micro-cluster for four rows, normal noise"
    peer_name = "scikit-learn, the full tree"
    target = "within-cluster variance within 2 %"
    sizes: ClassVar[list[Size]] = [(4_000, 8), (8_000, 8), (16_000, 8)]

    @staticmethod
    def prepare(size: Size) -> None:
        pass

    @staticmethod
    def rows(size: Size) -> Any:
        return _rows(size)

    @classmethod
    def ours(cls, size: Size, threads: int) -> Timed:
        import onebox as ob

        X = cls.rows(size)

        def timed(*, warm: bool) -> Note:
            with ob.config(n_jobs=threads):
                cls._condensed(X[:100] if warm else X, 10, 0)
            return ""

        return timed

    @classmethod
    def peer(cls, size: Size, threads: int) -> Timed:
        from sklearn.cluster import AgglomerativeClustering

        X = cls.rows(size)

        def timed(*, warm: bool) -> Note:
            AgglomerativeClustering(10).fit(X[:100] if warm else X)
            return "" if warm else lambda: cls._compared(X)

        return timed

    @staticmethod
    def _condensed(X: Any, n_clusters: int, seed: int) -> Any:
        from onebox.cluster import AgglomerativeClustering

        return AgglomerativeClustering(
            n_clusters, max_leaves=len(X) // 4, random_state=seed
        ).fit(X).labels_  # fmt: skip

    @classmethod
    def _compared(cls, X: Any) -> str:
        from onebox.cluster import AgglomerativeClustering

        ratios = []
        for k in (5, 10, 20):
            full = _within(X, AgglomerativeClustering(k).fit(X).labels_)
            ratios += [_within(X, cls._condensed(X, k, seed)) / full for seed in range(3)]
        return f"variance over the full tree's: {min(ratios):.3f} to {max(ratios):.3f}"


@job
class CondensedUniform(CondensedNoise):
    title = "Ward of a micro-cluster for four rows, uniform noise"

    @staticmethod
    def rows(size: Size) -> Any:
        return np.random.default_rng(0).uniform(size=size)


@job
class CondensedBlobs(CondensedNoise):
    title = "Ward of a micro-cluster for four rows, blobs"

    @staticmethod
    def rows(size: Size) -> Any:
        from sklearn.datasets import make_blobs

        return make_blobs(*size, centers=10, random_state=0)[0]


@job
class CondensedDigits(CondensedNoise):
    title = "Ward of a micro-cluster for four rows, pictures of digits"
    sizes: ClassVar[list[Size]] = [(450, 64), (900, 64), (1_797, 64)]

    @staticmethod
    def rows(size: Size) -> Any:
        from sklearn.datasets import load_digits

        return load_digits().data[: size[0]]


def _within(X: Any, labels: Any) -> float:
    """The sum of squared distances to the means of clusters."""
    return sum(
        ((X[labels == c] - X[labels == c].mean(axis=0)) ** 2).sum() for c in np.unique(labels)
    )


def _rows(size: Size) -> Any:
    return np.random.default_rng(0).normal(size=size)
