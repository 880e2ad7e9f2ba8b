"""Pickles: only on request, only read with trust, without a second copy of large arrays."""

from __future__ import annotations

import collections
import datetime as dt
import decimal
import fractions
import functools
import io
import os
import pickle
import sys
import threading
import tracemalloc
from collections import OrderedDict, defaultdict, namedtuple
from contextlib import suppress

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import Ridge

import onebox
from onebox.errors import BadInput, CorruptFile, MissingDependency, NotTrusted, WrongType
from onebox.persistence import build, document_of, needs_trust_of
from onebox.storage import container

Point = namedtuple("Point", "x y")


class Plain:
    def __init__(self, value):
        self.value = value

    def __eq__(self, other):
        return type(other) is Plain and self.value == other.value

    def __repr__(self):
        return f"Plain({self.value!r})"

    __hash__ = None


class Reduced:
    """Says itself how it is pickled: its attributes alone would not do."""

    def __init__(self, path):
        self.handle = threading.Lock()
        self.path = path

    def __reduce__(self):
        return Reduced, (self.path,)


def cycle():
    plain = Plain(None)
    plain.value = [plain]
    return plain


VALUES = [
    Point(1, 2.5),
    OrderedDict(b=1, a=2),
    defaultdict(list, a=[1]),
    collections.deque([1, 2], maxlen=5),
    fractions.Fraction(1, 3),
    decimal.Decimal("1.50"),
    Plain([1, {"a": Plain("x")}]),
    range(3),
    slice(1, 2),
    functools.partial(max, 1),
    pd.Timestamp("2025-01-01", tz="UTC"),
    np.ma.masked_array([1, 2], [True, False]),
    np.rec.array([(1,)], dtype=[("a", int)]),
    np.array([[1], None, Plain(1)], object),
    {Point(1, 2): "a", frozenset([Point(0, 0)]): "b"},
    {Point(1, 2)},
    dt.UTC,
    io.BytesIO(b"text"),
    [np.zeros(2, [("a", object)])],
    Ridge().fit,
    bytearray(b"abc"),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("mmap", [False, True])
def test_what_no_codec_takes_comes_back_on_request(there_and_back, value, mmap):
    wrapped = {"before": 1, "value": value, "after": [value, "x"]}
    loaded = there_and_back(wrapped, pickle=True, trust=True, mmap=mmap)
    assert type(loaded["value"]) is type(value)
    if not isinstance(value, io.BytesIO | functools.partial):
        assert repr(loaded["value"]) == repr(value)
    assert (loaded["before"], loaded["after"][1]) == (1, "x")


def test_nothing_changes_for_what_needs_no_pickle(tmp_path, models):
    value = {"a": np.arange(3), "b": models.Model(), "c": [1, "x", {2, 3}], "f": np.log1p}
    for name, how in (("one", {}), ("other", {"pickle": True})):
        onebox.save({key: value[key] for key in "abc"}, tmp_path / name, **how)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()
    assert onebox.load(tmp_path / "other")["c"] == value["c"]
    assert "pickles" not in document_of({"f": len}, pickle=True)[0]


def test_objects_of_other_packages_are_pickled_whole(tmp_path):
    forest = RandomForestRegressor(2, random_state=0).fit([[0], [1]], [0, 1])
    with pytest.raises(WrongType, match=r"tree_ is a .*Tree, which cannot be saved.*pickle=True"):
        onebox.save(forest, tmp_path / "x")
    onebox.save([forest, Reduced("p")], tmp_path / "x", pickle=True)
    loaded, reduced = onebox.load(tmp_path / "x", trust=True)
    assert loaded.predict([[1]]) == forest.predict([[1]])
    assert (reduced.path, reduced.handle.acquire(blocking=False)) == ("p", True)
    kind = "sklearn.ensemble._forest:RandomForestRegressor"
    document = container.read_document(tmp_path / "x")
    assert document["pickles"] == sorted([kind, f"{Reduced.__module__}:Reduced"])
    assert document["names"] == []
    assert needs_trust_of(document) == [f"pickle of {name}" for name in document["pickles"]]
    with pytest.raises(NotTrusted) as caught:
        onebox.load(tmp_path / "x")
    assert f"x holds pickles of {', '.join(document['pickles'])}" in str(caught.value)
    assert "run whatever code is in them. If you trust" in str(caught.value)
    assert str(caught.value).endswith("use load(path, trust=True).")


def test_models_of_onebox_keep_their_form_around_pickles(there_and_back, models, tmp_path):
    model = models.Model(alpha=Plain(3))
    model.coef_ = np.arange(3.0)
    loaded = there_and_back(model, pickle=True, trust=True)
    assert loaded.alpha == Plain(3)
    document, arrays = document_of(model, pickle=True)
    assert document["names"] == [f"{models.__name__}:Model"]
    assert sorted(arrays) == ["alpha", "coef_"]


def test_what_is_shared_stays_shared_but_not_across_the_edge_of_a_pickle(there_and_back):
    plain, array = Plain(1), np.arange(3)
    loaded = there_and_back(
        [plain, plain, array, {(1, Point(0, 0)): array}, array], pickle=True, trust=True
    )
    assert loaded[0] is loaded[1]
    assert loaded[2] is loaded[4]
    (inside,) = loaded[3].values()
    np.testing.assert_array_equal(inside, array)
    inside[0] = 9
    assert loaded[2][0] == 0


def test_cycles_within_a_pickle_are_fine(there_and_back):
    loaded = there_and_back([cycle()], pickle=True, trust=True)
    assert loaded[0].value[0] is loaded[0]


class Unpicklable:
    def __reduce__(self):
        raise RuntimeError("no way")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"a": [lambda: 1]}, r"object\['a'\]\[0\] is .*<lambda>.* with def"),
        ([Unpicklable()], r"object\[0\] is a .*Unpicklable, which cannot be pickled .*no way"),
        ({"a": threading.Lock()}, r"object\['a'\] is a .*lock, which cannot be pickled either"),
        ([[1, Plain(threading.Lock())]], r"object\[0\]\[1\] is a .*Plain"),
    ],
)
def test_what_cannot_be_pickled_either_is_named_with_its_place(tmp_path, value, message):
    with pytest.raises(BadInput, match=message) as caught:
        onebox.save(value, tmp_path / "x", pickle=True)
    assert "pickle=True" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_arrays_inside_are_members_and_no_second_copy_is_held(tmp_path):
    path = tmp_path / "x"
    value = Plain({"a": np.random.default_rng(0).random((2000, 1000)), "b": np.arange(5)})
    tracemalloc.start()
    onebox.save(value, path, pickle=True)
    mapped = onebox.load(path, trust=True, mmap=True, verify=True)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < value.value["a"].nbytes / 6
    assert not mapped.value["a"].flags.writeable
    _, arrays = container.read(path)
    assert sorted((array.dtype.str, array.size) for array in arrays.values())[:2] == [
        ("<f8", 2_000_000),
        ("<i8", 5),
    ]
    tracemalloc.start()
    loaded = onebox.load(path, trust=True)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < value.value["a"].nbytes * 1.2
    np.testing.assert_array_equal(loaded.value["a"], value.value["a"])
    loaded.value["a"][0, 0] = 1  # and can be written to


