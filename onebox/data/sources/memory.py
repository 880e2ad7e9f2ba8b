"""What the caller holds, whatever its library: arrays, sparse matrices, frames, tables, dicts.

No library is imported to recognise its objects: one that is not loaded has made none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import scipy.sparse as sp
from numpy.typing import NDArray

from onebox.data.block import Block
from onebox.data.columns import MatrixColumns
from onebox.data.schema import is_numeric
from onebox.data.source import Source
from onebox.data.sources.array import ArraySource
from onebox.data.sources.table import TableSource
from onebox.errors import BadInput, WrongType


def memory_source(x: Any, columns: Sequence[str] | None = None) -> Source | None:
    """Make the source for something in memory; None when it is nothing of the kind.

    Parameters
    ----------
    x : object
    columns : sequence of str, optional
        Names for the columns of what has none (arrays); else the columns to see, in this order.

    Raises
    ------
    WrongType
        A container whose content is no table of numbers, text, dates and the like.
    """
    if isinstance(x, Block):
        if isinstance(x.columns, MatrixColumns):
            return ArraySource(x.columns.data, columns or x.names, owner=x)
        return TableSource(pa.Table.from_batches([x.to_arrow()]), columns, owner=x)
    if isinstance(x, np.ndarray):
        return ArraySource(np.asarray(_numbers(x)), columns, owner=x)
    if sp.issparse(x):
        if x.ndim != 2:
            raise WrongType(
                f"A sparse array of shape {x.shape} is no matrix; two dimensions are needed."
            )
        return ArraySource(sp.csr_array(x), columns, owner=x)
    if isinstance(x, dict):
        return TableSource(_table_of_dict(x), columns, owner=x)
    library = type(x).__module__.partition(".")[0]
    if library == "pandas" and hasattr(x, "to_numpy"):
        return _pandas_source(x, columns)
    table = _arrow_table(x, library)
    if table is not None:
        return TableSource(table, columns, owner=x)
    if hasattr(x, "__array__"):
        return ArraySource(_numbers(np.asarray(x)), columns, owner=x)
    return None


def _arrow_table(x: Any, library: str) -> pa.Table | None:
    """Take what speaks Arrow and lies in memory as a table; None for everything else."""
    if isinstance(x, pa.Table):
        return x
    if isinstance(x, pa.RecordBatch):
        return pa.Table.from_batches([x])
    if isinstance(x, pa.Array | pa.ChunkedArray):
        return pa.table({"x0": x})
    if library == "polars" and hasattr(x, "__arrow_c_stream__"):
        is_series = not hasattr(x, "columns")
        return pa.table({x.name or "x0": pa.chunked_array(x)}) if is_series else pa.table(x)
    if hasattr(x, "__arrow_c_array__") and not hasattr(x, "__arrow_c_stream__"):
        array = pa.array(x)
        is_struct = pa.types.is_struct(array.type)
        return pa.table(pa.record_batch(x)) if is_struct else pa.table({"x0": array})
    return None


def _numbers(array: NDArray[Any]) -> NDArray[Any]:
    """Refuse text and other objects; objects that are all numbers become float64."""
    if isinstance(array, np.ma.MaskedArray):
        raise WrongType(
            "A masked array's mask would get lost. Hand over array.filled(np.nan), and say what "
            "is to become of the NaN (SimpleImputer or .drop_missing())."
        )
    if array.dtype.names is not None:
        raise WrongType(
            f"An array of records with the fields {', '.join(array.dtype.names)} is no matrix. "
            "Hand over a dict of its columns: {name: array[name] for name in array.dtype.names}."
        )
    if array.dtype.kind != "O":
        return array
    try:
        kind = pa.array(array.ravel(), from_pandas=True).type
    except (pa.ArrowException, TypeError, ValueError):
        kind = pa.null() if not array.size else None
    if kind is None or not is_numeric(kind):
        what = "mixed objects" if kind is None else f"objects of type {kind}"
        raise WrongType(
            f"An array of {what} is no matrix of numbers. Convert it with astype(float), or hand "
            "over a table (pandas, polars, Arrow, a dict of columns) to keep text and dates."
        )
    return array.astype(np.float64)


def _table_of_dict(columns: dict[Any, Any]) -> pa.Table:
    arrays = {}
    for name, values in columns.items():
        if isinstance(values, str | bytes) or not hasattr(values, "__len__"):
            raise WrongType(
                f"The dict's value for {name!r} is a {type(values).__name__}; every value must be "
                "a column: a list or an array, all of one length."
            )
        arrays[str(name)] = _column(str(name), values)
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        shown = ", ".join(f"{name!r} has {n:,}" for name, n in list(lengths.items())[:6])
        raise WrongType(
            f"The columns of the dict differ in length: {shown}. Give each one value a row."
        )
    return pa.table(arrays)


def _column(name: str, values: Any) -> pa.Array | pa.ChunkedArray:
    try:
        if isinstance(values, np.ndarray):
            return pa.array(values)
        if hasattr(values, "__arrow_c_stream__"):
            return pa.chunked_array(values)
        return pa.array(values)
    except (pa.ArrowException, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise WrongType(
            f"Column {name!r} is no column of one type: {reason}. Convert it to numbers, text or "
            "dates."
        ) from None


def _pandas_source(x: Any, columns: Sequence[str] | None) -> Source:
    frame = x if x.ndim == 2 else x.to_frame("x0" if x.name is None else x.name)
    names = [str(name) for name in frame.columns]
    source: Source
    if _is_strided_matrix(frame) and len(set(names)) == len(names):
        source = ArraySource(frame.to_numpy(), names, owner=x)
        source = source if columns is None else source.narrowed(columns)
    else:
        source = TableSource(_table_of_frame(frame, names), columns, owner=x)
    # scikit-learn takes only names that are text for names.
    source.named = all(isinstance(name, str) for name in frame.columns)
    return source


def _table_of_frame(frame: Any, names: list[str]) -> pa.Table:
    twice, count = Counter(names).most_common(1)[0] if names else ("", 0)
    if count > 1:
        raise BadInput(
            f"The data frame has {count} columns named {twice!r}; columns are known "
            "by name. Rename them."
        )
    try:
        table = pa.Table.from_pandas(frame, preserve_index=False)
    except (pa.ArrowException, TypeError, ValueError) as error:
        reason = ": ".join(" ".join(str(part).split()) for part in reversed(error.args))
        raise WrongType(
            f"The data frame has a column that is not of one type. {reason}. Convert it to numbers "
            "or text, or leave it out."
        ) from None
    return table.rename_columns(names)


def _is_strided_matrix(frame: Any) -> bool:
    """Whether the frame wraps one row-major matrix, which Arrow would have to copy."""
    kinds = set(frame.dtypes)
    if len(kinds) != 1 or frame.shape[1] < 2 or not isinstance(kind := kinds.pop(), np.dtype):
        return False
    if kind.kind not in "fiu":
        return False
    column = frame.iloc[:, 0].to_numpy()
    return bool(column.strides[0] != column.itemsize)
