"""``onebox describe``: every column of some files, in one pass."""

from __future__ import annotations

from pathlib import Path

import onebox as ob
from onebox.cli.options import Keeping, Resources, Selection
from onebox.cli.output import checked_file, say
from onebox.cli.process import bounded, late
from onebox.config import format_bytes
from onebox.errors import BadInput


def describe(
    data: list[str],
    /,
    *,
    html: Path | None = None,
    error: float | None = None,
    selection: Selection = Selection(),  # noqa: B008 (frozen)
    keeping: Keeping = Keeping(),  # noqa: B008
    how: Resources = Resources(),  # noqa: B008
) -> None:
    """Describe every column: type, missing values, moments, quantiles, frequent values.

    Parameters
    ----------
    data
        Files, folders or globs of Parquet, CSV, Arrow or .npy.
    html
        Also write a page for browsers, with histograms, correlations and warnings.
    error
        Read parts in random order, and stop when every mean is this close, in standard deviations
        of its column: 0.01 takes some 40,000 rows when they lie in random order.
    """
    if html is not None:
        _check(html, data)
    rows = late("rows")
    opened = rows.selected(rows.open_rows(data, selection), selection)
    summarise = ob.describe
    with bounded(how, keeping):
        table = summarise(opened, error=error)
    print(table)
    if keeping.cache is not None and not how.quiet:
        say(str(table.report))
    if html is not None:
        table.to_html(html)
        if not how.quiet:
            say(f"{html}: {format_bytes(html.stat().st_size)}")


def _check(html: Path, data: list[str]) -> None:
    """Refuse a page that cannot be written, in the words of this option."""
    try:
        checked_file(html, data)
    except BadInput as error:
        raise BadInput(f"--html {str(error).removeprefix('-o ')}") from None
