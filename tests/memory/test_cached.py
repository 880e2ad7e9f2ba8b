"""Cached functions as objects: arguments by name, pickles, keys, and what cannot be kept."""

from __future__ import annotations

import gc
import inspect
import os
import pickle
import sys
import threading
import time

import cloudpickle
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import onebox as ob
from onebox.errors import BadInput, NotEnoughDisk, WrongType
from onebox.memory.binding import Binding


def two(a, b):
    return a, b


def with_default(a, b=2, c=None):
    return a, b, c


def with_keyword_only(a, b=2, *, c, d=4):
    return a, b, c, d


def with_positional_only(a, b=2, /, c=3):
    return a, b, c


def with_star(a, *rest, b=2, **others):
    return a, rest, b, others


def bound(signature, args, kwargs):
    found = signature.bind(*args, **kwargs)
    found.apply_defaults()
    return found.arguments


def outcome(call):
    try:
        return list(call().items())
    except TypeError as error:
        return str(error)


@given(
    function=st.sampled_from(
        [two, with_default, with_keyword_only, with_positional_only, with_star]
    ),
    args=st.lists(st.integers(), max_size=4),
    kwargs=st.dictionaries(st.sampled_from("abcde"), st.integers()),
)
def test_arguments_get_their_names_as_python_gives_them(function, args, kwargs):
    signature = inspect.signature(function)
    bind = Binding(signature)
    assert outcome(lambda: bind(args, kwargs)) == outcome(lambda: bound(signature, args, kwargs))


def test_a_default_that_is_changed_in_place_counts(tmp_path):
    def lengthened(x, extra=[1]):  # noqa: B006
        return x + len(extra)

    kept = ob.Memory(tmp_path).cache(lengthened)
    assert kept(1) == 2
    lengthened.__defaults__[0].append(2)
    assert kept(1) == 3


MODULE = """
import onebox as ob

memory = ob.Memory({folder!r})

@memory.cache
def doubled(x):
    print("computing")
    return 2 * x

@memory.cache(version=2)
def counted(n):
    yield from range(n)

def tripled(x):
    return 3 * x

kept = memory.cache(tripled, version=1)
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    name = f"kept_{os.path.basename(tmp_path)}"
    (tmp_path / f"{name}.py").write_text(MODULE.format(folder=str(tmp_path / "cache")))
    monkeypatch.syspath_prepend(tmp_path)
    yield __import__(name)
    del sys.modules[name]


def test_a_decorated_function_is_pickled_by_its_name(module):
    assert pickle.loads(pickle.dumps(module.doubled)) is module.doubled
    assert pickle.loads(pickle.dumps(module.counted)) is module.counted


def test_a_function_cached_under_another_name_is_pickled_with_its_options(module):
    assert module.kept(2) == 6
    there = pickle.loads(pickle.dumps(module.kept))
    assert there.function is module.tripled
    assert there.is_cached(2)


def test_a_function_of_a_script_travels_by_value(tmp_path):
    factor = 5
    kept = ob.Memory(tmp_path).cache(lambda x: factor * x)
    assert cloudpickle.loads(cloudpickle.dumps(kept))(2) == 10


def test_cached_functions_as_arguments_count_by_their_code(tmp_path):
    memory = ob.Memory(tmp_path)
    applied = memory.cache(lambda function, x: function(x))
    one, other = memory.cache(lambda x: x + 1), memory.cache(lambda x: x + 2)
    assert [applied(one, 1), applied(other, 1)] == [2, 3]
    assert applied.is_cached(memory.cache(lambda x: x + 1), 1)
    assert not applied.is_cached(memory.cache(lambda x: x + 1, version=2), 1)


@pytest.mark.parametrize("what", [max, 3])
def test_what_has_no_signature_is_refused(tmp_path, what):
    with pytest.raises(BadInput, match="Put the call into a function of your own"):
        ob.Memory(tmp_path).cache(what)


def test_a_version_without_a_key_is_refused(tmp_path):
    with pytest.raises(WrongType, match=r"^version: value, of type _thread.lock, .* Replace it"):
        ob.Memory(tmp_path).cache(version=threading.Lock())(two)


def test_what_is_open_is_said_to_be_open(tmp_path):
    memory = ob.Memory(tmp_path)
    held = memory.cache(np.zeros_like).ref(np.ones(100_000)).get()
    with pytest.raises(NotEnoughDisk, match=r"takes 803 kB of 0 B: what is left is open"):
        memory._folder.shelf.room.shrink(0)
    assert held[0] == 0


def test_the_index_shrinks_with_the_cache(tmp_path):
    memory = ob.Memory(tmp_path)
    kept = memory.cache(lambda x: x)
    for x in range(6_000):
        kept(x)
    room, index = memory._folder.shelf.room, memory._folder.shelf.index
    ((before,),) = index.rows("pragma page_count")
    room.shrink(room.used() // 10)
    ((after,),) = index.rows("pragma page_count")
    assert after < before / 2


def in_a_child(action):
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if action() else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


class Clock:
    """Says how often it was asked; not part of any key."""

    def __init__(self):
        self.n = 0

    def __onebox_key__(self):
        return None

    def tick(self):
        self.n += 1
        return self.n


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_what_another_process_forgets_is_computed_again(tmp_path):
    clock = Clock()
    kept = ob.Memory(tmp_path).cache(lambda x: clock.tick())
    assert [kept(0), kept(0), kept(0)] == [1, 1, 1]
    in_a_child(lambda: kept.forget(0))
    assert [kept(0), kept(0)] == [2, 2]


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_what_another_process_has_computed_anew_takes_the_place_of_the_old(tmp_path):
    clock = Clock()
    kept = ob.Memory(tmp_path).cache(expires=0.2)(lambda x: clock.tick())
    assert [kept(0), kept(0)] == [1, 1]
    time.sleep(0.25)
    in_a_child(lambda: kept(0) == 2)
    assert ob.Memory(tmp_path).cache(lambda x: clock.tick())(0) == 2
    assert kept._entries.read(kept._call((0,), {}).key) == 2


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="files are counted through /proc")
def test_a_memory_that_is_dropped_leaves_no_file_open(tmp_path):
    def use(folder):
        kept = ob.Memory(folder).cache(lambda x: x)
        assert (kept(1), kept(1)) == (1, 1)

    def n_open():
        gc.collect()
        return len(os.listdir("/proc/self/fd"))

    use(tmp_path / "first")
    before = n_open()
    for i in range(5):
        use(tmp_path / str(i))
    assert n_open() <= before
