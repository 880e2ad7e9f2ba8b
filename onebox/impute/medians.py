"""Medians of columns: exact for small tables, with a bounded error for large ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from onebox.aggregates.aggregate import Aggregate
from onebox.aggregates.quantiles import Quantiles, QuantilesSummary
from onebox.data.block import Block
from onebox.data.schema import Schema


@dataclass
class MedianSummary:
    """Counts of the values seen, and the values themselves while they are few."""

    counts: QuantilesSummary
    values: NDArray[Any] | None  # (rows, columns); None when they were too many


@dataclass(frozen=True)
class Medians(Aggregate[MedianSummary]):
    """Median of every column, over its values that are there.

    Parameters
    ----------
    kept_bytes : int, default=1048576
        The values themselves are kept while they take no more.

    Notes
    -----
    Cost: 1 pass; summary up to 68 kB a column, and `kept_bytes`.

    Exactness: exact while all columns together take no more than `kept_bytes` as float64; beyond
    that off by at most 1/64 of the median, as `Quantiles`.
    """

    kept_bytes: int = 2**20
    grouped: ClassVar[bool] = False
    refuses_missing: ClassVar[bool] = False

    @property
    def _counts(self) -> Quantiles:
        return Quantiles(0.5)

    def empty(self, schema: Schema) -> MedianSummary:
        nothing = np.empty((0, schema.n_features), np.float64)
        return MedianSummary(self._counts.empty(schema), nothing)

    def nbytes(self, schema: Schema) -> int:
        return self._counts.nbytes(schema) + self.kept_bytes

    def work_nbytes(self, schema: Schema, n_rows: int) -> int:
        return self._counts.work_nbytes(schema, n_rows)

    def update(self, summary: MedianSummary, block: Block) -> None:
        self._counts.update(summary.counts, block)
        self._keep(summary, block.X)

    def merge(self, into: MedianSummary, other: MedianSummary) -> None:
        self._counts.merge(into.counts, other.counts)
        self._keep(into, other.values)

    def _keep(self, summary: MedianSummary, more: NDArray[Any] | None) -> None:
        kept = summary.values
        if kept is None or more is None or kept.nbytes + 8 * more.size > self.kept_bytes:
            summary.values = None
        else:
            summary.values = np.concatenate([kept, more])

    def result(self, summary: MedianSummary) -> NDArray[np.float64]:
        """One number a column; NaN for a column without values."""
        if summary.values is None:
            return np.asarray(self._counts.result(summary.counts).values[:, 0])
        columns = [column[~np.isnan(column)] for column in summary.values.T]
        return np.array([np.median(column) if len(column) else np.nan for column in columns])
