"""From the tree of a row filter to an Arrow expression over given columns.

Every literal becomes a value of its column's type, exactly: an integer column is compared with
integers (``x > 1.5`` asks for ``x > 1``), a decimal column with decimals. Arrow's own way, to widen
or narrow either side, refuses large integers beside fractions and depends on its release.
"""

from __future__ import annotations

from datetime import date, datetime, time
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from operator import eq, ge, gt, le, lt, ne
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from onebox.cli.usage import at, near
from onebox.cli.where import WHERE, Both, Column, Compare, Condition, In, IsNull, Not, Value
from onebox.errors import MissingColumn, WrongType

_SIGNS = {"==": eq, "!=": ne, "<": lt, "<=": le, ">": gt, ">=": ge}
_MIRRORED = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


def expression(condition: Condition, schema: pa.Schema) -> pc.Expression:
    """Make an Arrow expression that is true for the rows asked for.

    A comparison with a null is neither true nor false, as in SQL: neither it nor its opposite keeps
    the row. ``is null`` is true for a NaN as well.

    Raises
    ------
    MissingColumn, WrongType
        Naming the character at which the filter does not fit the columns.
    """
    match condition:
        case Both(word, left, right):
            one, other = expression(left, schema), expression(right, schema)
            return one & other if word == "and" else one | other
        case Not(inner):
            return ~expression(inner, schema)
        case IsNull(column):
            kind = _type(column, schema)
            return pc.field(column.name).is_null(nan_is_null=pa.types.is_floating(kind))
        case In(column, values):
            return _any([_column_test("==", column, value, schema) for value in values])
        case Compare(sign, Column() as left, Column() as right, position):
            return _two_columns(sign, left, right, position, schema)
        case Compare(sign, Column() as column, Value() as value, _):
            return _column_test(sign, column, value, schema)
        case Compare(sign, Value() as value, Column() as column, _):
            return _column_test(_MIRRORED[sign], column, value, schema)
        case Column():
            if not pa.types.is_boolean(_type(condition, schema)):
                raise _misfit(
                    condition, f"has type {schema.field(condition.name).type}: compare it"
                )
            return pc.field(condition.name)
        case Compare(_, _, _, position) | Value(_, position):
            raise WrongType(at(WHERE, position, "no column takes part here."))


def _any(tests: list[pc.Expression]) -> pc.Expression:
    # By halves: Arrow walks expressions by recursion, and a list may be long.
    if len(tests) == 1:
        return tests[0]
    middle = len(tests) // 2
    return _any(tests[:middle]) | _any(tests[middle:])


def _type(column: Column, schema: pa.Schema) -> pa.DataType:
    if column.name not in schema.names:
        raise MissingColumn(
            at(
                WHERE,
                column.position,
                f"there is no column {column.name!r}.{near(column.name, schema.names)}",
            )
        )
    kind = schema.field(column.name).type
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _misfit(column: Column, fact: str, position: int | None = None) -> WrongType:
    where = column.position if position is None else position
    return WrongType(at(WHERE, where, f"column {column.name!r} {fact}."))


def _two_columns(
    sign: str, left: Column, right: Column, position: int, schema: pa.Schema
) -> pc.Expression:
    kinds = _type(left, schema), _type(right, schema)
    made = _SIGNS[sign](pc.field(left.name), pc.field(right.name))
    try:
        schema.empty_table().filter(made)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        one, other = f"{left.name!r} of type {kinds[0]}", f"{right.name!r} of type {kinds[1]}"
        raise WrongType(at(WHERE, position, f"{one} cannot be compared with {other}.")) from None
    return made


def _column_test(sign: str, column: Column, value: Value, schema: pa.Schema) -> pc.Expression:
    kind, given = _type(column, schema), value.value
    field, types = pc.field(column.name), pa.types
    if isinstance(given, Decimal) and types.is_integer(kind):
        return _integer_test(sign, field, given, kind)
    scalar: Any = None
    if isinstance(given, Decimal):
        if types.is_floating(kind):
            scalar = pa.scalar(float(given), pa.float64()).cast(kind, safe=False)
        elif types.is_decimal(kind):
            scalar = _decimal(given, column, value.position)
    elif isinstance(given, bool):
        scalar = pa.scalar(given) if types.is_boolean(kind) else None
    elif types.is_date(kind) or types.is_timestamp(kind):
        scalar = _moment(given, kind, column, value.position)
    elif isinstance(given, str) and (types.is_string(kind) or types.is_large_string(kind)):
        scalar = pa.scalar(given, kind)
    if scalar is None:
        written = f"'{given}'" if isinstance(given, str) else str(given).lower()
        raise _misfit(
            column, f"has type {kind} and cannot be compared with {written}", value.position
        )
    return _SIGNS[sign](field, scalar)


def _integer_test(
    sign: str, field: pc.Expression, given: Decimal, kind: pa.DataType
) -> pc.Expression:
    """Ask the same question with an integer that the type can hold."""
    signed = pa.types.is_signed_integer(kind)
    bits = kind.bit_width - signed
    low, high = -(2**bits) if signed else 0, 2**bits - 1
    lowest = pa.scalar(low, kind)
    never, always = field < lowest, field >= lowest  # both null where the column is
    given = max(min(given, Decimal(2**65)), Decimal(-(2**65)))  # 1e999999 has no business as an int
    floor = int(given.to_integral_value(ROUND_FLOOR))
    bound = floor if sign in (">", "<=") else int(given.to_integral_value(ROUND_CEILING))
    if sign in ("==", "!=") and (floor != given or not low <= floor <= high):
        return never if sign == "==" else always
    if bound < low:
        return always if sign in (">", ">=", "!=") else never
    if bound > high:
        return always if sign in ("<", "<=", "!=") else never
    return _SIGNS[sign](field, pa.scalar(bound, kind))


def _decimal(given: Decimal, column: Column, position: int) -> Any:
    try:
        return pa.scalar(given)
    except pa.ArrowInvalid:
        raise _misfit(
            column, f"holds decimals, and {given} has too many digits", position
        ) from None


def _moment(given: object, kind: pa.DataType, column: Column, position: int) -> Any:
    """Read a date or time for a column of such; one without a zone is in the column's."""
    if isinstance(given, str):
        try:
            given = datetime.fromisoformat(given)
        except ValueError:
            raise _misfit(column, f"has type {kind}, and '{given}' is no date", position) from None
        if given.tzinfo is not None:
            raise _misfit(column, "is compared with dates and times without a zone", position)
    if not isinstance(given, date):
        return None
    if not isinstance(given, datetime):
        given = datetime(given.year, given.month, given.day)
    if pa.types.is_date(kind) and given.time() == time():
        return pa.scalar(given.date(), kind)
    moment = pa.scalar(given, pa.timestamp("us"))
    zone = getattr(kind, "tz", None)
    return pc.assume_timezone(moment, zone) if zone else moment
