"""Spilled arrays come back as they were."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from onebox.engine.store import SpillFile
from onebox.errors import NotEnoughDisk
from onebox.storage.spill import SpillFolder


@pytest.fixture
def file(tmp_path):
    with SpillFolder(tmp_path, 10**6) as folder:
        made = SpillFile(folder)
        yield made
        made.close()


ARRAYS = st.lists(
    hnp.arrays(
        st.sampled_from([np.float32, np.float64, np.int32, np.int64, np.bool_, np.uint8]),
        hnp.array_shapes(min_dims=1, max_dims=2, min_side=0, max_side=7),
    ),
    max_size=6,
)


@settings(max_examples=30, deadline=None)
@given(arrays=ARRAYS)
def test_arrays_come_back_bit_by_bit(arrays, tmp_path_factory):
    with SpillFolder(tmp_path_factory.mktemp("spill")) as folder:
        file = SpillFile(folder)
        places = [file.append(array) for array in arrays]
        assert file.nbytes == sum(array.nbytes for array in arrays) == folder.used_bytes
        for array, at in zip(arrays, places, strict=True):
            back = np.empty_like(array)
            file.read(back, at)
            assert back.tobytes() == array.tobytes()
        file.close()


def test_arrays_that_do_not_lie_in_one_piece(file):
    array = np.arange(24.0).reshape(4, 6).T[::2]
    back = np.empty(array.shape)
    file.read(back, file.append(array))
    np.testing.assert_array_equal(back, array)


def test_an_array_in_the_place_of_another(file):
    first, second = file.append(np.zeros(5)), file.append(np.ones(3))
    file.overwrite(np.full(5, 7.0), first)
    back = np.empty(5)
    file.read(back, first)
    assert back.tolist() == [7] * 5
    assert file.nbytes == second + 24


def test_threads_do_not_disturb_each_other(file):
    def there_and_back(seed):
        array = np.random.default_rng(seed).random(997)
        at = file.append(array)
        back = np.empty_like(array)
        file.read(back, at)
        return np.array_equal(back, array)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(there_and_back, range(100)))


def test_a_limit(file):
    file.append(np.zeros(100_000))
    with pytest.raises(NotEnoughDisk, match="disk limit of 1 MB"):
        file.append(np.zeros(100_000))


def test_a_file_that_was_cut(file):
    at = file.append(np.zeros(100))
    file._file.truncate(200)
    with pytest.raises(OSError, match="cut short"):
        file.read(np.empty(100), at)
