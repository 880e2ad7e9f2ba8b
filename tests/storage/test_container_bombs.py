"""Compressed files that are damaged, or made to take more memory than they have bytes."""

from __future__ import annotations

import struct
import subprocess
import sys
import zipfile
from io import BytesIO

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onebox.errors import CorruptFile
from onebox.storage import container
from onebox.storage.frames import FRAME_BYTES, Member
from onebox.storage.zip_index import add_member, finish, index_text

CODECS = ["lz4", "zstd"]
HOWS = [{}, {"mmap": True, "verify": True}]


def packed(data, codec="zstd"):
    return pa.Codec(codec).compress(data, asbytes=True)


def npy_header(**changes):
    header = BytesIO()
    described = {"descr": "<f8", "fortran_order": False, "shape": (1000,)} | changes
    np.lib.format.write_array_header_1_0(header, described)
    return header.getvalue()


def craft(path, frames, *, header=None, name="x.npy.zst", change=None, **packing):
    """Write a container around one compressed member made by someone who knows the format."""
    fields = {"codec": "zstd", "filter": "none", "unit": 8, "size": 8000} | packing
    with open(path, "w+b") as file, zipfile.ZipFile(file, "w") as archive:
        members = [add_member(archive, file, "object.json", b"", [memoryview(b"1")])]
        head = packed(npy_header()) if header is None else header
        members.append(add_member(archive, file, name, head, map(memoryview, frames), **fields))
        entries = [members[0], members[1]._replace(**change or {})]
        finish(archive, file, index_text(entries))
    return path


ZEROS = packed(bytes(8000))


def test_a_crafted_file_without_bad_intent_is_read(tmp_path):
    arrays = container.read(craft(tmp_path / "x", [ZEROS]))[1]
    np.testing.assert_array_equal(arrays["x"], np.zeros(1000))


@pytest.fixture(scope="module")
def small_file(tmp_path_factory):
    def make(codec):
        path = tmp_path_factory.mktemp("small") / codec
        arrays = {"x": np.repeat(np.arange(64.0), 20), "y": np.arange(1100)}
        container.write(path, list(range(150)) * 8, arrays, compress=codec)
        return path

    return {codec: make(codec) for codec in CODECS}


@pytest.mark.parametrize("codec", CODECS)
def test_a_flip_in_any_byte_of_the_file_is_found(tmp_path, small_file, codec):
    content = small_file[codec].read_bytes()
    with zipfile.ZipFile(small_file[codec]) as archive:
        compressed = [name for name in archive.namelist() if not name.endswith(("json", "npy"))]
    assert len(compressed) == 3
    path, unnoticed = tmp_path / "x", []
    for position in range(len(content)):
        damaged = bytearray(content)
        damaged[position] ^= 1 << position % 8
        path.write_bytes(damaged)
        try:
            container.read(path)
            unnoticed.append(position)
        except CorruptFile as error:
            assert str(path) in str(error)  # noqa: PT017
    assert unnoticed == []


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("how", HOWS)
@given(data=st.data())
def test_flips_and_cuts_anywhere_in_a_larger_file_are_found(large_file, codec, how, data):
    content = bytearray(large_file[codec])
    position = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        content[position] ^= 1 << data.draw(st.integers(0, 7))
    else:
        del content[position:]
    path = large_file["folder"] / "damaged"
    path.write_bytes(content)
    with pytest.raises(CorruptFile):
        container.read(path, **how)


@pytest.fixture(scope="module")
def large_file(tmp_path_factory):
    folder, rng = tmp_path_factory.mktemp("large"), np.random.default_rng(0)
    arrays = {
        "rounded": np.round(rng.normal(size=150_000), 1), "noise": rng.normal(size=5_000),
        "sorted": np.arange(150_000), "text": rng.choice(["red", "green"], 20_000),
    }  # fmt: skip
    for codec in CODECS:
        container.write(folder / codec, {"a": 1}, arrays, compress=codec)
    return {"folder": folder} | {codec: (folder / codec).read_bytes() for codec in CODECS}


