from __future__ import annotations

import json
import os
import subprocess
import sys
import tracemalloc
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from onebox.errors import BadInput, NotEnoughDisk
from onebox.storage import container
from onebox.storage.frames import FRAME_BYTES

READS = [{}, {"mmap": True}, {"mmap": True, "verify": True}, {"verify": True}]


def assert_same_bits(one, other):
    assert one.dtype == other.dtype
    assert one.shape == other.shape
    assert one.tobytes() == other.tobytes()


@pytest.fixture
def some_arrays():
    rng = np.random.default_rng(0)
    return {
        "large": rng.random((301, 1009)),  # 2.3 frames
        "coef_": np.asfortranarray(rng.random((5, 7)).astype(np.float32)),
        "scalar": np.array(3),
        "empty": np.empty((0, 3), np.int8),
        "one_frame": np.zeros(FRAME_BYTES, np.uint8),
        "strided": np.arange(300_000)[::3],
        "text.0": np.array(["a", "bc"]),
        "no-text": np.ndarray(3, "<U0"),
        "record": np.zeros(3, [("a", "u1"), ("b", ">f8", (2,))]),
        "time": np.array(["2013-10-25", "NaT"], "datetime64[25s]"),
        "half": np.arange(3, dtype=np.float16),
        "long": np.arange(3, dtype=np.longdouble),
    }


@pytest.mark.parametrize("how", READS)
def test_documents_and_arrays_come_back_with_the_same_bits(tmp_path, some_arrays, how):
    document = {"a": [1, 2.5, None, "ä\ud800"], "b": {}}
    container.write(tmp_path / "x", document, some_arrays)
    loaded, arrays = container.read(tmp_path / "x", **how)
    assert loaded == document
    assert list(arrays) == list(some_arrays)
    for name, array in some_arrays.items():
        assert_same_bits(array, arrays[name])
        assert arrays[name].flags.writeable == ("mmap" not in how)
        assert arrays[name].ctypes.data % 64 == 0 or "mmap" not in how
    assert arrays["coef_"].flags.f_contiguous
    assert not arrays["coef_"].flags.c_contiguous


@settings(max_examples=60)
@given(
    array=npst.arrays(
        st.one_of(npst.scalar_dtypes(), npst.array_dtypes(), npst.nested_dtypes()),
        npst.array_shapes(min_dims=0, min_side=0),
    ),
    layout=st.sampled_from(["C", "F", "strided"]),
    mmap=st.booleans(),
)
def test_any_array_without_objects(tmp_path_factory, array, layout, mmap):
    path = tmp_path_factory.getbasetemp() / "any.onebox"
    array = array.copy("K" if layout == "strided" else layout)
    if layout == "strided" and array.ndim:
        array = array[..., ::-1]
    try:
        container.write(path, None, {"x": array})
    except BadInput as error:
        assert "latin-1" in str(error)  # noqa: PT017
        assert array.dtype.names
        return
    loaded = container.read(path, mmap=mmap)[1]["x"]
    assert_same_bits(array, loaded)
    if layout != "strided":
        assert loaded.flags.c_contiguous == array.flags.c_contiguous
        assert loaded.flags.f_contiguous == array.flags.f_contiguous


def test_zipfile_and_numpy_read_the_file_without_onebox(tmp_path, some_arrays):
    container.write(tmp_path / "x.npz", {"a": 1}, some_arrays)
    with zipfile.ZipFile(tmp_path / "x.npz") as archive:
        assert archive.testzip() is None
        assert json.loads(archive.read("object.json")) == {"a": 1}
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
        for name, array in some_arrays.items():
            with archive.open(f"{name}.npy") as member:
                assert_same_bits(array, np.load(member))
    with np.load(tmp_path / "x.npz") as loaded:
        assert_same_bits(some_arrays["coef_"], loaded["coef_"])


