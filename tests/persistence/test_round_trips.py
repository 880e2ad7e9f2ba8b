from __future__ import annotations

import datetime as dt
import struct
import tracemalloc
from math import inf, nan
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

import onebox


def assert_same(one, other):
    """Equal in type and in every bit."""
    assert type(one) is type(other)
    if isinstance(one, np.ndarray) and one.dtype == object:
        assert one.shape == other.shape
        assert_same(one.ravel().tolist(), other.ravel().tolist())
    elif isinstance(one, np.ndarray | np.generic):
        assert one.dtype == other.dtype
        assert one.shape == other.shape
        assert one.tobytes() == other.tobytes()
    elif isinstance(one, float):
        assert struct.pack("d", one) == struct.pack("d", other)
    elif isinstance(one, complex):
        assert_same([one.real, one.imag], [other.real, other.imag])
    elif isinstance(one, list | tuple):
        assert len(one) == len(other)
        for a, b in zip(one, other, strict=True):
            assert_same(a, b)
    elif isinstance(one, dict):
        assert_same(list(one), list(other))
        assert_same(list(one.values()), list(other.values()))
    elif isinstance(one, set | frozenset):
        assert_same(sorted(map(repr, one)), sorted(map(repr, other)))
    elif isinstance(one, dt.datetime | dt.time):
        assert (one, one.fold, one.tzinfo) == (other, other.fold, other.tzinfo)
    else:
        assert one == other


ZONES = st.one_of(st.none(), st.just(dt.UTC), st.timezones(no_cache=False))
NUMBERS = st.one_of(st.booleans(), st.integers(), st.floats(), st.complex_numbers())
KEYS = st.one_of(
    st.none(), NUMBERS, st.text(), st.binary(), st.tuples(st.text(), st.integers()),
    st.dates(), st.times(timezones=ZONES), st.datetimes(timezones=ZONES), st.timedeltas(),
)  # fmt: skip
VALUES = st.recursive(
    st.one_of(KEYS, st.sets(KEYS), st.frozensets(KEYS)),
    lambda parts: st.one_of(
        st.lists(parts), st.lists(parts).map(tuple), st.dictionaries(st.text(), parts),
        st.dictionaries(KEYS, parts),
    ),
    max_leaves=20,
)  # fmt: skip
DTYPES = st.one_of(npst.scalar_dtypes(), npst.array_dtypes(subtype_strategy=npst.integer_dtypes()))


@settings(max_examples=100)
@given(value=VALUES)
def test_plain_values(there_and_back, value):
    assert_same(value, there_and_back(value))


@settings(max_examples=40)
@given(array=npst.arrays(npst.scalar_dtypes(), npst.array_shapes(min_dims=0, min_side=0)))
@pytest.mark.parametrize("mmap", [False, True])
def test_arrays_and_their_items(there_and_back, array, mmap):
    fortran = np.asfortranarray(array)
    loaded = there_and_back([array, fortran, list(array.ravel()[:3])], mmap=mmap)
    assert_same([array, fortran, list(array.ravel()[:3])], loaded)
    assert loaded[1].flags.f_contiguous == fortran.flags.f_contiguous


@settings(max_examples=60)
@given(dtype=DTYPES)
def test_dtypes(there_and_back, dtype):
    loaded = there_and_back(dtype)
    assert loaded == dtype
    assert loaded.type is dtype.type


@settings(max_examples=60)
@given(
    array=npst.arrays(
        object,
        npst.array_shapes(min_dims=0, min_side=0, max_side=3),
        elements=st.one_of(st.none(), NUMBERS, st.text(), st.binary()),
    ),
    order=st.sampled_from("CF"),
)
def test_object_arrays_of_text_and_numbers(there_and_back, array, order):
    array = array.copy(order)
    loaded = there_and_back(array)
    assert_same(array, loaded)
    assert loaded.flags.f_contiguous == array.flags.f_contiguous


