"""Results that are born where they can be sent from: no copy, and no second lot of fresh pages.

A worker offers numpy a segment of the size of its last result. The next large array is made there, by
whatever code makes it. When it is a result, its segment is sent, but only once numpy has freed the
array: as long as a task's own code can still see it, a copy is sent.
"""

from __future__ import annotations

from onebox._kernels import placement
from onebox.parallel.shared.mapping import HUGE_PAGE
from onebox.parallel.shared.segment import Segment, Segments

SMALLEST = 4 * HUGE_PAGE
"""Bytes from which on a result is waited for: whole huge pages hold it with little left empty."""
MOST_ALIKE = 2
"""Offers for a size: one for a result, one for what it is made from."""


class Offers:
    """Segments that stand open for numpy.

    Parameters
    ----------
    segments : Segments
        Where they come from; what is offered counts as kept there.
    """

    def __init__(self, segments: Segments) -> None:
        self._segments = segments
        self._open: dict[int, Segment] = {}
        self._useful = True  # until the system gives no memory ahead

    def under(self, address: int, nbytes: int) -> Segment | None:
        """The segment at whose beginning an array was born that takes most of it."""
        segment = self._open.get(address)
        return segment if segment is not None and segment.capacity <= 2 * nbytes else None

    def taken_back(self, segment: Segment) -> bool:
        """Whether a segment can be sent: no array lies there any more, and nobody else ever saw it."""
        return not segment.is_private and self._withdrawn(segment)

    def make(self, nbytes: int) -> None:
        """Make an offer for another array of that size, unless there are enough."""
        self._close([one for one in self._open.values() if one.is_private])
        capacity = -(-nbytes // HUGE_PAGE) * HUGE_PAGE
        alike = sum(nbytes <= one.capacity <= 2 * nbytes for one in self._open.values())
        room = self._segments.keep_bytes - self._segments.reserved
        if not self._useful or nbytes < SMALLEST or alike >= MOST_ALIKE or capacity > room:
            return
        segment = self._segments.take(capacity)
        self._useful = segment.make_ready()
        if self._useful and placement.offer(segment.address, segment.capacity):
            self._open[segment.address] = segment
            self._segments.reserved += segment.capacity
        else:
            self._segments.give(segment)

    def close(self) -> None:
        """Make no offers any more; arrays that were born in one stay."""
        self._close(list(self._open.values()))

    def before_fork(self) -> None:
        """Give arrays to this process and to its child, each its own, as is usual after a fork."""
        self.close()
        for segment in self._open.values():
            segment.make_private()

    def _close(self, segments: list[Segment]) -> None:
        for segment in segments:
            if self._withdrawn(segment):
                segment.close()

    def _withdrawn(self, segment: Segment) -> bool:
        if not placement.withdraw(segment.address):
            return False
        del self._open[segment.address]
        self._segments.reserved -= segment.capacity
        return True