def test_equal_content_gives_equal_bytes(tmp_path, some_arrays):
    for name in "ab":
        container.write(tmp_path / name, {"a": 1}, some_arrays)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((2000, 2000)),
        np.zeros((2000, 2000), order="F"),
        np.zeros((2000, 4000))[:, ::2],
    ],
    ids=["C", "F", "strided"],
)
def test_writing_and_mapping_hold_no_second_copy(tmp_path, array):
    tracemalloc.start()
    container.write(tmp_path / "x", {}, {"x": array})
    mapped = container.read(tmp_path / "x", mmap=True, verify=True)[1]["x"]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert mapped.nbytes == array.nbytes
    assert peak < array.nbytes / 6


@pytest.mark.skipif(os.name == "nt", reason="Windows does not replace files that are mapped")
def test_a_map_outlives_the_replacement_of_its_file(tmp_path):
    container.write(tmp_path / "x", {}, {"x": np.arange(1000)})
    mapped = container.read(tmp_path / "x", mmap=True)[1]["x"]
    container.write(tmp_path / "x", {}, {"x": np.zeros(1000)})
    np.testing.assert_array_equal(mapped, np.arange(1000))


@pytest.mark.slow
def test_a_member_beyond_4_gb(tmp_path):
    with open(tmp_path / "holes", "wb") as file:
        file.truncate(2**32 + 2**20)
    holes = np.memmap(tmp_path / "holes", np.uint8, mode="r")
    path = tmp_path / "x.onebox"
    container.write(path, {}, {"holes": holes, "after": np.arange(3)})
    arrays = container.read(path, mmap=True, verify=True)[1]
    assert arrays["holes"].nbytes == 2**32 + 2**20
    np.testing.assert_array_equal(arrays["after"], np.arange(3))
    with zipfile.ZipFile(path) as archive:
        assert archive.getinfo("after.npy").header_offset > 2**32
    path.unlink()  # pytest keeps the folders of its last runs


@pytest.mark.parametrize(
    "name", ["", "../x", "/x", "a/b", "a\\b", ".hidden", "ä", "a b", "x" * 300, "nul\0", "-x"]
)
def test_names_that_could_leave_a_folder_are_refused(tmp_path, name):
    with pytest.raises(BadInput, match="cannot name an array"):
        container.write(tmp_path / "x", {}, {name: np.zeros(1)})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("dtype", "message"),
    [
        (object, "holds Python objects"),
        ([("a", "f8"), ("b", object)], "holds Python objects"),
        (np.dtypes.StringDType(), "holds Python objects"),
        ([("ä\u4e00", "f8")], "cannot be written"),
        ([(f"field_{i}", "f8") for i in range(1000)], "at most 10000 are read"),
    ],
)
def test_dtypes_that_the_format_cannot_hold_are_refused(tmp_path, dtype, message):
    with pytest.raises(BadInput, match=message):
        container.write(tmp_path / "x", {}, {"x": np.empty(2, dtype)})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("document", [float("nan"), [float("inf")]])
def test_documents_are_strict_json(tmp_path, document):
    with pytest.raises(ValueError, match="JSON"):
        container.write(tmp_path / "x", document, {})


def test_a_disk_too_small_keeps_the_old_file(on_tiny_disk):
    printed = on_tiny_disk(
        """
import numpy as np
from onebox.errors import NotEnoughDisk
from onebox.storage import container
container.write("x.onebox", {"version": 1}, {"x": np.arange(1000)})
try:
    container.write("x.onebox", {"version": 2}, {"x": np.zeros(1_000_000)})
except NotEnoughDisk as error:
    print(error)
print(os.listdir("."), container.read("x.onebox", verify=True)[0])
"""
    )
    assert "needs 8 MB; 4.18 MB are free" in printed
    assert printed.endswith("['x.onebox'] {'version': 1}\n")
    assert issubclass(NotEnoughDisk, OSError)


def test_other_programs_can_test_the_zip(tmp_path, some_arrays):
    container.write(tmp_path / "x.zip", {}, some_arrays)
    tested = subprocess.run(
        [sys.executable, "-m", "zipfile", "--test", str(tmp_path / "x.zip")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Done testing" in tested.stdout
