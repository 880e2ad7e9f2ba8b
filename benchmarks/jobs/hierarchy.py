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


def _rows(size: Size) -> Any:
    return np.random.default_rng(0).normal(size=size)
