"""Slices of Arrow tables: pickle would send all that they are cut from."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import pyarrow as pa

from onebox.parallel.shared.segment import Bytes

SLICEABLE = (pa.Array, pa.ChunkedArray, pa.RecordBatch, pa.Table)
MOST_WASTE = 2**20


def reduced(value: Any, room: Callable[[int], Bytes]) -> Any:
    """How to pickle an Arrow object: by itself, or, as a slice of something large, as a stream."""
    if not isinstance(value, SLICEABLE):
        return NotImplemented
    if value.get_total_buffer_size() <= value.nbytes + MOST_WASTE:
        return NotImplemented
    return _from_stream, (type(value), _written(value, room))


def _written(value: Any, room: Callable[[int], Bytes]) -> pickle.PickleBuffer:
    if isinstance(value, pa.Array | pa.ChunkedArray):
        value = pa.table({"": value})
    counted = pa.MockOutputStream()
    with pa.ipc.new_stream(counted, value.schema) as writer:
        writer.write(value)
    space = room(counted.size())
    out = pa.FixedSizeBufferWriter(pa.py_buffer(space))
    with pa.ipc.new_stream(out, value.schema) as writer:
        writer.write(value)
    return pickle.PickleBuffer(space.data)


def _from_stream(kind: type, buffer: Any) -> Any:
    with pa.ipc.open_stream(pa.py_buffer(buffer)) as reader:
        if kind is pa.RecordBatch:
            return reader.read_next_batch()
        table = reader.read_all()
    if issubclass(kind, pa.Table):
        return table
    column = table.column(0)
    return column if kind is pa.ChunkedArray else column.combine_chunks()