def test_pickled_arrays_compress_like_others(tmp_path):
    value = Plain(np.round(np.random.default_rng(0).normal(size=200_000), 2))
    onebox.save(value, tmp_path / "x", pickle=True, compress="zstd")
    assert (tmp_path / "x").stat().st_size < value.value.nbytes / 4
    loaded = onebox.load(tmp_path / "x", trust=True)
    np.testing.assert_array_equal(loaded.value, value.value)


# Files made with bad intent: the pickle that would leave a trace is never run.


class Trace:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.fixture
def evil(tmp_path):
    """A pickle that leaves a trace, and the place of the trace."""
    trace = tmp_path / "trace"
    return pickle.dumps(Trace(trace), 4), trace


def write(path, node, arrays, *, compress=None, **fields):
    document = {"format": "onebox object", "version": 1, "names": [], "object": node}
    container.write(path, document | fields, arrays, compress=compress)
    return path


NODE = {"$": "pickle", "class": "builtins:int", "member": "p", "buffers": []}


@pytest.mark.parametrize("compress", [None, "zstd", "lz4"])
@pytest.mark.parametrize("fields", [{}, {"pickles": []}, {"pickles": ["builtins:int"]}])
@pytest.mark.parametrize("how", [{}, {"mmap": True}, {"verify": True}])
def test_a_pickle_never_runs_without_trust(tmp_path, evil, compress, fields, how):
    data, trace = evil
    filled = np.frombuffer(data.ljust(10_000, b"\0"), np.uint8)
    node = {"$": "list", "items": [NODE]}
    path = write(tmp_path / "x", node, {"p": filled}, compress=compress, **fields)
    with pytest.raises(NotTrusted, match=r"pickles? of builtins:int.*load\(path, trust=True\)"):
        onebox.load(path, **how)
    document, arrays = container.read(path)
    with pytest.raises(NotTrusted):
        build("here", document, arrays)
    assert not trace.exists()
    onebox.load(path, trust=True, **how)
    assert trace.exists()  # it would have


