"""Executors by name and of others."""

from __future__ import annotations

import threading
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest

import onebox as ob
from onebox.aggregates import Moments
from onebox.errors import BadInput
from onebox.executors import Crew, SerialExecutor, hired, opened
from onebox.executors.pool import PoolCrew


def test_serial_runs_in_the_caller():
    future = SerialExecutor().submit(threading.get_ident)
    assert future.done()
    assert future.result() == threading.get_ident()


def test_serial_keeps_errors_for_those_who_ask():
    future = SerialExecutor().submit(lambda: 1 / 0)
    assert isinstance(future.exception(), ZeroDivisionError)
    with pytest.raises(ZeroDivisionError):
        future.result()


def test_serial_lets_interrupts_through():
    def interrupt():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        SerialExecutor().submit(interrupt)


def test_threads_are_gone_afterwards():
    before = threading.active_count()
    with opened("threads", 3) as pool:
        barrier = threading.Barrier(3)
        assert sorted(pool.map(lambda i: (barrier.wait(20), i)[1], range(3))) == [0, 1, 2]
        assert threading.active_count() == before + 3
    assert threading.active_count() == before


def test_one_worker_is_the_caller():
    with opened("threads", 1) as executor:
        assert isinstance(executor, SerialExecutor)


def test_an_executor_of_the_users_stays_open():
    with ThreadPoolExecutor(2) as pool:
        with opened(pool, 4) as same:
            assert same is pool
        with ob.config(executor=pool):
            ob.aggregate(np.ones((10, 2)), Moments())
        assert pool.submit(len, "abc").result() == 3


def test_a_name_that_is_not_known():
    with pytest.raises(BadInput, match=r"'celery' is not known.*'threads', 'processes', 'serial'"):
        ob.config(executor="celery")
    with pytest.raises(BadInput, match="5 is not known"):
        ob.config(executor=5)


def test_who_runs_scans_elsewhere():
    for here in ("threads", "serial", SerialExecutor()):
        with hired(here, 2) as crew:
            assert crew is None
    with hired("processes", 1) as crew:
        assert crew is None
    with hired("processes", 2) as crew:
        assert crew.n_workers == 2
    with (
        ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool,
        hired(pool, 3) as crew,
    ):
        assert isinstance(crew, Crew)
        assert list(crew.map(pow, [1, 2, 3], [2])) == [2, 4, 8]


def test_a_crew_tries_again_what_raised(tmp_path):
    with (
        ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool,
        hired(pool, 1) as crew,
    ):
        mark = tmp_path / "mark"

        def works_the_third_time(x):
            with mark.open("a") as file:
                file.write(".")
            if mark.stat().st_size < 3:
                raise OSError("not yet")
            return x

        assert list(crew.map(works_the_third_time, [5])) == [5]


class Elsewhere(Executor):
    """Gives back copies, as executors do that send tasks to other machines."""

    def submit(self, fn, /, *args, **kwargs):
        import copy

        future = SerialExecutor().submit(fn, *args, **kwargs)
        made = SerialExecutor().submit(lambda: copy.copy(object()))
        return made if future.exception() is None else future


def test_executors_that_share_no_memory_are_told_by_what_they_return():
    with hired(Elsewhere(), 1) as crew:
        assert isinstance(crew, PoolCrew)


def test_an_executor_that_was_shut_down():
    pool = ThreadPoolExecutor(1)
    pool.shutdown()
    with ob.config(executor=pool), pytest.raises(BadInput, match="after shutdown"):
        ob.aggregate(np.ones((10, 2)), Moments())
