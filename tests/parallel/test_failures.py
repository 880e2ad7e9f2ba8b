"""Exceptions: where they come from, what they say, and what becomes of the other tasks."""

from __future__ import annotations

import threading
import time
import traceback

import numpy as np
import pytest

import onebox as ob
from onebox.errors import RemoteError

EXECUTORS = ["serial", "threads", "processes"]


@pytest.fixture(params=EXECUTORS)
def executor(request):
    return request.param


def inner(x):
    return 1 / x


def outer(x, table):
    return inner(x)


def test_an_exception_has_the_worker_s_traceback_and_a_note(executor):
    tables = [np.zeros((100, 3))] * 5
    with pytest.raises(ZeroDivisionError) as caught:
        list(ob.pmap(outer, [2, 1, 0, 3, 4], tables, n_jobs=2, executor=executor))
    text = "".join(traceback.format_exception(caught.value))
    assert "in outer\n    return inner(x)" in text
    assert "in inner\n    return 1 / x" in text
    note = "In task 2 of pmap: outer(0, ndarray of shape (100, 3) and dtype float64)"
    assert caught.value.__notes__ == [note]


def test_results_before_it_come_first_and_nothing_after_it(executor):
    def fails_at_5(x):
        time.sleep(0.02 if x < 5 else 0)
        if x >= 5:
            raise ValueError(f"task {x}")
        return x

    results = ob.pmap(fails_at_5, range(100), n_jobs=4, executor=executor)
    assert [next(results) for _ in range(5)] == [0, 1, 2, 3, 4]
    with pytest.raises(ValueError, match="task 5"):
        next(results)
    assert list(results) == []


def test_unordered_loops_stop_at_once():
    def fails(x):
        if x == 1:
            raise ValueError("stop")
        time.sleep(300)

    start = time.monotonic()
    with pytest.raises(ValueError, match="stop"):
        list(ob.pmap(fails, range(4), n_jobs=2, ordered=False, executor="processes"))
    assert time.monotonic() - start < 200


def test_the_rest_is_cancelled(tmp_path):
    def mark(x):
        if x == 0:
            raise KeyError("first")
        time.sleep(0.05)
        (tmp_path / str(x)).touch()

    for executor in ("threads", "processes"):
        with pytest.raises(KeyError):
            list(ob.pmap(mark, range(1000), n_jobs=2, executor=executor))
        time.sleep(0.3)
        begun = len(list(tmp_path.iterdir()))
        time.sleep(0.3)
        assert len(list(tmp_path.iterdir())) == begun < 20


def test_exceptions_come_in_place_when_asked_for(executor):
    found = list(ob.pmap(inner, [1, 0, 2], n_jobs=2, executor=executor, on_error="return"))
    assert found[0] == 1
    assert found[2] == 0.5
    assert isinstance(found[1], ZeroDivisionError)
    assert "In task 1 of pmap: inner(0)" in found[1].__notes__


def test_an_exception_that_is_kept_keeps_nothing_of_the_loop():
    (found,) = ob.pmap(inner, [0], n_jobs=2, executor="processes", on_error="return")
    traceback_of = found.__traceback__
    while traceback_of is not None:
        assert traceback_of.tb_frame.f_back is None
        traceback_of = traceback_of.tb_next


def test_causes_and_contexts_arrive_with_their_tracebacks():
    def chained(x):
        try:
            inner(x)
        except ZeroDivisionError as error:
            raise LookupError("no such share") from error

    with pytest.raises(LookupError) as caught:
        list(ob.pmap(chained, [0], n_jobs=2, executor="processes"))
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    text = "".join(traceback.format_exception(caught.value))
    assert "The above exception was the direct cause" in text
    assert text.index("in inner") < text.index("in chained\n    raise LookupError")


def test_notes_made_by_the_task_are_kept():
    def noted(x):
        error = ValueError("bad")
        error.add_note("a note of its own")
        raise error

    (found,) = ob.pmap(noted, [0], n_jobs=2, executor="processes", on_error="return")
    assert found.__notes__[0] == "a note of its own"
    assert found.__notes__[1].startswith("In task 0 of pmap")


