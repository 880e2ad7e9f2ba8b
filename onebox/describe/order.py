"""Whether columns are sorted: a question that answers itself within a few rows when they are not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from onebox.aggregates.aggregate import Aggregate
from onebox.aggregates.results import ColumnResult
from onebox.aggregates.selection import ColumnNames, as_names, chosen_columns, is_scalar
from onebox.aggregates.values import plain_type, present
from onebox.data.block import Block
from onebox.data.schema import Schema, is_numeric

Float64 = NDArray[np.float64]
Flags = NDArray[np.bool_]

PREFIX = 64  # rows that are looked at first
AT_ONCE = 2  # columns of numbers that are compared together, in scratch of their own
LONGEST = 64  # bytes of a text or of binary that is kept
PAIR_BYTES = 320  # two values of that length, and what Arrow keeps with them


@dataclass
class OrderSummary:
    """Whether values have ever fallen or risen, and the first and last of each column."""

    numbers: tuple[str, ...]
    others: tuple[str, ...]
    falls: Flags  # (columns,): of the numbers, then of the others
    rises: Flags
    first: Float64  # (numbers,): NaN before the first value
    last: Float64
    ends: list[pa.Array]  # (others): the first and the last value, none before the first
    n_rows: int = 0


@dataclass(frozen=True, repr=False, eq=False)
class OrderResult(ColumnResult):
    """How the values of columns are sorted.

    Attributes
    ----------
    names : tuple of str
    order : tuple of str
        "rising" when values never fall, "falling" when they never rise, "constant" when neither
        happens, "" when both do.
    """

    order: tuple[str, ...]


@dataclass(frozen=True)
class Order(Aggregate[OrderSummary]):
    """Whether values never fall, or never rise, in the order of the rows.

    Missing values are passed over.

    Parameters
    ----------
    columns : str or tuple of str, default=None
        The columns to look at; None for every one whose values can be compared.

    Notes
    -----
    Cost: 1 pass; summary 18 bytes a column of numbers, 322 bytes another. A column that is not
    sorted is dropped after a few rows.

    Exactness: exact, but whole numbers beyond 2^53 and decimals are rounded to float64 first, and
    texts that begin or end a partition with a value of more than 64 bytes count as not sorted.
    Summaries merge in the order of the rows only.

    Examples
    --------
    >>> import onebox as ob, pyarrow as pa
    >>> from onebox.describe.order import Order
    >>> rows = pa.table({"id": [1, 2, 2, 5], "size": [3, 9, 1, 2], "left": [9, None, 8, 0]})
    >>> ob.aggregate(rows, Order())
            order
    id     rising
    size
    left  falling
    """

    columns: ColumnNames = None

    grouped: ClassVar[bool] = False  # one group: summaries merge in the order of the rows

    def __post_init__(self) -> None:
        object.__setattr__(self, "columns", as_names(self.columns))

    def _names(self, schema: Schema) -> tuple[tuple[str, ...], tuple[str, ...]]:
        names = chosen_columns(schema, self.columns, is_scalar, "Order")
        numeric = set(schema.suiting(is_numeric))
        numbers = tuple(name for name in names if name in numeric)
        return numbers, tuple(name for name in names if name not in numeric)

    def empty(self, schema: Schema) -> OrderSummary:
        numbers, others = self._names(schema)
        falls, rises = (np.zeros(len(numbers) + len(others), np.bool_) for _ in range(2))
        first, last = (np.full(len(numbers), np.nan) for _ in range(2))
        ends = [pa.array([], plain_type(schema.columns.field(name).type)) for name in others]
        return OrderSummary(numbers, others, falls, rises, first, last, ends)

    def nbytes(self, schema: Schema) -> int:
        numbers, others = self._names(schema)
        return 18 * len(numbers) + (PAIR_BYTES + 2) * len(others) + 8

    def work_nbytes(self, schema: Schema, n_rows: int) -> int:
        return 3 * 8 * AT_ONCE * n_rows

    def update(self, summary: OrderSummary, block: Block) -> None:
        if not block.n_rows:
            return
        undecided = np.flatnonzero(~(summary.falls & summary.rises))
        n_numbers = len(summary.numbers)
        if len(undecided) and undecided[0] < n_numbers:
            matrices = block.numbers(summary.numbers)
            if not summary.n_rows:
                _look_at_first_rows(summary, matrices)
            undecided = np.flatnonzero(~(summary.falls & summary.rises))
            chosen = undecided[undecided < n_numbers]
            rows = [row for matrix in matrices for row in matrix] if len(chosen) else []
            for at in range(0, len(chosen), AT_ONCE):
                _look_at_numbers(summary, chosen[at : at + AT_ONCE], rows)
        for j in undecided[undecided >= n_numbers]:
            array = block.column(summary.others[j - n_numbers])
            _look_at_values(summary, int(j), _comparable(array.slice(0, PREFIX)), keep=False)
            if not (summary.falls[j] and summary.rises[j]):
                _look_at_values(summary, int(j), _comparable(array))
        summary.n_rows += block.n_rows

    def merge(self, into: OrderSummary, other: OrderSummary) -> None:
        n_numbers = len(into.numbers)
        into.falls[:n_numbers] |= other.first < into.last
        into.rises[:n_numbers] |= other.first > into.last
        for j, ends in enumerate(other.ends):
            _look_at_values(into, n_numbers + j, ends)
        into.falls |= other.falls
        into.rises |= other.rises
        into.first = np.where(np.isnan(into.first), other.first, into.first)
        into.last = np.where(np.isnan(other.last), into.last, other.last)
        into.n_rows += other.n_rows

    def result(self, summary: OrderSummary) -> OrderResult:
        words = {(False, True): "rising", (True, False): "falling", (False, False): "constant"}
        pairs = zip(summary.falls.tolist(), summary.rises.tolist(), strict=True)
        names = (*summary.numbers, *summary.others)
        return OrderResult(names, tuple(words.get(pair, "") for pair in pairs))


def _look_at_first_rows(summary: OrderSummary, matrices: list[NDArray[np.floating]]) -> None:
    """Find most columns that are not sorted, all columns of a matrix at once."""
    at = 0
    for matrix in matrices:
        to, few = at + len(matrix), matrix[:, :PREFIX]
        summary.falls[at:to] |= (few[:, 1:] < few[:, :-1]).any(axis=1)
        summary.rises[at:to] |= (few[:, 1:] > few[:, :-1]).any(axis=1)
        at = to


def _look_at_numbers(
    summary: OrderSummary, chosen: NDArray[np.intp], rows: list[NDArray[np.floating]]
) -> None:
    """Compare every value of some columns with the one before it."""
    values = np.stack([rows[j] for j in chosen])
    line = np.concatenate([summary.last[chosen, None], values], axis=1)
    there = ~np.isnan(line)
    if not there[:, 1:].all():  # each missing value repeats the one before it
        places = np.maximum.accumulate(np.where(there, np.arange(line.shape[1]), 0), axis=1)
        line = np.take_along_axis(line, places, axis=1)
    summary.falls[chosen] |= (line[:, 1:] < line[:, :-1]).any(axis=1)
    summary.rises[chosen] |= (line[:, 1:] > line[:, :-1]).any(axis=1)
    begun = line[np.arange(len(chosen)), there.argmax(axis=1)]
    summary.first[chosen] = np.where(np.isnan(summary.first[chosen]), begun, summary.first[chosen])
    summary.last[chosen] = line[:, -1]


def _look_at_values(summary: OrderSummary, j: int, values: pa.Array, keep: bool = True) -> None:
    """Compare every value of a column that is not of numbers with the one before it."""
    at = j - len(summary.numbers)
    ends = summary.ends[at]
    line = pa.concat_arrays([ends.slice(1), values])
    later, earlier = line.slice(1), line.slice(0, max(len(line) - 1, 0))
    if len(later):
        summary.falls[j] |= pc.any(pc.less(later, earlier)).as_py()
        summary.rises[j] |= pc.any(pc.greater(later, earlier)).as_py()
    if not (keep and len(values)):
        return
    together = pa.concat_arrays([ends, values])
    ends = together.take(pa.array([0, len(together) - 1]))  # a copy: nothing of the block is kept
    if ends.nbytes > 2 * LONGEST + 16:
        summary.falls[j] = summary.rises[j] = True
        ends = ends.slice(0, 0)
    summary.ends[at] = ends


def _comparable(array: pa.Array) -> pa.Array:
    """The values that are there, in a form that Arrow compares."""
    values = present(array)
    return values.dictionary_decode() if pa.types.is_dictionary(values.type) else values
