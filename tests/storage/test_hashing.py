from __future__ import annotations

import os
import tracemalloc

import numpy as np
import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from onebox.errors import BadInput
from onebox.storage.chunks import byte_chunks
from onebox.storage.hashing import file_fingerprint, hash_array, hash_bytes, hash_json

ARRAYS = npst.arrays(
    st.one_of(npst.scalar_dtypes(), npst.array_dtypes()), npst.array_shapes(min_dims=0, min_side=0)
)


def layouts(array):
    """The same values in other memory layouts."""
    yield array.copy(order="C")
    yield array.copy(order="F")
    if array.ndim:
        yield np.repeat(array, 2, axis=0)[::2]
        yield array[::-1].copy()[::-1]


def test_bytes_are_hashed_with_xxh3_128():
    assert hash_bytes(b"onebox") == xxhash.xxh3_128_hexdigest(b"onebox")


@given(ARRAYS)
def test_the_hash_of_an_array_does_not_depend_on_its_layout(array):
    assert len({hash_array(other) for other in layouts(array)}) == 1


@given(ARRAYS, st.integers(1, 40))
def test_chunks_are_the_bytes_in_c_order_whatever_the_layout(array, chunk_bytes):
    for other in layouts(array):
        chunks = [bytes(chunk) for chunk in byte_chunks(other, chunk_bytes)]
        assert b"".join(chunks) == array.tobytes()
        assert all(len(chunk) == chunk_bytes for chunk in chunks[:-1])


def test_dtype_shape_and_content_count():
    array = np.arange(6, dtype=np.int64)
    others = [
        array.reshape(2, 3),
        array.view(np.uint64),
        array.astype(">i8"),
        array[::-1],
        array[:5],
        np.arange(6.0),
        np.empty((0, 3)),
        np.empty((3, 0)),
    ]
    assert len({hash_array(a) for a in [array, *others]}) == len(others) + 1


def test_a_strided_array_is_not_copied_whole():
    array = np.zeros((2000, 4000))[:, ::2]
    tracemalloc.start()
    hash_array(array)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < array.nbytes / 5


@pytest.mark.parametrize("dtype", [object, [("a", "f8"), ("b", object)], np.dtypes.StringDType()])
def test_arrays_of_python_objects_are_refused(dtype):
    with pytest.raises(BadInput, match="holds Python objects"):
        hash_array(np.empty(2, dtype))


def test_json_keeps_types_apart_and_forgets_the_order_of_keys():
    values = [
        1,
        1.0,
        True,
        "1",
        None,
        "None",
        [1],
        [[1]],
        {"a": 1},
        {"a": [1]},
        "",
        [],
        {},
        10**400,
    ]
    assert len({hash_json(value) for value in values}) == len(values)
    assert hash_json({"a": 1, "b": {"c": 2, "d": 3}}) == hash_json({"b": {"d": 3, "c": 2}, "a": 1})


@pytest.mark.parametrize("value", [{1: 2}, [{None: 1}], {"a": {1.5: 2}}, {1, 2}, b"x", [object()]])
def test_json_that_would_be_ambiguous_is_refused(value):
    with pytest.raises(BadInput):
        hash_json(value)


def test_the_fingerprint_of_a_file_changes_with_size_and_time(tmp_path):
    path = tmp_path / "data"
    path.write_bytes(b"abc")
    os.utime(path, ns=(1, 1))
    first = file_fingerprint(path)
    assert first == file_fingerprint(path) == "3-1"
    os.utime(path, ns=(1, 2))
    assert file_fingerprint(path) != first
    path.write_bytes(b"abcd")
    os.utime(path, ns=(1, 1))
    assert file_fingerprint(path) != first
