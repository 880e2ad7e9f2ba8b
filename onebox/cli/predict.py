"""``onebox predict``: the predictions of a saved model, written as Parquet."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from onebox.cli.apply import apply
from onebox.cli.options import Many, Resources, Selection


def predict(
    model: Path,
    data: list[str],
    /,
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"])],
    keep: Many = (),
    selection: Selection = Selection(),  # noqa: B008 (frozen)
    how: Resources = Resources(),  # noqa: B008
) -> None:
    """Write a saved model's predictions, row for row, as Parquet.

    Parameters
    ----------
    model
        What "onebox fit" has saved.
    data
        Files, folders or globs with the columns that the model was fitted on.
    output
        A new folder, or one file that ends in .parquet.
    keep
        Columns to write before the column "prediction", such as an identifier.
    """
    apply("predict", model, data, output, keep, selection, how)
