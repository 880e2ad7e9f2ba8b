"""Names, types and roles of what a scan will hand over, known before the first row is read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from onebox.errors import BadInput, EmptyData, MissingColumn, WrongType

_FIT_FLOAT32 = (
    pa.float32(),
    pa.float16(),
    pa.int8(),
    pa.int16(),
    pa.uint8(),
    pa.uint16(),
    pa.bool_(),
)
_FIT_FLOAT64 = (pa.float64(), pa.int32(), pa.int64(), pa.uint32(), pa.uint64(), pa.null())
_EXACT_IN_FLOAT32 = {kind.id for kind in _FIT_FLOAT32}
NUMBER_WIDTHS = {
    kind.id: 8 if pa.types.is_null(kind) else max(kind.bit_width // 8, 4)
    for kind in _FIT_FLOAT32 + _FIT_FLOAT64
}


def is_numeric(kind: pa.DataType) -> bool:
    """Whether a column of this type can stand in a matrix of numbers."""
    return kind.id in NUMBER_WIDTHS or bool(pa.types.is_decimal(kind))


def parse_type(kind: str | pa.DataType, job: str) -> pa.DataType:
    """Turn ``"float64"``, ``"timestamp[s]"``, ``"category"`` or an Arrow type into an Arrow type.

    >>> parse_type("float32", "cast"), parse_type("string", "cast")
    (DataType(float), DataType(string))
    """
    if isinstance(kind, pa.DataType):
        return kind
    if kind == "category":
        return pa.dictionary(pa.int32(), pa.string())
    try:
        return pa.type_for_alias(kind)
    except (ValueError, TypeError, AttributeError):
        raise BadInput(
            f"{job}: {kind!r} is no type. Use a name such as 'float64', 'int32', 'string', 'bool', "
            "'date32', 'timestamp[s]' or 'category', or a pyarrow type."
        ) from None


def canonical_dtype(kinds: list[pa.DataType]) -> np.dtype[np.floating]:
    """float32 when every column fits it exactly, else float64."""
    exact = all(kind.id in _EXACT_IN_FLOAT32 for kind in kinds)
    return np.dtype(np.float32 if exact and kinds else np.float64)


def require_columns(
    present: Sequence[str], wanted: Sequence[str], where: str = "the dataset"
) -> None:
    """Refuse a column that is not there, naming near misses."""
    known = set(present)
    missing = [name for name in wanted if name not in known]
    if missing:
        shown = ", ".join(map(repr, present[:8])) + (" ..." if len(present) > 8 else "")
        raise MissingColumn(
            f"Column {missing[0]!r} is not in {where}, which has {len(present)} columns: {shown}."
        )


@dataclass(frozen=True)
class Schema:
    """What a scan hands to its aggregates.

    Attributes
    ----------
    columns : pyarrow.Schema
        The feature columns, in order.
    target : pyarrow.Schema or None
        The target column or columns.
    target_ndim : int
        1 when y has one dimension, 2 when it is a table of targets.
    weighted : bool
        Whether rows carry weights.
    """

    columns: pa.Schema
    target: pa.Schema | None = None
    target_ndim: int = 1
    weighted: bool = False

    @property
    def n_features(self) -> int:
        return len(self.columns)

    @property
    def n_targets(self) -> int:
        return 0 if self.target is None else len(self.target)

    def __reduce__(self) -> Any:
        # What is remembered below is found out again.
        return Schema, (self.columns, self.target, self.target_ndim, self.weighted)

    # Arrow makes new objects of names and types whenever it is asked.

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the feature columns."""
        return tuple(self.columns.names)

    @cached_property
    def kinds(self) -> list[pa.DataType]:
        """Types of the feature columns."""
        return list(self.columns.types)

    @cached_property
    def dtype(self) -> np.dtype[np.floating]:
        """The canonical dtype of ``block.X``."""
        return canonical_dtype(self.kinds)

    def suiting(self, suits: Callable[[pa.DataType], bool]) -> tuple[str, ...]:
        """Names of the columns of types that suit; every aggregate asks several times a scan."""
        if suits not in self._suiting:
            pairs = zip(self.names, self.kinds, strict=True)
            self._suiting[suits] = tuple(name for name, kind in pairs if suits(kind))
        return self._suiting[suits]

    @cached_property
    def _suiting(self) -> dict[Callable[[pa.DataType], bool], tuple[str, ...]]:
        return {}

    @cached_property
    def _first_unlike_number(self) -> int | None:
        return next((i for i, kind in enumerate(self.kinds) if not is_numeric(kind)), None)

    def field(self, name: str) -> pa.Field:
        require_columns(self.names, [name])
        return self.columns.field(name)

    def require_numeric(self, job: str) -> None:
        """Refuse text, dates and the like, naming the column and the remedy."""
        if not len(self.columns):
            raise EmptyData(
                f"{job} was given 0 columns; it needs at least one (minimum of 1 is required)."
            )
        if self._first_unlike_number is not None:
            field = self.columns.field(self._first_unlike_number)
            raise WrongType(
                f"{job} needs numbers, but column {field.name!r} has type {field.type}. Leave it "
                f"out with .drop({field.name!r}) or encode it first "
                f"(.assign({_identifier(field.name)}=...) or .cast({{{field.name!r}: 'float64'}}))."
            )


def _identifier(name: str) -> str:
    return name if name.isidentifier() else "column"