def test_the_message_names_member_frame_and_bytes(tmp_path):
    container.write(tmp_path / "x", None, {"x": np.arange(400_000)}, compress="zstd")
    content = bytearray((tmp_path / "x").read_bytes())
    with container.Reader(tmp_path / "x") as opened:
        (member, _) = opened._members["x"]
    first, last = member.spans()[1]
    content[first + 3] ^= 1
    (tmp_path / "x").write_bytes(content)
    message = (
        rf"frame 2 of 4 of member x\.npy\.delta\.zst \(bytes {first} to {last - 1} of the file\)"
    )
    with pytest.raises(CorruptFile, match=message):
        container.read(tmp_path / "x")


@pytest.mark.parametrize(
    "change",
    [
        {"size": 8001}, {"size": 7992}, {"size": -8}, {"size": 2**60}, {"size": 0}, {"size": True},
        {"size": 8.0}, {"lengths": ()}, {"lengths": (0,)}, {"lengths": (-1, 2)}, {"lengths": (1, 2)},
        {"lengths": (True,)}, {"lengths": (10**9,)}, {"lengths": ("5",)}, {"filter": "shuffle"},
        {"filter": "xor"}, {"filter": 1}, {"unit": 3}, {"unit": 0}, {"unit": -8}, {"unit": 16},
        {"codec": "lz4"}, {"codec": "raw"}, {"codec": "zstd "}, {"codec": None}, {"frames": ""},
        {"frames": "0" * 16}, {"frames": "0" * 32}, {"name": "x.npy"}, {"name": "x.npy.lz4"},
        {"name": "x.zst"}, {"start": 0}, {"data": 200}, {"end": 10**12}, {"head": "0" * 16},
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("how", HOWS)
def test_an_index_that_does_not_tell_the_truth(tmp_path, change, how):
    with pytest.raises(CorruptFile):
        container.read(craft(tmp_path / "x", [ZEROS], change=change), **how)


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (packed(bytes(7999)), "does not decompress to 8000 bytes: 7999"),
        (packed(bytes(8001)), "does not decompress to 8000 bytes: more"),
        (packed(bytes(10**8)), "does not decompress to 8000 bytes: more"),
        (packed(b""), "does not decompress to 8000 bytes: 0"),
        (ZEROS[:-1], "does not decompress"),
        (ZEROS + b"x", "does not decompress"),
        (ZEROS + ZEROS, "does not decompress to 8000 bytes: more"),
        (packed(bytes(8000), "lz4"), "does not decompress"),
        (b"\x80\x04cos\nsystem\n.", "does not decompress"),
        # a content size of 2^60, then nothing; a window of 2^41 bytes
        (bytes.fromhex("28b52ffde0") + struct.pack("<Q", 2**60) + b"\1\0\0", "does not decompress"),
        (bytes.fromhex("28b52ffd00f8") + b"\1\0\0", "does not decompress"),
    ],
)
def test_frames_that_are_not_what_the_shape_says(tmp_path, frame, message):
    with pytest.raises(CorruptFile, match=message):
        container.read(craft(tmp_path / "x", [frame]))
    with pytest.raises(CorruptFile, match=message):
        container.read_rows(tmp_path / "x", "x", slice(0, 1))


def test_lz4_frames_that_are_too_short_leave_no_memory_of_others(tmp_path):
    frame = packed(bytes(4000), "lz4")
    path = craft(
        tmp_path / "x", [frame], codec="lz4", name="x.npy.lz4", header=packed(npy_header(), "lz4")
    )
    with pytest.raises(CorruptFile, match="does not decompress to 8000 bytes: 4000"):
        container.read(path)


def dictionary(count, table, codes):
    return packed(struct.pack("<I", count) + table + codes)


