"""``onebox describe``: every column of some files, in one pass."""

from __future__ import annotations

import onebox as ob
from onebox.cli.options import Resources, Selection
from onebox.cli.process import bounded, late


def describe(
    data: list[str],
    /,
    *,
    selection: Selection = Selection(),  # noqa: B008 (frozen)
    how: Resources = Resources(),  # noqa: B008
) -> None:
    """Describe every column: type, missing values, moments, quantiles, frequent values.

    Parameters
    ----------
    data
        Files, folders or globs of Parquet, CSV, Arrow or .npy.
    """
    rows = late("rows")
    opened = rows.selected(rows.open_rows(data, selection), selection)
    summarise = ob.describe
    with bounded(how):
        table = summarise(opened)
    print(table)
