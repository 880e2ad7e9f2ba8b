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
from onebox.executors import SerialExecutor, opened


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
    with pytest.raises(BadInput, match=r"'celery' is not known.*'threads', 'serial'"):
        ob.config(executor="celery")
    with pytest.raises(BadInput, match="5 is not known"):
        ob.config(executor=5)
    with pytest.raises(BadInput, match="'dask' is not known"), opened("dask", 1):
        pass


def test_other_processes_are_refused():
    with (
        ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool,
        ob.config(executor=pool),
        pytest.raises(BadInput, match=r"ProcessPoolExecutor.*shares memory.*'threads'"),
    ):
        ob.aggregate(np.ones((10, 2)), Moments())


class Elsewhere(Executor):
    """Gives back copies, as executors do that send tasks to other machines."""

    def submit(self, fn, /, *args, **kwargs):
        import copy

        future = SerialExecutor().submit(fn, *args, **kwargs)
        made = SerialExecutor().submit(lambda: copy.copy(object()))
        return made if future.exception() is None else future


def test_executors_that_share_no_memory_are_refused():
    with pytest.raises(BadInput, match="Elsewhere runs tasks in other processes"):
        opened(Elsewhere(), 1).__enter__()


def test_an_executor_that_was_shut_down():
    pool = ThreadPoolExecutor(1)
    pool.shutdown()
    with ob.config(executor=pool), pytest.raises(BadInput, match="after shutdown"):
        ob.aggregate(np.ones((10, 2)), Moments())
