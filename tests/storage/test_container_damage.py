"""Bit flips, cuts and files made with bad intent: each is refused, and says where."""

from __future__ import annotations

import re
import zipfile
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onebox.errors import CorruptFile
from onebox.storage import container
from onebox.storage.frames import FRAME_BYTES, Member
from onebox.storage.zip_index import add_member, finish, index_text

CHECKING_READS = [{}, {"mmap": True, "verify": True}]


def small_file(folder):
    path = folder / "small.onebox"
    container.write(path, {"a": 1}, {"x": np.arange(6.0)})
    return path


@pytest.fixture(scope="module")
def large_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("large") / "large.onebox"
    rng = np.random.default_rng(0)
    container.write(path, {"a": 1}, {"first": rng.random(20), "second": rng.random((300, 1000))})
    return path


def flip(path, position, bit=0):
    content = bytearray(path.read_bytes())
    content[position] ^= 1 << bit
    damaged = path.with_name("damaged.onebox")
    damaged.write_bytes(content)
    return damaged


@pytest.mark.parametrize("how", CHECKING_READS)
def test_a_flip_in_any_byte_of_the_file_is_found(tmp_path, how):
    path = small_file(tmp_path)
    content = path.read_bytes()
    unnoticed = []
    for position in range(len(content)):
        damaged = bytearray(content)
        damaged[position] ^= 1 << position % 8
        path.write_bytes(damaged)
        try:
            container.read(path, **how)
            unnoticed.append(position)
        except CorruptFile as error:
            assert str(path) in str(error)  # noqa: PT017
    assert unnoticed == []


@given(data=st.data())
@pytest.mark.parametrize("how", CHECKING_READS)
def test_flips_anywhere_in_a_larger_file_are_found(large_file, how, data):
    position = data.draw(st.integers(0, large_file.stat().st_size - 1))
    with pytest.raises(CorruptFile):
        container.read(flip(large_file, position, data.draw(st.integers(0, 7))), **how)


def test_the_message_names_member_frame_and_bytes(large_file):
    with zipfile.ZipFile(large_file) as archive:
        start = archive.getinfo("second.npy").header_offset
    position = start + FRAME_BYTES + FRAME_BYTES // 2
    with pytest.raises(CorruptFile) as caught:
        container.read(flip(large_file, position))
    message = str(caught.value)
    assert "damaged.onebox: frame 2 of 3 of member second.npy" in message
    first, last = map(int, re.search(r"bytes (\d+) to (\d+) of the file", message).groups())
    assert first <= position <= last == first + FRAME_BYTES - 1


def test_a_map_checks_headers_and_index_but_not_data(large_file):
    with zipfile.ZipFile(large_file) as archive:
        start = archive.getinfo("second.npy").header_offset
        index = archive.getinfo("index.json").header_offset
    for position in (start, start + 40, start + 100, index + 5, index + 100):
        with pytest.raises(CorruptFile):
            container.read(flip(large_file, position), mmap=True)
    in_data = flip(large_file, start + FRAME_BYTES)
    container.read(in_data, mmap=True)
    with pytest.raises(CorruptFile, match=r"second\.npy"):
        container.read(in_data, mmap=True, verify=True)


@pytest.mark.parametrize("mmap", [False, True])
def test_a_cut_file_is_found_wherever_it_was_cut(tmp_path, mmap):
    path = small_file(tmp_path)
    content = path.read_bytes()
    for length in range(0, len(content), 7):
        path.write_bytes(content[:length])
        with pytest.raises(CorruptFile, match=rf"\({length} bytes\) is not a whole onebox file"):
            container.read(path, mmap=mmap)


def test_what_comes_before_or_after_the_file_is_found(tmp_path):
    path = small_file(tmp_path)
    content = path.read_bytes()
    for changed in (b"x" + content, content + b"x", content + content):
        path.write_bytes(changed)
        with pytest.raises(CorruptFile):
            container.read(path)


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\3\4", bytes(1000)])
def test_other_files_are_told_apart(tmp_path, content):
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(CorruptFile, match="is not a whole onebox file"):
        container.read(tmp_path / "x")


def test_an_ordinary_zip_is_told_apart(tmp_path):
    np.savez(tmp_path / "x.npz", a=np.arange(3))
    with pytest.raises(CorruptFile, match="written by something else"):
        container.read(tmp_path / "x.npz")


def test_a_newer_version_of_the_format_is_refused_saying_so(tmp_path):
    path = small_file(tmp_path)
    path.write_bytes(
        path.read_bytes().replace(b"onebox container 00001", b"onebox container 00002")
    )
    with pytest.raises(CorruptFile, match=r"version 2 .* reads versions up to 1\. Update onebox"):
        container.read(path)


# Files that are consistent in themselves, made by someone who knows the format.


def npy_header(**changes):
    header = BytesIO()
    described = {"descr": "<f8", "fortran_order": False, "shape": (3,)} | changes
    np.lib.format.write_array_header_1_0(header, described)
    return header.getvalue()


def craft(path, *extra, change=lambda member: member, compression=zipfile.ZIP_STORED):
    """Write a container with members of any name, header and data, and a matching index."""
    with open(path, "w+b") as file, zipfile.ZipFile(file, "w", compression) as archive:
        members = []
        for name, header, data in [("object.json", b"", b"1"), *extra]:
            frames = [memoryview(data)] if data else []
            members.append(change(add_member(archive, file, name, header, frames)))
        finish(archive, file, index_text(members))
    return path


GOOD = ("x.npy", npy_header(), np.zeros(3).tobytes())


