"""Which columns an aggregate looks at: those it was given, or every one that it can treat."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pyarrow as pa

from onebox.data.schema import Schema, require_columns
from onebox.errors import EmptyData, WrongType

ColumnNames = str | tuple[str, ...] | None


def as_names(columns: str | Iterable[str] | None) -> tuple[str, ...] | None:
    """One name or several as a tuple; None stands for every column that suits."""
    if columns is None:
        return None
    return (columns,) if isinstance(columns, str) else tuple(columns)


def chosen_columns(
    schema: Schema, columns: ColumnNames, suits: Callable[[pa.DataType], bool], job: str
) -> tuple[str, ...]:
    """The columns to look at, in order.

    Raises
    ------
    MissingColumn
        A column that was asked for is not there.
    WrongType
        A column that was asked for is of a type that does not suit.
    EmptyData
        None were asked for, and none suits.
    """
    asked = as_names(columns)
    if asked is None:
        names = schema.suiting(suits)
        if not names:
            kinds = sorted({str(kind) for kind in schema.columns.types})
            raise EmptyData(
                f"{job} suits none of the {schema.n_features} columns"
                + (f", which are of type {', '.join(kinds)}." if kinds else ".")
            )
        return names
    require_columns(schema.names, list(asked))
    types = dict(zip(schema.columns.names, schema.columns.types, strict=True))
    for name in asked:
        kind = types[name]
        if not suits(kind):
            raise WrongType(
                f"{job} cannot treat column {name!r}, which has type {kind}. Leave it out, or "
                f"convert it first: .cast({{{name!r}: ...}})."
            )
    return asked


def is_scalar(kind: pa.DataType) -> bool:
    """Whether values of this type are single things that can be equal: not lists, structs, maps."""
    if pa.types.is_dictionary(kind):
        return is_scalar(kind.value_type)
    return not (
        pa.types.is_nested(kind)
        or pa.types.is_interval(kind)
        or isinstance(kind, pa.BaseExtensionType)
    )


def is_ordered(kind: pa.DataType) -> bool:
    """Whether values of this type have exact extremes: dates, times, integers, decimals."""
    types = pa.types
    ordered = types.is_temporal(kind) or types.is_integer(kind) or types.is_decimal(kind)
    return bool(ordered and not types.is_interval(kind))
