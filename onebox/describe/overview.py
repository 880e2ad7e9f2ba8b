"""The page's first tables: a row a column, numbers apart from everything else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from onebox.describe.details import ColumnDetails
from onebox.describe.drawing import shares_drawing, sparkline
from onebox.describe.figures import grouped, moment, rounded, short
from onebox.describe.markup import escaped, isolated, percent
from onebox.describe.remarks import Remark
from onebox.engine.accuracy.estimate import with_error

HINTS = ("nearly unique", "sorted")  # good to know, and nothing to worry about
# Titles, classes that say how wide a screen must be, and what is looked up.
FIGURES = (
    ("std", "wide", "std"),
    ("min", "medium", "min"),
    ("25 %", "wide", 0.25),
    ("median", "medium", 0.5),
    ("75 %", "wide", 0.75),
    ("max", "medium", "max"),
)

ERRORS = (
    " se: standard error; with a ? it should not be trusted, as rows lie in some order or a few of them"
    " outweigh the rest."
)


@dataclass(frozen=True)
class Described:
    """One column: its row of the table, its details, what is remarkable, where it is on the page."""

    facts: dict[str, Any]
    details: ColumnDetails
    remarks: list[Remark]
    anchor: str

    @property
    def name(self) -> str:
        return str(self.facts["column"])

    @property
    def numeric(self) -> bool:
        return self.facts["infinite"] is not None

    @property
    def rows(self) -> int:
        """Rows of the data, whatever stands in them."""
        return int(self.facts["count"] + self.facts["missing"] + (self.facts["infinite"] or 0))


def numbers_table(columns: list[Described]) -> str:
    """Missing, mean, quantiles and shape of numeric columns."""
    figures = "".join(
        f'<th scope="col" class="{width}">{title}</th>' for title, width, _ in FIGURES
    )
    error = any(one.facts["mean_standard_error"] is not None for one in columns)
    head = (
        f'<th scope="col">missing</th><th scope="col">mean{" ± se" if error else ""}'
        f'</th>{figures}<th scope="col" class="medium">distinct</th>'
    )
    body = "".join(_number_row(one) for one in columns)
    return _table(
        f"A name leads to all that is known of its column.{ERRORS if error else ''}", head, body
    )


def others_table(columns: list[Described]) -> str:
    """Missing, distinct and frequent values of all other columns."""
    head = (
        '<th scope="col">missing</th><th scope="col">distinct</th>'
        '<th scope="col" class="words medium">range or most frequent values</th>'
    )
    return _table(
        "Shares are of the values that are there.",
        head,
        "".join(_other_row(one) for one in columns),
    )


def missing(one: Described) -> str:
    """The share of the rows without a value; nothing where there are none."""
    return percent(one.facts["missing"], one.rows) if one.facts["missing"] else ""


def mean(one: Described) -> str:
    """The mean, with its standard error where that is known."""
    value, error = one.facts["mean"], one.facts["mean_standard_error"]
    if value is None:
        return ""
    if error is None:
        return grouped(value)
    return with_error(value, error, bool(one.facts["mean_is_trusted"]))


def distinct(one: Described) -> str:
    """The number of different values, with a ~ in front of an estimate."""
    value = one.facts["distinct"]
    if value is None:
        return ""
    return f"{value:,}" if one.facts["distinct_is_exact"] else f"~{rounded(value)}"


def span(one: Described) -> str:
    """From the earliest to the latest moment; nothing for what has none."""
    if one.facts["earliest"] is None:
        return ""
    return f"{moment(one.facts['earliest'])} to {moment(one.facts['latest'])}"


def chips(remarks: list[Remark]) -> str:
    """The kinds of some remarks; the pointer shows the words."""
    return "".join(
        f'<span class="chip{" hint" if one.kind in HINTS else ""}" title="{escaped(one.text)}">'
        f"{escaped(one.kind)}</span>"
        for one in remarks
    )


def _table(caption: str, head: str, body: str) -> str:
    return (
        f'<div class="scroll"><table class="overview"><caption>{caption}</caption><thead><tr>'
        f'<th scope="col" class="words">column</th>{head}<th scope="col" class="figure">shape</th>'
        f"</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _number_row(one: Described) -> str:
    quantiles: dict[Any, Any] = one.details.quantiles
    known = one.facts | quantiles if quantiles else {}
    cells = "".join(
        f'<td class="{width}">{"" if known.get(key) is None else grouped(known[key])}</td>'
        for _, width, key in FIGURES
    )
    return (
        f"<tr>{_head(one)}<td>{missing(one)}</td><td>{mean(one)}</td>{cells}"
        f'<td class="medium">{distinct(one)}</td><td class="figure">{_shape(one)}</td></tr>'
    )


def _other_row(one: Described) -> str:
    words = escaped(span(one)) or ", ".join(
        f"{isolated(short(value, 40))} {percent(count, one.facts['count'])}"
        for value, count in one.details.top[:3]
    )
    return (
        f"<tr>{_head(one)}<td>{missing(one)}</td><td>{distinct(one)}</td>"
        f'<td class="words medium">{words}</td><td class="figure">{_shape(one)}</td></tr>'
    )


def _head(one: Described) -> str:
    return (
        f'<th scope="row"><a href="#{one.anchor}">{isolated(short(one.name, 80))}</a> '
        f'<span class="type">{escaped(one.facts["type"])}</span> {chips(one.remarks)}</th>'
    )


def _shape(one: Described) -> str:
    if one.details.histogram is not None:
        return sparkline(one.details.histogram, one.name)
    if not one.details.top:
        return ""
    value, count = one.details.top[0]
    label = f"Most frequent: {short(value, 40)}, {percent(count, one.facts['count'])}"
    return shares_drawing([n for _, n in one.details.top], one.facts["count"], label)
