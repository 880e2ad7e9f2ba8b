"""``onebox score``: how good a saved model is on some files."""

from __future__ import annotations

from pathlib import Path

from onebox.cli.apply import load_model
from onebox.cli.options import Resources, Selection
from onebox.cli.process import bounded, late


def score(
    model: Path,
    data: list[str],
    /,
    *,
    target: str | None = None,
    selection: Selection = Selection(),  # noqa: B008 (frozen)
    how: Resources = Resources(),  # noqa: B008
) -> None:
    """Print a saved model's score: one number, larger is better.

    The coefficient of determination of a regression, the accuracy of a classifier, minus the
    inertia of a clustering.

    Parameters
    ----------
    model
        What "onebox fit" has saved.
    data
        Files, folders or globs with the columns that the model was fitted on.
    target
        The column with the true values.
    """
    fitted = load_model(model, "score")
    rows = late("rows")
    opened = rows.open_rows(data, selection)
    roles = [] if target is None else [target]
    features = rows.features_of(fitted, opened, selection, but=roles)
    with bounded(how):
        print(fitted.score(features, *(opened[name] for name in roles)))