@pytest.mark.parametrize(
    ("name", "frame"),
    [
        ("dictionary", dictionary(1, bytes(8), bytes([0] * 999 + [1]))),
        ("dictionary", dictionary(2, bytes(8), bytes(1000))),
        ("dictionary", dictionary(2**32 - 1, bytes(8), bytes(1000))),
        ("dictionary", dictionary(300, bytes(2400), b"\xff" * 2000)),
        ("dictionary", dictionary(0, b"", bytes(7999))),
        ("dictionary", dictionary(0, b"", bytes(1))),
        ("dictionary", packed(b"\1\0")),
        ("dictionary", packed(bytes(9000))),
        ("decimal", packed(b"\0")),
        ("decimal", packed(bytes([2, 2]) + bytes(1999))),
        ("decimal", packed(bytes([2, 3]) + bytes(3000))),
        ("decimal", packed(bytes([255, 2]) + bytes(2000))),
        ("decimal", packed(bytes([0, 0]) + bytes(1))),
        ("shuffle", packed(bytes(7992))),
        ("shuffle", packed(bytes(8))),
        ("delta", packed(bytes(1))),
    ],
)
def test_filtered_frames_made_by_hand(tmp_path, name, frame):
    path = craft(tmp_path / "x", [frame], name=f"x.npy.{name}.zst", filter=name)
    with pytest.raises(CorruptFile, match=r"frame 1 of member .* does not decompress to 8000"):
        container.read(path)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (packed(bytes(10**8)), "more than 10000 bytes"),
        (packed(npy_header(descr="|O")), "would have to be unpickled"),
        (packed(npy_header(shape=(1001,))), "make 8008 bytes of data, not the 8000"),
        (packed(npy_header(shape=(2**60,))), "bytes of data, not the 8000"),
        (packed(npy_header(shape=(2**62, 0))), "not the 8000"),
        (packed(npy_header(shape=(1,) * 99 + (1000,))), "not an array that can be read"),
        (packed(npy_header()) * 2, "not where they should be"),
        (npy_header(), "not an array that can be read"),
        (b"", "not an array that can be read"),
    ],
)
@pytest.mark.parametrize("how", HOWS)
def test_compressed_headers_made_by_hand(tmp_path, header, message, how):
    with pytest.raises(CorruptFile, match=message):
        container.read(craft(tmp_path / "x", [ZEROS], header=header), **how)


@pytest.mark.parametrize(
    "name", ["../x.npy.zst", "/x.npy.zst", "x.zst.npy.zst/", "a b.npy.zst", ".npy.zst"]
)
def test_names_that_could_leave_a_folder(tmp_path, name):
    with pytest.raises(CorruptFile, match=r"has a name that no array|named in the end of"):
        container.read(craft(tmp_path / "x", [ZEROS], name=name))


def test_a_raw_and_a_compressed_member_of_one_name(tmp_path):
    with open(tmp_path / "x", "w+b") as file, zipfile.ZipFile(file, "w") as archive:
        raw = add_member(archive, file, "x.npy", npy_header(), [memoryview(bytes(8000))])
        again = add_member(
            archive, file, "x.npy.zst", packed(npy_header()), [memoryview(ZEROS)],
            codec="zstd", filter="none", unit=1, size=8000,
        )  # fmt: skip
        finish(archive, file, index_text([raw, again]))
    with pytest.raises(CorruptFile, match="two members have the same name"):
        container.read(tmp_path / "x")


def test_documents_expand_within_a_bound(tmp_path):
    text = b" " * 500_000 + b"1"
    with open(tmp_path / "x", "w+b") as file, zipfile.ZipFile(file, "w") as archive:
        member = add_member(
            archive, file, "object.json.zst", b"", [memoryview(packed(text))],
            codec="zstd", filter="none", unit=1, size=len(text),
        )  # fmt: skip
        finish(archive, file, index_text([member]))
    with pytest.raises(CorruptFile, match=r"claims to expand from \d+ to 500001 bytes"):
        container.read(tmp_path / "x")


