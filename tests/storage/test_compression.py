"""Compressed members: the same bits back, whatever the data, the codec and the number of threads."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from contextlib import suppress
from io import BytesIO

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

import onebox as ob
from onebox.errors import BadInput, CorruptFile
from onebox.storage import container, filters
from onebox.storage.frames import FRAME_BYTES

CODECS = ["lz4", "zstd"]
RNG = np.random.default_rng(0)
KINDS = {
    "rounded": np.round(RNG.normal(size=300_000), 2),
    "single": np.round(RNG.normal(size=300_000), 1).astype(np.float32),
    "digits": RNG.integers(0, 10, 300_000),
    "keys": RNG.choice(RNG.integers(0, 2**60, 500), 300_000),
    "sorted": np.sort(RNG.integers(0, 10**9, 300_000)),
    "times": np.cumsum(RNG.integers(1, 60, 200_000)).astype("M8[s]").astype("M8[ns]"),
    "float32": RNG.normal(size=(1000, 500)).astype(np.float32),
    "noise": RNG.integers(0, 256, 1_500_000).astype(np.uint8),
    "zeros": np.zeros((700, 301)),
    "bool": RNG.random(2_000_000) < 0.1,
    "text": RNG.choice(["red", "green", "a longer word"], 50_000),
    "bytes": RNG.choice([b"red", b"green"], 200_000),
    "complex": np.round(RNG.normal(size=100_000), 1) + 1j,
    "record": np.zeros(50_000, [("a", "u1"), ("b", ">f8"), ("c", "<i4", (3,))]),
    "long": np.arange(100_000, dtype=np.longdouble),
    "half": np.round(RNG.normal(size=600_000), 1).astype(np.float16),
    "big_endian": np.arange(200_000, dtype=">i4"),
    "fortran": np.asfortranarray(np.round(RNG.normal(size=(301, 700)), 1)),
    "strided": np.round(RNG.normal(size=(300, 1400)), 1)[::-1, ::2],
    "tiny": np.zeros(10),
    "empty": np.zeros((0, 5)),
    "scalar": np.array(1.5),
}
FILTERS = {  # for what they are made for
    "rounded": "decimal", "single": "decimal", "digits": "shuffle", "sorted": "delta",
    "times": "delta", "float32": "shuffle", "half": "dictionary", "keys": "dictionary",
}  # fmt: skip


def packing(path):
    """What the index says of each member."""
    with zipfile.ZipFile(path) as archive:
        return {entry["name"]: entry for entry in json.loads(archive.read("index.json"))}


@pytest.mark.parametrize("codec", CODECS)
def test_arrays_of_every_kind_come_back_with_the_same_bits(tmp_path, codec):
    document = {"text": ["some words"] * 20_000}
    container.write(tmp_path / "x", document, KINDS, compress=codec)
    for how in ({}, {"mmap": True}):
        loaded, arrays = container.read(tmp_path / "x", **how)
        assert loaded == document
        assert list(arrays) == list(KINDS)
        for name, array in KINDS.items():
            assert arrays[name].dtype == array.dtype
            assert arrays[name].shape == array.shape
            assert arrays[name].tobytes() == array.tobytes()
            assert arrays[name].flags.writeable == (not how)
        assert arrays["fortran"].flags.f_contiguous
    assert container.read_document(tmp_path / "x") == document


def test_each_kind_gets_the_filter_that_suits_it(tmp_path):
    container.write(tmp_path / "x", None, KINDS, compress="zstd")
    members = packing(tmp_path / "x")
    for name, filter_name in FILTERS.items():
        entry = members[f"{name}.npy.{filter_name}.zst"]
        assert sum(entry["lengths"]) < KINDS[name].nbytes * 0.9
    for name in ("noise", "tiny", "empty", "scalar"):  # stay as they are, and can be mapped
        assert members[f"{name}.npy"]["codec"] == "raw"
    # C and Fortran order, records and text: nothing is lost by what does not apply to them
    assert len(members) == len(KINDS) + 1


@pytest.mark.parametrize("codec", CODECS)
def test_equal_content_gives_equal_bytes_on_any_number_of_threads(tmp_path, codec):
    for n_jobs in (1, 2, 5):
        with ob.config(n_jobs=n_jobs):
            container.write(tmp_path / f"{n_jobs}", {"a": 1}, KINDS, compress=codec)
            read = container.read(tmp_path / "1")[1]
        assert (tmp_path / f"{n_jobs}").read_bytes() == (tmp_path / "1").read_bytes()
        assert all(read[name].tobytes() == KINDS[name].tobytes() for name in KINDS)


@settings(max_examples=60)
@given(
    array=npst.arrays(npst.scalar_dtypes(), st.integers(4000, 9000)), codec=st.sampled_from(CODECS)
)
def test_any_array(tmp_path_factory, array, codec):
    path = tmp_path_factory.getbasetemp() / "any.onebox"
    container.write(path, None, {"x": array}, compress=codec)
    loaded = container.read(path)[1]["x"]
    assert loaded.dtype == array.dtype
    assert loaded.tobytes() == array.tobytes()


@pytest.mark.parametrize("name", filters.FILTERS)
@pytest.mark.parametrize("unit", filters.UNITS)
@given(data=st.binary(max_size=2000), repeats=st.integers(1, 40))
def test_filters_undo_themselves_on_any_bytes(name, unit, data, repeats):
    frame = memoryview((data * repeats)[: len(data) * repeats // unit * unit])
    filtered = filters.encode(name, frame, unit)
    assert len(filtered) <= filters.longest(name, len(frame))
    out = memoryview(bytearray(len(frame)))
    filters.decode(name, filtered, unit, out)
    assert out == frame


SPECIAL = [0.0, -0.0, np.nan, -np.nan, np.inf, -np.inf, 1e300, 5e-324, 2.0**31, -128.0, 1 / 3]


@given(
    integers=st.lists(st.integers(-(2**33), 2**33) | st.integers(-130, 130), max_size=50),
    special=st.lists(st.sampled_from(SPECIAL), max_size=3),
    payload=st.booleans(),
    decimals=st.integers(0, 18),
    dtype=st.sampled_from(["<f4", "<f8"]),
)
def test_decimals_come_back_with_the_same_bits(integers, special, payload, decimals, dtype):
    with np.errstate(over="ignore"):
        numbers = np.array([n / 10**decimals for n in integers] + special).astype(dtype)
    if payload and len(numbers):
        numbers.view(f"<u{numbers.itemsize}")[0] |= 0x7FC00001 << 8 * (numbers.itemsize - 4)
    frame = memoryview(numbers).cast("B") if len(numbers) else memoryview(b"")
    filtered = filters.encode("decimal", frame, numbers.itemsize)
    out = memoryview(bytearray(len(frame)))
    filters.decode("decimal", filtered, numbers.itemsize, out)
    assert out == frame


def test_decimals_become_integers():
    for dtype in ("<f4", "<f8"):
        numbers = np.array([1.25, -0.0, np.nan, -3.5, 0.0] * 10, dtype)
        filtered = filters.encode("decimal", memoryview(numbers).cast("B"), numbers.itemsize)
        assert bytes(filtered[:2]) == bytes([2, 2])
        assert len(filtered) == 2 + 2 * len(numbers)


@pytest.mark.parametrize("name", filters.FILTERS)
@pytest.mark.parametrize("unit", filters.UNITS)
@given(data=st.binary(max_size=200), n_bytes=st.integers(0, 300))
def test_filters_refuse_what_they_did_not_make_or_fill_the_frame(name, unit, data, n_bytes):
    around = np.zeros(n_bytes + 20, np.uint8)
    with suppress(ValueError):
        filters.decode(name, memoryview(data), unit, around.data[10 : 10 + n_bytes])
    assert not around[:10].any()
    assert not around[10 + n_bytes :].any()


def test_frames_of_which_one_does_not_shrink(tmp_path):
    mixed = np.zeros(4 * FRAME_BYTES, np.uint8)
    mixed[FRAME_BYTES : 2 * FRAME_BYTES] = RNG.integers(0, 256, FRAME_BYTES)
    for codec in CODECS:
        container.write(tmp_path / codec, None, {"x": mixed}, compress=codec)
        np.testing.assert_array_equal(container.read(tmp_path / codec)[1]["x"], mixed)
        assert FRAME_BYTES < (tmp_path / codec).stat().st_size < 1.03 * FRAME_BYTES


def test_filters_that_some_frames_do_not_fit(tmp_path):
    keys = RNG.choice(RNG.integers(0, 2**60, 500), 900_000)
    rounded = np.round(RNG.normal(size=900_000), 1)
    for name, values in (("dictionary", keys), ("decimal", rounded)):
        values[300_000:420_000] = RNG.integers(0, 2**60, 120_000).view(values.dtype)
        container.write(tmp_path / "x", None, {"x": values}, compress="zstd")
        assert f"x.npy.{name}.zst" in packing(tmp_path / "x")
        np.testing.assert_array_equal(container.read(tmp_path / "x")[1]["x"], values)


@pytest.mark.parametrize(("codec", "suffix"), [("zstd", "zst"), ("lz4", "lz4")])
def test_other_programs_decompress_members(tmp_path, codec, suffix):
    text = np.frombuffer(b"the quick brown fox jumps over the lazy dog. " * 60_000, np.uint8)
    container.write(tmp_path / "x", list(range(4000)), {"text": text}, compress=codec)
    with zipfile.ZipFile(tmp_path / "x") as archive:
        assert archive.testzip() is None
        member = archive.read(f"text.npy.{suffix}")
        document = archive.read(f"object.json.{suffix}")
    if shutil.which(codec):
        ran = subprocess.run([codec, "-dc"], input=member, capture_output=True, check=True)
        plain = ran.stdout
    else:
        plain = pa.CompressedInputStream(pa.BufferReader(member), codec).read()
    np.testing.assert_array_equal(np.load(BytesIO(plain)), text)
    assert json.loads(pa.CompressedInputStream(pa.BufferReader(document), codec).read())[1] == 1


MEASURED = """
import sys
from pathlib import Path
import numpy as np
import onebox as ob
from onebox.storage import container

