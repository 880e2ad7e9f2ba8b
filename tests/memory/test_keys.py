"""Keys of Python's own values: equal for equal values, different for all others."""

from __future__ import annotations

import collections
import copy
import datetime as dt
import os
import pickle
import struct
import subprocess
import sys
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onebox.errors import BadInput, WrongType
from onebox.memory.keys import key_of
from onebox.memory.keys.encoding import LONGEST_TEXT, RUN

ATOMS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.complex_numbers(), st.text(),
    st.binary(),
)  # fmt: skip
HASHABLE = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(tuple), st.frozensets(inner, max_size=3)
    ),
    max_leaves=6,
)
VALUES = st.recursive(
    HASHABLE,
    lambda inner: st.one_of(
        st.lists(inner, max_size=5), st.dictionaries(HASHABLE, inner, max_size=4)
    ),
    max_leaves=15,
)


def exact(value):
    """What tells values apart here: types, bits, and no order in dicts and sets."""
    kind = type(value)
    if kind is float:
        return "float", struct.pack("<d", value)
    if kind is complex:
        return "complex", struct.pack("<dd", value.real, value.imag)
    if kind in (list, tuple):
        return kind.__name__, tuple(exact(item) for item in value)
    if kind is frozenset:
        return "frozenset", tuple(sorted((exact(item) for item in value), key=repr))
    if kind is dict:
        pairs = [(exact(name), exact(item)) for name, item in value.items()]
        return "dict", tuple(sorted(pairs, key=repr))
    return kind.__name__, value


def reordered(value):
    """Build the same value anew, with dicts and sets filled in the opposite order."""
    if type(value) is dict:
        return {reordered(k): reordered(v) for k, v in reversed(list(value.items()))}
    if type(value) is frozenset:
        return frozenset(reversed([reordered(item) for item in value]))
    if type(value) in (list, tuple):
        return type(value)(reordered(item) for item in value)
    return value


@given(VALUES)
def test_equal_values_have_equal_keys(value):
    key = key_of(value)
    assert len(key) == 32
    assert int(key, 16) >= 0
    assert key_of(reordered(value)) == key
    assert key_of(copy.deepcopy(value)) == key
    assert key_of(pickle.loads(pickle.dumps(value))) == key


@given(VALUES, VALUES)
def test_keys_differ_as_values_do(one, other):
    assert (key_of(one) == key_of(other)) == (exact(one) == exact(other))


@given(st.lists(VALUES, min_size=1, max_size=5), st.data())
def test_a_leaf_that_changes_changes_the_key(values, data):
    at = data.draw(st.integers(0, len(values) - 1))
    changed = [*values[:at], [values[at]], *values[at + 1 :]]
    assert key_of(changed) != key_of(values)
    assert key_of({"x": {"y": tuple(changed)}}) != key_of({"x": {"y": tuple(values)}})


LOOK_ALIKE = [
    0, 1, 1.0, True, "1", b"1", bytearray(b"1"), 1 + 0j, Decimal(1), Fraction(1), np.int64(1),
    np.float64(1), np.int32(1), np.bool_(True), np.array(1), np.array([1]), [1], (1,), {1},
    frozenset({1}), {1: 1}, {"1": 1}, {1.0: 1}, {True: 1}, {b"1": 1}, [[1]],
    [1, []], [(1,)], ([1],), 0.0, -0.0, False,
    None, "", b"", [], (), {}, set(), frozenset(), ..., NotImplemented, float("nan"), float("-inf"),
    2**31, -(2**31), 2**63, 2**64, -(2**64), 10**40, range(0), range(1), range(1, 3), slice(1),
    slice(0, 1),
    ("ab", "c"), ("a", "bc"), ("abc",), "abc", ["ab", "c"], [["a"], "b"], [["a", "b"]], "N", "i", "u",
    {"a": 1, "b": 2}, ["a", "b", 1, 2], {"a": "b"}, {"b": "a"}, {"a": {"b": 1}}, {"a": ("b", 1)},
    [{"a": 1}], [["a", 1]], [("a", 1)], {("a", 1)}, "list", "dict", [{1, 2}], [{1}, {2}], [{1}, 2],
    collections.OrderedDict(a=1, b=2), collections.OrderedDict(b=2, a=1),
    collections.defaultdict(list, a=1), collections.defaultdict(dict, a=1),
    collections.defaultdict(list), collections.Counter("a"), collections.deque([1]),
    collections.deque([1], maxlen=1), dt.date(2020, 1, 1), dt.datetime(2020, 1, 1),
    dt.datetime(2020, 1, 1, fold=1), dt.datetime(2020, 1, 1, tzinfo=dt.UTC), "2020-01-01",
    dt.datetime(2020, 1, 1, tzinfo=ZoneInfo("UTC")), dt.time(1), dt.time(1, tzinfo=dt.UTC),
    dt.timedelta(1), dt.timedelta(seconds=1), dt.UTC, dt.timezone(dt.timedelta(hours=1)),
    dt.timezone(dt.timedelta(hours=1), "x"), ZoneInfo("Europe/Paris"), Decimal("1.0"), Decimal("NaN"),
    UUID(int=1), Path("1"), Path("a/1"), memoryview(b"1"), memoryview(b"1").cast("b"),
]  # fmt: skip


def test_values_that_look_alike_have_different_keys():
    keys = collections.defaultdict(list)
    for value in LOOK_ALIKE:
        keys[key_of(value)].append(value)
        keys[key_of([value, [set()]])].append(value)  # walked, not taken for plain
    assert [same for same in keys.values() if len(same) > 1] == []