@pytest.mark.parametrize("text", [" " * 500_000 + "1", "[" + "0," * 100_000 + "0]"])
def test_documents_that_would_expand_further_are_stored_as_they_are(tmp_path, text):
    container.write(tmp_path / "x", text, {}, compress="zstd")
    assert container.read(tmp_path / "x")[0] == text


BOMB = """
import resource, sys
from pathlib import Path
from onebox.errors import OneboxError
from onebox.storage import container

def status(key):
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(key)).split()[1]) * 1024

try:  # what reading imports
    container.write(sys.argv[1] + ".warm", None, {"x": __import__("numpy").zeros(9000)}, compress="zstd")
    container.read(sys.argv[1] + ".warm")
finally:
    before = status("VmRSS")
try:
    container.read(sys.argv[1], mmap=sys.argv[2] == "1")
except OneboxError as error:
    print(type(error).__name__, str(error).replace("\\n", " "))
print(status("VmHWM") - before)
"""


def peak_of(path, mmap):
    ended = subprocess.run(
        [sys.executable, "-c", BOMB, str(path), str(int(mmap))],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    message, peak = ended.stdout.splitlines()
    return message, int(peak)


@pytest.mark.skipif(sys.platform != "linux", reason="peaks are read from /proc")
@pytest.mark.parametrize("mmap", [False, True])
def test_a_hundred_gigabytes_of_zeros_are_refused_before_they_are_there(tmp_path, mmap):
    n_frames = 100_000  # of honest zeros each, as zstd makes them: 1 MB in 50 bytes
    frame, n_bytes = packed(bytes(FRAME_BYTES)), n_frames * FRAME_BYTES
    header = packed(npy_header(shape=(n_bytes // 8,)))
    path = craft(tmp_path / "x", [frame] * n_frames, header=header, size=n_bytes)
    assert path.stat().st_size < 12e6
    message, peak = peak_of(path, mmap)
    assert message.startswith("NotEnoughMemory ")
    assert "expands to 105 GB of arrays;" in message
    assert "rows=slice" in message
    assert peak < 120e6  # the index is JSON of 3 MB
    rows = container.read_rows(path, "x", slice(n_bytes // 16, n_bytes // 16 + 5))
    np.testing.assert_array_equal(rows, np.zeros(5))  # as the message advises


@pytest.mark.skipif(sys.platform != "linux", reason="peaks are read from /proc")
@pytest.mark.parametrize("shape", [(2**57,), (2**20, 2**37), (10**12,)])
def test_absurd_shapes_in_a_few_kilobytes(tmp_path, shape):
    size = int(np.prod(shape, dtype=object)) * 8
    header = packed(npy_header(shape=shape))
    path = craft(tmp_path / "x", [packed(bytes(FRAME_BYTES))] * 50, header=header, size=size)
    message, peak = peak_of(path, False)
    assert message.startswith("CorruptFile ")
    assert peak < 20e6


@pytest.mark.skipif(sys.platform != "linux", reason="peaks are read from /proc")
def test_a_frame_that_expands_to_a_gigabyte(tmp_path):
    path = craft(tmp_path / "x", [packed(bytes(10**9))])
    message, peak = peak_of(path, False)
    assert message.startswith("CorruptFile ")
    assert "frame 1" in message
    assert peak < 30e6


def test_bounds_on_expansion_hold_for_the_largest_frames(tmp_path):
    """What docs/file_format.rst says: a file expands to 1 MB for each 19 bytes at the most."""
    smallest = Member("x", 0, 1, 2, "", "zstd", "0" * 16, "none", 1, FRAME_BYTES, (1,))
    entry = index_text([smallest._replace(size=2 * FRAME_BYTES, frames="0" * 32, lengths=(1, 1))])
    added = len(entry) - len(index_text([smallest]))
    assert added + 1 >= 19  # digits of a checksum, a length with its comma, a byte of data