def test_pickles_in_every_other_place_of_a_file(tmp_path, evil):
    data, trace = evil
    text = data.decode("latin-1")
    arrays = {"p": np.frombuffer(data, np.uint8)}
    nodes = [
        {"$": "array", "member": "p"},
        {"$": "array", "objects": [text], "shape": [1], "order": "C"},
        {"$": "arrow.table", "member": "p"},
        {"$": "polars.frame", "member": "p"},
        {
            "$": "pandas.array",
            "kind": "arrow",
            "masked": text,
            "values": {"$": "array", "member": "p"},
        },
        {"$": "pandas.index", "names": {"$": "list", "items": [None]}, "values": 1},
        {"$": "bytes", "base64": "gASVHg=="},
        {"$": "scalar", "dtype": "|O", "base64": "gASVHg=="},
        {"$": "dtype", "dtype": text},
        {"$": "named", "plain": text},
        {"$": "int", "hex": text},
        text,
    ]
    for node in nodes:
        for trust in (False, True):
            with suppress(CorruptFile):
                onebox.load(write(tmp_path / "x", node, arrays), trust=trust)
            assert not trace.exists()
    (tmp_path / "x").write_bytes(data)
    for how in ({}, {"trust": True}, {"rows": slice(0, 1)}):
        with pytest.raises(CorruptFile):
            onebox.load(tmp_path / "x", **how)
    assert not trace.exists()


@pytest.mark.parametrize(
    "node",
    [
        {"$": "pickle"},
        {**NODE, "member": "missing"},
        {**NODE, "member": 5},
        {**NODE, "buffers": ["missing"]},
        {**NODE, "buffers": 5},
        {**NODE, "member": "empty"},
        {**NODE, "member": "noise"},
    ],
    ids=str,
)
def test_pickles_that_are_none(tmp_path, node):
    arrays = {
        "p": np.frombuffer(pickle.dumps(1), np.uint8), "empty": np.zeros(0, np.uint8),
        "noise": np.arange(100, dtype=np.uint8),
    }  # fmt: skip
    with pytest.raises(CorruptFile, match="describes no object that can be built"):
        onebox.load(write(tmp_path / "x", node, arrays), trust=True)


def test_a_class_that_is_not_installed_is_named(tmp_path, monkeypatch):
    (tmp_path / "gone_tomorrow.py").write_text("class Thing:\n    pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    import gone_tomorrow

    onebox.save(gone_tomorrow.Thing(), tmp_path / "x", pickle=True)
    monkeypatch.delitem(sys.modules, "gone_tomorrow")
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p != str(tmp_path)])
    with pytest.raises(MissingDependency, match="pickle of gone_tomorrow:Thing, which needs what"):
        onebox.load(tmp_path / "x", trust=True)


@pytest.mark.parametrize("pickles", [None, 5, "text", {"a": 1}, [1], [["x"]]])
def test_tables_of_pickles_of_another_form(tmp_path, pickles):
    path = write(tmp_path / "x", 1, {}, pickles=pickles)
    with pytest.raises(CorruptFile, match=r"in its pickles|no table of names"):
        onebox.load(path)


def test_needs_trust_of_any_document(models):
    assert needs_trust_of(document_of([models.Model(), 1])[0]) == []
    assert needs_trust_of(document_of([Ridge(), len])[0]) == [
        "sklearn.linear_model._ridge:Ridge",
        "builtins:len",
    ]
    for document in (None, [], {}, {"format": "onebox object"}):
        with pytest.raises(CorruptFile, match="here"):
            needs_trust_of(document, "here")
    stale = document_of(models.Model())[0] | {"names": ["onebox.gone:Model"]}
    with pytest.raises(CorruptFile, match="names what is not in onebox"):
        needs_trust_of(stale)
