"""What the objects of pandas and polars consist of.

Neither is imported here: whoever hands over an object of theirs has done so.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from operator import attrgetter
from typing import Any

import numpy as np
import pyarrow as pa

from onebox.memory.keys.arrays import describe_array
from onebox.memory.keys.encoding import Describe, Description, name_of
from onebox.memory.keys.tables import describe_column

NAMED = "[{!r}]"


def describer(kind: type) -> Describe | None:
    """Choose what describes objects of a class of pandas or polars, or derived from one of theirs."""
    for library, families in LIBRARIES.items():
        module = sys.modules.get(library)
        for name, describe in families.items():
            if module is not None and issubclass(kind, attrgetter(name)(module)):
                return describe
    return None


def _describe_frame(value: Any) -> Description:
    def parts() -> Iterator[tuple[object, object]]:
        yield "class", name_of(type(value))
        yield "columns", value.columns
        yield "index", value.index
        for i, name in enumerate(value.columns):
            yield name, _values(value.iloc[:, i].array)
        yield "attrs", value.attrs

    return Description("pandas frame", parts(), NAMED)


def _describe_series(value: Any) -> Description:
    head = [("class", name_of(type(value))), ("name", value.name), ("index", value.index)]
    return Description("pandas series", [*head, ("array", _values(value.array))])


def _describe_index(value: Any) -> Description:
    head = [("class", name_of(type(value))), ("names", tuple(value.names))]
    return Description("pandas index", [*head, ("array", _values(value.array))])


def _describe_multi_index(value: Any) -> Description:
    # not levels and codes: there may be levels that no row has
    levels = [_values(value.get_level_values(i).array) for i in range(value.nlevels)]
    parts = [("names", tuple(value.names)), *enumerate(levels)]
    return Description("pandas multi-index", parts, NAMED)


def _describe_range_index(value: Any) -> Description:
    items = range(value.start, value.stop, value.step)
    return Description("pandas range", [("name", value.name), ("range", items)])


def _describe_extension(value: Any) -> Description:
    return Description("pandas array", [("values", _values(value))])


def _values(array: Any) -> Description:
    """Describe an array of pandas as numpy's if it is one inside, else through Arrow."""
    dtype = array.dtype
    if isinstance(dtype, np.dtype):
        return describe_array(np.asarray(array))
    name = str(dtype)
    if name == "category":
        codes = np.asarray(array.codes)
        parts = [("categories", array.categories), ("ordered", array.ordered), ("codes", codes)]
        return Description("categorical", parts)
    try:
        column = pa.array(array)
    except (pa.ArrowException, TypeError, ValueError):  # Arrow has no such type
        return Description("pandas items", [("dtype", name), ("items", list(array))])
    return Description("pandas array", [("dtype", name), ("values", describe_column(column))])


def _describe_moment(value: Any) -> Description:
    # with nanoseconds, which datetime does not have
    naive = value.replace(tzinfo=None).isoformat()
    parts = [("time", naive), ("unit", value.unit), ("fold", value.fold), ("zone", value.tzinfo)]
    return Description("pandas timestamp", parts)


def _describe_duration(value: Any) -> Description:
    return Description("pandas timedelta", [("value", value._value), ("unit", value.unit)])


def _describe_period(value: Any) -> Description:
    return Description("pandas period", [("ordinal", value.ordinal), ("freq", value.freqstr)])


def _describe_interval(value: Any) -> Description:
    parts = [("left", value.left), ("right", value.right), ("closed", value.closed)]
    return Description("pandas interval", parts)


def _describe_nothing(value: Any) -> Description:
    return Description("nothing", [("class", type(value).__name__)])


def _describe_polars(value: Any) -> Description:
    series = ((one.name, _series(one)) for one in value.get_columns())
    return Description("polars frame", series, NAMED)


def _describe_polars_series(value: Any) -> Description:
    return Description("polars series", [("series", _series(value))])


def _series(value: Any) -> Description:
    head: list[tuple[object, object]] = [("name", value.name), ("dtype", repr(value.dtype))]
    if repr(value.dtype) == "Object":
        return Description("series", [*head, ("items", value.to_list())])
    column = value.to_arrow()
    if pa.types.is_dictionary(column.type):
        # the numbers of categories depend on what else the process has seen
        column = column.cast(column.type.value_type)
    return Description("series", [*head, ("values", describe_column(column))])


LIBRARIES: dict[str, dict[str, Describe]] = {
    "pandas": {
        "DataFrame": _describe_frame,
        "Series": _describe_series,
        "MultiIndex": _describe_multi_index,
        "RangeIndex": _describe_range_index,
        "Index": _describe_index,
        "Timestamp": _describe_moment,
        "Timedelta": _describe_duration,
        "Period": _describe_period,
        "Interval": _describe_interval,
        "NaT.__class__": _describe_nothing,
        "NA.__class__": _describe_nothing,
        "api.extensions.ExtensionArray": _describe_extension,
    },
    "polars": {"DataFrame": _describe_polars, "Series": _describe_polars_series},
}
