"""Where the numbers of an Arrow record batch lie: found once, shared by all slices of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from onebox._kernels import layout
from onebox.data.schema import canonical_dtype, is_numeric

Floats = NDArray[np.floating[Any]]

_KINDS = {
    pa.float32().id: layout.FLOAT32,
    pa.float64().id: layout.FLOAT64,
    pa.int8().id: layout.INT8,
    pa.int16().id: layout.INT16,
    pa.int32().id: layout.INT32,
    pa.int64().id: layout.INT64,
    pa.uint8().id: layout.UINT8,
    pa.uint16().id: layout.UINT16,
    pa.uint32().id: layout.UINT32,
    pa.uint64().id: layout.UINT64,
}
_FLOATS = (pa.float32().id, pa.float64().id)


class _Place(NamedTuple):
    """The buffers of one column, and what keeps them alive."""

    kind: int
    width: int
    address: int
    bitmap: int
    bit_offset: int
    alive: pa.Array


class ColumnBuffers:
    """The numeric columns of a record batch, for work that walks them in pieces.

    Asking Arrow for its buffers costs as much as packing a few thousand values, so it is done once
    a batch and column, not once a block.
    """

    def __init__(self, batch: pa.RecordBatch) -> None:
        self.batch = batch
        self._places: dict[str, _Place] = {}
        self._views: dict[str, Floats | None] = {}

    def pack(self, names: Sequence[str], start: int, out: Floats) -> None:
        """Write rows from `start` on side by side into a C-ordered matrix, null as NaN."""
        if not out.size:
            return
        places = [self._places.get(name) or self._find(name) for name in names]
        layout.pack(
            np.array([p.address + start * p.width for p in places], np.int64),
            np.array([p.kind for p in places], np.uint8),
            np.array([p.bitmap for p in places], np.int64),
            np.array([p.bit_offset + start for p in places], np.int64),
            out,
        )

    def floats(self, name: str) -> Floats | None:
        """A column of floats without nulls as it lies in memory; None for any other."""
        if name not in self._views:
            array = self.batch.column(name)
            plain = array.type.id in _FLOATS and not array.null_count
            self._views[name] = array.to_numpy() if plain else None
        return self._views[name]

    def dtype(self, name: str) -> np.dtype[Any]:
        """The smallest float type that holds a column exactly."""
        return canonical_dtype([self.batch.schema.field(name).type])

    def _find(self, name: str) -> _Place:
        array = _plain(self.batch.column(name))
        validity, data = array.buffers()
        kind, offset = array.type, array.offset
        width = kind.bit_width // 8
        address = 0 if data is None else data.address + offset * width
        has_nulls = validity is not None and array.null_count > 0
        bitmap, bit_offset = (validity.address, offset) if has_nulls else (0, 0)
        place = _Place(_KINDS[kind.id], width, address, bitmap, bit_offset, array)
        self._places[name] = place
        return place


def _plain(array: pa.Array) -> pa.Array:
    """A numeric array whose values lie in a plain buffer."""
    kind = array.type
    if kind.id in _KINDS:
        return array
    if not is_numeric(kind):
        raise TypeError(f"a column of type {kind} is not numeric")
    if pa.types.is_boolean(kind):
        return array.cast(pa.uint8())
    return array.cast(pa.float32() if pa.types.is_float16(kind) else pa.float64())
