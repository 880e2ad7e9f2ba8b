"""Zips that other programs and this one could read differently: refused."""

from __future__ import annotations

import struct
import zipfile

import numpy as np
import pytest
from xxhash import xxh3_64_hexdigest

from onebox.errors import CorruptFile
from onebox.storage import container
from onebox.storage.zip_index import FOOTER_BYTES, add_member, finish, index_text


def rewritten(path, change):
    """Change the end of a file after the index, and seal it again."""
    content = path.read_bytes()
    start = int(content[-FOOTER_BYTES:].split(b" at ")[1][:16], 16)
    tail = change(bytearray(content[start:]))
    path.write_bytes(content[:start] + tail[:-16] + xxh3_64_hexdigest(bytes(tail[:-16])).encode())
    return path


def central(tail, number, at, form, value):
    """Set a field in an entry of the zip's directory."""
    place = -1
    for _ in range(number + 1):
        place = tail.index(b"PK\1\2", place + 1)
    struct.pack_into(form, tail, place + at, value)
    return tail


def end_record(tail, at, form, value):
    struct.pack_into(form, tail, tail.rindex(b"PK\5\6") + at, value)
    return tail


@pytest.mark.parametrize(
    "change",
    [
        lambda tail: central(tail, 1, 8, "<H", 1),  # encrypted
        lambda tail: central(tail, 1, 10, "<H", 8),  # deflated
        lambda tail: central(tail, 1, 20, "<I", 5),
        lambda tail: central(tail, 1, 24, "<I", 2**31),
        lambda tail: central(tail, 1, 24, "<I", 2**32 - 1),  # without the 64-bit number
        lambda tail: central(tail, 1, 42, "<I", 0),  # two members at one place
        lambda tail: central(tail, 0, 42, "<I", 10),
        lambda tail: central(tail, 1, 28, "<H", 3),
        lambda tail: central(tail, 1, 30, "<H", 2**16 - 1),
        lambda tail: central(tail, 1, 46, "<B", ord("y")),
        lambda tail: central(tail, 2, 10, "<H", 8),  # the index itself
        lambda tail: end_record(tail, 4, "<H", 1),
        lambda tail: end_record(tail, 8, "<H", 2),
        lambda tail: end_record(tail, 10, "<H", 2),
        lambda tail: end_record(tail, 12, "<I", 5),
        lambda tail: end_record(tail, 16, "<I", 0),
        lambda tail: end_record(tail, 16, "<I", 2**32 - 1),
        lambda tail: end_record(tail, 20, "<H", 0),
        lambda tail: tail.replace(b"PK\5\6", b"PK\6\7" + bytes(16) + b"PK\5\6"),
        lambda tail: tail.replace(b"PK\5\6", bytes(7) + b"PK\5\6"),
        lambda tail: tail[tail.index(b"PK\1\2") :],
    ],
)
@pytest.mark.parametrize("how", [{}, {"mmap": True}])
def test_directories_that_do_not_match(tmp_path, change, how):
    container.write(tmp_path / "x", 1, {"x": np.arange(3.0)})
    rewritten(tmp_path / "x", lambda tail: tail)
    container.read(tmp_path / "x", **how)
    with pytest.raises(CorruptFile):
        container.read(rewritten(tmp_path / "x", change), **how)


@pytest.mark.parametrize("field", ["name", "method", "flags"])
def test_local_headers_that_say_something_else(tmp_path, field):
    at, value = {"name": (30, b"y"), "method": (8, b"\x08"), "flags": (6, b"\x01")}[field]
    with open(tmp_path / "x", "w+b") as file, zipfile.ZipFile(file, "w") as archive:
        member = add_member(archive, file, "object.json", b"", [memoryview(b"1")])
        file.seek(member.start + at)
        file.write(value)
        file.seek(member.start)
        head = xxh3_64_hexdigest(file.read(member.data - member.start))
        file.seek(member.end)
        finish(archive, file, index_text([member._replace(head=head)]))
    with pytest.raises(CorruptFile, match=r"object\.json does not begin at byte 0"):
        container.read(tmp_path / "x")


def test_many_members_and_a_long_index(tmp_path):
    arrays = {f"a{number}": np.array([number]) for number in range(3000)}
    container.write(tmp_path / "x", None, arrays)
    loaded = container.read(tmp_path / "x")[1]
    assert all(loaded[name] == array for name, array in arrays.items())


@pytest.mark.slow
def test_more_members_than_a_short_end_record_can_count(tmp_path):
    arrays = {f"a{number}": np.array([number % 256], np.uint8) for number in range(66_000)}
    container.write(tmp_path / "x", None, arrays)
    with zipfile.ZipFile(tmp_path / "x") as archive:
        assert len(archive.infolist()) == 66_002
    loaded = container.read(tmp_path / "x", mmap=True)[1]
    assert loaded["a65999"] == 65999 % 256
