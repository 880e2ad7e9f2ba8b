"""The frame of a container file: members in a zip, their index, and the footer that vouches for it.

Writing appends members one by one; reading believes nothing before the footer, the zip's own
directory and the index agree on every byte.
"""

from __future__ import annotations

import json
import os
import re
import struct
import zipfile
from collections.abc import Iterable
from typing import Any, BinaryIO

from xxhash import xxh3_64_hexdigest

from onebox.errors import CorruptFile
from onebox.storage.frames import Member

VERSION = 1
ALIGNMENT = 64
INDEX = "index.json"
FOOTER_TEXT = "onebox container {:05}, index at {:016x}, checksum {:016x}"
FOOTER_BYTES = len(FOOTER_TEXT.format(0, 0, 0))
FOOTER = re.compile(rb"onebox container (\d{5}), index at ([0-9a-f]{16}), checksum ([0-9a-f]{16})")
LOCAL_HEADER = struct.Struct("<4s5H3I2H")
PADDING = 0xD935  # the extra field in which Android's zipalign pads members
ZIP64_BYTES = 20


def add_member(
    archive: zipfile.ZipFile, file: BinaryIO, name: str, header: bytes, frames: Iterable[memoryview]
) -> Member:
    """Append a header and then data, given in frames, as one aligned member."""
    info = zipfile.ZipInfo(name)  # dated 1980: equal content gives equal bytes
    start = file.tell()
    content = start + LOCAL_HEADER.size + len(name) + ZIP64_BYTES
    padding = -content % ALIGNMENT
    if padding < 6:
        padding += ALIGNMENT
    info.extra = struct.pack("<3H", PADDING, padding - 4, ALIGNMENT).ljust(padding, b"\0")
    checksums = []
    # always zip64, so that the place of the data does not depend on their size
    with archive.open(info, "w", force_zip64=True) as member:
        member.write(header)
        for frame in frames:
            checksums.append(xxh3_64_hexdigest(frame))
            member.write(frame)
    data, end = content + padding + len(header), file.tell()
    file.seek(start)  # closing the member has filled in its local header
    head = xxh3_64_hexdigest(file.read(data - start))
    file.seek(end)
    return Member(name, start, data, end, head, "raw", "".join(checksums))


def index_text(members: list[Member]) -> str:
    """Write the index of members as JSON."""
    return json.dumps([member.to_json() for member in members], indent=0)


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


def read_members(path: str, file: BinaryIO) -> list[Member]:
    """Members in the order of the file, once footer, index and zip directory are found to agree."""
    start = _index_start(path, file)
    infos, text = _zip_directory(path, file, start)
    entries = parse_json(path, INDEX, text)
    if not isinstance(entries, list):
        raise CorruptFile(f"{path}: the index is not a list.")
    members = [Member.from_json(path, entry) for entry in entries]
    if [(i.filename, i.header_offset) for i in infos] != [(m.name, m.start) for m in members]:
        raise CorruptFile(f"{path}: the zip's directory and the index name different members.")
    if len({member.name for member in members}) < len(members):
        raise CorruptFile(f"{path}: two members have the same name.")
    if [m.start for m in members] + [start] != [0] + [m.end for m in members]:
        raise CorruptFile(f"{path}: there are gaps or overlaps between the members in the index.")
    for info, member in zip(infos, members, strict=True):
        content = _content_start(path, file, member)
        size = member.end - content
        stored = info.compress_type == zipfile.ZIP_STORED and not info.flag_bits & 1
        if not stored or not info.file_size == info.compress_size == size or content > member.data:
            raise CorruptFile(
                f"{path}: member {member.name} is not stored plainly with the {size} bytes that "
                "the index gives it."
            )
    return members


def read_header(path: str, file: BinaryIO, member: Member) -> bytes:
    """Read what stands before a member's data, check it, and leave out the zip's part."""
    content = _content_start(path, file, member)
    file.seek(member.start)
    head = file.read(member.data - member.start)
    member.check_head(path, head)
    return head[content - member.start :]


def parse_json(path: str, name: str, text: bytes | bytearray) -> Any:
    """Parse JSON that may come from anywhere."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CorruptFile(f"{path}: member {name} is not readable JSON ({error}).") from error


def _index_start(path: str, file: BinaryIO) -> int:
    """Find the index, once the footer's checksum has been found right."""
    size = file.seek(0, os.SEEK_END)
    file.seek(-min(size, FOOTER_BYTES), os.SEEK_END)
    footer = FOOTER.fullmatch(file.read())
    if footer is None:
        file.seek(0)
        if file.read(4) == b"PK\3\4":
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
    file.seek(min(start, size))
    tail = file.read()
    if xxh3_64_hexdigest(tail[:-16]).encode() != footer[3]:
        raise CorruptFile(
            f"{path}: the index (bytes {start} to {size - 1} of the file) does not match its "
            "checksum: the file was damaged or cut after it was written. Restore it from a copy, "
            "or make it again."
        )
    return start


def _zip_directory(path: str, file: BinaryIO, start: int) -> tuple[list[zipfile.ZipInfo], bytes]:
    """List what the zip says of its members, and read the text of the index."""
    try:
        with zipfile.ZipFile(file) as archive:
            infos = archive.infolist()
            last = infos.pop()
            plain = last.compress_type == zipfile.ZIP_STORED and not last.flag_bits & 1
            if plain and (last.filename, last.header_offset) == (INDEX, start):
                return infos, archive.read(last)
    except Exception as error:  # zipfile has no single class for what hostile bytes can cause
        raise CorruptFile(f"{path} is not a readable zip file: {error!r}.") from error
    raise CorruptFile(f"{path}: the last member of the zip is not a plain {INDEX}.")


def _content_start(path: str, file: BinaryIO, member: Member) -> int:
    """Find a member's content by the local header that zip readers go by."""
    file.seek(member.start)
    header = file.read(LOCAL_HEADER.size).ljust(LOCAL_HEADER.size, b"\0")
    signature, *_, name_bytes, extra_bytes = LOCAL_HEADER.unpack(header)
    content: int = member.start + LOCAL_HEADER.size + name_bytes + extra_bytes
    if signature != b"PK\3\4" or file.read(name_bytes) != member.name.encode():
        raise CorruptFile(
            f"{path}: member {member.name} does not begin at byte {member.start} of the file, "
            "where the index has it."
        )
    return content
