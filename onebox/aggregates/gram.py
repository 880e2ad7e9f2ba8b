"""Centred second moments of X and y: the summary behind ridge regression, PCA and correlations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from onebox._kernels import gram
from onebox.aggregates.aggregate import Tiled
from onebox.data.block import Block
from onebox.data.buffers import Floats
from onebox.data.schema import Schema

Float64 = NDArray[np.float64]

TILE = 96  # lines of the scatter: a whole number of panels
CHUNK = 512  # rows that are centred at a time


@dataclass
class GramSummary:
    """Sums over the rows seen; X and y stand side by side in `mean` and `scatter`."""

    names: tuple[str, ...]  # the p features
    n_rows: int
    weight: float
    mean: Float64  # (p + q,)
    scatter: Float64  # (p + q, p + q): lower triangle of sum(w (z - mean)(z - mean)')


@dataclass(frozen=True)
class GramResult:
    """Centred second moments.

    Attributes
    ----------
    names : tuple of str
        The p features.
    n_rows : int
        Rows seen.
    weight : float
        Sum of the weights; the number of rows when there are none.
    x_mean, y_mean : ndarray of shape (p,) and (q,)
        Weighted means.
    xx : ndarray of shape (p, p)
        ``sum(w (x - x_mean)(x - x_mean)')``.
    xy : ndarray of shape (p, q)
        ``sum(w (x - x_mean)(y - y_mean)')``.
    yy : ndarray of shape (q, q)
        ``sum(w (y - y_mean)(y - y_mean)')``.
    """

    names: tuple[str, ...]
    n_rows: int
    weight: float
    x_mean: Float64
    y_mean: Float64
    xx: Float64
    xy: Float64
    yy: Float64

    @property
    def covariance(self) -> Float64:
        """Sample covariance of X, divided by ``weight - 1``."""
        return np.asarray(self.xx / (self.weight - 1))

    @property
    def correlation(self) -> Float64:
        """Correlations of X; NaN where a column does not vary."""
        with np.errstate(invalid="ignore", divide="ignore"):
            scale = 1 / np.sqrt(self.xx.diagonal())
            correlation = self.xx * scale * scale[:, None]
        np.einsum("ii->i", correlation)[np.isfinite(scale)] = 1
        return np.asarray(correlation)


class _Rows(NamedTuple):
    """What an update adds: a block, its means, and a row that carries the change of the mean."""

    X: Floats
    x_mean: Float64
    Y: Float64
    y_mean: Float64
    root: Float64  # of the weights; empty for ones
    change: Float64


@dataclass
class _Prepared:
    """A centred block with one more row, which carries the change of the mean."""

    panels: Float64  # (panels, rows + 1, width), as onebox._kernels.gram lays them out


@dataclass(frozen=True)
class Gram(Tiled[GramSummary, _Prepared]):
    """Centred second moments of the features, and of the target where there is one.

    Every block is centred at its own mean. Chan's correction for the difference of the means is one
    more row of the block, so that it costs no second walk over the summary.

    Parameters
    ----------
    target : bool, default=True
        Whether a target takes part; without it, labels of any type do no harm.

    Notes
    -----
    Cost: 1 pass; summary 8 (p + q)² bytes, (p + q)² operations a row.

    Exactness: exact up to rounding; values are centred before they are squared.

    Source: Chan, Golub & LeVeque, "Algorithms for computing the sample variance", The American
    Statistician 37 (1983), eq. 2.1, for matrices.

    Examples
    --------
    >>> import numpy as np, onebox as ob
    >>> from onebox.aggregates import Gram
    >>> X = np.array([[1.0, 2.0], [2.0, 4.0], [3.0, 9.0]])
    >>> ob.aggregate(X, Gram()).covariance
    array([[ 1. ,  3.5],
           [ 3.5, 13. ]])
    """

    target: bool = True
    refuses_missing: ClassVar[bool] = True

    def _width(self, schema: Schema) -> int:
        return schema.n_features + (schema.n_targets if self.target else 0)

    def empty(self, schema: Schema) -> GramSummary:
        schema.require_numeric("Gram")
        p = self._width(schema)
        # Not np.zeros: a page that is read before it is written costs two page faults.
        scatter = np.empty((p, p))
        scatter.fill(0)
        return GramSummary(schema.names, 0, 0.0, np.zeros(p), scatter)

    def emptied(self, used: GramSummary, schema: Schema) -> GramSummary:
        used.scatter.fill(0)
        return GramSummary(schema.names, 0, 0.0, np.zeros(len(used.mean)), used.scatter)

    def nbytes(self, schema: Schema) -> int:
        p = self._width(schema)
        return 8 * p * (p + 1) + 16

    def work_nbytes(self, schema: Schema, n_rows: int) -> int:
        n_panels, width = _panels_of(self._width(schema))
        n_centered = n_rows if self.is_large(schema) else CHUNK
        return 8 * n_panels * (n_centered + 1) * width

    def update(self, summary: GramSummary, block: Block) -> None:
        rows = self._seen(summary, block)
        panels = _panels(block, CHUNK + 1, len(summary.mean))
        gram.add_centered(
            rows.X, rows.x_mean, rows.Y, rows.y_mean, rows.root, rows.change, panels,
            summary.scatter,
        )  # fmt: skip

    def prepare(self, summary: GramSummary, block: Block) -> _Prepared:
        rows = self._seen(summary, block)
        n, p = rows.X.shape
        panels = _panels(block, n + 1, len(summary.mean))
        gram.center(rows.X, rows.x_mean, rows.root, panels, 0)
        gram.center(rows.Y, rows.y_mean, rows.root, panels, p)
        last = np.zeros(panels[:, n].shape)
        last.reshape(-1)[: len(rows.change)] = rows.change
        panels[:, n] = last
        return _Prepared(panels)

    def n_tiles(self, summary: GramSummary) -> int:
        return -(-len(summary.mean) // TILE)

    def update_tile(self, summary: GramSummary, prepared: _Prepared, tile: int) -> None:
        stop = min((tile + 1) * TILE, len(summary.mean))
        gram.add(prepared.panels, summary.scatter, tile * TILE, stop)

    def _seen(self, summary: GramSummary, block: Block) -> _Rows:
        """The rows of a block with their means, which the summary's mean has moved towards."""
        X, w = block.X, block.weight
        n, p = X.shape
        mean = np.zeros(len(summary.mean))
        weight = gram.column_means(X, w, mean[:p])
        # A NaN or an infinity shows in its column's mean: no walk of its own looks for them, but
        # where weights may have hidden one.
        if len(w) or not np.isfinite(mean[:p]).all():
            X = block.finite_X
        has_target = self.target and block.has_target
        Y = block.y_matrix if has_target else np.empty((n, 0))
        gram.column_means(Y, w, mean[p:])
        change = _move_mean(summary, n, weight, mean)
        return _Rows(X, mean[:p], Y, mean[p:], np.sqrt(w), change)

    def merge(self, into: GramSummary, other: GramSummary) -> None:
        if other.n_rows:
            change = _move_mean(into, other.n_rows, other.weight, other.mean)
            gram.merge(into.scatter, other.scatter, change)

    def result(self, summary: GramSummary) -> GramResult:
        scatter = np.tril(summary.scatter)
        scatter += np.tril(summary.scatter, -1).T
        p = len(summary.names)
        return GramResult(
            summary.names, summary.n_rows, summary.weight,
            summary.mean[:p].copy(), summary.mean[p:].copy(),
            scatter[:p, :p], scatter[:p, p:], scatter[p:, p:],
        )  # fmt: skip

    def smooth(self, summary: GramSummary) -> dict[str, Any]:
        result = self.result(summary)
        of_x = {"x_mean": result.x_mean, "covariance": result.covariance,
                "correlation": result.correlation}  # fmt: skip
        return {**of_x, "y_mean": result.y_mean} if len(result.y_mean) else of_x


def _panels(block: Block, n_rows: int, n_columns: int) -> Float64:
    """Scratch for so many centred rows, with zeros behind the last column."""
    n_panels, width = _panels_of(n_columns)
    panels = block.scratch.take("gram.panels", (n_panels, n_rows, width), np.float64)
    panels[-1, :, n_columns - (n_panels - 1) * width :] = 0
    return np.asarray(panels)


def _panels_of(n_columns: int) -> tuple[int, int]:
    """How many panels a matrix has, and how wide they are."""
    width = gram.panel_width(n_columns)
    return -(-n_columns // width), width


def _move_mean(summary: GramSummary, n_rows: int, weight: float, mean: Float64) -> Float64:
    """Move the mean towards that of further rows; the row that this adds to the scatter."""
    total = summary.weight + weight
    difference = mean - summary.mean
    if total > 0:
        summary.mean += difference * (weight / total)
        difference *= np.sqrt(summary.weight * (weight / total))
    else:
        difference[:] = 0
    summary.n_rows += n_rows
    summary.weight = total
    return difference
