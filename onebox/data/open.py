"""The front door of the data layer: whatever a person has at hand becomes a `Source`."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.fs as pafs

from onebox.data.source import Source
from onebox.data.sources.concat import ConcatSource
from onebox.data.sources.csv import CsvSource
from onebox.data.sources.files import Folder
from onebox.data.sources.hive import HiveSource, hive_values
from onebox.data.sources.ipc import IpcSource
from onebox.data.sources.memory import memory_source
from onebox.data.sources.npy import NpySource
from onebox.data.sources.parquet import ParquetSource
from onebox.data.sources.paths import EXTENSIONS, find_files, one_format
from onebox.data.sources.stream import StreamSource, arrow_stream
from onebox.data.sources.svmlight import SvmlightSource
from onebox.errors import BadInput, EmptyData, WrongType

Path = str | os.PathLike[str]

ACCEPTED = (
    "Accepted are arrays, sparse matrices, tables (pandas, polars, Arrow, a dict of columns), "
    "paths, lists of paths or of tables, globs, folders, and generators or functions that yield "
    "blocks."
)


def open_source(
    x: Any,
    *,
    columns: Sequence[str] | None = None,
    format: str | None = None,
    types: Mapping[str, str | pa.DataType] | None = None,
    filesystem: pafs.FileSystem | None = None,
) -> Source:
    """Find out what `x` is and return the source that reads it. No row is read.

    Parameters
    ----------
    x : object
        An array or scipy sparse matrix; a table (pandas, polars, Arrow, a dict of columns);
        anything with ``__arrow_c_stream__``; a path, a glob (also ``**``), a folder or a URI, or a
        list of them; a list of numbers or of tables; a generator of blocks (read once) or a
        function that returns one (called in every pass); a Source.
    columns : sequence of str, optional
        The columns to see, in this order; files may differ in all others. For arrays and ``.npy``
        files, which have no names of their own: the names of their columns.
    format : {"parquet", "csv", "tsv", "arrow", "npy", "svmlight"}, optional
        How to read the files; by default their names tell.
    types : dict of str to str or pyarrow.DataType, optional
        Types of columns of CSV files; the others are inferred.
    filesystem : pyarrow.fs.FileSystem, optional
        Where the paths are; by default this machine, or what a URI says.

    Raises
    ------
    WrongType
        `x` is nothing that has rows.
    BadInput
        A path that is not there, files of several formats, options that do not go with `x`.
    EmptyData
        A folder without files, or a glob that nothing matches.
    """
    if _is_path(x) or _is_list_of(x, _is_path):
        return _open_files(x, columns, format, types, filesystem)
    for name, option in (("format", format), ("types", types), ("filesystem", filesystem)):
        if option is not None:
            raise BadInput(f"{name}= is for files, and a {type(x).__name__} is none. Leave it out.")
    if isinstance(x, Source):
        if columns is not None:
            raise BadInput(
                f"columns= is for what is being opened; a {type(x).__name__} is open already."
            )
        return x
    return _open_object(x, columns)


def _open_object(x: Any, columns: Sequence[str] | None) -> Source:
    source = memory_source(x, columns)
    if source is not None:
        return source
    if isinstance(x, list | tuple):
        return _open_list(x, columns)
    if isinstance(x, pa.RecordBatchReader):
        return StreamSource(lambda: x, single_pass=True, columns=columns, owner=x)
    if hasattr(x, "__arrow_c_stream__"):
        return StreamSource(arrow_stream(x), single_pass=False, columns=columns, owner=x)
    if hasattr(x, "__next__"):
        return StreamSource(lambda: x, single_pass=True, columns=columns, owner=x)
    if callable(x) and not isinstance(x, type):
        return StreamSource(_begin(x), single_pass=False, columns=columns, owner=x)
    remedy = ACCEPTED
    if hasattr(x, "collect"):
        remedy = "Call .collect() on it, or write it to Parquet and hand over the path."
    elif isinstance(x, set | frozenset):
        remedy = "A set has no order; hand over a list or an array."
    raise WrongType(f"A {type(x).__name__} is no data that can be opened. {remedy}")


def _begin(function: Callable[[], Any]) -> Callable[[], Any]:
    def start() -> Any:
        made = function()
        if not hasattr(made, "__iter__") or isinstance(made, np.ndarray | dict | str):
            raise WrongType(
                f"{getattr(function, '__name__', 'The function')}() returned a "
                f"{type(made).__name__}; it must return an iterator of blocks: yield them, or "
                "return iter([...])."
            )
        return made if isinstance(made, pa.RecordBatchReader) else iter(made)

    return start


def _open_list(x: Sequence[Any], columns: Sequence[str] | None) -> Source:
    if not x:
        raise EmptyData("The list is empty. Hand over at least one path, table or row.")
    if all(
        isinstance(item, Real) or _is_list_of(item, lambda v: isinstance(v, Real)) for item in x
    ):
        try:
            source = memory_source(np.asarray(x), columns)
        except ValueError as error:
            raise WrongType(f"The rows of the list differ in length: {error}.") from None
        assert source is not None
        return source
    if all(isinstance(item, np.ndarray) and item.ndim <= 1 for item in x):
        raise WrongType(
            "A list of arrays of one dimension may mean rows or columns. Hand over "
            "np.stack(rows), or a dict of columns."
        )
    parts = [memory_source(item, columns) for item in x]
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        other = next(item for item, part in zip(x, parts, strict=True) if part is None)
        raise WrongType(f"A list with a {type(other).__name__} in it cannot be opened. {ACCEPTED}")
    return ConcatSource(known) if len(known) > 1 else known[0]


def _open_files(
    x: Path | Sequence[Path],
    columns: Sequence[str] | None,
    format: str | None,
    types: Mapping[str, str | pa.DataType] | None,
    filesystem: pafs.FileSystem | None,
) -> Source:
    folder = find_files(x, filesystem)
    kind = one_format(folder) if format is None else format
    if kind not in EXTENSIONS:
        known = ", ".join(map(repr, EXTENSIONS))
        raise BadInput(f"format={format!r} is not known; it can be {known}.")
    if types is not None and kind not in ("csv", "tsv"):
        raise BadInput(
            f"types= is for CSV; {kind} files know their types. Change them with .cast(...)."
        )
    values = hive_values(folder)
    if not values:
        return _source_of(kind, folder, columns, types)
    told = next(iter(values.values()))
    stored = None if columns is None else [name for name in columns if name not in told]
    files = _source_of(kind, folder, stored or None, types)
    return HiveSource(files, values, columns)


def _source_of(
    kind: str,
    folder: Folder,
    columns: Sequence[str] | None,
    types: Mapping[str, str | pa.DataType] | None,
) -> Source:
    if kind == "parquet":
        return ParquetSource(folder, columns)
    if kind == "npy":
        return NpySource(folder, columns)
    if kind == "svmlight":
        return SvmlightSource(folder, columns)
    if kind in ("csv", "tsv"):
        return CsvSource(folder, columns, types, "\t" if kind == "tsv" else ",")
    return IpcSource(folder, columns)


def _is_path(x: Any) -> bool:
    return isinstance(x, str | os.PathLike)


def _is_list_of(x: Any, test: Callable[[Any], bool]) -> bool:
    return isinstance(x, list | tuple) and len(x) > 0 and all(map(test, x))
