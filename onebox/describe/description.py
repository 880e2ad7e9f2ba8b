"""A Description: all that is known of the columns, and as much of it as a screen has room for."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import Any

import pyarrow as pa
from rich.console import Console, ConsoleOptions
from rich.table import Table
from rich.text import Text

from onebox.describe.details import Details
from onebox.describe.figures import figure, moment, rounded, short
from onebox.describe.page import page
from onebox.engine.report import FitReport
from onebox.storage.atomic import atomic_file

FIELDS = {
    "column": pa.string(),
    "type": pa.string(),
    "count": pa.int64(),
    "missing": pa.int64(),
    "infinite": pa.int64(),
    "mean": pa.float64(),
    "mean_standard_error": pa.float64(),
    "mean_is_trusted": pa.bool_(),
    "std": pa.float64(),
    "min": pa.float64(),
    "25%": pa.float64(),
    "50%": pa.float64(),
    "75%": pa.float64(),
    "max": pa.float64(),
    "earliest": pa.string(),
    "latest": pa.string(),
    "distinct": pa.int64(),
    "distinct_is_exact": pa.bool_(),
    "top": pa.string(),
    "top_count": pa.int64(),
}

SHOWN_COLUMNS = 60

# What is shown of numbers and of everything else, what matters most first.
NUMBERS = (
    ("column",),
    ("missing",),
    ("infinite",),
    ("mean",),
    ("min", "max"),
    ("std",),
    ("50%",),
    ("25%", "75%"),
    ("distinct",),
    ("top",),
    ("type",),
    ("count",),
)
OTHERS = (
    ("column", "type"),
    ("missing",),
    ("distinct",),
    ("top or range",),
    ("count",),
)
ORDER = [*FIELDS, "top or range"]
LEFT = ("column", "type", "top", "top or range")


@dataclass(frozen=True, repr=False, eq=False)
class Description:
    """What `describe` found. Shows itself as a table in terminals and notebooks.

    Attributes
    ----------
    table : pyarrow.Table
        One row a column of the data; see `to_arrow`.
    report : FitReport
        Rows, bytes, seconds and memory of the pass.
    details : Details
        What the page shows beyond the table: histograms, frequent values, correlations, order.
    note : str
        What readers must know, such as that only a part of the rows was read; empty if nothing.
    """

    table: pa.Table
    report: FitReport
    details: Details
    note: str = ""

    def to_arrow(self) -> pa.Table:
        """All that is known, one row a column of the data.

        Its columns: ``column``, ``type``; ``count`` of the values that the figures are about,
        ``missing`` (nulls and NaN), ``infinite``; for numbers and booleans ``mean``,
        ``mean_standard_error`` and ``mean_is_trusted`` (whether nothing speaks against that error),
        ``std``, ``min``, ``25%``, ``50%``, ``75%``, ``max``; for dates and times ``earliest`` and
        ``latest`` as text; ``distinct``, an estimate unless ``distinct_is_exact``; ``top``, the
        most frequent value as text, and ``top_count``, its frequency at the least. Null where a
        question does not suit a column or has no answer.
        """
        return self.table

    def to_html(self, path: str | os.PathLike[str]) -> None:
        """Write all that is known as a page for browsers, with histograms and correlations.

        One file that needs no network, no server and no JavaScript; it follows the reader's light
        or dark scheme and fits phones and wide screens. It appears whole or not at all.

        Parameters
        ----------
        path : path
            The file to write; one that is there is replaced.

        Raises
        ------
        BadInput
            The file's folder does not exist, or the path is a folder.

        Notes
        -----
        Cost: no data are read; a few milliseconds a column, 2 MB for 200 columns at the most.

        Exactness: histograms come from counts in logarithmic buckets, so a value near an edge may
        stand in the next bin (`Quantiles`); where a column's values are large beside their spread,
        from the sample that correlations are computed from, which the page then says. Warnings and
        their thresholds are listed in ``onebox.describe.remarks``.

        Examples
        --------
        >>> import onebox as ob, tempfile
        >>> from pathlib import Path
        >>> path = Path(tempfile.mkdtemp()) / "trips.html"
        >>> ob.describe({"minutes": [12, 7, 31]}).to_html(path)
        >>> path.read_text()[:15]
        '<!doctype html>'
        """
        text = page(self.table, self.report, self.details, self.note)
        with atomic_file(path) as file:
            file.write(text.encode())

    def __repr__(self) -> str:
        width = shutil.get_terminal_size().columns
        lines = [self._heading()]
        for titles, rows in self._sections(width):
            cells = [titles, *rows]
            widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
            lines.append("")
            for row in cells:
                padded = [
                    cell.ljust(room) if title in LEFT else cell.rjust(room)
                    for cell, room, title in zip(row, widths, titles, strict=True)
                ]
                lines.append("  ".join(padded).rstrip())
        return "\n".join(lines + self._rest())

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Any]:
        yield Text(self._heading())
        for titles, rows in self._sections(options.max_width):
            table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
            for title in titles:
                justify = "left" if title in LEFT else "right"
                table.add_column(title, justify=justify, no_wrap=True)  # type: ignore[arg-type]
            for row in rows:
                table.add_row(*map(Text, row))
            yield Text()
            yield table
        for line in self._rest():
            yield Text(line)

    def _repr_html_(self) -> str:
        parts = [f"<p>{escape(self._heading())}</p>"]
        for titles, rows in self._sections(None):
            head = "".join(f"<th>{escape(title)}</th>" for title in titles)
            body = "".join(
                "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>"
                for row in rows
            )
            parts.append(f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>")
        return "".join(parts) + "".join(f"<p>{escape(line)}</p>" for line in self._rest())

    def _heading(self) -> str:
        count = self.table.num_rows
        return f"{self.report.rows:,} rows x {count:,} column{'s' if count != 1 else ''}"

    def _rest(self) -> list[str]:
        more = self.table.num_rows - SHOWN_COLUMNS
        lines = [f"... and {more:,} more columns: see to_arrow()"] if more > 0 else []
        return [*lines, self.note] if self.note else lines

    def _sections(self, width: int | None) -> Iterator[tuple[list[str], list[list[str]]]]:
        """Titles and rows of the numbers, then of everything else, within a width."""
        facts = self.table.slice(0, SHOWN_COLUMNS).to_pylist()
        for levels, wanted in ((NUMBERS, True), (OTHERS, False)):
            mine = [one for one in facts if (one["infinite"] is not None) is wanted]
            if not mine:
                continue
            cells = {
                field: [_cell(one, field) for one in mine] for level in levels for field in level
            }
            shown = _fitting(levels, cells, width)
            yield shown, [list(row) for row in zip(*(cells[field] for field in shown), strict=True)]


def _fitting(
    levels: tuple[tuple[str, ...], ...], cells: dict[str, list[str]], width: int | None
) -> list[str]:
    """The fields that fit a width, in the order of FIELDS; those of the first level always do."""
    shown: list[str] = list(levels[0])
    for level in levels[1:]:
        more = [field for field in level if any(cells[field])]
        if width is not None and more == ["top or range"]:
            room = max(width - _width(shown, cells) - 2, len(more[0]))
            cells[more[0]] = [short(cell, room) for cell in cells[more[0]]]
        if width is not None and _width([*shown, *more], cells) > width:
            break
        shown += more
    return [field for field in ORDER if field in shown]


def _width(fields: list[str], cells: dict[str, list[str]]) -> int:
    return sum(max(map(len, [field, *cells[field]])) + 2 for field in fields) - 2


def _cell(facts: dict[str, Any], field: str) -> str:
    if field == "top or range":
        if facts["earliest"] is not None:
            return f"{moment(facts['earliest'])} to {moment(facts['latest'])}"
        field = "top"
    value = facts[field]
    if value is None or (field in ("missing", "infinite") and not value):
        return ""
    if field == "top":
        if facts["top_count"] == 1 < facts["count"]:
            return ""  # every value is as frequent
        share = facts["top_count"] / max(facts["count"], 1)
        return f"{short(value)} ({share:.0%})"
    if field == "distinct":
        return f"{value:,}" if facts["distinct_is_exact"] else f"~{rounded(value)}"
    if isinstance(value, int):
        return f"{value:,}"
    return short(value) if isinstance(value, str) else figure(value)
