"""Bytes of an open file in this process's memory, until the last array on them is gone.

Python's own ``mmap`` would keep a descriptor open for each, and a list of a thousand results would
use them up; and it does not align mappings to the two megabytes that a huge page needs.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import sys
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

HUGE_PAGE = 2**21
AT_A_TIME = 4 * HUGE_PAGE
KEPT_DESCRIPTORS = 64
"""How many mappings keep their descriptor, so that their arrays can be sent on without a copy."""

PROT_NONE, MAP_FIXED, MAP_NORESERVE, FAILED = 0, 0x10, 0x4000, ctypes.c_void_p(-1).value
POPULATE, COLLAPSE = 23, 25  # madvise(2), Linux 5.14 and 6.1

_library = ctypes.CDLL(None, use_errno=True)
_mmap = _library.mmap
_mmap.restype = ctypes.c_void_p
_mmap.argtypes = [
    ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_int64,
]  # fmt: skip
_munmap = _library.munmap
_munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
_madvise = _library.madvise
_madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]

_kept = [0]  # changed without a lock: one more or less does no harm


class Mapping:
    """A range of an open file as memory; numpy arrays on it keep it alive.

    Parameters
    ----------
    descriptor : int
        The file. It may be closed afterwards.
    nbytes : int
    offset : int
        Where the range begins, at any byte.
    writable : bool
        Whether what is written goes to the file; without it the memory cannot be written to.
    keep : bool
        Keep a copy of the descriptor as well, if not too many mappings do.

    Raises
    ------
    OSError
        When the system refuses to map it.
    """

    __slots__ = ("__weakref__", "_address", "_length", "_skip", "descriptor", "nbytes", "writable")

    def __init__(
        self, descriptor: int, nbytes: int, *, offset: int = 0, writable: bool = False,
        keep: bool = False,
    ) -> None:  # fmt: skip
        self._address, self.descriptor = None, -1
        self._skip = offset % mmap.ALLOCATIONGRANULARITY
        self._length = max(nbytes + self._skip, 1)
        self._address = _map(descriptor, self._length, offset - self._skip, writable)
        self.nbytes, self.writable = nbytes, writable
        if keep and _kept[0] < KEPT_DESCRIPTORS:
            self.descriptor = os.dup(descriptor)
            _kept[0] += 1

    @property
    def address(self) -> int:
        """Of the first byte of the range."""
        assert self._address is not None
        return self._address + self._skip

    @property
    def __array_interface__(self) -> dict[str, Any]:
        data = (self.address, not self.writable)
        return {"shape": (self.nbytes,), "typestr": "|u1", "data": data, "version": 3}

    def bytes(self) -> NDArray[np.uint8]:
        """All of it, as an array that keeps the mapping."""
        return np.asarray(self)

    def make_huge(self, slowest: float) -> int:
        """Put the memory of a new file into huge pages; returns for how many bytes that worked.

        A file in memory is made of small pages otherwise, which take five times as long to get.
        Linux gives huge ones where they are asked for in so many words, once there is a first page.
        Where a gigabyte of them would take more than `slowest` seconds, the rest is left as it is.
        """
        whole = self.nbytes // HUGE_PAGE * HUGE_PAGE if sys.platform == "linux" else 0
        if self.address % HUGE_PAGE:
            return 0
        done = 0
        while done < whole:
            some = min(whole - done, AT_A_TIME)
            start = time.thread_time()  # it counts what waiting for the system takes, and no other
            self.bytes()[done : done + some : HUGE_PAGE] = 0
            if _madvise(self.address + done, some, COLLAPSE) != 0:
                break
            done += some
            if time.thread_time() - start > slowest * some / 1e9:
                break
        return done

    def populate(self, descriptor: int) -> bool:
        """Get all of the memory of a new file, in small pages; returns whether there is a way."""
        if sys.platform != "linux" or self.address % mmap.PAGESIZE:
            return False
        try:
            # Sooner than one by one as they are touched.
            os.posix_fallocate(descriptor, 0, self.nbytes)
        except OSError:
            return False
        return bool(_madvise(self.address, self.nbytes, POPULATE) == 0)

    def make_private(self, descriptor: int) -> None:
        """Keep what is written from now on out of the file, of which this was the beginning."""
        protection, how = mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_PRIVATE | MAP_FIXED
        _checked(_mmap(self._address, self._length, protection, how, descriptor, 0))

    def __del__(self, unmap: Any = _munmap, close: Any = os.close, kept: list[int] = _kept) -> None:
        if self._address is not None:
            unmap(self._address, self._length)
        if self.descriptor >= 0:
            close(self.descriptor)
            kept[0] -= 1


def _map(descriptor: int, length: int, offset: int, writable: bool) -> int:
    protection = mmap.PROT_READ | (mmap.PROT_WRITE if writable else 0)
    if sys.platform != "linux" or length < HUGE_PAGE:
        return _checked(_mmap(None, length, protection, mmap.MAP_SHARED, descriptor, offset))
    nowhere = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | MAP_NORESERVE
    room = length + HUGE_PAGE
    start = _checked(_mmap(None, room, PROT_NONE, nowhere, -1, 0))
    aligned = -(-start // HUGE_PAGE) * HUGE_PAGE
    where = _mmap(aligned, length, protection, mmap.MAP_SHARED | MAP_FIXED, descriptor, offset)
    if where == FAILED:
        error = ctypes.get_errno()
        _munmap(start, room)
        raise OSError(error, os.strerror(error))
    end = aligned + -(-length // mmap.PAGESIZE) * mmap.PAGESIZE
    if aligned > start:
        _munmap(start, aligned - start)
    if start + room > end:
        _munmap(end, start + room - end)
    return aligned


def _checked(address: int | None) -> int:
    if address is None or address == FAILED:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return address


def mapping_under(thing: object) -> Mapping | None:
    """Find the mapping that an array or a buffer lies in."""
    under = owner_of(thing)
    return under if isinstance(under, Mapping) else None


def owner_of(thing: object) -> object:
    """Follow an array or a memoryview down to what its memory belongs to."""
    while True:
        if isinstance(thing, np.ndarray):
            below: object = thing.base
        elif isinstance(thing, memoryview):
            below = thing.obj
        else:
            return thing
        if below is None:
            return thing
        thing = below
