"""The frame of a container file: members in a zip, their index, and the footer that vouches for it.

Writing appends members one by one; reading believes nothing before the footer, the zip's own
directory and the index agree on every byte. The directory is parsed here and not by `zipfile`,
which takes three times as long for a small file and accepts what a container never has: gaps,
comments, encryption, a directory that begins elsewhere.
"""

from __future__ import annotations

import json
import os
import re
import struct
import zipfile
from collections.abc import Iterable
from typing import Any, BinaryIO, NamedTuple, TypeAlias

from xxhash import xxh3_64_hexdigest

from onebox.errors import CorruptFile
from onebox.storage.file_bytes import FileBytes
from onebox.storage.frames import Member

Buffer: TypeAlias = bytes | memoryview

VERSION = 1
ALIGNMENT = 64
INDEX = "index.json"
FOOTER_TEXT = "onebox container {:05}, index at {:016x}, checksum {:016x}"
FOOTER_BYTES = len(FOOTER_TEXT.format(0, 0, 0))
FOOTER = re.compile(rb"onebox container (\d{5}), index at ([0-9a-f]{16}), checksum ([0-9a-f]{16})")
PADDING = 0xD935  # the extra field in which Android's zipalign pads members
ZIP64_BYTES = 20

# x: dates, versions, attributes and CRC-32, which say nothing that xxh3-64 does not say better
LOCAL_HEADER = struct.Struct("<4s 2x 2H 16x 2H")
CENTRAL_HEADER = struct.Struct("<4s 4x 2H 8x 2I 3H 8x I")
END = struct.Struct("<4s4H2IH")
END64 = struct.Struct("<4sQ2H2I4Q")
LOCATOR64 = struct.Struct("<4sIQI")
LONGEST_HEAD = LOCAL_HEADER.size + 3 * 0xFFFF
SATURATED = 0xFFFFFFFF
UTF8 = 0x800

_from_text = json.JSONDecoder().decode


class Entry(NamedTuple):
    """What the zip's directory says of a member."""

    name: bytes
    flags: int
    method: int
    stored_bytes: int
    n_bytes: int
    offset: int

    def is_plain(self, n_bytes: int) -> bool:
        """Whether the member is stored as it is, with so many bytes."""
        plain = self.method == zipfile.ZIP_STORED and not self.flags & ~UTF8
        return plain and self.stored_bytes == self.n_bytes == n_bytes


def add_member(
    archive: zipfile.ZipFile, file: BinaryIO, name: str, header: Buffer, frames: Iterable[Buffer],
    **packing: Any,
) -> Member:  # fmt: skip
    """Append a header and then data, given in frames as they are stored, as one aligned member.

    `packing` has the fields of a compressed `Member` that are known before: codec, filter, unit and
    size.
    """
    info = zipfile.ZipInfo(name)  # dated 1980: equal content gives equal bytes
    start = file.tell()
    content = start + LOCAL_HEADER.size + len(name) + ZIP64_BYTES
    padding = -content % ALIGNMENT
    if padding < 6:
        padding += ALIGNMENT
    info.extra = struct.pack("<3H", PADDING, padding - 4, ALIGNMENT).ljust(padding, b"\0")
    checksums, lengths = [], []
    # always zip64, so that the place of the data does not depend on their size
    with archive.open(info, "w", force_zip64=True) as target:
        target.write(header)
        for frame in frames:
            checksums.append(xxh3_64_hexdigest(frame))
            lengths.append(len(frame))
            target.write(frame)
    data, end = content + padding + len(header), file.tell()
    file.seek(start)  # closing the member has filled in its local header
    head = xxh3_64_hexdigest(file.read(data - start))
    file.seek(end)
    if packing:
        packing["lengths"] = tuple(lengths)
    return Member(
        name, start, data, end, head, packing.pop("codec", "raw"), "".join(checksums), **packing
    )


def index_text(members: list[Member]) -> str:
    """Write the index of members as JSON, one a line."""
    return "[\n" + ",\n".join(json.dumps(member.to_json()) for member in members) + "\n]"


