"""What aggregates answer: named arrays, one entry a column of the data, shown as a small table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pyarrow as pa

SHOWN_COLUMNS = 40


@dataclass(frozen=True, repr=False, eq=False)
class ColumnResult:
    """Arrays with one entry a column.

    Attributes
    ----------
    names : tuple of str
        The columns of the data.
    """

    names: tuple[str, ...]

    def _series(self) -> Iterator[tuple[str, Any]]:
        """Name and entries of each thing that is known of every column."""
        for field in fields(self):
            if field.name != "names":
                yield field.name, getattr(self, field.name)

    def to_arrow(self) -> pa.Table:
        """One row a column of the data."""
        table: dict[str, Any] = {"column": pa.array(self.names, pa.string())}
        table.update({name: pa.array(entries) for name, entries in self._series()})
        return pa.table(table)

    def __repr__(self) -> str:
        return text_table([("", self.names), *self._series()])


def text_table(series: Sequence[tuple[str, Any]]) -> str:
    """Named columns of equal length as lines of text; the first is aligned left.

    >>> print(text_table([("", ["delay", "time"]), ("count", [3, 12]), ("mean", [2.5, 1 / 3])]))
           count      mean
    delay      3       2.5
    time      12  0.333333
    """
    length = len(series[0][1])
    columns = [[title, *map(format_cell, cells[:SHOWN_COLUMNS])] for title, cells in series]
    widths = [max(map(len, column)) for column in columns]
    lines = [
        "  ".join([cells[0].ljust(widths[0]), *map(str.rjust, cells[1:], widths[1:])]).rstrip()
        for cells in zip(*columns, strict=True)
    ]
    if length > SHOWN_COLUMNS:
        lines.append(f"... and {length - SHOWN_COLUMNS:,} more columns: see to_arrow()")
    return "\n".join(lines)


def format_cell(value: Any) -> str:
    """A number with six digits, anything else as text.

    >>> format_cell(1234567), format_cell(2 / 3), format_cell(float("nan")), format_cell(None)
    ('1234567', '0.666667', '-', '-')
    """
    if value is None or (isinstance(value, float | np.floating) and np.isnan(value)):
        return "-"
    if isinstance(value, float | np.floating):
        return f"{value:.6g}"
    return str(value)
