"""Executors that are real: pools of processes, a Dask cluster, one more engine."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import loky
import pytest

from ..parallel.conftest import processes  # noqa: F401 (a fixture)

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="session")
def cluster():
    """Two processes with a thread each, and the scheduler here."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0"
    ) as made:
        yield made


@pytest.fixture(scope="session")
def client(cluster):
    from distributed import Client

    with Client(cluster, set_as_default=False) as made:
        yield made


@pytest.fixture(scope="session")
def process_pool():
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        yield pool


@pytest.fixture(scope="session")
def multiprocessing_pool():
    with get_context("spawn").Pool(2) as pool:
        yield pool


def _another_engine(request):
    made = runpy.run_path(str(DOCS / "another_engine.py"))["MultiprocessingCrew"]
    return made(request.getfixturevalue("multiprocessing_pool"), 2)


def _thread_pool(request):
    pool = ThreadPoolExecutor(3)
    request.addfinalizer(pool.shutdown)
    return pool


def _address(request):
    return "dask://" + request.getfixturevalue("cluster").scheduler_address.partition("://")[2]


EXECUTORS: dict[str, Callable] = {
    "serial": lambda request: "serial",
    "threads of the user's": _thread_pool,
    "processes": lambda request: "processes",
    "ProcessPoolExecutor": lambda request: request.getfixturevalue("process_pool"),
    "loky": lambda request: loky.get_reusable_executor(2),
    "another engine": _another_engine,
    "Dask client": lambda request: request.getfixturevalue("client"),
    "Dask address": _address,
}
"""Every one must give the bits of "threads"."""

ELSEWHERE = list(EXECUTORS)[2:]


@pytest.fixture(params=EXECUTORS)
def executor(request):
    return EXECUTORS[request.param](request)


@pytest.fixture(params=ELSEWHERE)
def elsewhere(request):
    """Those of them whose tasks run in other processes."""
    return EXECUTORS[request.param](request)