@pytest.mark.parametrize(
    "value",
    [
        {10**5000: [[]]},
        [nan, -nan, inf, -inf, -0.0, 5e-324, 1.7976931348623157e308],
        struct.unpack("d", bytes.fromhex("010000000000f87f"))[0],
        [10**5000, -(10**400), 2**63, -(2**63), 2**63 - 1],
        ["", "\0", "\ud800", "ä\U0001f600", "$", "nan"],
        {"$": "ref", "id": 1, "items": []},
        {1: "int", "1": "text", None: 0, b"1": 0, (1, (2, "x")): 0, 1.5: 0, frozenset([1]): 0},
        [(), [], {}, set(), frozenset(), b""],
        [dt.timezone(dt.timedelta(hours=5, minutes=30)), dt.timezone(dt.timedelta(0), "here")],
        dt.datetime(2025, 10, 26, 2, 30, fold=1, tzinfo=ZoneInfo("Europe/Paris")),
        np.array([[1, 2], [3, 4]], order="F")[::-1, ::-1],
        [np.str_(""), np.str_("ä"), np.bytes_(b"\0a"), np.void(b"ab"), np.bool_(True)],
        [np.datetime64("2013-10-25", "25s"), np.timedelta64("NaT"), np.longdouble(1) / 3],
        np.array([(1, (2.5, 3.5))], [("a", "u1"), ("b", ">f8", (2,))])[0],
        np.array([np.float32(1), "a", None, b"b", 10**30], dtype=object),
        [np.float64, np.dtype("float32"), np.dtype(object), int, str, float, bool, object],
    ],
)
def test_chosen_values(there_and_back, value):
    assert_same(value, there_and_back(value))


def test_timezone_utc_is_the_one(there_and_back):
    assert there_and_back(dt.UTC) is dt.UTC


def test_shared_references_stay_shared(there_and_back, models):
    array, items = np.arange(3), ["x"]
    shared = models.Summary(1, array, items)
    value = {"a": [shared, shared, array], "b": (items, items), "c": {"deep": [array, shared]}}
    loaded = there_and_back(value)
    summary = loaded["a"][0]
    assert summary is loaded["a"][1] is loaded["c"]["deep"][1]
    assert summary.sums is loaded["a"][2] is loaded["c"]["deep"][0]
    assert summary.note is loaded["b"][0] is loaded["b"][1]
    assert loaded["a"][0] is not there_and_back([models.Summary(1, array)])[0]


def test_equal_but_separate_things_stay_separate(there_and_back):
    one, other = there_and_back([[1], [1]])
    assert one is not other
    arrays = there_and_back([np.zeros(3), np.zeros(3)])
    arrays[0][0] = 1
    assert arrays[1][0] == 0


def test_saving_twice_gives_the_same_bytes(tmp_path, models):
    value = models.Summary(3, np.arange(5.0), {"b": {"x", "y", "z"}, "a": np.float32(2)})
    onebox.save(value, tmp_path / "one")
    onebox.save(onebox.load(tmp_path / "one"), tmp_path / "two")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_objects_of_onebox(there_and_back, models):
    loaded = there_and_back(
        [
            models.Summary(3, np.arange(2.0)),
            models.Recipe(("x", "y"), models.Colour.BLUE),
            models.Slotted(1, [2]),
            models.FrozenSlotted("a"),
            models.Outer.Inner(5),
            models.Colour.RED,
            {models.Colour.BLUE: 1},
            models.Access.READ,
            models.Model,
        ]
    )
    assert loaded[0].n_rows == 3
    assert_same(loaded[0].sums, np.arange(2.0))
    assert loaded[1:] == [
        models.Recipe(("x", "y"), models.Colour.BLUE),
        models.Slotted(1, [2]),
        models.FrozenSlotted("a"),
        models.Outer.Inner(5),
        models.Colour.RED,
        {models.Colour.BLUE: 1},
        models.Access.READ,
        models.Model,
    ]
    assert loaded[5] is models.Colour.RED
    assert loaded[8] is models.Model


def test_a_model_keeps_all_attributes_but_cached_ones(there_and_back, models):
    model = models.Model(alpha=0.1)
    model.coef_ = np.asfortranarray(np.random.default_rng(0).random((3, 4)))
    model.summary_ = models.Summary(3, model.coef_)
    loaded = there_and_back(model)
    assert vars(loaded).keys() == vars(model).keys()
    assert loaded.alpha == 0.1
    assert_same(loaded.coef_, model.coef_)
    assert loaded.summary_.sums is loaded.coef_
    recipe = models.Recipe()
    assert recipe.expensive is recipe.expensive
    assert "expensive" not in vars(there_and_back(recipe))


def test_getstate_and_setstate_written_in_onebox_are_used(there_and_back, models):
    loaded = there_and_back(models.Locked(0.5))
    assert loaded.alpha == 0.5
    assert loaded.lock.acquire(blocking=False)
    del models.WithoutLock.__setstate__
    models.WithoutLock.__setstate__ = object.__setattr__  # not written in onebox: attributes
    plain = there_and_back(models.WithoutLock(0.5))
    assert vars(plain) == {"alpha": 0.5}


def test_random_generators_go_on_where_they_were(there_and_back):
    for kind in ("PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64"):
        generator = np.random.Generator(getattr(np.random, kind)(7))
        generator.spawn(2)
        generator.random(5, dtype=np.float32)
        legacy = np.random.RandomState(getattr(np.random, kind)(7))
        legacy.normal(size=3)
        twin, bits, legacy_twin = there_and_back([generator, generator.bit_generator, legacy])
        assert twin.bit_generator is bits
        assert_same(generator.integers(0, 2**60, 700), twin.integers(0, 2**60, 700))
        assert_same(generator.random(3, dtype=np.float32), twin.random(3, dtype=np.float32))
        assert_same(generator.spawn(1)[0].random(3), twin.spawn(1)[0].random(3))
        assert_same(legacy.normal(size=700), legacy_twin.normal(size=700))
    seeds = there_and_back(np.random.SeedSequence([2**100, 3], spawn_key=(1, 2)))
    expected = np.random.SeedSequence([2**100, 3], spawn_key=(1, 2))
    assert_same(seeds.generate_state(4), expected.generate_state(4))


@pytest.mark.parametrize("mmap", [False, True])
@pytest.mark.parametrize("kind", ["array", "matrix"])
@pytest.mark.parametrize("name", ["bsr", "coo", "csc", "csr", "dia", "dok", "lil"])
def test_sparse_matrices(there_and_back, name, kind, mmap):
    dense = np.array([[0, 1.5, 0, 0], [2, 0, nan, 0], [0, 0, 0, -0.0], [0, 4, 0, 0]])
    for matrix in (
        getattr(sp, f"{name}_{kind}")(dense),
        getattr(sp, f"{name}_{kind}")((3, 4), dtype=np.float32),
    ):
        loaded = there_and_back(matrix, mmap=mmap)
        assert type(loaded) is type(matrix)
        assert loaded.dtype == matrix.dtype
        assert_same(loaded.toarray(), matrix.toarray())


def test_sparse_matrices_keep_wide_unsorted_and_repeated_indexes(there_and_back):
    parts = np.array([1.0, 2.0, 3.0]), np.array([2, 0, 0]), np.array([0, 3, 3])
    matrix = sp.csr_array((2, 3))
    matrix.data, matrix.indices, matrix.indptr = parts
    loaded = there_and_back(matrix)
    assert_same(parts, (loaded.data, loaded.indices, loaded.indptr))
    vector = sp.coo_array((np.ones(2), (np.array([3, 3]),)), shape=(5,))
    assert_same(there_and_back(vector).coords, vector.coords)


