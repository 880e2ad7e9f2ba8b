"""Codecs of Arrow: tables, columns, scalars, schemas and types, as Arrow's own stream format."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from onebox.persistence.codec import Codec, Decoder, Node, Place


def stream_of(data: pa.RecordBatch | pa.Table | pa.Schema) -> npt.NDArray[np.uint8]:
    """Write Arrow data in Arrow's own stream format."""
    schema = data if isinstance(data, pa.Schema) else data.schema
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as stream:
        if data is not schema:
            stream.write(data)
    return np.frombuffer(sink.getvalue(), np.uint8)


def read_table(stream: npt.NDArray[np.uint8]) -> pa.Table:
    """Read a table from Arrow's stream format, with all of its offsets checked."""
    return _table(pa.ipc.open_stream(pa.py_buffer(stream)))


def _table(reader: Any) -> pa.Table:
    table = reader.read_all()
    table.validate(full=True)  # wrong offsets would be reads outside of the buffers, later
    return table


def _batch(reader: Any) -> pa.RecordBatch:
    batch = reader.read_next_batch()
    batch.validate(full=True)
    return batch


def _codec(tag: str, to_data: Callable[[Any], Any], from_reader: Callable[[Any], Any]) -> Codec:
    def pack(value: Any, place: Place) -> dict[str, Node]:
        return {"member": place.array(stream_of(to_data(value)))}

    def unpack(node: dict[str, Node], decoder: Decoder) -> Any:
        return from_reader(pa.ipc.open_stream(pa.py_buffer(decoder.arrays[node["member"]])))

    return Codec(tag, (), pack, unpack)


FAMILIES: list[tuple[type, Codec]] = [
    (pa.Table, _codec("arrow.table", lambda value: value, _table)),
    (pa.RecordBatch, _codec("arrow.record_batch", lambda value: value, _batch)),
    (
        pa.ChunkedArray,
        _codec(
            "arrow.chunked_array",
            lambda value: pa.table([value], names=[""]),
            lambda reader: _table(reader).column(0),
        ),
    ),
    (
        pa.Array,
        _codec(
            "arrow.array",
            lambda value: pa.record_batch([value], names=[""]),
            lambda reader: _batch(reader).column(0),
        ),
    ),
    (
        pa.Scalar,
        _codec(
            "arrow.scalar",
            lambda value: pa.record_batch([pa.repeat(value, 1)], names=[""]),
            lambda reader: _batch(reader).column(0)[0],
        ),
    ),
    (pa.Schema, _codec("arrow.schema", lambda value: value, lambda reader: reader.schema)),
    (
        pa.Field,
        _codec(
            "arrow.field",
            lambda value: pa.schema([value]),
            lambda reader: reader.schema.field(0),
        ),
    ),
    (
        pa.DataType,
        _codec(
            "arrow.type",
            lambda value: pa.schema([pa.field("", value)]),
            lambda reader: reader.schema.field(0).type,
        ),
    ),
]
