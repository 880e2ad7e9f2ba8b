"""Keys of arrays and sparse matrices: dtype, shape and values count, layout does not."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from onebox.memory.keys import key_of

DTYPES = ["f8", "f4", "i8", "u2", "?", "c16", "M8[us]", "m8[D]", "U3", "S2", "O", ">f8", "f2", "V3"]
SHAPES = [(), (0,), (7,), (5, 3), (0, 4), (70, 130), (4, 5, 6), (3, 70, 2, 65), (1, 200)]


def an_array(dtype, shape):
    flat = np.arange(int(np.prod(shape))) % 89
    if dtype == "V3":
        return np.array(flat.astype("S3")).view("V3").reshape(shape)
    if dtype == "M8[us]":
        return flat.astype("m8[us]").astype("M8[us]").reshape(shape)
    return flat.astype(dtype).reshape(shape)


def layouts(array):
    """Equal arrays that lie in memory in other ways."""
    yield array.copy()
    yield array.copy(order="F")
    yield np.repeat(array[..., np.newaxis], 3, axis=-1)[..., 1]
    if array.ndim:
        yield np.repeat(array, 2, axis=0)[::2]
        yield array[::-1].copy()[::-1]
        yield np.moveaxis(np.moveaxis(array, 0, -1).copy(), -1, 0)
    read_only = array.copy()
    read_only.flags.writeable = False
    yield read_only


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
def test_layout_does_not_count(dtype, shape):
    array = an_array(dtype, shape)
    keys = [key_of(other) for other in layouts(array)]
    assert set(keys) == {key_of(array)}


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_dtype_and_shape_count(shape):
    keys = [key_of(an_array(dtype, shape)) for dtype in DTYPES]
    others = {(*shape, 1), (1, *shape), shape[::-1], (99,)} - {shape}
    keys += [key_of(an_array("f8", other)) for other in others]
    assert len(set(keys)) == len(keys)


@given(hnp.arrays(hnp.scalar_dtypes(), hnp.array_shapes(min_side=0), elements=None))
def test_any_array_has_the_key_of_its_copies(array):
    assert key_of(array.copy(order="F")) == key_of(array.copy()) == key_of([array][0])


@given(hnp.array_shapes(min_dims=1, max_dims=3), st.data())
def test_every_item_counts(shape, data):
    array = np.arange(float(np.prod(shape))).reshape(shape)
    changed = array.copy(order=data.draw(st.sampled_from("CF")))
    changed[tuple(data.draw(st.integers(0, n - 1)) for n in shape)] = -1
    assert key_of(changed) != key_of(array)


def test_bits_count():
    quiet, other = np.array([0x7FF8 << 48, (0x7FF8 << 48) + 1], np.uint64).view(np.float64)
    assert key_of(np.array([quiet])) != key_of(np.array([other]))
    assert key_of(np.array([0.0])) != key_of(np.array([-0.0]))


def test_padding_does_not_count():
    dtype = np.dtype([("a", "i1"), ("b", "f8")], align=True)
    one, other = (np.full(100, byte, np.uint8)[: 16 * 6].view(dtype) for byte in (0, 255))
    one["a"] = other["a"] = range(6)
    one["b"] = other["b"] = 0.5
    assert bytes(one) != bytes(other)
    assert key_of(one) == key_of(other) == key_of(other.copy())
    assert key_of(one[0]) == key_of(other[0])
    other["b"][5] = 1
    assert key_of(one) != key_of(other)
    long = np.arange(4, dtype=np.longdouble)
    raw = long.copy().view(np.uint8).reshape(4, -1)
    if np.finfo(np.longdouble).nmant == 63:
        raw[:, 10:] = 255
    assert key_of(raw.view(np.longdouble)[:, 0]) == key_of(long)


def test_structured_dtypes_differ_by_names_and_offsets():
    fields = [("a", "i4"), ("b", "i4")]
    dtypes = [
        np.dtype(fields),
        np.dtype(fields[::-1]),
        np.dtype([("a", "i4"), ("c", "i4")]),
        np.dtype([("a", "i4", (1,)), ("b", "i4")]),
        np.dtype({"names": ["a", "b"], "formats": ["i4", "i4"], "offsets": [0, 8]}),
        np.dtype([("a", fields), ("b", "i4")]),
    ]
    assert len({key_of(dtype) for dtype in dtypes}) == len(dtypes)
    assert len({key_of(np.zeros(3, dtype)) for dtype in dtypes}) == len(dtypes)


def test_object_arrays_by_their_items():
    items = np.empty((2, 2), object)
    items[:] = [[1, "a"], [{1, 2}, np.arange(3)]]
    same = items.copy(order="F")
    same[1, 0] = {2, 1}
    same[1, 1] = np.arange(3)
    assert key_of(items) == key_of(same)
    same[0, 0] = True
    assert key_of(items) != key_of(same)


def test_mapped_files_are_arrays(tmp_path):
    np.save(tmp_path / "x.npy", np.arange(12.0).reshape(3, 4))
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert key_of(mapped) == key_of(np.array(mapped))
    assert key_of(mapped[1:]) == key_of(np.array(mapped[1:]))


def test_subclasses_differ():
    array = np.arange(4.0).reshape(2, 2)
    with pytest.warns(PendingDeprecationWarning):
        matrix = np.matrix(array)
    record = array.view(np.recarray)
    masked = np.ma.array(array)
    assert len({key_of(value) for value in (array, matrix, record, masked)}) == 4


def test_masked_values_do_not_count():
    one, other = (np.ma.array([1.0, hidden, 3.0], mask=[0, 1, 0]) for hidden in (7.0, 8.0))
    assert key_of(one) == key_of(other)
    assert key_of(one) != key_of(np.ma.array([1.0, 7.0, 3.0]))
    assert key_of(np.ma.array([1.0])) == key_of(np.ma.array([1.0], mask=[False]))
    assert key_of(np.ma.array([1.0], fill_value=3)) != key_of(np.ma.array([1.0]))


def test_random_generators_by_state():
    one, other = np.random.default_rng(0), np.random.default_rng(0)
    assert key_of(one) == key_of(other)
    one.normal()
    assert key_of(one) != key_of(other)
    other.normal()
    assert key_of(one) == key_of(other)
    other.spawn(1)
    assert key_of(one) != key_of(other)
    states = [np.random.RandomState(seed) for seed in (0, 0, 1)]
    assert key_of(states[0]) == key_of(states[1]) != key_of(states[2])


FORMATS = ["csr", "csc", "coo", "bsr", "dia", "lil", "dok"]


@pytest.mark.parametrize("format", FORMATS)
def test_sparse_matrices_by_their_entries(format):
    dense = np.zeros((6, 8))
    dense[[0, 2, 5, 5], [1, 7, 0, 3]] = [1, 2, 3, 4]
    matrix = sp.coo_array(dense).asformat(format)
    assert key_of(matrix) == key_of(matrix.copy()) == key_of(sp.csr_array(dense).asformat(format))
    changed = dense.copy()
    changed[5, 3] = 5
    others = [sp.coo_array(changed).asformat(format), sp.coo_matrix(dense).asformat(format)]
    others += [sp.coo_array(dense[:, :-1]).asformat(format), matrix.astype(np.float32)]
    others += [sp.coo_array(dense).asformat(other) for other in FORMATS if other != format]
    assert len({key_of(other) for other in [matrix, *others]}) == len(others) + 1


@pytest.mark.parametrize("format", ["csr", "csc", "coo"])
def test_the_order_of_entries_does_not_count(format):
    rows, columns, values = [0, 1, 1, 0], [2, 0, 0, 1], [1.0, 2.0, 3.0, 4.0]
    tidy = sp.coo_array(([4.0, 1.0, 5.0], ([0, 0, 1], [1, 2, 0])), shape=(2, 3)).asformat(format)
    if format == "coo":
        messy = sp.coo_array((values, (rows, columns)), shape=(2, 3))
    else:
        order = [0, 3, 1, 2] if format == "csr" else [1, 2, 3, 0]
        inner = (columns if format == "csr" else rows, rows if format == "csr" else columns)
        data = ([values[i] for i in order], [inner[0][i] for i in order])
        starts = np.r_[0, np.cumsum(np.bincount(inner[1], minlength=2 if format == "csr" else 3))]
        messy = type(tidy)((*data, starts), shape=(2, 3))
    before = [
        np.array(getattr(messy, name)) for name in ("data", "indices") if hasattr(messy, name)
    ]
    flags = dict(vars(messy))
    assert key_of(messy) == key_of(tidy)
    after = [np.array(getattr(messy, name)) for name in ("data", "indices") if hasattr(messy, name)]
    assert all(map(np.array_equal, before, after))
    assert list(vars(messy)) == list(flags)


def test_the_width_of_indices_does_not_count():
    narrow = sp.random_array((20, 30), density=0.2, rng=0).tocsr()
    wide = narrow.copy()
    wide.indices, wide.indptr = narrow.indices.astype(np.int64), narrow.indptr.astype(np.int64)
    assert wide.indices.dtype != narrow.indices.dtype
    assert key_of(narrow) == key_of(wide)


def test_functions_of_numpy_go_by_name():
    functions = [np.add, np.sqrt, np.dot, np.mean, len, np.float64, np.ndarray]
    assert len({key_of(function) for function in functions}) == len(functions)