def status(key):
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(key)).split()[1]) * 1024

def peak(run):
    Path("/proc/self/clear_refs").write_text("5")
    before = status("VmRSS")
    kept = run()
    return status("VmHWM") - before

path = sys.argv[1]
values = np.round(np.random.default_rng(0).normal(size=16_000_000), 2)
container.write(path, None, {"x": values[:10_000]}, compress="zstd")
container.read(path)
print(peak(lambda: container.write(path, None, {"x": values}, compress="zstd")))
n_bytes = values.nbytes
del values
print(peak(lambda: container.read(path)) - n_bytes)
print(peak(lambda: container.read_rows(path, "x", slice(8_000_000, 8_000_100))))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="peaks are read from /proc")
def test_no_second_copy_is_held(tmp_path):
    ended = subprocess.run(
        [sys.executable, "-c", MEASURED, str(tmp_path / "x")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    writing, reading, part = map(int, ended.stdout.split())
    assert writing < 32e6  # of 128 MB: two frames a thread in flight
    assert reading < 32e6
    assert part < 8e6


def test_unknown_codecs_are_refused(tmp_path):
    with pytest.raises(
        BadInput, match=r"compress='zip' is not known; use 'zstd' or 'lz4', or None"
    ):
        container.write(tmp_path / "x", None, {}, compress="zip")
    assert list(tmp_path.iterdir()) == []


# Rows: 5 frames and a bit, of 1 MB, that rows of 56 bytes do not divide.

ROWS = np.round(RNG.normal(size=(100_000, 7)), 1)
BOUNDS = st.one_of(st.none(), st.integers(-120_000, 120_000))


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rows")
    for codec in (None, *CODECS):
        container.write(folder / f"{codec}", None, {"x": ROWS, "y": ROWS[:, 0]}, compress=codec)
    return folder


@pytest.mark.parametrize("codec", [None, *CODECS])
@given(start=BOUNDS, stop=BOUNDS)
def test_rows_are_those_of_a_slice(files, codec, start, stop):
    for name, whole in (("x", ROWS), ("y", ROWS[:, 0])):
        rows = container.read_rows(files / f"{codec}", name, slice(start, stop))
        assert rows.shape == whole[start:stop].shape
        np.testing.assert_array_equal(rows, whole[start:stop])


@pytest.mark.parametrize("codec", [None, *CODECS])
def test_only_the_frames_of_the_rows_are_read_and_they_are_checked(files, tmp_path, codec):
    content = bytearray((files / f"{codec}").read_bytes())
    entry = next(e for name, e in packing(files / f"{codec}").items() if name.startswith("x.npy"))
    lengths = entry.get("lengths", [FRAME_BYTES] * 5)
    content[entry["data"] + sum(lengths[:2]) + 50] ^= 1  # in the third frame
    (tmp_path / "damaged").write_bytes(content)
    per_frame = FRAME_BYTES // 56
    for start in (0, 2 * per_frame - 500, 3 * per_frame + 100):
        rows = container.read_rows(tmp_path / "damaged", "x", slice(start, start + 400))
        np.testing.assert_array_equal(rows, ROWS[start : start + 400])
    with pytest.raises(CorruptFile, match=r"frame 3 of 6 of member x\.npy"):
        container.read_rows(
            tmp_path / "damaged", "x", slice(2 * per_frame + 100, 2 * per_frame + 101)
        )


@pytest.mark.parametrize("codec", [None, "zstd"])
@pytest.mark.parametrize("shape", [(5, 0), (0, 3), (1, 1, 1), (70_000, 2, 3)])
def test_rows_of_other_shapes(tmp_path, codec, shape):
    whole = np.arange(np.prod(shape, dtype=int), dtype=np.int32).reshape(shape)
    container.write(tmp_path / "x", None, {"x": whole}, compress=codec)
    for rows in (slice(0, 1), slice(-3, None), slice(5, 2)):
        read = container.read_rows(tmp_path / "x", "x", rows)
        assert read.shape == whole[rows].shape
        np.testing.assert_array_equal(read, whole[rows])


@pytest.mark.parametrize(
    ("name", "rows", "message"),
    [
        ("z", slice(0, 1), "has no array 'z', but x, f, s"),
        ("x", slice(0, 10, 2), "has step 2; only consecutive rows"),
        ("x", slice(10, 0, -1), "has step -1; only consecutive rows"),
        ("x", slice("a", None), "is not a slice of rows"),
        ("x", 5, "is not a slice of rows"),
        ("f", slice(0, 1), r"shape \(3, 4\) is in Fortran order"),
        ("s", slice(0, 1), r"shape \(\) has no rows"),
    ],
)
def test_rows_that_do_not_lie_together_are_refused(tmp_path, name, rows, message):
    arrays = {"x": np.zeros(50), "f": np.zeros((3, 4), order="F"), "s": np.array(1)}
    container.write(tmp_path / "x", None, arrays)
    with pytest.raises(BadInput, match=message):
        container.read_rows(tmp_path / "x", name, rows)