def finish(archive: zipfile.ZipFile, file: BinaryIO, index: str) -> None:
    """Append the index, close the zip and seal it with the footer."""
    start = file.tell()
    archive.writestr(zipfile.ZipInfo(INDEX), index)
    archive.comment = FOOTER_TEXT.format(VERSION, start, 0).encode()
    archive.close()
    file.seek(start)
    checksum = xxh3_64_hexdigest(file.read()[:-16])
    file.seek(-16, os.SEEK_END)
    file.write(checksum.encode())


def read_members(path: str, source: FileBytes) -> list[tuple[Member, memoryview]]:
    """Members in the order of the file, once footer, index and zip directory are found to agree.

    With each comes what stands before its data, without the zip's part, and checked.
    """
    start, tail = _sealed_tail(path, source)
    try:
        entries, text = _directory(tail, start)
    except (struct.error, ValueError) as error:
        raise CorruptFile(f"{path} is not a readable zip file: {error}.") from error
    index = parse_json(path, INDEX, text)
    if not isinstance(index, list):
        raise CorruptFile(f"{path}: the index is not a list.")
    members = [Member.from_json(path, entry) for entry in index]
    named = [(m.name.encode("utf-8", "surrogatepass"), m.start) for m in members]
    if [(entry.name, entry.offset) for entry in entries] != named:
        raise CorruptFile(f"{path}: the zip's directory and the index name different members.")
    if len({member.plain_name for member in members}) < len(members):
        raise CorruptFile(f"{path}: two members have the same name.")
    if [m.start for m in members] + [start] != [0] + [m.end for m in members]:
        raise CorruptFile(f"{path}: there are gaps or overlaps between the members in the index.")
    return [
        (member, _head(path, source, entry, member))
        for entry, member in zip(entries, members, strict=True)
    ]


def parse_json(path: str, name: str, text: bytes | bytearray | memoryview) -> Any:
    """Parse JSON that may come from anywhere."""
    try:
        return _from_text(str(text, "utf-8"))
    except (ValueError, RecursionError) as error:
        raise CorruptFile(f"{path}: member {name} is not readable JSON ({error}).") from error


def _sealed_tail(path: str, source: FileBytes) -> tuple[int, memoryview]:
    """Find the index and all that follows it, once the footer's checksum has been found right."""
    size = source.size
    footer = FOOTER.fullmatch(source.at(size - min(size, FOOTER_BYTES), size))
    if footer is None:
        if bytes(source.at(0, 4)) == b"PK\3\4":
            reason = "its end is missing: it was cut short, changed, or written by something else"
        else:
            reason = "it does not begin like one"
        raise CorruptFile(f"{path} ({size} bytes) is not a whole onebox file: {reason}.")
    version, start = int(footer[1]), int(footer[2], 16)
    if version > VERSION:
        raise CorruptFile(
            f"{path} is in version {version} of the file format; this onebox reads versions up to "
            f"{VERSION}. Update onebox."
        )
    tail = source.at(start, size)
    if xxh3_64_hexdigest(tail[:-16]).encode() != footer[3]:
        raise CorruptFile(
            f"{path}: the index (bytes {start} to {size - 1} of the file) does not match its "
            "checksum: the file was damaged or cut after it was written. Restore it from a copy, "
            "or make it again."
        )
    return start, tail


def _directory(tail: memoryview, start: int) -> tuple[list[Entry], memoryview]:
    """List what the zip says of its members, and find the text of the index.

    Raises
    ------
    ValueError, struct.error
        It is no directory of a container.
    """
    end, n_entries, n_bytes, offset = _end_record(tail, start)
    first = offset - start
    if first + n_bytes != end or not 0 < first < end:
        raise ValueError(
            f"its directory of {n_bytes} bytes at {offset} does not end before its end"
        )
    entries, at = [], first
    for _ in range(n_entries):
        entry, at = _central_entry(tail, at)
        entries.append(entry)
    if at != end or not entries:
        raise ValueError(f"its directory does not have {n_entries} entries in {n_bytes} bytes")
    last = entries.pop()
    content = _content_start(tail, last.name)
    if last.name != INDEX.encode() or last.offset != start or not last.is_plain(first - content):
        raise ValueError(f"its last member is not a plain {INDEX}")
    return entries, tail[content:first]


