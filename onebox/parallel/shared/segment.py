"""Segments: memory without a name that another process maps, and that is used again when it is free.

Who writes a segment sends a *lease* on it: a descriptor opened anew, with a shared lock on it. The
lock lives as long as the lease does anywhere: on its way, as an open descriptor, or under a mapping.
So the writer can ask the system whether anybody still reads, and needs no messages about it, nor
can the death of a reader be missed. Where the system has no such thing (outside Linux) nothing is used
again, and the segment is a file that was removed when it was opened.
"""

from __future__ import annotations

import errno
import fcntl
import os
import sys
import tempfile

import numpy as np
from numpy.typing import NDArray

from onebox.parallel.shared.mapping import HUGE_PAGE, Mapping

Bytes = NDArray[np.uint8]

MOST_SPARE = 2  # a segment is used again for no less than half its size
SLOW = 0.75  # seconds a gigabyte of huge pages; small pages take less

_huge_pages_are_slow = [False]
"""Elsewhere they are faster to get than small ones; not where the host of a virtual machine has to find
the memory first, or where little is left in one piece.
"""


class Segment:
    """Some bytes of memory with a descriptor.

    Parameters
    ----------
    nbytes : int
    """

    def __init__(self, nbytes: int) -> None:
        self.capacity = nbytes
        self._descriptor = _nameless(nbytes)
        try:
            self._mapping = Mapping(self._descriptor, nbytes, writable=True)
        except BaseException:
            os.close(self._descriptor)
            raise
        self._ready = 0 if _huge_pages_are_slow[0] else self._made_huge()
        self._leased_for_good = False
        self.is_private = False
        """Whether what is written here stays in this process."""

    @property
    def address(self) -> int:
        """Of its first byte."""
        return self._mapping.address

    def make_ready(self) -> bool:
        """Get all of its memory from the system now; returns whether there is a way."""
        if self._ready < self.capacity and self._mapping.populate(self._descriptor):
            self._ready = self.capacity
        return self._ready == self.capacity

    def _made_huge(self) -> int:
        nbytes = self._mapping.make_huge(SLOW)
        _huge_pages_are_slow[0] = 0 < nbytes < self.capacity // HUGE_PAGE * HUGE_PAGE
        return nbytes

    def write(self, source: Bytes) -> None:
        """Put bytes at its beginning."""
        fast = min(self._ready, len(source))
        np.copyto(self.bytes(fast), source[:fast])
        at = fast
        while at < len(source):  # pages that are not there yet are quicker written than touched
            at += os.pwrite(self._descriptor, source[at:].data, at)
        self._ready = max(self._ready, len(source))

    def bytes(self, nbytes: int) -> Bytes:
        """Its first bytes, to be written to."""
        return self._mapping.bytes()[:nbytes]

    def owns(self, mapping: Mapping) -> bool:
        """Whether a mapping is this segment's own."""
        return mapping is self._mapping

    def lease(self, *, writable: bool) -> int:
        """A descriptor for another process, to be closed by who gets it."""
        if sys.platform == "linux":
            mode = os.O_RDWR if writable else os.O_RDONLY
            try:
                lease = os.open(f"/proc/self/fd/{self._descriptor}", mode)
            except OSError as error:
                if error.errno in (errno.EMFILE, errno.ENFILE):
                    raise
                # There is no /proc, or it is closed: the lease cannot be told from the segment.
            else:
                fcntl.flock(lease, fcntl.LOCK_SH)
                return lease
        self._leased_for_good = True
        return os.dup(self._descriptor)

    def make_private(self) -> None:
        """Keep what is written from now on to this process, and to each that is forked from it."""
        if not self.is_private:
            self._mapping.make_private(self._descriptor)
            self.is_private = True

    def is_free(self) -> bool:
        """Whether no lease on it is left."""
        if self._leased_for_good:
            return False
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        return True

    def close(self) -> None:
        """Leave the memory to whoever has a lease on it."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
            del self._mapping


class Segments:
    """Makes segments, and keeps some of those that have been sent, to use them again.

    Parameters
    ----------
    keep_bytes : int
        How much to keep at the most.
    """

    def __init__(self, keep_bytes: int) -> None:
        self.keep_bytes = keep_bytes
        self.reserved = 0
        """How much of that somebody else holds."""
        self._kept: list[Segment] = []

    def take(self, nbytes: int) -> Segment:
        """A segment of at least that size: one that nobody reads any more, or a new one."""
        for at, segment in enumerate(self._kept):
            if nbytes <= segment.capacity <= MOST_SPARE * nbytes and segment.is_free():
                return self._kept.pop(at)
        return Segment(nbytes)

    def give(self, segment: Segment) -> None:
        """Hand back a segment whose leases are on their way."""
        self._kept.append(segment)
        held = self.reserved + sum(one.capacity for one in self._kept)
        while self._kept and held > self.keep_bytes:
            oldest = self._kept.pop(0)
            held -= oldest.capacity
            oldest.close()

    def close(self) -> None:
        """Keep none."""
        while self._kept:
            self._kept.pop().close()


def _nameless(nbytes: int) -> int:
    """Open a file that has no name: in memory on Linux, in the folder for temporary files elsewhere."""
    if sys.platform == "linux":
        descriptor = os.memfd_create("onebox")
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    try:
        os.ftruncate(descriptor, nbytes)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor
