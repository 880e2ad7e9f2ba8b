"""The mean of columns, and no more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from onebox._kernels import moments
from onebox.aggregates.aggregate import Aggregate
from onebox.aggregates.moments import MomentsSummary, add_numbers, empty_sums, means
from onebox.aggregates.results import ColumnResult
from onebox.aggregates.selection import ColumnNames, as_names, chosen_columns
from onebox.data.block import Block
from onebox.data.schema import Schema, is_numeric


@dataclass(frozen=True, repr=False, eq=False)
class MeanResult(ColumnResult):
    """Means of columns, one entry a column.

    Attributes
    ----------
    names : tuple of str
    mean : ndarray of float64
        NaN where no value is finite.
    """

    mean: NDArray[np.float64]


@dataclass(frozen=True)
class Mean(Aggregate[MomentsSummary]):
    """Mean of numeric columns, over their finite values, weighted when the rows carry weights.

    Parameters
    ----------
    columns : str or tuple of str, default=None
        The columns to look at; None for every numeric one. The mean of one column, given by its
        name, is a number; of several it is a `MeanResult`.

    Notes
    -----
    Cost: 1 pass; summary 88 bytes a column, as `Moments`.

    Exactness: exact up to rounding.

    Source: Pébay, Sandia report SAND2008-6212 (2008), section 2.

    Examples
    --------
    >>> import onebox as ob, pyarrow as pa
    >>> from onebox.aggregates import Mean
    >>> flights = pa.table({"delay": [5, 20, 35], "carrier": ["AA", "UA", "AA"]})
    >>> ob.aggregate(flights, Mean("delay"))
    20.0
    """

    columns: ColumnNames = None

    def __post_init__(self) -> None:
        if not isinstance(self.columns, str):
            object.__setattr__(self, "columns", as_names(self.columns))

    def reads(self, schema: Schema) -> tuple[str, ...]:
        return chosen_columns(schema, self.columns, is_numeric, "Mean")

    def empty(self, schema: Schema) -> MomentsSummary:
        names = self.reads(schema)
        return MomentsSummary(names, empty_sums(len(names)))

    def nbytes(self, schema: Schema) -> int:
        return 8 * moments.WIDTH * len(self.reads(schema))

    def work_nbytes(self, schema: Schema, n_rows: int) -> int:
        return schema.dtype.itemsize * n_rows * len(self.reads(schema))

    def update(self, summary: MomentsSummary, block: Block) -> None:
        add_numbers(summary.sums, summary.names, block)

    def merge(self, into: MomentsSummary, other: MomentsSummary) -> None:
        moments.merge(into.sums, other.sums)

    def result(self, summary: MomentsSummary) -> MeanResult | float:
        mean = means(summary.sums)
        return float(mean[0]) if isinstance(self.columns, str) else MeanResult(summary.names, mean)

    def smooth(self, summary: MomentsSummary) -> dict[str, Any]:
        mean = means(summary.sums)
        return {"mean": float(mean[0]) if isinstance(self.columns, str) else mean}
