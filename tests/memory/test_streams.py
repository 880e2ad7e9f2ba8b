"""Generators: written as they come, kept when exhausted, played back one item at a time."""

from __future__ import annotations

import textwrap

import numpy as np
import pytest
import sklearn.linear_model

import onebox as ob


class Counter:
    def __init__(self) -> None:
        self.items = 0

    def __onebox_key__(self) -> None:
        return None


@pytest.fixture
def count():
    return Counter()


@pytest.fixture
def memory(tmp_path) -> ob.Memory:
    return ob.Memory(tmp_path / "cache")


@pytest.fixture
def squares(memory, count):
    @memory.cache
    def squares(n, size=1000):
        for i in range(n):
            count.items += 1
            yield np.full(size, i**2)
        return "the end"

    return squares


def returned(items):
    try:
        while True:
            next(items)
    except StopIteration as end:
        return end.value


def test_replay(squares, count):
    first = list(squares(5))
    again = list(squares(5))
    assert count.items == 5
    for one, two in zip(first, again, strict=True):
        assert np.array_equal(one, two)
    assert returned(squares(5)) == "the end"
    assert count.items == 5
    assert squares.is_cached(5)
    assert not squares.is_cached(6)
    assert "A hit" in squares.explain(5)


def test_it_is_lazy_both_ways(squares, count):
    items = squares(1000)
    assert count.items == 0
    next(items), next(items)
    assert count.items == 2
    items.close()
    assert not squares.is_cached(1000)
    assert not [p for p in squares._entries.shelf.folder.rglob("*") if p.name.endswith("-tmp")]


def test_left_early_and_side_by_side(squares, count):
    pairs = list(zip(squares(4), squares(4), strict=True))
    assert count.items == 8
    assert all(np.array_equal(one, two) for one, two in pairs)
    assert len(list(squares(4))) == 4
    assert count.items == 8


def test_a_handle(squares, count):
    handle = squares.ref(3)
    assert [item[0] for item in handle.get()] == [0, 1, 4]
    assert [item[0] for item in handle.get()] == [0, 1, 4]
    assert count.items == 3
    squares.forget(3)
    with pytest.raises(ob.errors.BadInput, match="not there any more"):
        handle.get()


def test_items_of_any_kind(memory, count):
    @memory.cache
    def items():
        count.items += 1
        yield 1
        yield {"a": [None, "text"]}
        yield sklearn.linear_model.Ridge(2.5)
        yield None

    assert repr(list(items())) == repr(list(items()))
    assert count.items == 1


def test_an_error_on_the_way_keeps_nothing(memory, count):
    @memory.cache
    def items(n):
        for i in range(n):
            count.items += 1
            yield i
        raise ValueError("on the way")

    for turn in (1, 2):
        with pytest.raises(ValueError, match="on the way"):
            list(items(3))
        assert count.items == 3 * turn


def test_an_item_that_cannot_be_kept(memory):
    @memory.cache
    def items():
        yield 1
        yield (i for i in ())
        yield 3

    with pytest.warns(UserWarning, match="not kept"):
        assert len(list(items())) == 3
    assert not items.is_cached()


@pytest.mark.parametrize("at", [0.02, 0.5, 0.7, 0.999])
def test_damage_is_noticed_and_nothing_is_handed_out_twice(squares, count, at):
    list(squares(5))
    path = squares.ref(5).path
    content = bytearray(path.read_bytes())
    content[int(at * len(content))] ^= 4
    path.write_bytes(content)
    with pytest.warns(UserWarning, match="computed again"):
        again = [item[0] for item in squares(5)]
    assert again == [0, 1, 4, 9, 16]
    assert count.items == 10
    assert [item[0] for item in squares(5)] == again
    assert count.items == 10


def test_more_than_memory(memory, tmp_path, child):
    script = """
        import sys, resource, numpy as np, onebox as ob
        memory = ob.Memory(sys.argv[1])
        @memory.cache
        def blocks(n):
            for i in range(n):
                yield np.full(1_000_000, i, dtype=float)
        next(blocks(1)), list(blocks(2))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for turn in range(2):
            total = sum(block[0] for block in blocks(60))
        print(int(total), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    """
    with child(textwrap.dedent(script), tmp_path / "cache") as process:
        total, grown = process.line().split()
    assert int(total) == sum(range(60))
    assert int(grown) < 60_000  # kB, of the 480 MB that the items take


def test_methods(memory):
    class Source:
        def __init__(self, n):
            self.n = n

        @memory.cache
        def items(self):
            yield from range(self.n)

    assert list(Source(3).items()) == list(Source(3).items()) == [0, 1, 2]
