"""The front door: whatever holds rows becomes a Dataset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa

from onebox.config import settings_in_force
from onebox.data.open import open_source
from onebox.data.schema import require_columns
from onebox.data.source import Source
from onebox.data.view import View
from onebox.dataset.dataset import Dataset
from onebox.errors import BadInput

if TYPE_CHECKING:
    import pyarrow.fs as pafs

Missing = Literal["refuse", "drop"]


def dataset(
    x: Any,
    *,
    columns: Sequence[str] | None = None,
    on_missing: Missing = "refuse",
    format: str | None = None,
    types: Mapping[str, pa.DataType | str] | None = None,
    filesystem: pafs.FileSystem | None = None,
) -> Dataset:
    """Open anything that holds rows, lazily: nothing is read but the schema.

    Parameters
    ----------
    x : array, sparse matrix, table, path, list of paths, glob, folder, generator or Dataset
        numpy and scipy.sparse; whatever speaks Arrow (pandas, polars, DuckDB); files and folders of
        Parquet, CSV, Arrow/Feather, svmlight and ``.npy``; generators of blocks (which can be read once).
    columns : sequence of str, optional
        Only these columns, in this order; for what has no names of its own (arrays, ``.npy``
        files), the names of its columns.
    on_missing : {"refuse", "drop"}
        What a fit does with rows that have a missing value in what it uses: refuse the first,
        naming its place, or drop and count them (``fit_report_.rows_dropped``).
    format : str, optional
        "parquet", "csv", "arrow", "npy" or "svmlight", where the names of the files do not tell.
    types : mapping of str to type, optional
        Types of CSV columns, instead of those inferred.
    filesystem : pyarrow.fs.FileSystem, optional
        Where the paths are.

    Returns
    -------
    Dataset

    Examples
    --------
    >>> import numpy as np, onebox as ob
    >>> ob.dataset(np.zeros((1000, 3))).n_rows
    1000
    """
    if on_missing not in ("refuse", "drop"):
        raise BadInput(f"on_missing={on_missing!r} must be 'refuse' or 'drop'.")
    drop = on_missing == "drop"
    if isinstance(x, Dataset):
        made = Dataset(
            replace(x.view, drop_missing=x.view.drop_missing or drop), x.remembered, ndim=x.ndim
        )
        return made if columns is None else made.select(*columns)
    names = None if isinstance(x, Source) else columns
    source = open_source(x, columns=names, format=format, types=types, filesystem=filesystem)
    one = getattr(x, "ndim", 2) == 1
    made = Dataset(View(source, drop_missing=drop), settings_in_force(), ndim=1 if one else 2)
    if columns is not None:
        require_columns(made.columns, list(columns))  # refused here, where the user stands
    return made if columns is None or names is not None else made.select(*columns)


def concat(datasets: Sequence[Dataset]) -> Dataset:
    """Put the rows of several datasets one after the other.

    They need the same columns, and the same steps on their rows: concatenate first, then filter.

    Examples
    --------
    >>> import numpy as np, onebox as ob
    >>> ob.concat([ob.dataset(np.zeros((2, 3))), ob.dataset(np.ones((3, 3)))]).n_rows
    5
    """
    if not datasets:
        raise BadInput("concat was given no datasets; hand over at least one.")
    return datasets[0].concat(*datasets[1:])
