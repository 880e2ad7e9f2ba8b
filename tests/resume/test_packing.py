"""Summaries as bytes and back, bit by bit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from onebox.engine.kept.batches import Packed, batch_of, packed_of
from onebox.engine.kept.packing import Numbers, Packer, classes_of, unpacked
from onebox.errors import WrongType


@dataclass
class Inner:
    values: np.ndarray
    label: str


@dataclass
class Outer:
    parts: list
    count: int
    weight: float
    names: tuple


def both_ways(value, classes=None):
    packer = Packer()
    form = packer.pack(value)
    data = np.frombuffer(bytearray(packer.joined()), np.uint8)
    return unpacked(form, Numbers(data), classes or classes_of(value))


def same(one, other) -> bool:
    if isinstance(one, np.ndarray):
        alike = isinstance(other, np.ndarray) and one.dtype == other.dtype
        return alike and one.shape == other.shape and one.tobytes() == other.tobytes()
    if isinstance(one, float):
        return np.float64(one).tobytes() == np.float64(other).tobytes()
    if isinstance(one, list | tuple):
        return type(one) is type(other) and len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[k], other[k]) for k in one)
    return type(one) is type(other) and one == other


ATOMS = st.one_of(
    st.none(), st.booleans(), st.text(max_size=5), st.integers(), st.floats(), st.binary(max_size=9)
)
ARRAYS = hnp.arrays(
    st.sampled_from(["<f8", "<f4", "|u1", "<i8", "<u8", "|b1", "<U3"]),
    hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
)
VALUES = st.recursive(
    st.one_of(ATOMS, ARRAYS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(st.one_of(st.text(max_size=3), st.integers()), inner, max_size=3),
    ),
    max_leaves=12,
)


@given(VALUES)
def test_values_come_back_as_they_were(value):
    assert same(both_ways(value), value)


def test_dataclasses_of_the_user_by_the_classes_of_the_empty_summary():
    value = Outer([Inner(np.arange(3.0), "a"), Inner(np.empty(0), "b")], 2, 0.1, ("x", "y"))
    back = both_ways(value)
    assert isinstance(back.parts[1], Inner)
    assert back.names == ("x", "y")
    assert same(back.parts[0].values, value.parts[0].values)
    with pytest.raises(LookupError):
        both_ways(value, {"other:Class": Inner})


def test_orders_and_layouts_of_arrays():
    for array in (np.asfortranarray(np.arange(6.0).reshape(2, 3)), np.arange(12.0)[::2]):
        back = both_ways(array)
        assert same(back, array)
        assert back.flags.f_contiguous == (array.flags.f_contiguous or array.ndim == 1)
        back += 1  # what comes back may be written to


def test_arrow_data():
    columns = [
        pa.array(["a", None, "c"])[1:],
        pa.array(["a", "b", "a"]).dictionary_encode(),
        pa.array([], pa.date32()),
    ]
    for column in columns:
        assert both_ways(column).equals(column)
    batch = pa.record_batch({"x": [1, 2], "y": ["a", "b"]})
    assert both_ways([batch])[0].equals(batch)


@pytest.mark.parametrize("value", [object(), lambda: 0, {1, 2}, np.zeros(2, [("a", object)])])
def test_what_is_no_summary_is_refused(value):
    with pytest.raises(WrongType, match="cannot be kept"):
        Packer().pack([value])


@given(st.lists(st.lists(st.dictionaries(st.integers(0, 31), VALUES, max_size=3), max_size=2)))
def test_batches(units):
    packed = [Packed.of(shares, i, 2 * i) for i, shares in enumerate(units)]
    for one, shares, i in zip(packed_of(batch_of(packed)), units, range(99), strict=False):
        assert (one.rows, one.dropped) == (i, 2 * i)
        assert same(one.shares([{}] * len(shares)), shares)
