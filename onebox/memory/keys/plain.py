"""What Python's own containers and values consist of: lists, dicts, dates, paths, ranges, ...

Classes are met here by their exact type; a subclass goes by its class name, its base value and its
attributes (`objects`).
"""

from __future__ import annotations

import array
import collections
import datetime as dt
import functools
import re
import types
import uuid
from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction
from pathlib import PurePath
from typing import Any
from zoneinfo import ZoneInfo

from onebox.errors import BadInput
from onebox.memory.keys.encoding import (
    SORTABLE,
    Describe,
    Description,
    Raw,
    Unkeyable,
    runs,
    sorted_parts,
)

ITEM = "[{!r}]"
PIECE_BYTES = 1 << 20


def describe_list(value: list[Any] | tuple[Any, ...]) -> Description:
    """Describe a list or a tuple by its items."""
    return Description(type(value).__name__, runs(range(len(value)), value), ITEM)


def describe_set(value: set[Any] | frozenset[Any]) -> Description:
    """Describe a set by its members, in an order of their own."""
    tag, kinds = type(value).__name__, set(map(type, value))
    if len(kinds) == 1 and kinds <= SORTABLE:
        members = sorted(value)
        return Description(f"{tag} of {kinds.pop().__name__}", runs(members, members), "{{{!r}}}")
    return Description(tag, ((member, member) for member in value), "{{{!r}}}", unordered=True)


def describe_dict(value: dict[Any, Any]) -> Description:
    """Describe a dict by its pairs, in an order of their own."""
    kinds = set(map(type, value))
    if len(kinds) == 1 and kinds <= SORTABLE:
        return Description(f"dict by {kinds.pop().__name__}", sorted_parts(value), ITEM)
    return Description("dict", _pairs(value), "", unordered=True)


def _pairs(value: dict[Any, Any]) -> Iterator[tuple[object, object]]:
    for name, item in value.items():
        yield None, Description("pair", [(name, name), (name, item)], ITEM)


def _describe_ordered_dict(value: collections.OrderedDict[Any, Any]) -> Description:
    return Description("OrderedDict", _pairs(value), "")


def _describe_text(value: str) -> Description:
    n = PIECE_BYTES
    pieces = (value[i : i + n].encode("utf-8", "surrogatepass") for i in range(0, len(value), n))
    return Description("text", [("text", Raw(pieces))])


def _describe_view(value: memoryview) -> Description:
    held = value if value.c_contiguous else value.tobytes()
    return Description(
        "memoryview", [("format", value.format), ("shape", value.shape), ("data", Raw([held]))]
    )


def _describe_range(value: range) -> Description:
    # ranges are equal when their items are
    parts = (len(value), *value[:1], *(value[1:2] and (value.step,)))
    return Description("range", [("items", parts)])


def _describe_clock(value: dt.datetime | dt.time) -> Description:
    naive = value.replace(tzinfo=None).isoformat()
    parts = [("time", naive), ("fold", value.fold), ("tzinfo", value.tzinfo)]
    return Description(type(value).__name__, parts)


def _describe_zone(value: ZoneInfo) -> Description:
    if value.key is None:
        raise Unkeyable("it is a time zone without a name; use zoneinfo.ZoneInfo(key)")
    return Description("zone", [("key", value.key)])


def describe_path(value: PurePath) -> Description:
    """Describe a path by its text."""
    return Description("path", [("text", str(value))])


def describe_file(path: PurePath) -> Description:
    """Describe a path by what is in the file, and by its suffix, which readers go by."""
    try:
        file = open(path, "rb", buffering=0)  # noqa: SIM115 -- closed when the last piece was read
    except OSError as error:
        raise Unkeyable(f"it cannot be read as a file ({error})", BadInput) from error

    def pieces() -> Iterator[memoryview]:
        piece = memoryview(bytearray(PIECE_BYTES))
        with file:
            while n_bytes := file.readinto(piece):
                yield piece[:n_bytes]

    return Description("file", [("suffix", path.suffix), ("content", Raw(pieces()))])


def _by(tag: str, *attributes: str) -> Describe:
    """Describe values of a type by some of their attributes."""

    def describe(value: Any) -> Description:
        return Description(tag, ((name, getattr(value, name)) for name in attributes))

    return describe


def _as(tag: str, convert: Callable[[Any], object], name: str = "value") -> Describe:
    """Describe values of a type by another value that says all about them."""
    return lambda value: Description(tag, [(name, convert(value))])


def _raw(tag: str) -> Describe:
    return lambda value: Description(tag, [("data", Raw([value]))])


BY_TYPE: dict[type, Describe] = {
    list: describe_list,
    tuple: describe_list,
    set: describe_set,
    frozenset: describe_set,
    dict: describe_dict,
    collections.OrderedDict: _describe_ordered_dict,
    collections.defaultdict: lambda value: Description(
        "defaultdict", [("default_factory", value.default_factory), ("items", dict(value))]
    ),
    collections.deque: lambda value: Description(
        "deque", [("maxlen", value.maxlen), ("items", list(value))]
    ),
    types.MappingProxyType: _as("mappingproxy", dict, "items"),
    types.GenericAlias: _by("alias", "__origin__", "__args__"),
    types.MethodType: _by("method", "__func__", "__self__"),
    str: _describe_text,
    bytes: _raw("bytes"),
    bytearray: _raw("bytearray"),
    memoryview: _describe_view,
    array.array: lambda value: Description(
        "array", [("typecode", value.typecode), ("data", Raw([value]))]
    ),
    range: _describe_range,
    slice: _by("slice", "start", "stop", "step"),
    Decimal: _as("Decimal", str),
    Fraction: _by("Fraction", "numerator", "denominator"),
    uuid.UUID: _as("UUID", lambda value: value.bytes),
    dt.date: _as("date", dt.date.isoformat),
    dt.time: _describe_clock,
    dt.datetime: _describe_clock,
    dt.timedelta: _by("timedelta", "days", "seconds", "microseconds"),
    dt.timezone: _as("timezone", lambda value: (value.utcoffset(None), value.tzname(None))),
    ZoneInfo: _describe_zone,
    re.Pattern: _by("pattern", "pattern", "flags"),
    functools.partial: _by("partial", "func", "args", "keywords"),
    type(functools.lru_cache(len)): _by("cached", "__wrapped__"),
    type(NotImplemented): _as("NotImplemented", lambda value: None),
}