class Picky(Exception):
    """Cannot be unpickled, as many cannot: pickle calls it with its message alone."""

    def __init__(self, code, text):
        super().__init__(text)
        self.code = code


def test_an_exception_that_cannot_be_pickled_is_told_by_name():
    def raise_picky(x):
        raise Picky(3, "out of reach")

    with pytest.raises(RemoteError, match="Picky: out of reach") as caught:
        list(ob.pmap(raise_picky, [0], n_jobs=2, executor="processes"))
    assert "in raise_picky" in "".join(traceback.format_exception(caught.value))

    def raise_locked(x):
        error = ValueError("holds a lock")
        error.lock = threading.Lock()
        raise error

    with pytest.raises(RemoteError, match="ValueError: holds a lock"):
        list(ob.pmap(raise_locked, [0], n_jobs=2, executor="processes"))


def test_sys_exit_in_a_task_does_not_end_the_caller(executor):
    def leave(x):
        raise SystemExit(3)

    (found,) = ob.pmap(leave, [0], n_jobs=2, executor=executor, on_error="return")
    assert isinstance(found, RemoteError)
    assert "SystemExit: 3" in str(found)


def test_arguments_that_cannot_be_pickled_fail_their_task_only():
    inputs = [1, threading.Lock(), 3, np.zeros(3)]
    found = list(ob.pmap(type, inputs, n_jobs=2, executor="processes", on_error="return"))
    assert [found[0], found[2], found[3]] == [int, int, np.ndarray]
    assert isinstance(found[1], TypeError)
    assert any("could not be pickled" in note for note in found[1].__notes__)
    found = list(ob.pmap(type, inputs, n_jobs=1, executor="processes", on_error="return", chunk=4))
    assert [found[0], found[2], found[3]] == [int, int, np.ndarray]


def test_results_that_cannot_be_pickled_fail_their_task_only():
    def lock_or_not(x):
        return threading.Lock() if x == 1 else x

    found = list(ob.pmap(lock_or_not, range(3), n_jobs=2, executor="processes", on_error="return"))
    assert [found[0], found[2]] == [0, 2]
    assert isinstance(found[1], TypeError)


def test_a_function_that_cannot_be_loaded_is_told_at_once():
    class Unloadable:
        def __call__(self, x):
            return x

        def __reduce__(self):
            return exec, ("raise ImportError('no such library')",)

    with pytest.raises(ImportError, match="no such library") as caught:
        list(ob.pmap(Unloadable(), range(4), n_jobs=2, executor="processes"))
    assert any("was loaded in a worker process" in note for note in caught.value.__notes__)


def test_a_function_that_cannot_be_pickled_is_told_at_once():
    lock = threading.Lock()
    with pytest.raises(TypeError, match="pickle"):
        list(ob.pmap(lambda x: lock, [1], n_jobs=2, executor="processes"))


def test_tasks_that_failed_are_tried_again(executor, tmp_path):
    def works_the_third_time(x):
        mark = tmp_path / f"{executor}-{x}"
        with mark.open("a") as file:
            file.write(".")
        if mark.stat().st_size < 3:
            raise OSError("not yet")
        return x

    found = ob.pmap(works_the_third_time, range(8), n_jobs=2, executor=executor, retries=2)
    assert list(found) == list(range(8))


def test_but_not_for_ever(executor):
    with pytest.raises(ZeroDivisionError) as caught:
        list(ob.pmap(inner, [0], n_jobs=2, executor=executor, retries=2))
    assert "In task 0 of pmap, attempt 3" in caught.value.__notes__[0]


def test_a_second_attempt_has_the_same_random_numbers(tmp_path):
    def draw(x, random_state):
        value = random_state.random()
        if not (tmp_path / str(x)).exists():
            (tmp_path / str(x)).touch()
            raise OSError("not yet")
        return value

    expected = list(
        ob.pmap(lambda x, random_state: random_state.random(), range(5), random_state=1)
    )
    assert list(ob.pmap(draw, range(5), n_jobs=2, random_state=1, retries=1)) == expected
