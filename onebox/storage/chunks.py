"""The bytes of an array in pieces of equal size, without a second copy of the whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt


def flat_bytes(array: npt.NDArray[Any]) -> memoryview:
    """View the memory of an array that is contiguous in C or Fortran order as bytes."""
    if array.nbytes == 0:
        return memoryview(b"")
    ordered = array if array.flags.c_contiguous else array.T
    return ordered.reshape(-1).view(np.uint8).data


def byte_chunks(array: npt.NDArray[Any], chunk_bytes: int) -> Iterator[memoryview]:
    """Yield an array's bytes in C order, `chunk_bytes` at a time; the last piece may be shorter.

    A piece is valid until the next one is asked for.
    """
    if array.flags.c_contiguous:
        whole = flat_bytes(array)
        for start in range(0, len(whole), chunk_bytes):
            yield whole[start : start + chunk_bytes]
    elif array.nbytes:
        yield from _strided_chunks(array, chunk_bytes)


def _strided_chunks(array: npt.NDArray[Any], chunk_bytes: int) -> Iterator[memoryview]:
    chunk = memoryview(bytearray(chunk_bytes))
    filled = 0
    # Items seldom divide a chunk evenly: pieces are gathered until one is full.
    for piece in np.nditer(
        array,
        flags=["external_loop", "buffered"],
        order="C",
        buffersize=max(1, chunk_bytes // array.itemsize),
    ):
        rest = flat_bytes(np.ascontiguousarray(piece))
        while len(rest):
            taken = min(len(rest), chunk_bytes - filled)
            chunk[filled : filled + taken] = rest[:taken]
            filled, rest = filled + taken, rest[taken:]
            if filled == chunk_bytes:
                yield chunk
                filled = 0
    if filled:
        yield chunk[:filled]
