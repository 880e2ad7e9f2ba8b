"""Arrow's memory pool is another one while a run goes on, and what it was afterwards."""

from __future__ import annotations

import threading

import numpy as np
import pyarrow as pa
import pytest

import onebox as ob
from onebox.aggregates import Moments
from onebox.engine.allocator import compact_arrow_memory

pytestmark = pytest.mark.skipif(
    "jemalloc" not in pa.supported_memory_backends(), reason="Arrow was built without jemalloc"
)


@pytest.fixture(autouse=True)
def nothing_chosen(monkeypatch):
    """mimalloc in charge, and nobody who asked for it."""
    monkeypatch.delenv("ARROW_DEFAULT_MEMORY_POOL", raising=False)
    before = pa.default_memory_pool()
    pa.set_memory_pool(pa.mimalloc_memory_pool())
    yield
    pa.set_memory_pool(before)


def backend() -> str:
    return pa.default_memory_pool().backend_name


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_run_takes_its_memory_from_jemalloc(n_jobs):
    seen = set()

    def watch(block):
        seen.update([backend()] if len(block) else [])
        return block["x0"]

    data = ob.dataset(np.random.default_rng(0).random((100_000, 4))).assign(y=watch)
    with ob.config(n_jobs=n_jobs):
        ob.aggregate(data, Moments())
    assert seen == {"jemalloc"}
    assert backend() == "mimalloc"


def test_an_error_gives_the_pool_back():
    def fail(block):
        if len(block):
            raise ZeroDivisionError
        return block["x0"]

    with pytest.raises(ZeroDivisionError):
        ob.aggregate(ob.dataset(np.ones((10, 2))).assign(y=fail), Moments())
    assert backend() == "mimalloc"


def test_overlapping_runs_give_it_back_when_the_last_is_over():
    inside, leave = threading.Event(), threading.Event()

    def run():
        with compact_arrow_memory():
            inside.set()
            leave.wait()

    thread = threading.Thread(target=run)
    with compact_arrow_memory():
        thread.start()
        inside.wait()
    assert backend() == "jemalloc"
    leave.set()
    thread.join()
    assert backend() == "mimalloc"


def test_who_has_chosen_is_left_in_charge(monkeypatch):
    monkeypatch.setenv("ARROW_DEFAULT_MEMORY_POOL", "mimalloc")
    with compact_arrow_memory():
        assert backend() == "mimalloc"
