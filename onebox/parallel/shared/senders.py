"""Places for what is sent: results go out once, arguments may go to several workers and tasks."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, partial

import numpy as np
import xxhash

from onebox.config import format_bytes
from onebox.errors import NotEnoughMemory
from onebox.parallel.shared.files import Piece, lies_in_file, piece_of_file
from onebox.parallel.shared.mapping import mapping_under
from onebox.parallel.shared.offers import Offers
from onebox.parallel.shared.parcel import Packer, Parcel, Place, close_all
from onebox.parallel.shared.segment import Bytes, Segment, Segments

RESULT_INLINE = 2**17
ARGUMENT_INLINE = 2**15
"""Bytes of a pickled object that still go through the socket. Two chunks of arguments must fit into it
unread, so that handing them over waits for nobody."""


class Results:
    """Packs results, each into segments of its own that its receiver may write to.

    A parcel must be put on the wire when nothing holds the result any more: an array that was born in
    a segment goes without a copy then.

    Parameters
    ----------
    keep_bytes : int
        How much memory to keep for the next results.
    """

    def __init__(self, keep_bytes: int) -> None:
        self.segments = Segments(keep_bytes)
        self.offers = Offers(self.segments)
        self._born: dict[int, Segment] = {}
        self._written: list[Segment] = []
        self._opened: list[int] = []
        self._packer = Packer(self._place, self._room, RESULT_INLINE)

    def pack(self, value: object) -> Parcel:
        """Pack one result; call `sent` before the next."""
        return self._packer.pack(value)

    def sent(self) -> None:
        """The last parcel is on its way, or will never be."""
        sizes = [segment.capacity for segment in self._written]
        while self._written:
            self.segments.give(self._written.pop())
        close_all(self._opened)
        self._opened.clear()
        self._born.clear()
        for nbytes in sizes:
            self.offers.make(nbytes)

    def close(self) -> None:
        """Keep no memory for further results."""
        self.offers.close()
        self.segments.close()

    def _room(self, nbytes: int) -> Bytes:
        segment = self.segments.take(nbytes)
        self._written.append(segment)
        return segment.bytes(nbytes)

    def _place(self, buffer: memoryview) -> Place:
        raw = np.frombuffer(buffer, np.uint8)
        mapping = mapping_under(buffer)
        for segment in self._written:
            if mapping is not None and segment.owns(mapping):
                return _whole(segment, len(raw))
        if lies_in_file(buffer):
            piece = piece_of_file(buffer, raw.ctypes.data, len(raw), writable=not buffer.readonly)
            if piece is not None:
                self._opened.append(piece.descriptor)
                return _part(piece, len(raw))
        born = self.offers.under(raw.ctypes.data, len(raw))
        if born is not None and born.address not in self._born:  # else two arrays would be one
            self._born[born.address] = born
            return Place(partial(self._lease_born, born, len(raw)), 0, len(raw), writable=True)
        return _whole(self._copied(raw), len(raw))

    def _lease_born(self, born: Segment, nbytes: int) -> int:
        if self.offers.taken_back(born):
            self._written.append(born)
            return born.lease(writable=True)
        return self._copied(born.bytes(nbytes)).lease(writable=True)

    def _copied(self, raw: Bytes) -> Segment:
        segment = self.segments.take(len(raw))
        self._written.append(segment)
        segment.write(raw)
        return segment


@dataclass
class Shared:
    """A buffer that travels: who owns its memory, where it lies, and how many tasks need it."""

    owner: memoryview
    place: Place
    segment: Segment | None = None
    opened: int = -1
    may_change: bool = False
    users: int = 0

    @cached_property
    def digest(self) -> bytes:
        """Of the bytes as they were when they were written down."""
        assert self.segment is not None
        return xxhash.xxh3_128_digest(self.segment.bytes(self.place.nbytes).data)

    def is_still(self, buffer: memoryview) -> bool:
        """Whether the memory holds what it held then."""
        return not self.may_change or xxhash.xxh3_128_digest(buffer) == self.digest


@dataclass
class Arguments:
    """Packs arguments; what several tasks are given is written once, and read by all workers.

    A buffer is known again by its memory. Unless nobody can write to it, its bytes are hashed each
    time: an array that is filled anew for each task is another argument each time.

    Parameters
    ----------
    budget : int
        Most bytes to hold in segments.
    keep_bytes : int
        How much of that to keep for the next arguments.
    """

    budget: int
    keep_bytes: int
    _shared: dict[tuple[int, int], Shared] = field(default_factory=dict)
    _used: list[Shared] = field(default_factory=list)
    _fresh: list[Segment] = field(default_factory=list)
    _held: int = 0

    def __post_init__(self) -> None:
        self._segments = Segments(self.keep_bytes)
        self._packer = Packer(self._place, self._room, ARGUMENT_INLINE)

    def pack(self, value: object) -> tuple[Parcel, list[Shared]]:
        """Pack the arguments of a task; release what they share when it is over.

        Raises
        ------
        NotEnoughMemory
            When arrays in memory are to be shared that together are larger than the budget.
        """
        self._used, self._fresh = [], []
        try:
            parcel = self._packer.pack(value)
        except BaseException:
            self.release(self._used)
            raise
        finally:
            placed = [shared.segment for shared in self._used]
            for segment in self._fresh:
                if segment not in placed:  # made for something that then could not be pickled
                    self._give_back(segment)
        return parcel, self._used

    def release(self, used: list[Shared]) -> None:
        """A task that was packed is over."""
        for shared in used:
            shared.users -= 1
            if not shared.users:
                self._drop(shared)

    def close(self) -> None:
        """Hold nothing any more; workers keep what they still map."""
        for shared in list(self._shared.values()):
            self._drop(shared)
        self._segments.close()

    def _drop(self, shared: Shared) -> None:
        key = _key(shared.owner)
        if self._shared.get(key) is shared:
            del self._shared[key]
        if shared.segment is not None:
            self._give_back(shared.segment)
            shared.segment = None
        if shared.opened >= 0:
            os.close(shared.opened)
            shared.opened = -1

    def _give_back(self, segment: Segment) -> None:
        self._held -= segment.capacity
        self._segments.give(segment)

    def _room(self, nbytes: int) -> Bytes:
        segment = self._take(nbytes)
        self._fresh.append(segment)
        return segment.bytes(nbytes)

    def _place(self, buffer: memoryview) -> Place:
        key = _key(buffer)
        shared = self._shared.get(key)
        if shared is None or not shared.is_still(buffer):
            shared = self._shared[key] = self._made(buffer)
        shared.users += 1
        self._used.append(shared)
        return shared.place

    def _made(self, buffer: memoryview) -> Shared:
        raw = np.frombuffer(buffer, np.uint8)
        mapping = mapping_under(buffer)
        if mapping is not None:
            for segment in self._fresh:
                if segment.owns(mapping):
                    return Shared(buffer, _whole(segment, len(raw), writable=False), segment)
            if mapping.descriptor >= 0:  # an array that came from a worker goes on as it is
                offset = raw.ctypes.data - mapping.address
                again = partial(os.dup, mapping.descriptor)
                return Shared(buffer, Place(again, offset, len(raw), writable=False))
        if lies_in_file(buffer):
            writable = not buffer.readonly
            piece = piece_of_file(buffer, raw.ctypes.data, len(raw), writable=writable)
            if piece is not None:
                return Shared(buffer, _part(piece, len(raw)), opened=piece.descriptor)
        segment = self._take(len(raw))
        segment.write(raw)
        whole = _whole(segment, len(raw), writable=False)
        return Shared(buffer, whole, segment, may_change=not _lasts(buffer))

    def _take(self, nbytes: int) -> Segment:
        if self._held + nbytes > self.budget:
            raise NotEnoughMemory(
                f"Arguments of {format_bytes(self._held + nbytes)} would have to be copied into shared "
                f"memory; the budget for them is {format_bytes(self.budget)}. Pass memory-mapped "
                "arrays (numpy.load(path, mmap_mode='r')), which are not copied, hand over smaller "
                "pieces, or raise `memory`."
            )
        segment = self._segments.take(nbytes)
        self._held += segment.capacity
        return segment


def _key(buffer: memoryview) -> tuple[int, int]:
    raw = np.frombuffer(buffer, np.uint8)
    return raw.ctypes.data, len(raw)


def _lasts(buffer: memoryview) -> bool:
    """Whether nobody can write to an array: it is read-only, and so is all that it is cut from."""
    thing: object = buffer
    while isinstance(thing, np.ndarray | memoryview):
        if isinstance(thing, np.ndarray):
            if thing.flags.writeable:
                return False
            thing = thing.base
        else:
            if not thing.readonly:
                return False
            thing = thing.obj
    return thing is None or isinstance(thing, bytes) or type(thing).__module__ == "pyarrow.lib"


def _whole(segment: Segment, nbytes: int, *, writable: bool = True) -> Place:
    open_lease: Callable[[], int] = partial(segment.lease, writable=writable)
    return Place(open_lease, 0, nbytes, writable)


def _part(piece: Piece, nbytes: int) -> Place:
    return Place(partial(os.dup, piece.descriptor), piece.offset, nbytes, piece.writable)
