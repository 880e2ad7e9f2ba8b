"""As many rows of every value of a column."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from onebox.aggregates.keyed_rows import DRAW, STRATUM, KeyedRows, KeyedSummary, Keys
from onebox.aggregates.selection import chosen_columns, is_scalar
from onebox.data.block import Block
from onebox.data.schema import Schema
from onebox.data.steps import draw_hashes, value_hashes
from onebox.errors import BadInput


@dataclass(frozen=True)
class StratifiedSample(KeyedRows):
    """A uniform sample of n rows without replacement out of the rows of every value of a column.

    Every row draws a number that depends on the seed, its file and its place in it; of every value,
    the n lowest draws are the sample. So other files that come or go move no row's draw, and the
    sample of more rows contains that of fewer.

    Parameters
    ----------
    n : int
        Rows of every value; all there are when there are fewer.
    by : str
        The column; missing values are one value.
    random_state : int, default=0
        The seed.
    max_strata : int, default=100
        Values that the column may have.

    Raises
    ------
    BadInput
        For fewer than one row, or when the column has more values.
    MissingColumn, WrongType
        When there is no such column, or it holds lists and the like.

    Notes
    -----
    Cost: 1 pass; summary at most ``2 n max_strata`` rows, in which texts and lists are reckoned at 32
    bytes each.

    Exactness: exact; the same rows for any order of reading and any split. Weights are ignored.
    Dictionaries come out decoded.

    Source: bottom-k sampling, Cohen & Kaplan, "Summarizing data using bottom-k sketches", PODC
    2007.

    Examples
    --------
    >>> import numpy as np, onebox as ob
    >>> from onebox.aggregates import StratifiedSample
    >>> rows = {"row": np.arange(1000), "kind": np.repeat(["rare", "common"], [10, 990])}
    >>> ob.aggregate(rows, StratifiedSample(2, by="kind")).to_pylist()[:2]
    [{'row': 3, 'kind': 'rare'}, {'row': 5, 'kind': 'rare'}]
    """

    by: str
    random_state: int = 0
    max_strata: int = 100

    own_keys: ClassVar[dict[str, pa.DataType]] = {STRATUM: pa.uint64(), DRAW: pa.uint64()}
    highest: ClassVar[float] = 2**64 - 1

    @property
    def room(self) -> int:
        return self.n * self.max_strata

    def empty(self, schema: Schema) -> KeyedSummary:
        chosen_columns(schema, self.by, is_scalar, "StratifiedSample")
        return super().empty(schema)

    def work_nbytes(self, schema: Schema, n_rows: int) -> int:
        return 64 * n_rows

    def offered(self, summary: KeyedSummary, block: Block) -> tuple[NDArray[np.bool_], Keys]:
        strata = value_hashes(block.column(self.by))
        draws = draw_hashes(block, self.random_state)
        order = np.lexsort((block.file_rows(), draws, strata))
        keep = np.zeros(block.n_rows, np.bool_)
        keep[order[self._is_low(strata[order])]] = True
        return keep, {STRATUM: strata[keep], DRAW: draws[keep]}

    def cut(self, rows: pa.RecordBatch, order: pa.Array) -> pa.Array:
        strata = rows.column(STRATUM).take(order).to_numpy()
        return order.filter(pa.array(self._is_low(strata)))

    def _is_low(self, strata: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Which rows, sorted by stratum and draw, are among the n lowest of their stratum."""
        firsts = np.flatnonzero(np.diff(strata, prepend=strata[:1] ^ np.uint64(1)))
        if len(firsts) > self.max_strata:
            raise BadInput(
                f"Column {self.by!r} has more than {self.max_strata:,} values, and StratifiedSample "
                f"keeps {self.n:,} rows of each. Raise max_strata, or stratify by a coarser column."
            )
        lengths = np.diff(firsts, append=len(strata))
        return np.asarray(np.arange(len(strata)) - np.repeat(firsts, lengths) < self.n)
