"""Memory that is used again and again instead of being asked for anew.

A `Scratch` belongs to one task at a time. What it hands out stays valid until the same name is
asked for again, which is why blocks of a scan are only good until the next block.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

CACHE_LINE = 64


class Scratch:
    """Named arrays that grow and are used again."""

    def __init__(self) -> None:
        self._buffers: dict[str, NDArray[np.uint8]] = {}

    def take(self, name: str, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """An uninitialised C-ordered array, good until `name` is taken again."""
        dtype = np.dtype(dtype)
        nbytes = dtype.itemsize * math.prod(shape)
        held = self._buffers.get(name)
        if held is None or held.nbytes < nbytes:
            # The old buffer goes first, so that the two never stand side by side.
            self._buffers.pop(name, None)
            del held
            held = self._buffers[name] = _aligned(nbytes)
        return held[:nbytes].view(dtype).reshape(shape)

    @property
    def nbytes(self) -> int:
        return sum(buffer.nbytes for buffer in self._buffers.values())


class FreshMemory(Scratch):
    """The same interface without reuse: for blocks that the user may keep."""

    def take(self, name: str, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        dtype = np.dtype(dtype)
        return _aligned(dtype.itemsize * math.prod(shape)).view(dtype).reshape(shape)


def _aligned(nbytes: int) -> NDArray[np.uint8]:
    """Bytes that begin a cache line: vectors that lie across two of them take twice the time."""
    raw = np.empty(nbytes + CACHE_LINE, np.uint8)
    start = -raw.ctypes.data % CACHE_LINE
    return raw[start : start + nbytes]