@pytest.mark.parametrize("n_items", [RUN - 1, RUN, RUN + 1, 3 * RUN + 7])
@pytest.mark.parametrize("kind", [int, float, str, bool, lambda i: i % 3 or None])
def test_every_item_of_a_long_list_counts(n_items, kind):
    items = [kind(i) for i in range(n_items)]
    key = key_of(items)
    assert key_of(list(items)) == key
    assert key_of(tuple(items)) != key
    assert key_of(items[:-1]) != key
    for at in (0, n_items // 2, n_items - 1):
        for other in ([items[at]], (), {"x": set()}, "other", np.float64(0)):
            assert key_of([*items[:at], other, *items[at + 1 :]]) != key


def test_a_run_of_items_is_not_taken_for_a_list():
    first, second = list(range(RUN)), [str(i) for i in range(RUN)]
    rest = [{i} for i in range(RUN - 1)]
    # in the codes of either, a list of RUN items comes first and last
    assert key_of([*first, *rest, second]) != key_of([first, *rest, *second])


def test_ints_and_bools_of_a_long_list_differ():
    assert key_of([0, 1] * RUN) != key_of([False, True] * RUN)
    assert key_of([0, 1] * RUN) != key_of([0, 1] * (RUN - 1) + [0, True])


@pytest.mark.parametrize("filler", ["é", "a", b"a", "\ud800"])
def test_long_text_is_hashed_like_any_other(filler):
    text = filler * (2 * LONGEST_TEXT)
    keys = [key_of(text), key_of(text + filler), key_of([text]), key_of([text, 1])]
    keys += [key_of({text: 1}), key_of({text: 2}), key_of({text}), key_of(text[:-1])]
    assert len(set(keys)) == len(keys)
    assert key_of(text[:-1] + filler) == keys[0]


@given(st.lists(st.integers() | st.text(max_size=3), max_size=30))
def test_the_order_of_sets_does_not_count(items):
    assert key_of({*items}) == key_of({*items[::-1]})
    assert key_of(dict.fromkeys(items)) == key_of(dict.fromkeys(reversed(items)))


def test_shared_parts_are_no_different_from_equal_ones():
    for part in ([1, [2]], {"a": {1}}, np.arange(3.0), (np.arange(3), [1])):
        other = copy.deepcopy(part)
        assert key_of([part, part]) == key_of([part, other])
        assert key_of({"a": part, "b": [part]}) == key_of({"a": part, "b": [other]})


def test_sharing_a_thousand_levels_deep_is_quick():
    value = [set()]
    for _ in range(1000):
        value = [value, value]
    assert len(key_of(value)) == 32


def test_depth_is_no_limit():
    for wrap in (lambda v: [v], lambda v: (v,), lambda v: {"a": v}, lambda v: {1: v, "b": v}):
        value = 0
        for _ in range(20_000):
            value = wrap(value)
        assert len(key_of(value)) == 32


def test_cycles_are_refused_with_their_place():
    value = {"x": [1, {}]}
    value["x"][1]["back"] = value["x"]
    with pytest.raises(BadInput, match=r"argument 'data'\['x'\]\[1\]\['back'\], of type list"):
        key_of(value, argument="data")


def test_paths_by_text_and_by_content(tmp_path):
    one, same, other = (tmp_path / name for name in ("one.csv", "same.csv", "other.csv"))
    for path, text in ((one, b"a" * 3_000_000), (same, b"a" * 3_000_000), (other, b"a")):
        path.write_bytes(text)
    assert key_of(one) != key_of(same)
    by_content = [key_of([path], files_by_content=True) for path in (one, same, other)]
    assert by_content[0] == by_content[1] != by_content[2]
    assert key_of(str(one), files_by_content=True) == key_of(str(one))
    suffix = one.rename(tmp_path / "one.tsv")
    assert key_of([suffix], files_by_content=True) != by_content[0]
    for path in (tmp_path, tmp_path / "missing"):
        with pytest.raises(BadInput, match="cannot be read as a file"):
            key_of(path, files_by_content=True)


SCRIPT = """
import sys, datetime, pathlib, numpy as np
from onebox.memory.keys import key_of
words = [str(i) for i in range(100)]
print(key_of({
    "set": set(words), "mixed": {1, "a", (2, "b"), frozenset(words)}, "dict": dict.fromkeys(set(words)),
    "pairs": {(w, 1): {w} for w in set(words)}, "array": np.arange(5.0), "class": pathlib.PurePath,
}))
"""


def test_other_processes_give_the_same_keys():
    keys = set()
    for seed in ("0", "1", "77"):
        environment = dict(os.environ, PYTHONHASHSEED=seed)
        ended = subprocess.run(
            [sys.executable, "-c", SCRIPT],
            capture_output=True, text=True, check=True, env=environment,
        )  # fmt: skip
        keys.add(ended.stdout)
    assert len(keys) == 1


def test_values_that_are_equal_in_another_form():
    assert key_of(range(0)) == key_of(range(5, 1))
    assert key_of(range(0, 3, 2)) == key_of(range(0, 4, 2))
    assert key_of(dt.timezone(dt.timedelta(0))) == key_of(dt.UTC)
    assert key_of(float("nan")) == key_of(float("nan"))


def test_generators_are_refused():
    with pytest.raises(WrongType, match="value, of type generator, has no key"):
        key_of(i for i in range(3))