def test_a_crafted_file_without_bad_intent_is_read(tmp_path):
    document, arrays = container.read(craft(tmp_path / "x", GOOD))
    assert document == 1
    np.testing.assert_array_equal(arrays["x"], np.zeros(3))


@pytest.mark.parametrize("mmap", [False, True])
@pytest.mark.parametrize(
    ("member", "message"),
    [
        (("../x.npy", *GOOD[1:]), "has a name that no array"),
        (("/etc/x.npy", *GOOD[1:]), "has a name that no array"),
        (("a/x.npy", *GOOD[1:]), "has a name that no array"),
        (("x.txt", *GOOD[1:]), "has a name that no array"),
        (("x.npy", npy_header(descr="|O"), bytes(24)), "would have to be unpickled"),
        (("x.npy", npy_header(descr=[("a", "|O")]), bytes(24)), "would have to be unpickled"),
        (("x.npy", npy_header(shape=(4,)), bytes(24)), "make 32 bytes of data, not the 24"),
        (("x.npy", npy_header(shape=(2**62,)), bytes(24)), "bytes of data, not the 24"),
        (("x.npy", npy_header(shape=(-3, -1)), bytes(24)), "makes no bytes of data"),
        (("x.npy", npy_header(shape=(2**62, 0)), b""), "not an array that can be read"),
        (("x.npy", npy_header(shape=(1,) * 99), bytes(8)), "not an array that can be read"),
        (("x.npy", npy_header(descr="<U99999999999"), bytes(24)), "not an array"),
        (("x.npy", npy_header(descr="import os"), bytes(24)), "not an array"),
        (("x.npy", npy_header().replace(b"(3,)", b"f(3)"), bytes(24)), "not an array"),
        (("x.npy", b"\x80\x04pickle", bytes(24)), "not an array"),
        (("x.npy", b"\x93NUMPY\x03\x00" + bytes(56), bytes(24)), r"version \(3, 0\)"),
        (("x.npy", npy_header() + bytes(64), bytes(24)), "not where they should be"),
        (("x.npy", npy_header()[:-1], bytes(25)), "not an array"),
    ],
)
def test_members_made_with_bad_intent(tmp_path, member, message, mmap):
    with pytest.raises(CorruptFile, match=message):
        container.read(craft(tmp_path / "x", member), mmap=mmap)


def test_two_members_of_one_name(tmp_path):
    with pytest.warns(UserWarning, match="Duplicate name"):
        craft(tmp_path / "x", GOOD, GOOD)
    with pytest.raises(CorruptFile, match="two members have the same name"):
        container.read(tmp_path / "x")


def test_the_document_must_come_first_and_once(tmp_path):
    with pytest.warns(UserWarning, match="Duplicate name"):
        craft(tmp_path / "x", ("object.json", b"", b"2"))
    with pytest.raises(CorruptFile):
        container.read(tmp_path / "x")
    with open(tmp_path / "y", "w+b") as file, zipfile.ZipFile(file, "w") as archive:
        finish(archive, file, "[]")
    with pytest.raises(CorruptFile, match=r"not a plain object\.json"):
        container.read(tmp_path / "y")


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "y.npy"},
        {"start": 0},
        {"start": -1},
        {"data": 0},
        {"end": 10**15},
        {"end": True},
        {"data": 1.5},
        {"frames": ""},
        {"frames": "0" * 32},
        {"frames": "0" * 16},
        {"frames": None},
        {"head": "0" * 16},
        {"codec": "zstd"},
        {"codec": 1},
    ],
)
def test_an_index_that_does_not_fit_the_zip(tmp_path, changes):
    def change(member: Member) -> Member:
        fields = member.to_json()
        return Member(**fields | changes) if member.name == "x.npy" else member

    with pytest.raises(CorruptFile):
        container.read(craft(tmp_path / "x", GOOD, change=change))


def test_a_frame_codec_of_the_future_is_named(tmp_path):
    def change(member: Member) -> Member:
        return Member(**member.to_json() | {"codec": "brotli"})

    with pytest.raises(
        CorruptFile, match="stored with codec 'brotli'; this version of onebox reads"
    ):
        container.read(craft(tmp_path / "x", GOOD, change=change))


def test_an_index_with_unknown_fields_or_of_another_shape(tmp_path):
    for text in ("{}", "[1]", "[{}]", '"x"', "[" * 10_000, "null", "1" * 5000):
        path = tmp_path / "x"
        with open(path, "w+b") as file, zipfile.ZipFile(file, "w") as archive:
            add_member(archive, file, "object.json", b"", [memoryview(b"1")])
            finish(archive, file, text)
        with pytest.raises(CorruptFile):
            container.read(path)


@pytest.mark.parametrize("text", [b"", b"{", b"[" * 10_000, b"1" * 5000, b"\xff"])
def test_a_document_that_is_no_json(tmp_path, text):
    path = tmp_path / "x"
    with open(path, "w+b") as file, zipfile.ZipFile(file, "w") as archive:
        frames = [memoryview(text)] if text else []
        member = add_member(archive, file, "object.json", b"", frames)
        finish(archive, file, index_text([member]))
    with pytest.raises(CorruptFile, match=r"object\.json is not readable JSON"):
        container.read(path)


def test_compressed_members_are_refused(tmp_path):
    path = craft(tmp_path / "x", GOOD)
    with zipfile.ZipFile(path) as archive:
        contents = {info.filename: archive.read(info) for info in archive.infolist()}
        comment = archive.comment
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
        archive.comment = comment
    with pytest.raises(CorruptFile):
        container.read(path)
