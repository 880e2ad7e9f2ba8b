"""Codecs of polars: frames and series, as Arrow's own stream format.

What would come back with other types or values is refused. polars is imported when a value or a
file needs it.
"""

from __future__ import annotations

from typing import Any

from onebox.errors import MissingDependency, WrongType
from onebox.persistence.codec import Codec, Decoder, Node, Place
from onebox.persistence.tables import read_table, stream_of


def find(value: object) -> Codec | None:
    """Choose the codec of a value of polars."""
    pl = _polars()
    if type(value) is pl.DataFrame:
        return FRAME
    return SERIES if type(value) is pl.Series else None


def _polars() -> Any:
    try:
        import polars
    except ImportError as error:
        raise MissingDependency(
            f"The object holds data of polars, which is not installed here: {error}. Install it."
        ) from error
    return polars


def _pack_frame(value: Any, place: Place) -> dict[str, Node]:
    try:
        table = value.to_arrow()
        same = _frame(table)
    except Exception as error:  # polars has no single class for what Arrow cannot hold
        place.refuse(f"is a frame of polars that Arrow cannot hold: {error}. Convert it", WrongType)
    if same.schema != value.schema or not same.equals(value) or same.shape != value.shape:
        place.refuse(
            f"is a frame of polars with the types {value.schema}, which would come back from Arrow "
            f"as {same.schema}. Convert it",
            WrongType,
        )
    return {"member": place.array(stream_of(table))}


def _frame(table: Any) -> Any:
    return _polars().from_arrow(table, rechunk=False)


def _unpack_frame(node: dict[str, Node], decoder: Decoder) -> Any:
    return _frame(read_table(decoder.arrays[node["member"]]))


FRAME = Codec("polars.frame", (), _pack_frame, _unpack_frame)
SERIES = Codec(
    "polars.series",
    (),
    lambda value, place: _pack_frame(value.to_frame(), place),
    lambda node, decoder: _unpack_frame(node, decoder).to_series(),
)
CODECS = [FRAME, SERIES]