def _end_record(tail: memoryview, start: int) -> tuple[int, int, int, int]:
    """Where the directory ends in the tail, its number of entries, its bytes and its offset."""
    end = len(tail) - FOOTER_BYTES - END.size
    signature, *disks, here, n_entries, n_bytes, offset, comment = END.unpack_from(tail, end)
    if signature != b"PK\5\6" or comment != FOOTER_BYTES:
        raise ValueError("it has no end record where it should be")
    at = end - LOCATOR64.size
    if bytes(tail[at : at + 4]) == b"PK\6\7":  # others go by it too, whatever the end record says
        _, disk, record, n_disks = LOCATOR64.unpack_from(tail, at)
        end = at - END64.size
        if record != start + end or disk or n_disks != 1:
            raise ValueError("its two end records are not side by side")
        signature, size, _, _, *disks, here, n_entries, n_bytes, offset = END64.unpack_from(
            tail, end
        )
        if signature != b"PK\6\6" or size != END64.size - 12:
            raise ValueError("it has no long end record where it should be")
    if any(disks) or here != n_entries:
        raise ValueError("it is a part of a zip in several files")
    return end, n_entries, n_bytes, offset


def _central_entry(tail: memoryview, at: int) -> tuple[Entry, int]:
    """Parse one entry of the directory, and say where the next one begins."""
    signature, flags, method, stored, size, name_bytes, extra_bytes, rest, offset = (
        CENTRAL_HEADER.unpack_from(tail, at)
    )
    name_at = at + CENTRAL_HEADER.size
    if signature != b"PK\1\2":
        raise ValueError(f"there is no entry of its directory {at} bytes after the index")
    extra_at = name_at + name_bytes
    after = extra_at + extra_bytes + rest
    if SATURATED in (stored, size, offset):
        wide = iter(_zip64_numbers(tail[extra_at : extra_at + extra_bytes]))
        size, stored, offset = (
            next(wide, -1) if number == SATURATED else number for number in (size, stored, offset)
        )
    name = bytes(tail[name_at:extra_at])
    return Entry(name, flags, method, stored, size, offset), after


def _zip64_numbers(extra: memoryview) -> tuple[int, ...]:
    """The numbers of 64 bits that did not fit into an entry of the directory."""
    at = 0
    while at + 4 <= len(extra):
        tag, length = struct.unpack_from("<2H", extra, at)
        if tag == 1:
            return struct.unpack_from(f"<{length // 8}Q", extra, at + 4)
        at += 4 + length
    return ()


def _content_start(head: memoryview, name: bytes) -> int:
    """Find where a member's content begins after its local header, which zip readers go by."""
    signature, flags, method, name_bytes, extra_bytes = LOCAL_HEADER.unpack_from(head)
    found = head[LOCAL_HEADER.size : LOCAL_HEADER.size + name_bytes]
    if signature != b"PK\3\4" or found != name or flags & ~UTF8 or method:
        raise ValueError(f"no local header of {name!r} where the directory has it")
    content: int = LOCAL_HEADER.size + name_bytes + extra_bytes
    return content


def _head(path: str, source: FileBytes, entry: Entry, member: Member) -> memoryview:
    """Read and check what stands before a member's data, and leave out the zip's part."""
    n_bytes = member.data - member.start
    if n_bytes > LONGEST_HEAD:
        raise CorruptFile(f"{path}: the header of member {member.name} has {n_bytes} bytes.")
    head = source.at(member.start, member.data)
    try:
        content = _content_start(head, entry.name)
    except (struct.error, ValueError) as error:
        raise CorruptFile(
            f"{path}: member {member.name} does not begin at byte {member.start} of the file, "
            f"where the index has it: {error}."
        ) from error
    size = member.end - member.start - content
    if not entry.is_plain(size) or content > n_bytes:
        raise CorruptFile(
            f"{path}: member {member.name} is not stored plainly with the {size} bytes that the "
            "index gives it."
        )
    member.check_head(path, head)
    return head[content:]
