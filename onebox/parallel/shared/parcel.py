"""Parcels: a pickled object whose large buffers lie elsewhere, in segments or in files.

Everything is pickled by cloudpickle, once, with large buffers put aside (protocol 5). A parcel on the
wire is what was pickled, and for each buffer a place: which of the descriptors that travel with the
parcel, where in it, and how long.
"""

from __future__ import annotations

import os
import pickle
import struct
from collections.abc import Callable, Sequence
from io import BytesIO
from types import FunctionType
from typing import Any, NamedTuple

import numpy as np

from onebox.parallel.portable import Pickler
from onebox.parallel.shared.mapping import Mapping
from onebox.parallel.shared.segment import Bytes

BIG = 2**20
"""Bytes from which on a buffer does not go through the socket."""
PLACE = struct.Struct("<HQQB")
COUNT = struct.Struct("<HB")


class Place(NamedTuple):
    """Where a buffer lies.

    Attributes
    ----------
    open : callable
        Makes a descriptor of it to be sent.
    offset, nbytes : int
    writable : bool
        Whether who gets it may write to it.
    """

    open: Callable[[], int]
    offset: int
    nbytes: int
    writable: bool


class Parcel(NamedTuple):
    """What has been pickled, and the places of what was put aside."""

    data: bytes
    places: Sequence[Place]
    data_is_aside: bool = False

    @property
    def nbytes(self) -> int:
        return len(self.data) + sum(place.nbytes for place in self.places)

    def wire(self, descriptors: list[int]) -> bytes:
        """Turn it into bytes, and add to the descriptors that must travel with them."""
        parts = [COUNT.pack(len(self.places), self.data_is_aside)]
        for place in self.places:
            parts.append(PLACE.pack(len(descriptors), place.offset, place.nbytes, place.writable))
            descriptors.append(place.open())
        return b"".join((*parts, self.data))


class Packer:
    """Pickles objects into parcels.

    Parameters
    ----------
    place : callable
        Finds or makes a place for a buffer.
    room : callable
        Makes an array of so many bytes which `place` will know, for what has to be copied anyhow.
    inline : int
        Most bytes of pickled objects to go through the socket.
    """

    def __init__(
        self, place: Callable[[memoryview], Place], room: Callable[[int], Bytes], inline: int
    ) -> None:
        self._place, self._room, self._inline = place, room, inline

    def pack(self, value: object) -> Parcel:
        """Pickle an object.

        Raises
        ------
        Exception
            Whatever its parts raise when they cannot be pickled.
        """
        out, places = BytesIO(), list[Place]()
        _Pickler(out, places, self._place, self._room).dump(value)
        if out.tell() <= self._inline:
            return Parcel(out.getvalue(), places)
        return Parcel(b"", [self._place(out.getbuffer()), *places], data_is_aside=True)


def unpack(wire: bytes | memoryview, descriptors: Sequence[int], *, keep: bool = False) -> Any:
    """Make the object again; the descriptors may be closed afterwards.

    Parameters
    ----------
    wire : bytes
    descriptors : sequence of int
    keep : bool
        Keep descriptors of large arrays, so that they can be sent on without a copy.
    """
    count, data_is_aside = COUNT.unpack_from(wire)
    buffers: list[Any] = []
    for at in range(count):
        number, offset, nbytes, writable = PLACE.unpack_from(wire, COUNT.size + at * PLACE.size)
        mapping = Mapping(
            descriptors[number], nbytes, offset=offset, writable=bool(writable), keep=keep
        )
        buffers.append(mapping.bytes())
    data = buffers.pop(0) if data_is_aside else memoryview(wire)[COUNT.size + count * PLACE.size :]
    return pickle.loads(data, buffers=buffers)


def aside_bytes(wire: bytes | memoryview) -> int:
    """How much lies elsewhere, of a parcel on the wire."""
    count, _ = COUNT.unpack_from(wire)
    ends = COUNT.size + count * PLACE.size
    return sum(nbytes for _, _, nbytes, _ in PLACE.iter_unpack(wire[COUNT.size : ends]))


class _Pickler(Pickler):
    def __init__(
        self,
        out: BytesIO,
        places: list[Place],
        place: Callable[[memoryview], Place],
        room: Callable[[int], Bytes],
    ) -> None:
        def aside(buffer: pickle.PickleBuffer) -> bool:
            raw = buffer.raw()
            if raw.nbytes < BIG:
                return True
            places.append(place(raw))
            return False

        super().__init__(out, protocol=5, buffer_callback=aside)
        self._room = room

    def reducer_override(self, value: Any) -> Any:
        kind = type(value)
        if kind is np.ndarray:
            return _reduced_array(value, self._room)
        if kind is FunctionType and (value.__module__ or "").startswith("numpy."):
            return NotImplemented  # cloudpickle would look for it at length
        if kind is np.memmap and value.nbytes >= BIG and not value.dtype.hasobject:
            plain = value.view(np.ndarray)
            return _as_memmap, (plain, value.filename, value.mode)
        if kind.__module__ == "pyarrow.lib":
            # Not above: workers that never see Arrow start without it, in half the time.
            from onebox.parallel.shared import arrow

            return arrow.reduced(value, self._room)
        return super().reducer_override(value)


def _reduced_array(array: np.ndarray[Any, Any], room: Callable[[int], Bytes]) -> Any:
    flags = array.flags
    if array.nbytes < BIG or flags.c_contiguous or flags.f_contiguous or array.dtype.hasobject:
        return NotImplemented
    # pickle would copy it into a string of bytes first, and not put that aside
    ordered = room(array.nbytes).view(array.dtype).reshape(array.shape)
    np.copyto(ordered, array)
    return ordered.__reduce_ex__(5)


def _as_memmap(array: np.ndarray[Any, Any], filename: Any, mode: str) -> np.memmap[Any, Any]:
    mapped = array.view(np.memmap)
    mapped.filename, mapped.mode, mapped.offset = filename, mode, 0
    return mapped


def close_all(descriptors: Sequence[int]) -> None:
    """Close descriptors that have been sent or used."""
    for descriptor in descriptors:
        os.close(descriptor)
