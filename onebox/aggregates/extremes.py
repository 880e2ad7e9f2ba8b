"""The least and the greatest value of columns of dates, times and integers, without rounding."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from onebox.aggregates.aggregate import Aggregate
from onebox.aggregates.results import ColumnResult
from onebox.aggregates.selection import ColumnNames, as_names, chosen_columns, is_ordered
from onebox.aggregates.values import plain_type, present, text
from onebox.data.block import Block
from onebox.data.schema import Schema

COLUMN_BYTES = 96  # two values of at most 32 bytes, and what Arrow keeps with them


@dataclass
class ExtremesSummary:
    """The least and the greatest value seen of each column; none when there was no value."""

    names: tuple[str, ...]
    extremes: list[pa.Array]


@dataclass(frozen=True, repr=False, eq=False)
class ExtremesResult(ColumnResult):
    """Extremes, one entry a column.

    Attributes
    ----------
    names : tuple of str
    min, max : tuple of pyarrow.Scalar
        Of the column's type; null for a column without values.
    """

    min: tuple[pa.Scalar, ...]
    max: tuple[pa.Scalar, ...]

    def _series(self) -> Iterator[tuple[str, Any]]:
        for name, scalars in (("min", self.min), ("max", self.max)):
            yield name, [text(one) for one in scalars]


@dataclass(frozen=True)
class Extremes(Aggregate[ExtremesSummary]):
    """Least and greatest value of columns of dates, times, durations, integers and decimals.

    Parameters
    ----------
    columns : str or tuple of str, default=None
        The columns to look at; None for every one of such a type. For floats there is `Moments`.

    Notes
    -----
    Cost: 1 pass; summary 96 bytes a column.

    Exactness: exact, in the column's own type. Nulls are left out; weights are ignored.

    Examples
    --------
    >>> import datetime, onebox as ob, pyarrow as pa
    >>> from onebox.aggregates import Extremes
    >>> days = [datetime.date(2024, 2, 29), datetime.date(2023, 5, 1), None]
    >>> ob.aggregate(pa.table({"day": days}), Extremes())
                min         max
    day  2023-05-01  2024-02-29
    """

    columns: ColumnNames = None

    grouped: ClassVar[bool] = False
    no_error: ClassVar[str] = "extremes of some rows say little of what others hold"

    def __post_init__(self) -> None:
        object.__setattr__(self, "columns", as_names(self.columns))

    def reads(self, schema: Schema) -> tuple[str, ...]:
        return chosen_columns(schema, self.columns, is_ordered, "Extremes")

    def empty(self, schema: Schema) -> ExtremesSummary:
        names = self.reads(schema)
        none = [pa.array([], plain_type(schema.columns.field(name).type)) for name in names]
        return ExtremesSummary(names, none)

    def nbytes(self, schema: Schema) -> int:
        return COLUMN_BYTES * len(self.reads(schema))

    def update(self, summary: ExtremesSummary, block: Block) -> None:
        for j, name in enumerate(summary.names):
            self._add(summary, j, _ends(present(block.column(name))))

    def merge(self, into: ExtremesSummary, other: ExtremesSummary) -> None:
        for j, ends in enumerate(other.extremes):
            self._add(into, j, ends)

    def _add(self, summary: ExtremesSummary, column: int, ends: pa.Array) -> None:
        summary.extremes[column] = _ends(pa.concat_arrays([summary.extremes[column], ends]))

    def result(self, summary: ExtremesSummary) -> ExtremesResult:
        ends = [e if len(e) else pa.nulls(2, e.type) for e in summary.extremes]
        return ExtremesResult(summary.names, tuple(e[0] for e in ends), tuple(e[1] for e in ends))


def _ends(array: pa.Array) -> pa.Array:
    """The least and the greatest value, or none."""
    if not len(array):
        return array
    kind = array.type
    if pa.types.is_temporal(kind):  # Arrow does not order durations
        array = array.view(pa.int32() if kind.bit_width == 32 else pa.int64())
    ends = pc.min_max(array)
    return pa.array([ends["min"].as_py(), ends["max"].as_py()], array.type).view(kind)
