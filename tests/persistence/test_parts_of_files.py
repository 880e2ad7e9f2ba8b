"""Compressed files, and some rows of a file, through `save` and `load`."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import onebox
import onebox.storage.container
from onebox.errors import BadInput, CorruptFile

RNG = np.random.default_rng(0)
IMAGES = np.round(RNG.normal(size=(50, 40, 100)), 1)


@pytest.mark.parametrize("compress", [None, "zstd", "lz4"])
@pytest.mark.parametrize(
    "rows", [slice(3, 7), slice(-2, None), slice(None), slice(20, 10), slice(40, 400), slice(0, 0)]
)
def test_rows_of_an_array(tmp_path, compress, rows):
    for array in (IMAGES, IMAGES[:, 0, 0], IMAGES[:, 0, 0].astype("U5"), IMAGES > 0):
        onebox.save(array, tmp_path / "x", compress=compress)
        loaded = onebox.load(tmp_path / "x", rows=rows)
        assert loaded.dtype == array.dtype
        assert loaded.flags.writeable
        assert loaded.shape == array[rows].shape
        np.testing.assert_array_equal(loaded, array[rows])


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([IMAGES], "holds a builtins:list, not one array of numbers"),
        ({"a": IMAGES}, "holds a builtins:dict, not one array of numbers"),
        (5, "holds a builtins:int, not one array"),
        (pa.table({"a": [1, 2]}), "Table, not one array"),
        (pd.Series([1, 2]), "Series, not one array"),
        (np.array(["a", None], object), "holds a numpy:ndarray, not one array of numbers"),
        (np.array(1.5), r"shape \(\) has no rows"),
        (np.asfortranarray(IMAGES), "is in Fortran order.*mmap=True"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_rows_of_other_things_are_refused(tmp_path, value, message):
    onebox.save(value, tmp_path / "x")
    with pytest.raises(BadInput, match=message):
        onebox.load(tmp_path / "x", rows=slice(0, 1))


@pytest.mark.parametrize(
    "rows", [5, [1, 2], slice(0, 5, 2), slice(5, 0, -1), slice("a", None), "all"]
)
def test_other_rows_than_consecutive_ones_are_refused(tmp_path, rows):
    onebox.save(IMAGES, tmp_path / "x")
    with pytest.raises(BadInput, match=r"x: the array object of shape \(50, 40, 100\): rows="):
        onebox.load(tmp_path / "x", rows=rows)


def test_rows_are_not_mapped(tmp_path):
    onebox.save(IMAGES, tmp_path / "x")
    with pytest.raises(BadInput, match="ask for different things"):
        onebox.load(tmp_path / "x", rows=slice(0, 1), mmap=True)


def test_rows_of_a_file_that_tells_of_an_array_which_is_not_there(tmp_path):
    document = {"format": "onebox object", "version": 1, "names": []}
    for member in ("y", 5, ["x"], None):
        node = {"$": "array", "member": member}
        onebox.storage.container.write(
            tmp_path / "x", document | {"object": node}, {"x": np.zeros(3)}
        )
        with pytest.raises((BadInput, CorruptFile)):
            onebox.load(tmp_path / "x", rows=slice(0, 1))


@pytest.mark.parametrize("compress", ["zstd", "lz4"])
@pytest.mark.parametrize("mmap", [False, True])
def test_compressed_models_and_tables(there_and_back, models, compress, mmap):
    model = models.Model()
    model.coef_ = RNG.integers(0, 5, (400, 300))
    model.noise_ = RNG.random(3000)
    model.table_ = pa.table({"a": ["x", "y"] * 5000, "b": range(10_000)})
    model.words_ = np.array(["a", None] * 9000, object)
    loaded = there_and_back(model, compress=compress, mmap=mmap)
    np.testing.assert_array_equal(loaded.coef_, model.coef_)
    np.testing.assert_array_equal(loaded.noise_, model.noise_)
    assert loaded.table_.equals(model.table_)
    assert loaded.words_.tolist() == model.words_.tolist()
    assert loaded.coef_.flags.writeable == loaded.noise_.flags.writeable == (not mmap)


def test_compressed_files_are_smaller(tmp_path):
    for compress in (None, "lz4", "zstd"):
        onebox.save(IMAGES, tmp_path / f"{compress}", compress=compress)
    raw, lz4, zstd = ((tmp_path / f"{c}").stat().st_size for c in (None, "lz4", "zstd"))
    assert zstd < lz4 < raw / 4


def test_unknown_codecs_are_refused(tmp_path):
    onebox.save(1, tmp_path / "x")
    with pytest.raises(BadInput, match="compress='gzip' is not known"):
        onebox.save(2, tmp_path / "x", compress="gzip")
    assert onebox.load(tmp_path / "x") == 1


def test_damage_in_compressed_files_is_found_on_the_way(tmp_path):
    path = tmp_path / "x.onebox"
    onebox.save(np.arange(300_000), path, compress="zstd")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    for how in ({}, {"mmap": True}, {"rows": slice(150_000, 150_001)}):
        with pytest.raises(CorruptFile, match=r"x\.onebox"):
            onebox.load(path, **how)
