"""The format is what its page says: a reader written from the page alone reads every file."""

from __future__ import annotations

import importlib.util
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import onebox
import onebox.storage.container
from onebox.persistence import document_of, objects
from onebox.persistence.compact import to_buffers
from onebox.storage import filters
from onebox.storage.frames import PACKED_FIELDS, SUFFIXES

READER = Path(__file__).with_name("minimal_reader.py")
PAGE = Path(__file__).parents[2] / "docs" / "file_format.rst"
RNG = np.random.default_rng(0)
ARRAYS = {
    "decimal": np.where(RNG.random(300_000) < 0.1, np.nan, np.round(RNG.normal(size=300_000), 2)),
    "single": np.round(RNG.normal(size=(2000, 70)), 1).astype(np.float32),
    "dictionary": RNG.choice(RNG.normal(size=200), (200_000, 2)),
    "dictionary16": RNG.choice(RNG.integers(0, 2**60, 2000), 200_000),
    "shuffle": RNG.normal(size=50_000).astype(np.float32),
    "delta": np.cumsum(RNG.integers(1, 1000, 150_000)),
    "none": RNG.choice(np.frombuffer(b"some words to compress", np.uint8), 30_000),
    "raw": RNG.random(10),
    "fortran": np.asfortranarray(np.round(RNG.normal(size=(100, 200)), 1)),
    "mixed": np.where(np.arange(300_000) < 200_000, 1.5, RNG.normal(size=300_000)),
    "empty": np.zeros((0, 3)),
    "text": np.array(["a", "bc"]),
}


def unlz4(data):
    """The LZ4 frame format, which no library here reads but Arrow's."""
    out, at = bytearray(), 7
    while size := int.from_bytes(data[at : at + 4], "little"):
        end = at + 4 + (size & 0x7FFFFFFF)
        block, at = io.BytesIO(data[at + 4 : end]), end
        if size >> 31:
            out += block.read()
        while token := block.read(1):
            out += block.read(lz4_length(token[0] >> 4, block))
            if distance := int.from_bytes(block.read(2), "little"):
                for _ in range(lz4_length(token[0] & 15, block) + 4):
                    out.append(out[-distance])
    return bytes(out)


def lz4_length(length, block):
    more = 255 if length == 15 else 0
    while more == 255:
        more = block.read(1)[0]
        length += more
    return length


@pytest.fixture(scope="module")
def reader():
    spec = importlib.util.spec_from_file_location("minimal_reader", READER)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.CODECS["lz4"] = unlz4, ".lz4"
    return module


@pytest.mark.parametrize("compress", [None, "zstd", "lz4"])
def test_arrays(tmp_path, reader, compress):
    onebox.save([ARRAYS, ("x", float("inf"))], tmp_path / "x", compress=compress)
    document, arrays = reader.read(tmp_path / "x")
    loaded, rest = reader.build(document["object"], arrays)
    assert rest == ("x", float("inf"))
    assert list(loaded) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert loaded[name].dtype == array.dtype
        assert loaded[name].shape == array.shape
        assert loaded[name].tobytes() == array.tobytes()
        assert loaded[name].flags.f_contiguous == array.flags.f_contiguous


def test_every_filter_is_used_in_this_test(tmp_path):
    onebox.save(ARRAYS, tmp_path / "x", compress="zstd")
    with onebox.storage.container.Reader(tmp_path / "x") as opened:
        used = {member.filter for member, _ in opened._members.values()}
    assert used == set(filters.FILTERS)


ALONE = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("reader", sys.argv[1])
reader = importlib.util.module_from_spec(spec)
spec.loader.exec_module(reader)
document, arrays = reader.read(sys.argv[2])
print(reader.build(document["object"], arrays))
print([name for name in sys.modules if name.startswith(("onebox", "pyarrow"))])
"""


def test_the_reader_needs_neither_onebox_nor_pyarrow(tmp_path):
    onebox.save([1.5, np.arange(3)], tmp_path / "x", compress="zstd")
    ended = subprocess.run(
        [sys.executable, "-c", ALONE, str(READER), str(tmp_path / "x")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert ended.stdout == "[1.5, array([0, 1, 2])]\n[]\n"


def read_compact(data):
    """As the page describes it."""
    length = int.from_bytes(data[:4], "little")
    document, at = json.loads(data[4 : 4 + length]), 4 + length
    arrays = {}
    for name in document.pop("arrays", []):
        at += -at % 16
        stream = io.BytesIO(data[at:])
        arrays[name] = np.load(stream)
        at += stream.tell()
    return document, arrays


def test_the_compact_form(reader):
    value = [ARRAYS["raw"], {"a": ARRAYS["text"]}, 2.5]
    data = b"".join(to_buffers(*document_of(value, brief=True)))
    document, arrays = read_compact(data)
    loaded = reader.build(document["object"], arrays)
    np.testing.assert_array_equal(loaded[0], value[0])
    np.testing.assert_array_equal(loaded[1]["a"], value[1]["a"])
    assert loaded[2] == 2.5


def test_the_page_names_every_field_tag_filter_and_codec():
    text = PAGE.read_text()
    tags = set(objects._BY_TAG) | {"ref"}
    for word in (*PACKED_FIELDS, *filters.FILTERS, *SUFFIXES, *tags):
        assert f"``{word}``" in text, word
    listed = set(
        re.findall(r"^   \* - ``([a-z_.]+)``$", text.split(".. the tags")[1], re.MULTILINE)
    )
    assert listed == tags
