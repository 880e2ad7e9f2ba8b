"""A sample of the rows with chances that go with a column's values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from onebox.aggregates.keyed_rows import DRAW, KeyedRows, KeyedSummary, Keys
from onebox.aggregates.selection import chosen_columns
from onebox.data.block import Block
from onebox.data.schema import Schema, is_numeric
from onebox.data.steps import draw_hashes
from onebox.errors import BadValue


@dataclass(frozen=True)
class WeightedSample(KeyedRows):
    """A sample of n rows without replacement, drawn with chances that go with a column's values.

    A row's key is ``-log(u) / weight`` with u drawn from the seed, its file and its place in it; the
    n lowest keys are the sample. So other files that come or go move no row's draw, and the sample of
    more rows contains that of fewer.

    Parameters
    ----------
    n : int
        Rows of the sample; all with a weight when there are fewer.
    weight : str
        The column of the weights. Rows where it is zero or missing are never drawn, those where it
        is infinite are drawn first.
    random_state : int, default=0
        The seed.

    Raises
    ------
    BadInput
        For fewer than one row.
    BadValue
        For a negative weight, naming its place.
    MissingColumn, WrongType
        When there is no such column, or it holds no numbers.

    Notes
    -----
    Cost: 1 pass; summary at most 2 n rows, in which texts and lists are reckoned at 32 bytes each.

    Exactness: exact; the same rows for any order of reading and any split. Dictionaries come out
    decoded.

    Source: Efraimidis & Spirakis, "Weighted random sampling with a reservoir", Information
    Processing Letters 97 (2006), algorithm A-ES.

    Examples
    --------
    >>> import numpy as np, onebox as ob
    >>> from onebox.aggregates import WeightedSample
    >>> rows = {"row": np.arange(1000), "weight": np.arange(1000.0) ** 4}
    >>> ob.aggregate(rows, WeightedSample(4, weight="weight")).column("row").to_pylist()
    [703, 713, 923, 952]
    """

    weight: str
    random_state: int = 0

    own_keys: ClassVar[dict[str, pa.DataType]] = {DRAW: pa.float64()}
    highest: ClassVar[float] = float("inf")

    @property
    def room(self) -> int:
        return self.n

    def empty(self, schema: Schema) -> KeyedSummary:
        chosen_columns(schema, self.weight, is_numeric, "WeightedSample")
        return super().empty(schema)

    def work_nbytes(self, schema: Schema, n_rows: int) -> int:
        return 48 * n_rows

    def offered(self, summary: KeyedSummary, block: Block) -> tuple[NDArray[np.bool_], Keys]:
        weights = block.values([self.weight])[0]
        if (weights < 0).any():
            row = int(np.argmax(weights < 0))
            raise BadValue(
                f"Column {self.weight!r} is {weights[row]:g} in {block.place(row)}: a weight says how "
                "likely a row is drawn and is zero or more. Correct it, or drop the row."
            )
        numbers = draw_hashes(block, self.random_state, None, "weighted") >> np.uint64(11)
        with np.errstate(divide="ignore"):
            draws = -np.log((numbers + 0.5) * 2.0**-53) / weights
        keep = (draws <= summary.limit) & (weights > 0)
        return keep, {DRAW: draws[keep]}
