"""Columns with gaps: gaps marked as missing, then filled, in matrices and in tables of any type."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from onebox.data.block import Block
from onebox.data.schema import Schema, canonical_dtype, is_numeric
from onebox.errors import BadInput

INDICATOR = "missingindicator_"


def is_nan(value: Any) -> bool:
    """Whether a placeholder is the usual one: NaN, None or pandas.NA, all of which Arrow nulls."""
    try:
        return value is None or type(value).__name__ == "NAType" or bool(value != value)
    except (TypeError, ValueError):
        return False


def marked_schema(given: Schema) -> pa.Schema:
    """What `mark` makes of some columns: numbers as floats, everything else as it is."""
    if all(map(is_numeric, given.kinds)):
        kind = pa.from_numpy_dtype(given.dtype)
        return pa.schema([(name, kind) for name in given.names])
    return pa.schema(
        [
            (name, pa.from_numpy_dtype(canonical_dtype([kind])) if is_numeric(kind) else kind)
            for name, kind in zip(given.names, given.kinds, strict=True)
        ]
    )


def mark(block: Block, *, placeholder: Any) -> Any:
    """The columns with NaN, or null, where the placeholder stands.

    Infinities are refused, and NaN where it is not the placeholder.
    """
    if all(map(is_numeric, block.columns.kinds)):
        return _marked_numbers(block, placeholder)
    columns = []
    for name in block.names:
        array = block.column(name)
        if is_numeric(array.type):
            columns_ = block.columns.select([name])
            alone = Block(columns_, block.partition, block.first_row, block.rows)
            array = pa.array(_marked_numbers(alone, placeholder)[:, 0], from_pandas=True)
        elif isinstance(placeholder, str) and not is_nan(placeholder):
            array = pc.if_else(pc.equal(array, placeholder), pa.scalar(None, array.type), array)
        columns.append(array)
    return pa.record_batch(columns, names=list(block.names))


def _marked_numbers(block: Block, placeholder: Any) -> NDArray[Any]:
    if is_nan(placeholder):
        return block.noninf_X
    X = block.finite_X
    if isinstance(placeholder, str):
        return X
    return np.where(placeholder == X, np.nan, X).astype(X.dtype, copy=False)


def fill_matrix(
    X: Any, *, statistics: NDArray[np.float64], kept: NDArray[np.intp], flagged: NDArray[np.intp]
) -> NDArray[Any]:
    """The kept columns with their statistic for NaN, and columns that say where NaN was."""
    missing = np.isnan(X)
    out = np.empty((len(X), len(kept) + len(flagged)), X.dtype)
    filled = out[:, : len(kept)]
    np.take(X, kept, axis=1, out=filled, mode="clip")
    np.copyto(filled, statistics[kept], where=missing[:, kept], casting="same_kind")
    out[:, len(kept) :] = missing[:, flagged]
    return out


def fill_table(
    block: Block, *, statistics: Sequence[Any], kept: NDArray[np.intp], flagged: NDArray[np.intp]
) -> pa.RecordBatch:
    """The same for columns of any type; the columns that say where nulls were are booleans."""
    columns, names = [], []
    for j in kept:
        array = block.column(block.names[j])
        columns.append(pc.fill_null(array, _scalar(statistics[j], array.type, block.names[j])))
        names.append(block.names[j])
    for j in flagged:
        columns.append(pc.is_null(block.column(block.names[j])))
        names.append(INDICATOR + block.names[j])
    return pa.record_batch(columns, names=names)


def _scalar(value: Any, kind: pa.DataType, name: str) -> pa.Scalar:
    try:
        return pa.scalar(value, kind.value_type if pa.types.is_dictionary(kind) else kind)
    except (pa.ArrowException, TypeError, ValueError):
        raise BadInput(
            f"{value!r} cannot be filled into column {name!r}, which has type {kind}. Give a "
            "fill_value of that type, or impute the column on its own."
        ) from None
