"""How a Dataset shows itself: columns, types and what is known of its rows. Reads nothing."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onebox.dataset.dataset import Dataset

SHOWN_COLUMNS = 12


def text(data: Dataset) -> str:
    """A heading and a line a column."""
    rows = [f"<Dataset {_size(data)}: {data.view.source.describe()}>"]
    fields = list(data.schema)
    width = max((len(f.name) for f in fields[:SHOWN_COLUMNS]), default=0)
    rows += [f"  {f.name:<{width}}  {f.type}" for f in fields[:SHOWN_COLUMNS]]
    if len(fields) > SHOWN_COLUMNS:
        rows.append(f"  ... and {len(fields) - SHOWN_COLUMNS:,} more")
    if done := steps(data):
        rows.append(f"  after {done}")
    return "\n".join(rows)


def html(data: Dataset) -> str:
    """The same as a small table."""
    fields = list(data.schema)
    rows = "".join(
        f"<tr><td>{escape(f.name)}</td><td>{escape(str(f.type))}</td></tr>"
        for f in fields[:SHOWN_COLUMNS]
    )
    more = len(fields) - SHOWN_COLUMNS
    tail = f"<tr><td colspan='2'>... and {more:,} more</td></tr>" if more > 0 else ""
    done = f" after {steps(data)}" if steps(data) else ""
    heading = f"Dataset, {_size(data)}: {data.view.source.describe()}{done}"
    return (
        f"<table><caption style='caption-side:top;text-align:left'>{escape(heading)}</caption>"
        f"<thead><tr><th>column</th><th>type</th></tr></thead><tbody>{rows}{tail}</tbody></table>"
    )


def _size(data: Dataset) -> str:
    known = data.known_n_rows
    rows = "rows not counted yet" if known is None else f"{known:,} rows"
    count = len(data.columns)
    return f"{rows} x {count:,} column{'s' if count != 1 else ''}"


def steps(data: Dataset) -> str:
    """Name what is done to the rows on the way."""
    names = [type(step).__name__ for step in data.view.features]
    return ", ".join(name for name in names if name != "Select").lower()
