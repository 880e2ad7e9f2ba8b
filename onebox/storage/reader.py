"""Reading a container: its document, its arrays, or some rows of one of them.

Raw frames are read into their place and checked there. Compressed ones are read one after the other,
and checked and decompressed into their place by several threads.
"""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Iterator
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from onebox.config import format_bytes
from onebox.errors import BadInput, CorruptFile, NotEnoughMemory
from onebox.machine import LEAST_MEMORY, available_memory
from onebox.storage.chunks import flat_bytes
from onebox.storage.compression import decompress, decompress_short, threads
from onebox.storage.file_bytes import FileBytes
from onebox.storage.frames import FRAME_BYTES, Member
from onebox.storage.npy import LONGEST_HEADER, Described, parse_header
from onebox.storage.zip_index import ALIGNMENT, parse_json, read_members

DOCUMENT = "object.json"
DOCUMENT_RATIO = 64  # by which a compressed document expands at the most
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}")

Array = npt.NDArray[Any]


class Task(NamedTuple):
    """A compressed frame, and which of its bytes go where."""

    member: Member
    number: int
    stored: memoryview
    start: int
    stop: int
    out: memoryview


class Reader:
    """An open container, of which frame and index have been checked.

    Parameters
    ----------
    path : path
        The file.

    Attributes
    ----------
    names : tuple of str
        Of the arrays, in the order in which they were written.

    Raises
    ------
    CorruptFile
        The file is damaged, truncated, of a newer version of the format, or no container at all.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        self._source = FileBytes(path)
        try:
            members = read_members(self.path, self._source)
            self._document = self._checked_document(members[:1])
            self._members = dict(self._described(member, head) for member, head in members[1:])
        except BaseException:
            self._source.close()
            raise
        self.names = tuple(self._members)

    def __enter__(self) -> Reader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._source.close()

    def document(self) -> Any:
        """Read the document."""
        member = self._document
        text = memoryview(bytearray(member.n_bytes))
        self._fill([(member, 0, text)])
        return parse_json(self.path, member.name, text)

    def arrays(self, *, mmap: bool = False, verify: bool = False) -> dict[str, Array]:
        """Read or map all arrays."""
        self._require_memory(sum(member.size for member, _ in self._members.values()))
        mapped = self._source.mapped() if mmap else None
        made, to_fill = {}, []
        for name, (member, described) in self._members.items():
            array = self._made(member, described, mapped if member.codec == "raw" else None)
            if mapped is None or member.codec != "raw":
                to_fill.append((member, 0, flat_bytes(array)))
            elif verify:
                member.check_frames(self.path, flat_bytes(array))
            made[name] = array
        self._fill(to_fill)
        if mmap:
            for array in made.values():
                array.flags.writeable = False
        return made

    def rows(self, name: str, rows: slice) -> Array:
        """Read consecutive rows of an array, and only the frames that hold them.

        Raises
        ------
        BadInput
            `rows` is not a slice with step 1, or the array has no rows that lie together.
        """
        member, described = self._members[name]
        place = f"{self.path}: the array {name} of shape {described.shape}"
        if not described.shape or (described.fortran and len(described.shape) > 1):
            raise BadInput(
                f"{place} {'is in Fortran order' if described.shape else 'has no rows'}: its rows "
                "cannot be read one by one. Load the whole, with mmap=True if it is large."
            )
        n_rows = described.shape[0]
        try:
            start, stop, step = rows.indices(n_rows)
        except (AttributeError, TypeError, ValueError) as error:
            raise BadInput(f"{place}: rows={rows!r} is not a slice of rows ({error}).") from None
        if step != 1:
            raise BadInput(
                f"{place}: rows={rows!r} has step {step}; only consecutive rows are read. Use "
                "slice(start, stop), and take every n-th of what comes back."
            )
        row_bytes = described.n_bytes // n_rows if n_rows else 0
        n_wanted = max(0, stop - start)
        self._require_memory(n_wanted * row_bytes if member.codec != "raw" else 0)
        array: Array = np.ndarray((n_wanted, *described.shape[1:]), described.dtype)
        self._fill([(member, start * row_bytes, flat_bytes(array))])
        return array

    def _checked_document(self, first: list[tuple[Member, memoryview]]) -> Member:
        if [(member.plain_name, len(head)) for member, head in first] != [(DOCUMENT, 0)]:
            raise CorruptFile(f"{self.path}: the first member is not a plain {DOCUMENT}.")
        member = first[0][0]
        if member.n_bytes > DOCUMENT_RATIO * (member.end - member.data):
            raise CorruptFile(
                f"{self.path}: member {member.name} claims to expand from "
                f"{member.end - member.data} to {member.n_bytes} bytes, by more than "
                f"{DOCUMENT_RATIO} times."
            )
        return member

    def _described(self, member: Member, head: memoryview) -> tuple[str, tuple[Member, Described]]:
        """The array that a member holds, once its header has been found right."""
        place = f"{self.path}: member {member.name}"
        name = member.plain_name.removesuffix(".npy")
        if not member.plain_name.endswith(".npy") or not NAME.fullmatch(name):
            raise CorruptFile(f"{place} has a name that no array of a onebox file has.")
        try:
            packed = member.codec != "raw"
            header = decompress_short(member.codec, head, LONGEST_HEADER) if packed else bytes(head)
            described = parse_header(header)
            if described.n_bytes != member.n_bytes:
                raise ValueError(
                    f"shape {described.shape} and dtype {described.dtype} make "
                    f"{described.n_bytes} bytes of data, not the {member.n_bytes} that are there"
                )
            if not packed and member.data % ALIGNMENT:
                raise ValueError("the data are not where they should be")
        except Exception as error:  # numpy has no single class for what hostile headers can cause
            raise CorruptFile(f"{place} is not an array that can be read: {error}.") from error
        return name, (member, described)

    def _made(self, member: Member, described: Described, mapped: Any) -> Array:
        """Make an array: mapped, or new and still to be filled."""
        shape, _, dtype, _ = described
        try:
            if mapped is not None:
                return np.ndarray(shape, dtype, mapped, member.data, order=described.order)
            # not np.empty, which makes text of width 1 out of text of width 0
            return np.ndarray(shape, dtype, order=described.order)
        except (ValueError, TypeError) as error:
            raise CorruptFile(
                f"{self.path}: member {member.name} is not an array that can be read: {error}."
            ) from error

    def _require_memory(self, packed_bytes: int) -> None:
        if packed_bytes > LEAST_MEMORY and packed_bytes > (free := available_memory()):
            raise NotEnoughMemory(
                f"{self.path} ({format_bytes(self._source.size)}) expands to "
                f"{format_bytes(packed_bytes)} of arrays; {format_bytes(free)} are free. Read a "
                "part with load(path, rows=slice(start, stop)), or save it without compression "
                "and map it with load(path, mmap=True)."
            )

    def _fill(self, wanted: list[tuple[Member, int, memoryview]]) -> None:
        """Read, check and place the bytes of members from a given one on."""
        packed = []
        for member, start, out in wanted:
            if member.codec == "raw":
                self._fill_raw(member, start, out)
            elif len(out):
                packed.append((member, start, out))
        if packed:
            tasks = (task for wanted in packed for task in self._tasks(*wanted))
            with threads(sum(len(out) for _, _, out in packed)) as mapped:
                deque(mapped(self._unpack, tasks), maxlen=0)

    def _fill_raw(self, member: Member, start: int, out: memoryview) -> None:
        if len(out) == member.end - member.data <= FRAME_BYTES:  # most members of small files
            if len(out):
                self._source.into(member.data, out)
                member.check_frame(self.path, 0, out)
            return
        spans = member.spans()
        for number, low, high, part in _pieces(member, start, out):
            first, last = spans[number]
            if high - low == last - first:
                self._source.into(first, part)  # a short read leaves bytes that fail the checksum
                member.check_frame(self.path, number, part)
            else:
                frame = self._source.at(first, last)
                member.check_frame(self.path, number, frame)
                part[:] = frame[low:high]

    def _tasks(self, member: Member, start: int, out: memoryview) -> Iterator[Task]:
        spans = member.spans()
        for number, low, high, part in _pieces(member, start, out):
            yield Task(member, number, self._source.at(*spans[number]), low, high, part)

    def _unpack(self, task: Task) -> None:
        member, number, stored, low, high, out = task
        member.check_frame(self.path, number, stored)
        size = min(FRAME_BYTES, member.n_bytes - number * FRAME_BYTES)
        frame = out if high - low == size else memoryview(bytearray(size))
        try:
            decompress(member.codec, member.filter, member.unit, stored, frame)
        except (ValueError, OSError) as error:
            raise CorruptFile(
                f"{self.path}: frame {number + 1} of member {member.name} does not decompress to "
                f"{size} bytes: {error}."
            ) from error
        if frame is not out:
            out[:] = frame[low:high]


def _pieces(
    member: Member, start: int, out: memoryview
) -> Iterator[tuple[int, int, int, memoryview]]:
    """The frames that hold some bytes of a member: number, first and last byte of it, its place."""
    stop = start + len(out)
    for number in range(start // FRAME_BYTES, -(-stop // FRAME_BYTES) if len(out) else 0):
        first = number * FRAME_BYTES
        low, high = max(start - first, 0), min(stop - first, FRAME_BYTES)
        yield number, low, high, out[first + low - start : first + high - start]
