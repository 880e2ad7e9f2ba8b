"""Tasks: bounded in number, results in order, none left behind."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onebox.engine.tasks import PASSED_OVER, Stopped, Tasks, made_ahead
from onebox.executors import SerialExecutor


def nothing() -> None:
    pass


@pytest.fixture(params=[1, 3, "serial"])
def executor(request):
    if request.param == "serial":
        yield SerialExecutor()
    else:
        with ThreadPoolExecutor(request.param) as pool:
            yield pool


def test_results_come_in_the_order_of_the_items(executor):
    tasks = Tasks(executor, 4, nothing)
    assert list(tasks.in_order(lambda i: i * i, range(50))) == [i * i for i in range(50)]
    assert list(tasks.in_order(lambda i: i, [])) == []


def test_no_more_items_are_taken_than_may_be_in_flight(executor):
    taken = []

    def items():
        for i in range(20):
            taken.append(i)
            yield i

    results = Tasks(executor, 3, nothing).in_order(lambda i: i, items())
    for i in range(18):
        assert next(results) == i
        assert len(taken) == i + 3


def test_items_made_ahead_come_in_order_and_one_ahead(executor):
    made = []

    def items():
        for i in range(10):
            made.append(i)
            yield i

    tasks = Tasks(executor, 2, nothing)
    ahead = tasks.ahead(items())
    assert [next(ahead), next(ahead)] == [0, 1]
    assert len(made) <= 3
    assert list(ahead) == list(range(2, 10))


class Some:
    """Known items, of which some are lost when they are looked for."""

    def __init__(self, items, lost=()):
        self.items, self.lost = set(items), set(lost)

    def has(self, item):
        return item in self.items

    def find(self, item):
        return None if item in self.lost else f"found {item}"


def test_what_is_known_takes_no_task_and_what_is_lost_does(executor):
    made = []

    def make(i):
        made.append(i)
        return f"made {i}"

    n = 3 * PASSED_OVER
    known = Some(set(range(n)) - {7, 6000, 6001, 6002, n - 1}, lost={5, 100})
    results = list(Tasks(executor, 2, nothing).in_order(make, range(n), known))
    assert sorted(made) == [5, 7, 100, 6000, 6001, 6002, n - 1]
    assert results == [f"made {i}" if i in made else f"found {i}" for i in range(n)]


def test_tasks_behind_known_items_begin_first(executor):
    made = []

    def make(i):
        made.append(i)
        return i

    known = Some(set(range(60)) - {20, 40, 50})
    tasks = Tasks(executor, 2, nothing)
    results = tasks.in_order(make, range(60), known)
    assert next(results) == "found 0"
    tasks.all(nothing_of, [0])  # behind what was begun, where one thread does all
    assert made[:2] == [20, 40]
    assert 50 not in made, "two may be in flight"
    assert [r for r in results if isinstance(r, int)] == [20, 40, 50]


def nothing_of(item):
    pass


@given(st.integers(1, 5), st.lists(st.booleans(), min_size=1, max_size=8))
def test_items_made_ahead_are_side_by_side(n_iterators, idle):
    """Whoever made them; the last iterators end with an error, if any do."""

    def items(which, *, fails):
        yield from ((which, i) for i in range(len(idle) - 1))
        if fails:
            raise ZeroDivisionError

    expected = [[(which, i) for which in range(n_iterators)] for i in range(len(idle) - 1)]
    for fails in (False, True):
        iterators = [items(which, fails=fails) for which in range(n_iterators)]
        answers = iter([*idle, False])
        made = made_ahead(iterators, lambda answers=answers: next(answers))
        assert list(islice(made, len(idle) - 1)) == expected
        with pytest.raises(ZeroDivisionError) if fails else nullcontext():
            assert next(made, None) is None


def test_items_are_made_by_two_threads_at_a_time_when_one_is_idle():
    both = threading.Barrier(2, timeout=20)

    def items():
        for i in range(3):
            both.wait()
            yield i

    assert list(made_ahead([items(), items()], lambda: True)) == [[i, i] for i in range(3)]


def test_no_thread_makes_items_where_none_is_idle_or_when_nobody_asks_for_more():
    threads, here = set(), threading.get_ident()

    def items():
        for i in range(5):
            threads.add(threading.get_ident())
            yield i

    assert len(list(made_ahead([items(), items()], lambda: False))) == 5
    assert threads == {here}
    some = made_ahead([items()], lambda: True)
    assert next(some) == [0]
    some.close()
    assert not {thread.ident for thread in threading.enumerate()} & (threads - {here})


def test_an_error_is_raised_where_its_result_is_due(executor):
    def fail(i):
        return 1 // (i - 2)

    results = Tasks(executor, 4, nothing).in_order(fail, range(10))
    assert [next(results), next(results)] == [-1, -1]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_close_waits_for_what_runs_and_drops_what_does_not():
    began, ended = threading.Event(), []
    with ThreadPoolExecutor(1) as pool:
        tasks = Tasks(pool, 5, nothing)

        def work(i):
            if i == 0:
                return i
            began.set()
            try:
                while True:
                    tasks.check()
            except Stopped:
                ended.append(i)
                raise

        results = tasks.in_order(work, range(5))
        assert next(results) == 0
        assert began.wait(20)
        tasks.close()
        assert ended == [1], "the one that ran was stopped, those that waited never began"


def test_all_runs_every_item(executor):
    done = set()
    Tasks(executor, 2, nothing).all(done.add, range(30))
    assert done == set(range(30))


def test_turns_are_taken_while_waiting():
    turns, release = [], threading.Event()

    def turn():
        turns.append(threading.get_ident())
        release.set()

    with ThreadPoolExecutor(1) as pool:
        results = Tasks(pool, 1, turn).in_order(lambda i: release.wait(20), [0])
        assert next(results) is True
    assert set(turns) == {threading.get_ident()}


def test_turns_are_taken_inside_tasks_of_the_caller():
    turns = []
    tasks = Tasks(SerialExecutor(), 1, lambda: turns.append(1))
    list(tasks.in_order(lambda i: tasks.check(), range(3)))
    assert len(turns) == 6
