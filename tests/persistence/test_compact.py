"""Small values as bytes: exact, without copies, and safe against any bytes."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from onebox.errors import BadInput, CorruptFile
from onebox.persistence import build, document_of
from onebox.persistence.compact import from_buffer, to_buffers


def joined(value, **how):
    return b"".join(to_buffers(*document_of(value, **how)))


def built(data, **how):
    return build("here", *from_buffer(memoryview(data), "here", **how))


@pytest.mark.parametrize("brief", [False, True])
@pytest.mark.parametrize(
    "value", [None, 3.5, 7, "ä\ud800", [1, (2, {"a": b"x"})], {"nan": math.inf}, np.float32(2)]
)
def test_values_without_arrays(value, brief):
    data = joined(value, brief=brief)
    assert built(data) == value
    assert len(data) % 16 == 0


def test_brief_documents_are_shorter_and_say_what_is_needed():
    document, _ = document_of(3.5, brief=True)
    assert document == {"format": "onebox object", "version": 1, "names": [], "object": 3.5}
    assert len(joined(3.5, brief=True)) <= 80


@given(
    arrays=st.lists(
        npst.arrays(npst.scalar_dtypes(), npst.array_shapes(min_dims=0, min_side=0)), max_size=4
    ),
    order=st.sampled_from("CF"),
    copy=st.booleans(),
)
def test_arrays_come_back_with_the_same_bits(arrays, order, copy):
    value = [array.copy(order) for array in arrays]
    data = joined(value) + b"what follows is not looked at"
    loaded = built(data, copy=copy)
    for one, other in zip(value, loaded, strict=True):
        assert (one.dtype, one.shape) == (other.dtype, other.shape)
        assert one.tobytes() == other.tobytes()
        assert one.flags.f_contiguous == other.flags.f_contiguous
        assert other.flags.writeable == copy
        if not copy:
            assert other.size == 0 or np.shares_memory(other, np.frombuffer(data, np.uint8))


def test_arrays_lie_at_multiples_of_16_bytes():
    arrays = {"a": np.arange(3, dtype=np.uint8), "b": np.arange(5.0), "c": np.zeros((2, 2))[:, 0]}
    data = bytearray(b"".join(to_buffers({}, arrays)))
    start = np.frombuffer(data, np.uint8).ctypes.data
    loaded = from_buffer(memoryview(data), "here")[1]
    for name, array in loaded.items():
        assert (array.ctypes.data - start) % 16 == 0
        np.testing.assert_array_equal(array, arrays[name])


def test_large_arrays_are_not_copied():
    array = np.zeros(1_000_000)
    pieces = to_buffers({}, {"x": array})
    assert any(np.shares_memory(np.frombuffer(p, np.uint8), array) for p in pieces if len(p))


def test_objects_and_numbers_that_json_does_not_have_are_refused():
    with pytest.raises(BadInput, match="holds Python objects"):
        to_buffers({}, {"x": np.array([None])})
    with pytest.raises(ValueError, match="JSON"):
        to_buffers({"x": math.nan}, {})


def compact(text, *rest):
    text = text if isinstance(text, bytes) else json.dumps(text).encode()
    start = len(text).to_bytes(4, "little") + text
    return start + bytes(-len(start) % 16) + b"".join(rest)


def header(descr="<f8", shape=(2,)):
    return b"".join(to_buffers({}, {"x": np.zeros(2)})[1:2]).replace(
        b"'<f8'", repr(descr).encode()
    ).replace(b"(2,)", repr(shape).encode())  # fmt: skip


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\1\0\0",
        b"\xff\xff\xff\xff{}",
        compact(b""),
        compact(b"{"),
        compact(b"\xff\xfe"),
        compact([1]),
        compact(5),
        compact({"arrays": 5}),
        compact({"arrays": ["x"]}),
        compact({"arrays": ["x"]}, header()),
        compact({"arrays": ["x"]}, header(), bytes(15)),
        compact({"arrays": ["x"]}, header(descr="|O"), bytes(16)),
        compact({"arrays": ["x"]}, header(shape=(2**60,)), bytes(16)),
        compact({"arrays": ["x"]}, header(shape=(-2,)), bytes(16)),
        compact({"arrays": ["x"]}, b"\x93NUMPY\3\0" + bytes(200)),
        compact({"arrays": ["x"]}, b"\x80\4cos\nsystem\n." + bytes(200)),
        compact({"arrays": [1]}, header(), bytes(16)),
        compact({"arrays": ["x", "x"]}, header(), bytes(16), header(), bytes(16)),
        compact(b"[" * 100_000),
    ],
)
def test_other_bytes_are_refused(data):
    with pytest.raises(CorruptFile, match="here is not a value that can be read"):
        from_buffer(memoryview(data), "here")


@given(data=st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data):
    try:
        built(data)
    except CorruptFile as error:
        assert "here" in str(error)  # noqa: PT017


@given(data=st.data())
def test_any_change_is_read_or_refused(data):
    content = bytearray(joined({"a": np.arange(4.0), "b": ["x", (1, 2)]}))
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        built(bytes(content))
    except CorruptFile as error:
        assert "here" in str(error)  # noqa: PT017
