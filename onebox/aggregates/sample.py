"""A uniform sample of the rows, the same whatever reads them in whatever order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from onebox.aggregates.keyed_rows import DRAW, KeyedRows, KeyedSummary, Keys
from onebox.data.block import Block
from onebox.data.schema import Schema, require_columns
from onebox.data.steps import draw_hashes


@dataclass(frozen=True)
class Sample(KeyedRows):
    """A uniform sample of n rows without replacement, as an Arrow table in the order of the rows.

    Every row draws a number that depends on the seed, its file and its place in it, or on the value
    of a column; the n lowest draws are the sample. So other files that come or go move no row's
    draw.

    Parameters
    ----------
    n : int
        Rows of the sample; all there are when there are fewer.
    random_state : int, default=0
        The seed.
    by : str, default=None
        Draw by the values of this column, so that rows of equal value are drawn together; only of
        the last value drawn may rows be cut off to make n.

    Notes
    -----
    Cost: 1 pass; summary at most 2 n rows, in which texts and lists are reckoned at 32 bytes each.

    Exactness: exact; the same rows for any order of reading and any split. Weights are ignored.
    Dictionaries come out decoded.

    Source: bottom-k sampling, Cohen & Kaplan, "Summarizing data using bottom-k sketches", PODC
    2007.

    Examples
    --------
    >>> import numpy as np, onebox as ob
    >>> from onebox.aggregates import Sample
    >>> ob.aggregate(np.arange(1000), Sample(3)).column("x0").to_pylist()
    [180, 202, 873]
    """

    random_state: int = 0
    by: str | None = None

    own_keys: ClassVar[dict[str, pa.DataType]] = {DRAW: pa.uint64()}
    highest: ClassVar[float] = 2**64 - 1

    @property
    def room(self) -> int:
        return self.n

    def empty(self, schema: Schema) -> KeyedSummary:
        if self.by is not None:
            require_columns(schema.names, [self.by])
        return super().empty(schema)

    def offered(self, summary: KeyedSummary, block: Block) -> tuple[NDArray[np.bool_], Keys]:
        draws = draw_hashes(block, self.random_state, self.by)
        keep = draws <= np.uint64(summary.limit)
        return keep, {DRAW: draws[keep]}
