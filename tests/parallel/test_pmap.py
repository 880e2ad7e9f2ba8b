"""What `pmap` yields, in which order, and when it draws its inputs."""

from __future__ import annotations

import itertools
import operator
import os
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial

import loky
import numpy as np
import pytest

import onebox as ob
from onebox.errors import BadInput

EXECUTORS = ["serial", "threads", "processes"]


@pytest.fixture(params=EXECUTORS)
def executor(request):
    return request.param


def test_results_come_in_the_order_of_the_inputs(executor):
    def slow_first(x):
        time.sleep(0.05 if x < 2 else 0)
        return x * 2

    found = list(ob.pmap(slow_first, range(20), n_jobs=2, executor=executor))
    assert found == [x * 2 for x in range(20)]


@pytest.mark.parametrize("where", ["threads", "processes"])
def test_or_as_they_are_finished(where, tmp_path):
    def first_is_last(x):
        if x:
            (tmp_path / str(x)).touch()
            return x
        deadline = time.monotonic() + 60
        while len(list(tmp_path.iterdir())) < 5 and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.5)  # for the fifth to arrive
        return x

    found = list(ob.pmap(first_is_last, range(6), n_jobs=2, executor=where, ordered=False))
    assert sorted(found) == list(range(6))
    assert found[-1] == 0


def test_several_iterables_go_side_by_side_and_the_shortest_ends_it(executor):
    found = ob.pmap(operator.add, [1, 2, 3], itertools.count(10), n_jobs=2, executor=executor)
    assert list(found) == [11, 13, 15]


def test_no_inputs_no_results(executor):
    assert list(ob.pmap(abs, [], n_jobs=2, executor=executor)) == []


@pytest.mark.parametrize("chunk", ["auto", 1, 7, 1000])
def test_chunks_change_nothing(executor, chunk):
    found = ob.pmap(abs, range(-500, 500), n_jobs=2, executor=executor, chunk=chunk)
    assert list(found) == [abs(x) for x in range(-500, 500)]


def test_many_tiny_tasks():
    found = ob.pmap(operator.neg, range(50_000), n_jobs=2, executor="processes")
    assert all(a == -b for a, b in zip(found, range(50_000), strict=True))


def test_closures_lambdas_partials_and_objects_travel():
    offset = 10

    class Scale:
        def __init__(self, by):
            self.by = by

        def __call__(self, x):
            return x * self.by

    for function in (
        lambda x: x + offset,
        partial(operator.add, offset),
        Scale(2).__call__,
        Scale(3),
    ):
        expected = [function(x) for x in range(4)]
        assert list(ob.pmap(function, range(4), n_jobs=2, executor="processes")) == expected


def test_instances_of_a_class_defined_here_come_back_as_such():
    class Point:
        def __init__(self, x):
            self.x = x

    found = list(ob.pmap(Point, range(3), n_jobs=2, executor="processes"))
    assert all(isinstance(point, Point) for point in found)
    assert [point.x for point in found] == [0, 1, 2]


def test_nothing_happens_before_the_first_result_is_asked_for(executor):
    drawn = []

    def inputs():
        for x in range(5):
            drawn.append(x)
            yield x

    results = ob.pmap(abs, inputs(), n_jobs=2, executor=executor)
    assert drawn == []
    assert next(results) == 0
    assert drawn
    results.close()


def test_inputs_are_drawn_by_the_thread_that_takes_the_results(executor):
    def inputs():
        for _ in range(20):
            yield threading.get_ident()

    found = list(ob.pmap(abs, inputs(), n_jobs=2, executor=executor))
    assert set(found) == {threading.get_ident()}


def test_serial_draws_one_input_at_a_time_and_runs_in_the_caller():
    drawn = []

    def inputs():
        for x in range(5):
            drawn.append(x)
            yield x

    def here(x):
        return threading.get_ident(), os.getpid()

    for n, found in enumerate(ob.pmap(here, inputs(), executor="serial", n_jobs=4), 1):
        assert found == (threading.get_ident(), os.getpid())
        assert len(drawn) == n


def test_an_exception_of_the_inputs_comes_after_the_results_before_it(executor):
    def inputs():
        yield 1
        yield 2
        raise OSError("the disk is gone")

    results = ob.pmap(abs, inputs(), n_jobs=2, executor=executor)
    assert next(results) == 1
    assert next(results) == 2
    with pytest.raises(OSError, match="the disk is gone"):
        next(results)


def test_auto_is_the_caller_for_one_worker_and_processes_for_more():
    def where(x):
        return os.getpid()

    assert set(ob.pmap(where, range(4), n_jobs=1)) == {os.getpid()}
    assert os.getpid() not in set(ob.pmap(where, range(4), n_jobs=2))
    assert os.getpid() not in set(ob.pmap(where, range(4), n_jobs=1, timeout=30))


def test_settings_decide_where_nothing_is_said():
    def where(x):
        return os.getpid()

    with ob.config(executor="threads"):
        assert set(ob.pmap(where, range(4), n_jobs=2)) == {os.getpid()}
        assert os.getpid() not in set(ob.pmap(where, range(4), n_jobs=2, executor="auto"))
    with ob.config(n_jobs=1):
        assert set(ob.pmap(where, range(4))) == {os.getpid()}


