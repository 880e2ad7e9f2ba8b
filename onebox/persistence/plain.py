"""Codecs of Python's own values: containers, numbers that JSON cannot hold, dates and times."""

from __future__ import annotations

import base64
import datetime as dt
import json
import re
import struct
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

from onebox.persistence.codec import Codec, Decoder, Node, Place, is_plain


def to_text(data: bytes) -> str:
    """Write bytes as text."""
    return base64.b64encode(data).decode()


def from_text(text: str) -> bytes:
    """Read bytes back from text."""
    return base64.b64decode(text, validate=True)


def _pack_items(value: Any, place: Place) -> dict[str, Node]:
    return {"items": place.children(value)}


def _pack_set(value: Any, place: Place) -> dict[str, Node]:
    # sorted, because the order of a set of strings differs from process to process
    return {"items": sorted(place.only("key").children(value), key=json.dumps)}


def _unpack_items(kind: Callable[[list[Any]], Any]) -> Callable[[dict[str, Node], Decoder], Any]:
    return lambda node, decoder: kind([decoder.decode(item) for item in node["items"]])


def _pack_dict(value: dict[Any, Any], place: Place) -> dict[str, Node]:
    items = [
        item
        if is_plain(item)
        else place.child(item, f"[{key!r}]" if is_plain(key) else f"[key {i}]")
        for i, (key, item) in enumerate(value.items())
    ]
    if all(type(key) is str for key in value):
        return {"items": dict(zip(value, items, strict=True))}
    return {"pairs": list(zip(place.only("key").children(value), items, strict=True))}


def _unpack_dict(node: dict[str, Node], decoder: Decoder) -> dict[Any, Any]:
    decode = decoder.decode
    if "pairs" in node:
        return {decode(key): decode(item) for key, item in node["pairs"]}
    return {
        key: decode(item) if type(item) in (dict, list) else item
        for key, item in node["items"].items()
    }


def _unpack_float(node: dict[str, Node], decoder: Decoder) -> float:
    value: float = struct.unpack(">d", bytes.fromhex(node["bits"]))[0]
    return value


def _unpack_complex(node: dict[str, Node], decoder: Decoder) -> complex:
    return complex(*struct.unpack(">dd", bytes.fromhex(node["bits"])))


def _pack_clock(value: dt.datetime | dt.time, place: Place) -> dict[str, Node]:
    naive = value.replace(tzinfo=None).isoformat()
    return {"iso": naive, "fold": value.fold, "zone": place.child(value.tzinfo, ".tzinfo")}


def _unpack_clock(kind: type[dt.datetime] | type[dt.time]) -> Any:
    def unpack(node: dict[str, Node], decoder: Decoder) -> dt.datetime | dt.time:
        value = kind.fromisoformat(node["iso"])
        return value.replace(fold=node["fold"], tzinfo=decoder.decode(node["zone"]))

    return unpack


def _pack_offset(value: dt.timezone, place: Place) -> dict[str, Node]:
    return {"offset": place.child(value.utcoffset(None), ".offset"), "name": value.tzname(None)}


def _unpack_offset(node: dict[str, Node], decoder: Decoder) -> dt.timezone:
    offset = decoder.decode(node["offset"])
    unnamed = dt.timezone(offset)
    if unnamed.tzname(None) == node["name"]:
        return unnamed if offset else dt.UTC
    return dt.timezone(offset, node["name"])


def _pack_zone(value: ZoneInfo, place: Place) -> dict[str, Node]:
    if value.key is None:
        place.refuse("is a time zone without a key. Use zoneinfo.ZoneInfo(key)")
    return {"key": value.key}


def _unpack_zone(node: dict[str, Node], decoder: Decoder) -> ZoneInfo:
    # the key becomes a path below the folder of time zones
    if not re.fullmatch(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*", node["key"]):
        raise ValueError(f"{node['key']!r} is not a time zone")
    return ZoneInfo(node["key"])


CODECS = [
    Codec("list", (list,), _pack_items, _unpack_items(list)),
    Codec("tuple", (tuple,), _pack_items, _unpack_items(tuple), "frozen"),
    Codec("set", (set,), _pack_set, _unpack_items(set)),
    Codec("frozenset", (frozenset,), _pack_set, _unpack_items(frozenset), "frozen"),
    Codec("dict", (dict,), _pack_dict, _unpack_dict),
    Codec(
        "int",
        (int,),
        lambda value, place: {"hex": hex(value)},
        lambda node, decoder: int(node["hex"], 16),
        "atom",
    ),
    Codec(
        "float",  # nan and infinities; the bits of a nan are kept
        (float,),
        lambda value, place: {"bits": struct.pack(">d", value).hex()},
        _unpack_float,
        "atom",
    ),
    Codec(
        "complex",
        (complex,),
        lambda value, place: {"bits": struct.pack(">dd", value.real, value.imag).hex()},
        _unpack_complex,
        "atom",
    ),
    Codec(
        "bytes",
        (bytes,),
        lambda value, place: {"base64": to_text(value)},
        lambda node, decoder: from_text(node["base64"]),
        "atom",
    ),
    Codec(
        "date",
        (dt.date,),
        lambda value, place: {"iso": value.isoformat()},
        lambda node, decoder: dt.date.fromisoformat(node["iso"]),
        "atom",
    ),
    Codec("time", (dt.time,), _pack_clock, _unpack_clock(dt.time), "atom"),
    Codec("datetime", (dt.datetime,), _pack_clock, _unpack_clock(dt.datetime), "atom"),
    Codec(
        "timedelta",
        (dt.timedelta,),
        lambda value, place: {"fields": [value.days, value.seconds, value.microseconds]},
        lambda node, decoder: dt.timedelta(*node["fields"]),
        "atom",
    ),
    Codec("timezone", (dt.timezone,), _pack_offset, _unpack_offset, "atom"),
    Codec("zoneinfo", (ZoneInfo,), _pack_zone, _unpack_zone, "atom"),
]
