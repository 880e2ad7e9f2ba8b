"""The rows a command works on: opened, filtered, cut to columns, beside what was made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa

import onebox as ob
from onebox.cli.filters import expression
from onebox.cli.options import OnMissing, Selection
from onebox.data.block import Block
from onebox.data.schema import require_columns
from onebox.errors import BadInput


def open_rows(
    paths: Sequence[str], selection: Selection, on_missing: OnMissing = "refuse"
) -> ob.Dataset:
    """Open files, with the rows that ``--where`` leaves, and every column."""
    condition = selection.condition()
    data = ob.dataset(paths[0] if len(paths) == 1 else list(paths), on_missing=on_missing)
    return data if condition is None else data.filter(expression(condition, data.schema))


def named_columns(texts: Sequence[str], data: ob.Dataset) -> list[str]:
    """Columns by the names in options, each of which may hold several with commas between them."""
    known = set(data.columns)
    names = [name for text in texts for name in ([text] if text in known else text.split(","))]
    names = list(dict.fromkeys(name.strip() if name not in known else name for name in names))
    require_columns(data.columns, names)
    return names


def selected(data: ob.Dataset, selection: Selection, but: Sequence[str] = ()) -> ob.Dataset:
    """Keep the columns that ``--columns`` and ``--drop`` leave, without some of another role."""
    names = named_columns(selection.columns, data) or data.columns
    gone = {*named_columns(selection.drop, data), *but}
    kept = [name for name in names if name not in gone]
    return data if kept == data.columns else data.select(*kept)


def features_of(
    model: Any, data: ob.Dataset, selection: Selection, but: Sequence[str] = ()
) -> ob.Dataset:
    """Keep what a model was fitted on, by name; where it knows none, all that are selected."""
    names = getattr(model, "feature_names_in_", None)
    if names is None or not data.named:
        return selected(data, selection, but)
    require_columns(data.columns, list(names))
    return data.select(*names)


def beside(data: ob.Dataset, made: ob.Dataset, keep: Sequence[str]) -> ob.Dataset:
    """Columns of the data, and after them what was lazily made of them: row for row, in one pass.

    Parameters
    ----------
    data : Dataset
    made : Dataset
        The same rows after further steps.
    keep : sequence of str
        Columns of `data` to stand before those of `made`.
    """
    if not keep:
        return made
    twice = [name for name in keep if name in made.columns]
    if twice:
        raise BadInput(f"--keep {twice[0]} would stand beside an output of the same name.")
    steps = made.view.features[len(data.view.features) :]
    fields = [data.schema.field(name) for name in keep]

    def both(block: Block) -> pa.RecordBatch:
        after = block
        for step in steps:
            after = step.apply(after)
        kept = [block.column(name) for name in keep]
        return pa.record_batch(kept + after.to_arrow().columns, names=[*keep, *made.columns])

    return data.mapped(both, pa.schema([*fields, *made.schema]))


def note_filter(model: Any, selection: Selection) -> None:
    """Write down the filter as it was given, so that a fit can be repeated from the file."""
    for step in [step for _, step in getattr(model, "steps", [("", model)])]:
        recipe = getattr(step, "recipe_", None)
        if recipe is not None:
            step._recipe = replace(recipe, where=selection.where)
