"""BLAS has one thread inside tasks, and as many as before when the last run is over."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from threadpoolctl import ThreadpoolController, threadpool_limits

import onebox as ob
from onebox.aggregates import Gram
from onebox.engine.limiter import single_threaded_blas


def threads_of_blas() -> list[int]:
    libraries = ThreadpoolController().select(user_api="blas").lib_controllers
    return [library.get_num_threads() for library in libraries]


@pytest.fixture
def two_threads():
    """Every BLAS at two threads, whatever the machine has."""
    with threadpool_limits(2, user_api="blas"):
        yield


pytestmark = pytest.mark.usefixtures("two_threads")


@pytest.fixture
def data():
    return ob.dataset(np.random.default_rng(0).random((200_000, 4)))


def test_numpy_and_scipy_carry_a_blas_each():
    with single_threaded_blas():
        assert set(threads_of_blas()) == {1}
    assert set(threads_of_blas()) == {2}


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_one_thread_in_tasks_and_all_of_them_after(data, n_jobs):
    seen = []

    def watch(block):
        seen.extend(threads_of_blas() if len(block) else [])
        return block["x0"]

    with ob.config(n_jobs=n_jobs):
        ob.aggregate(data.assign(y=watch), Gram())
    assert set(seen) == {1}
    assert set(threads_of_blas()) == {2}


def test_a_thread_that_is_not_the_main_one_limits_too(data):
    seen = []

    def run():
        with single_threaded_blas():
            seen.append(set(threads_of_blas()))
        seen.append(set(threads_of_blas()))

    thread = threading.Thread(target=run)  # while the main thread was the first to set a limit
    thread.start()
    thread.join()
    assert seen == [{1}, {2}]


def test_all_of_them_after_an_error(data):
    def fail(block):
        return block["x0"] if not len(block) else 1 / 0

    with pytest.raises(ZeroDivisionError):
        ob.aggregate(data.assign(y=fail), Gram())
    assert set(threads_of_blas()) == {2}


def test_all_of_them_after_runs_that_overlapped(data):
    second_began, first_ended = threading.Event(), threading.Event()

    def first(block):
        assert not len(block) or second_began.wait(20)
        return block["x0"]

    def second(block):
        if len(block):
            second_began.set()
            assert first_ended.wait(20)
            assert set(threads_of_blas()) == {1}, "the first run gave back what the second needs"
        return block["x0"]

    def run_first():
        ob.aggregate(data.assign(y=first), Gram())
        first_ended.set()

    views = [run_first, lambda: ob.aggregate(data.assign(y=second), Gram())]
    threads = [threading.Thread(target=run) for run in views]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert first_ended.is_set()
    assert set(threads_of_blas()) == {2}


def test_nested_runs(data):
    def nested(block):
        if len(block):
            ob.aggregate(np.ones((10, 2)), Gram())
            assert set(threads_of_blas()) == {1}
        return block["x0"]

    with ob.config(n_jobs=2):
        ob.aggregate(data.assign(y=nested), Gram())
    assert set(threads_of_blas()) == {2}
