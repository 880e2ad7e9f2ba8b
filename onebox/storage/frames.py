"""The index of a container file: where every byte lies and which checksum it has to match.

A member's data are cut into frames of 1 MB with an xxh3-64 checksum each; what stands before the
data (the zip's local header and the header of an ``.npy`` file) has one of its own. Members follow
one another without gaps, so that no byte of the file escapes.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

from xxhash import xxh3_64_hexdigest

from onebox.errors import CorruptFile

FRAME_BYTES = 1 << 20
DIGITS = 16


@dataclass(frozen=True)
class Member:
    """One file inside a container.

    Parameters
    ----------
    name : str
        Its name in the zip.
    start, data, end : int
        Where its local header, its data and the next member begin, in bytes of the container.
    head : str
        Checksum of the bytes from `start` to `data`.
    codec : str
        How frames are stored. Only "raw" exists; others are refused by name.
    frames : str
        The checksums of all frames, one after the other.
    """

    name: str
    start: int
    data: int
    end: int
    head: str
    codec: str
    frames: str

    @classmethod
    def from_json(cls, path: str, entry: Any) -> Member:
        """Read one entry of the index, which may come from anywhere."""
        wanted = {field.name: str if field.type == "str" else int for field in fields(cls)}
        if not isinstance(entry, dict) or entry.keys() != wanted.keys():
            raise CorruptFile(f"{path}: an entry of the index has other fields than {[*wanted]}.")
        for name, kind in wanted.items():
            if type(entry[name]) is not kind:
                raise CorruptFile(f"{path}: {name}={entry[name]!r} in the index is no {kind}.")
        member = cls(**entry)
        if member.codec != "raw":
            raise CorruptFile(
                f"{path}: member {member.name} is stored with codec {member.codec!r}; this version "
                "of onebox reads 'raw'. Load it with the version that wrote it, or a newer one."
            )
        n_frames = -((member.data - member.end) // FRAME_BYTES)
        if not member.start < member.data <= member.end:
            raise CorruptFile(f"{path}: member {member.name} ends before it begins in the index.")
        if len(member.frames) != n_frames * DIGITS:
            raise CorruptFile(
                f"{path}: the index has {len(member.frames) / DIGITS:g} checksums for the "
                f"{n_frames} frames of member {member.name}."
            )
        return member

    def to_json(self) -> dict[str, Any]:
        """As an entry of the index."""
        return asdict(self)

    def check_head(self, path: str, head: bytes) -> None:
        """Compare what stands before the data with its checksum."""
        if xxh3_64_hexdigest(head) != self.head:
            raise self._damaged(path, "header", self.start, self.data)

    def check_frame(self, path: str, number: int, frame: memoryview) -> None:
        """Compare one frame of the data with its checksum."""
        if xxh3_64_hexdigest(frame) != self.frames[number * DIGITS : (number + 1) * DIGITS]:
            start = self.data + number * FRAME_BYTES
            n_frames = len(self.frames) // DIGITS
            raise self._damaged(
                path, f"frame {number + 1} of {n_frames}", start, min(start + FRAME_BYTES, self.end)
            )

    def check_frames(self, path: str, data: memoryview) -> None:
        """Compare all data with their checksums."""
        for number, start in enumerate(range(0, len(data), FRAME_BYTES)):
            self.check_frame(path, number, data[start : start + FRAME_BYTES])

    def _damaged(self, path: str, part: str, start: int, stop: int) -> CorruptFile:
        return CorruptFile(
            f"{path}: {part} of member {self.name} (bytes {start} to {stop - 1} of the file) does "
            "not match its checksum: the file was damaged after it was written. Restore it from a "
            "copy, or make it again."
        )