ARROW = pa.table(
    {
        "n": pa.chunked_array([[1, None], [3]]),
        "text": ["a", None, "c"],
        "kind": pa.array(["x", "y", "x"]).dictionary_encode(),
        "time": pa.array([1, 2, None], pa.timestamp("ns", "Europe/Paris")),
        "lists": [[1], [], None],
        "price": pa.array([1, 2, None], pa.decimal128(9, 2)),
    },
    metadata={"origin": "test"},
)


@pytest.mark.parametrize("mmap", [False, True])
@pytest.mark.parametrize(
    "value",
    [
        ARROW,
        ARROW.slice(1, 1),
        ARROW.slice(0, 0),
        ARROW.to_batches()[0],
        ARROW["n"],
        pa.chunked_array([], pa.int8()),
        *[column.chunk(0) for column in ARROW.columns],
        *[column[0] for column in ARROW.columns],
        *[column[2] for column in ARROW.columns],
        pa.array([True, None, False])[1:],
        pa.array([], pa.string()),
        pa.scalar(None),
        ARROW.schema,
        ARROW.schema.field("time"),
        *ARROW.schema.types,
    ],
    ids=lambda value: type(value).__name__,
)
def test_arrow(there_and_back, value, mmap):
    loaded = there_and_back({"value": value}, mmap=mmap)["value"]
    assert type(loaded) is type(value)
    assert loaded.equals(value)
    if isinstance(value, pa.Table | pa.Schema):
        assert (loaded if isinstance(value, pa.Schema) else loaded.schema).metadata


def test_models_of_scikit_learn_with_trust(there_and_back):
    X = np.random.default_rng(0).random((50, 3))
    pipeline = make_pipeline(
        FunctionTransformer(np.log1p), StandardScaler(), Ridge(alpha=0.1, random_state=3)
    ).fit(X, X @ [1, 2, 3])
    loaded = there_and_back(pipeline, trust=True)
    assert_same(pipeline.predict(X), loaded.predict(X))
    assert loaded[0].func is np.log1p
    encoder = OneHotEncoder(dtype=np.float32).fit([["a"], ["b"], [None]])
    loaded = there_and_back(encoder, trust=True)
    assert loaded.dtype is np.float32
    assert_same(encoder.categories_, loaded.categories_)


def test_large_arrays_are_mapped_and_not_held(tmp_path, models):
    path = tmp_path / "large.onebox"
    model = models.Model()
    model.coef_ = np.random.default_rng(0).random((1000, 4000))
    tracemalloc.start()
    onebox.save(model, path)
    loaded = onebox.load(path, mmap=True, verify=True)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < model.coef_.nbytes / 8
    assert_same(model.coef_, loaded.coef_)
    assert not loaded.coef_.flags.writeable


def test_members_have_the_names_of_attributes(tmp_path, models):
    model = models.Model()
    model.coef_ = np.arange(3.0)
    model.steps = [("one", model.coef_ * 2), ("two", {"ä": np.zeros(1)})]
    onebox.save(model, tmp_path / "x.npz")
    with np.load(tmp_path / "x.npz") as members:
        arrays = [name for name in members.files if not name.endswith(".json")]
        assert arrays == ["coef_", "steps.0.1", "steps.1.1"]
        assert_same(members["steps.0.1"], np.array([0.0, 2.0, 4.0]))


def test_member_names_are_never_used_twice(there_and_back):
    value = {"a": np.array(0), "a ": np.array(1), "ä": np.array(2), ("a",): np.array(3)}
    value |= {"x" * 300 + str(i): np.array(i) for i in range(3)}
    assert_same(value, there_and_back(value))


def test_paths_of_any_kind(tmp_path):
    for path in (str(tmp_path / "x"), tmp_path / "x", Path(tmp_path / "y")):
        onebox.save(1.5, path)
        assert onebox.load(path) == 1.5