def test_tasks_run_at_the_same_time():
    def meet(x):
        return barrier.wait(timeout=20)

    barrier = threading.Barrier(2)
    assert sorted(ob.pmap(meet, range(2), n_jobs=2, executor="threads")) == [0, 1]
    pids = set(ob.pmap(lambda x: time.sleep(0.3) or os.getpid(), range(2), n_jobs=2))
    assert len(pids) == 2


@pytest.mark.parametrize(
    "make", [ThreadPoolExecutor, ProcessPoolExecutor, loky.ProcessPoolExecutor]
)
def test_executors_of_the_user_are_used_and_left_open(make):
    with make(2) as mine:
        offset = 5
        found = ob.pmap(lambda x: x + offset, range(30), executor=mine, n_jobs=2)
        assert list(found) == [x + 5 for x in range(30)]
        assert mine.submit(abs, -1).result() == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((3, [1]), "takes a function first, and 3 cannot be called"),
        ((abs,), "nothing to loop over"),
    ],
)
def test_what_cannot_be_called(arguments, message):
    with pytest.raises(BadInput, match=message):
        ob.pmap(*arguments)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_jobs": 0}, "n_jobs=0 must be 1 or more"),
        ({"executor": "fork"}, "executor='fork' is not known"),
        ({"chunk": 0}, "chunk=0 is neither 'auto'"),
        ({"on_error": "ignore"}, "on_error='ignore' is not known"),
        ({"retries": -1}, "retries=-1 must be 0 or more"),
        ({"timeout": 0}, "timeout=0 must be more than 0"),
        ({"random_state": "seed"}, "random_state='seed' is neither"),
        ({"timeout": 1, "executor": "threads"}, "a task that hangs there cannot be stopped"),
        ({"timeout": 1, "executor": "serial"}, "Use executor='processes'"),
    ],
)
def test_bad_options_are_refused_at_once(options, message):
    with pytest.raises(BadInput, match=message):
        ob.pmap(abs, [1], **options)


# The same bits everywhere


def pieces(x, scale=1.0):
    X = np.random.default_rng(x).normal(size=(200, 60)) * scale
    return np.linalg.svd(X, full_matrices=False)[1], X.T @ X


def test_results_are_the_same_bits_for_any_workers_executor_and_chunk(sha256):
    expected = sha256(list(ob.pmap(pieces, range(12), executor="serial")))
    for executor, n_jobs, chunk in itertools.product(EXECUTORS, (1, 2, 4), ("auto", 3)):
        found = list(ob.pmap(pieces, range(12), executor=executor, n_jobs=n_jobs, chunk=chunk))
        assert sha256(found) == expected, (executor, n_jobs, chunk)


def draw(x, random_state):
    return random_state.normal(size=3)


def test_each_task_has_a_random_generator_of_its_own_by_its_number(sha256):
    def drawn(**options):
        return sha256(list(ob.pmap(draw, range(40), **options)))

    expected = drawn(random_state=7, executor="serial")
    assert drawn(random_state=8, executor="serial") != expected
    for executor, n_jobs in itertools.product(EXECUTORS, (1, 2, 4)):
        assert drawn(random_state=7, executor=executor, n_jobs=n_jobs) == expected
    first = list(ob.pmap(draw, range(3), random_state=7, executor="serial"))
    assert len({array.tobytes() for array in first}) == 3


def test_a_generator_as_random_state_is_drawn_from_once():
    def drawn(rng):
        return np.array(list(ob.pmap(draw, range(5), random_state=rng, n_jobs=2)))

    rng = np.random.default_rng(3)
    first, second = drawn(rng), drawn(rng)
    assert not np.array_equal(first, second)
    assert np.array_equal(first, drawn(np.random.default_rng(3)))


def test_the_global_generator_of_numpy_differs_between_workers():
    def legacy(x):
        time.sleep(0.2)
        return np.random.random()  # noqa: NPY002

    assert len(set(ob.pmap(legacy, range(4), n_jobs=2, executor="processes"))) == 4


# Progress


def test_progress_is_told():
    events = []
    list(ob.pmap(lambda x: time.sleep(0.05), range(10), executor="serial", progress=events.append))
    assert events[-1].done
    assert events[-1].share == 1
    assert events[-1].rows == 10
    assert [event.rows for event in events] == sorted(event.rows for event in events)


@pytest.mark.parametrize("inputs", [range(5), iter(range(5))], ids=["counted", "endless"])
def test_a_bar_is_drawn_and_removed(inputs, capfd, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")  # as at a terminal
    list(ob.pmap(lambda x: time.sleep(0.06), inputs, executor="serial", progress=True))
    drawn = capfd.readouterr().err
    assert "━" in drawn
    assert drawn.endswith("\x1b[2K")  # the line is empty again


def test_no_bar_is_drawn_where_there_is_no_terminal(capfd):
    list(ob.pmap(lambda x: time.sleep(0.06), range(5), executor="serial", progress=True))
    assert "\x1b" not in capfd.readouterr().err
