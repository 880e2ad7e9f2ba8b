"""What ``onebox predict`` and ``onebox transform`` share: a saved model, rows in, rows out."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import onebox as ob
from onebox.cli.options import Resources, Selection
from onebox.cli.output import checked_table, say
from onebox.cli.process import bounded, late, peak_bytes
from onebox.config import format_bytes
from onebox.errors import WrongType

SHOWN_COLUMNS = 6


def load_model(path: Path, verb: str) -> Any:
    """Load a model that can do what is asked of it.

    Raises
    ------
    WrongType
        When it cannot, or the file holds no model.
    """
    model = ob.load(path)
    if not hasattr(model, verb):
        raise WrongType(f"{path} holds a {type(model).__name__}, which has no {verb}.")
    return model


def apply(
    verb: str,
    model: Path,
    data: list[str],
    output: Path,
    keep: tuple[str, ...],
    selection: Selection,
    how: Resources,
) -> None:
    """Write what ``model.predict`` or ``model.transform`` makes of the rows, in one pass."""
    start = time.perf_counter()
    checked_table(output, [*data, str(model)])
    fitted = load_model(model, verb)
    rows = late("rows")
    opened = rows.open_rows(data, selection)
    kept = rows.named_columns(keep, opened)
    features = rows.features_of(fitted, opened, selection, but=kept)
    read = opened.select(dict.fromkeys([*kept, *features.columns]))
    made = getattr(fitted, verb)(read.select(features.columns))
    if made.ndim == 1:
        made = made.rename({made.columns[0]: "prediction"})
    with bounded(how):
        written = rows.beside(read, made, kept).to_parquet(output)
    if not how.quiet:
        seconds = time.perf_counter() - start
        say(
            f"{output}: {written.n_rows:,} rows of {', '.join(written.columns[:SHOWN_COLUMNS])}"
            f"{', ...' if len(written.columns) > SHOWN_COLUMNS else ''} in {seconds:.2f} s; "
            f"the process took {format_bytes(peak_bytes())}"
        )
