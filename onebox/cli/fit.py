"""``onebox fit``: a model learned from some files and saved in another."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

import onebox as ob
from onebox.cli.options import Keeping, OnMissing, Resources, Selection
from onebox.cli.output import checked_file, say
from onebox.cli.process import bounded, late, peak_bytes
from onebox.cli.registry import build
from onebox.cli.usage import UsageError
from onebox.config import format_bytes
from onebox.errors import BadValue

SHOWN_COEFFICIENTS = 20


def fit(
    pipeline: str,
    data: list[str],
    /,
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"])],
    target: str | None = None,
    on_missing: OnMissing = "refuse",
    selection: Selection = Selection(),  # noqa: B008 (frozen)
    keeping: Keeping = Keeping(),  # noqa: B008
    how: Resources = Resources(),  # noqa: B008
) -> None:
    """Learn a model from files and save it.

    A pipeline is made of estimators with '|' between them, each with its parameters:
    "standard_scaler | ridge alpha=1 fit_intercept=false". Names and parameters are those of
    scikit-learn, in snake case. Values are numbers, true, false, none, words, or text in quotes.

    Parameters
    ----------
    pipeline
        What to fit, e.g. "standard_scaler | ridge alpha=1".
    data
        Files, folders or globs of Parquet, CSV, Arrow or .npy.
    output
        The file to save the model in, by custom something.onebox.
    target
        The column to learn to predict. All others are features.
    on_missing
        What to do with a row that lacks a value: refuse it, naming its place, or drop and count it.
    """
    checked_file(output, data)
    model = build(pipeline)
    if target is None and model.__sklearn_tags__().target_tags.required:
        raise UsageError(
            f"{type(model).__name__} learns to predict a column: name it with --target."
        )
    rows = late("rows")
    opened = rows.open_rows(data, selection, on_missing)
    roles = [] if target is None else [target]
    features = rows.selected(opened, selection, but=roles)
    save = ob.save
    with bounded(how, keeping):
        try:
            model.fit(features, *(opened[name] for name in roles))
        except BadValue as error:
            error.add_note("here: --on-missing drop")
            raise
    rows.note_filter(model, selection)
    save(model, output)
    if not how.quiet:
        say(f"{output}: {model.fit_report_}; the process took {format_bytes(peak_bytes())}")
        _show_coefficients(model)


def _show_coefficients(model: Any) -> None:
    """Print the coefficients of a linear model of one target, when they fit a screen."""
    last = model[-1] if hasattr(model, "steps") else model
    values = getattr(last, "coef_", None)
    names = getattr(last, "feature_names_in_", None)
    if values is None or values.ndim != 1 or len(values) > SHOWN_COEFFICIENTS:
        return
    labels = [f"x{j}" for j in range(len(values))] if names is None else [str(n) for n in names]
    width = max(map(len, ["intercept", *labels]))
    for label, value in zip([*labels, "intercept"], [*values, last.intercept_], strict=True):
        say(f"  {label:<{width}}  {float(value):>14.6g}")
