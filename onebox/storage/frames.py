"""The index of a container file: where every byte lies and which checksum it has to match.

A member's data are cut into frames of 1 MB, each of which is stored as it is or compressed on its
own, with an xxh3-64 checksum of what is stored. What stands before the data (the zip's local header
and the header of an ``.npy`` file) has one of its own. Members follow one another without gaps, so
that no byte of the file escapes.
"""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import Any, NamedTuple

from xxhash import xxh3_64_hexdigest

from onebox.errors import CorruptFile
from onebox.storage.filters import FILTERS, UNITS

FRAME_BYTES = 1 << 20
DIGITS = 16
SUFFIXES = {"zstd": ".zst", "lz4": ".lz4"}
"""The codecs, and what they add to the name of a member."""

FIELDS = {
    "name": str, "start": int, "data": int, "end": int, "head": str, "codec": str, "frames": str,
}  # fmt: skip
PACKED_FIELDS = {**FIELDS, "filter": str, "unit": int, "size": int, "lengths": list}


class Member(NamedTuple):
    """One file inside a container.

    Parameters
    ----------
    name : str
        Its name in the zip.
    start, data, end : int
        Where its local header, its data and the next member begin, in bytes of the container.
    head : str
        Checksum of the bytes from `start` to `data`.
    codec : {"raw", "zstd", "lz4"}
        How frames are stored. Others are refused by name.
    frames : str
        The checksums of all frames, one after the other.
    filter : str
        What was done to frames before they were compressed, of `onebox.storage.filters`.
    unit : int
        The bytes of one number, for the filter.
    size : int
        Bytes of the data when decompressed; 0 for a raw member.
    lengths : tuple of int
        Bytes that each frame takes in the file; empty for a raw member.
    """

    name: str
    start: int
    data: int
    end: int
    head: str
    codec: str
    frames: str
    filter: str = "none"
    unit: int = 1
    size: int = 0
    lengths: tuple[int, ...] = ()

    @classmethod
    def from_json(cls, path: str, entry: Any) -> Member:
        """Read one entry of the index, which may come from anywhere."""
        codec = entry.get("codec") if isinstance(entry, dict) else None
        wanted = FIELDS if codec == "raw" else PACKED_FIELDS
        if wanted is PACKED_FIELDS and type(codec) is str and codec not in SUFFIXES:
            raise CorruptFile(
                f"{path}: member {entry.get('name')} is stored with codec {codec!r}; this version "
                f"of onebox reads 'raw', {', '.join(map(repr, SUFFIXES))}. Load it with the version "
                "that wrote it, or a newer one."
            )
        if not isinstance(entry, dict) or entry.keys() != wanted.keys():
            raise CorruptFile(f"{path}: an entry of the index has other fields than {[*wanted]}.")
        if [type(entry[name]) for name in wanted] != [*wanted.values()]:
            wrong = {n: entry[n] for n, kind in wanted.items() if type(entry[n]) is not kind}
            raise CorruptFile(f"{path}: {wrong} in the index are not of the types {wanted}.")
        if wanted is PACKED_FIELDS:
            entry["lengths"] = tuple(entry["lengths"])
        member = cls(**entry)
        member._check(path)
        return member

    def to_json(self) -> dict[str, Any]:
        """As an entry of the index."""
        fields = FIELDS if self.codec == "raw" else PACKED_FIELDS
        return {name: getattr(self, name) for name in fields}

    @property
    def n_bytes(self) -> int:
        """Bytes of the data when decompressed."""
        return self.end - self.data if self.codec == "raw" else self.size

    @property
    def n_frames(self) -> int:
        """The number of frames."""
        return -(-self.n_bytes // FRAME_BYTES)

    @property
    def plain_name(self) -> str:
        """The name without what compression has added to it."""
        if self.codec == "raw":
            return self.name
        return self.name.removesuffix(packed_name("", self.codec, self.filter))

    def spans(self) -> list[tuple[int, int]]:
        """Where the frames begin and end, in bytes of the container."""
        if self.codec == "raw":
            starts = range(self.data, self.end, FRAME_BYTES)
            return [(start, min(start + FRAME_BYTES, self.end)) for start in starts]
        stops = list(accumulate(self.lengths, initial=self.data))
        return list(pairwise(stops))

    def check_head(self, path: str, head: bytes | memoryview) -> None:
        """Compare what stands before the data with its checksum."""
        if xxh3_64_hexdigest(head) != self.head:
            raise self._damaged(path, "header", self.start, self.data)

    def check_frame(self, path: str, number: int, stored: bytes | memoryview) -> None:
        """Compare one frame, as it is stored, with its checksum."""
        if xxh3_64_hexdigest(stored) != self.frames[number * DIGITS : (number + 1) * DIGITS]:
            part = f"frame {number + 1} of {self.n_frames}"
            raise self._damaged(path, part, *self.spans()[number])

    def check_frames(self, path: str, data: memoryview) -> None:
        """Compare all data of a raw member with their checksums."""
        for number, start in enumerate(range(0, len(data), FRAME_BYTES)):
            self.check_frame(path, number, data[start : start + FRAME_BYTES])

    def _check(self, path: str) -> None:
        if not 0 <= self.start < self.data <= self.end or self.size < 0:
            raise CorruptFile(f"{path}: member {self.name} ends before it begins in the index.")
        raw = self.codec == "raw"
        n_frames = -(-(self.end - self.data if raw else self.size) // FRAME_BYTES)
        if len(self.frames) != n_frames * DIGITS:
            raise CorruptFile(
                f"{path}: the index has {len(self.frames) / DIGITS:g} checksums for the "
                f"{n_frames} frames of member {self.name}."
            )
        if raw:
            return
        # At least one byte a frame: so the index alone bounds what a file can claim to hold.
        if (
            self.size % max(self.unit, 1)
            or len(self.lengths) != n_frames
            or not all(type(length) is int and length > 0 for length in self.lengths)
            or sum(self.lengths) != self.end - self.data
        ):
            raise CorruptFile(
                f"{path}: the lengths of the frames of member {self.name} in the index do not make "
                f"up its {self.end - self.data} bytes in {n_frames} frames."
            )
        suffix = packed_name("", self.codec, self.filter)
        if self.filter not in FILTERS or self.unit not in UNITS or not self.name.endswith(suffix):
            raise CorruptFile(
                f"{path}: member {self.name} is stored with filter {self.filter!r} on units of "
                f"{self.unit} bytes; this version of onebox reads {', '.join(FILTERS)} on "
                f"{', '.join(map(str, UNITS))} bytes, named in the end of the member's name. Load "
                "it with the version that wrote it, or a newer one."
            )

    def _damaged(self, path: str, part: str, start: int, stop: int) -> CorruptFile:
        return CorruptFile(
            f"{path}: {part} of member {self.name} (bytes {start} to {stop - 1} of the file) does "
            "not match its checksum: the file was damaged after it was written. Restore it from a "
            "copy, or make it again."
        )


def packed_name(name: str, codec: str, filter_name: str) -> str:
    """Name a compressed member, so that ``zstd -dc`` or ``lz4 -dc`` says what to expect of it."""
    return name + ("" if filter_name == "none" else f".{filter_name}") + SUFFIXES[codec]
