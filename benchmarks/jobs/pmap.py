"""Loops in parallel: tiny tasks, large results, a large argument, a slow consumer."""

from __future__ import annotations

import mmap
import os
import re
import signal
import subprocess
import time
from abc import abstractmethod
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from math import sqrt
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from benchmarks import data
from benchmarks.jobs.base import Job, Size, Timed, job

Loop = Callable[[Callable[[Any], Any], range], Iterator[Any]]


def onebox_loop(n_jobs: int, executor: str = "processes") -> Loop:
    import onebox as ob

    return partial(ob.pmap, n_jobs=n_jobs, executor=executor)


def joblib_loop(backend: str, n_jobs: int) -> Loop:
    from joblib import Parallel, delayed

    parallel = Parallel(n_jobs=n_jobs, backend=backend, return_as="generator").__enter__()
    return lambda function, inputs: parallel(delayed(function)(x) for x in inputs)


def futures_loop(kind: type, n_jobs: int) -> Loop:
    pool = kind(n_jobs)
    return lambda function, inputs: pool.map(function, inputs, chunksize=max(1, len(inputs) // 100))


def mpire_loop(n_jobs: int) -> Loop:
    from mpire import WorkerPool

    pool = WorkerPool(n_jobs, keep_alive=True)
    return pool.imap


def pebble_loop(n_jobs: int) -> Loop:
    from pebble import ProcessPool

    pool = ProcessPool(n_jobs)
    return lambda function, inputs: pool.map(function, inputs).result()


PEERS: dict[str, Callable[[int], Loop]] = {
    "joblib, loky": partial(joblib_loop, "loky"),
    "joblib, threading": partial(joblib_loop, "threading"),
    "concurrent.futures, processes": partial(futures_loop, ProcessPoolExecutor),
    "mpire": mpire_loop,
    "pebble": pebble_loop,
    "concurrent.futures, threads": partial(futures_loop, ThreadPoolExecutor),
}


class Looped(Job):
    """A loop that is run by either side."""

    @staticmethod
    def prepare(size: Size) -> None:
        return

    @classmethod
    @abstractmethod
    def timed(cls, loop: Loop, size: Size) -> Timed: ...

    @classmethod
    def ours(cls, size: Size, threads: int) -> Timed:
        return cls.timed(onebox_loop(threads), size)

    @classmethod
    def peer(cls, size: Size, threads: int) -> Timed:
        return cls.timed(PEERS[cls.peer_name](threads), size)


class Tiny(Looped):
    """Tasks that take less time than it takes to hand them over."""

    title = "tiny tasks: square roots"
    target = "joblib's rate"
    sizes: ClassVar[list[Size]] = [(200_000,)]

    @classmethod
    def timed(cls, loop: Loop, size: Size) -> Timed:
        def run(*, warm: bool) -> str:
            start = time.perf_counter()
            count = sum(1 for _ in loop(sqrt, range(100 if warm else size[0])))
            return f"{count / (time.perf_counter() - start):,.0f} tasks/s"

        return run


def random_array(seed: int, nbytes: int) -> Any:
    return np.random.default_rng(seed).random(nbytes // 8)


class Large(Looped):
    """Results that are large, all kept and looked at, page by page; workers of both sides are there."""

    title = "large results"
    target = "8 times loky; at least 0.67 of threads"
    sizes: ClassVar[list[Size]] = [(16, 64_000_000)]

    @classmethod
    def timed(cls, loop: Loop, size: Size) -> Timed:
        def run(*, warm: bool) -> str:
            nbytes = 1000 if warm else size[1]
            kept = list(loop(partial(random_array, nbytes=nbytes), range(size[0])))
            for array in kept:
                array[:: mmap.PAGESIZE // 8].sum()
            return f"{sum(array.nbytes for array in kept) / 1e9:.2f} GB"

        return run


class Cold(Large):
    """The same, with workers that have to be started first, on both sides."""

    title = "large results, from a cold start"
    target = "loky's time"

    @classmethod
    def timed(cls, loop: Loop, size: Size) -> Timed:
        run = super().timed(loop, size)
        return lambda *, warm: "" if warm else run(warm=False)


class Shared(Looped):
    """One large argument of all tasks: resident memory of all processes together."""

    title = "a large argument of all workers"
    target = "no more than the argument"
    sizes: ClassVar[list[Size]] = [(250_000_000, 0), (250_000_000, 1)]  # in memory, mapped

    @staticmethod
    def path(size: Size) -> Path:
        return data.FOLDER / f"argument-{size[0]}.npy"

    @classmethod
    def prepare(cls, size: Size) -> None:
        if not cls.path(size).exists():
            data.FOLDER.mkdir(exist_ok=True)
            np.save(cls.path(size), np.ones(size[0]))

    @classmethod
    def timed(cls, loop: Loop, size: Size) -> Timed:
        X = np.load(cls.path(size), mmap_mode="r" if size[1] else None)
        X.sum()  # what the caller itself has
        own = resident(os.getpid())

        def run(*, warm: bool) -> str:
            most = 0
            for _ in loop(partial(touch, X), range(2 if warm else 20)):
                everybody = [os.getpid(), *below(os.getpid())]
                most = max(most, sum(resident(pid) for pid in everybody))
            how = "mapped" if size[1] else "in memory"
            return f"{how}: {(most - own) / 1e9:.2f} GB beside the caller's {own / 1e9:.2f}"

        return run


def touch(X: Any, i: int) -> float:
    time.sleep(0.1)
    return float(X.sum())


def resident(pid: int) -> int:
    """Proportional set size: shared pages are counted once, over all who have them."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def below(pid: int) -> list[int]:
    listed = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False
    )
    children = [int(one) for one in listed.stdout.split()]
    return [*children, *(grandchild for child in children for grandchild in below(child))]


class Slow(Looped):
    """A consumer that takes ten times as long as a task."""

    title = "a slow consumer"
    target = "never more than 4 a worker unconsumed"
    sizes: ClassVar[list[Size]] = [(100,)]

    @classmethod
    def timed(cls, loop: Loop, size: Size) -> Timed:
        def run(*, warm: bool) -> str:
            folder = data.FOLDER / f"slow-{os.getpid()}-{time.monotonic_ns()}"
            folder.mkdir(parents=True)
            most = 0
            for taken, _ in enumerate(loop(partial(mark, folder), range(4 if warm else size[0]))):
                time.sleep(0.01)
                most = max(most, sum(1 for _ in folder.iterdir()) - taken - 1)
            for file in folder.iterdir():
                file.unlink()
            folder.rmdir()
            return f"at most {most} unconsumed"

        return run


def mark(folder: Path, i: int) -> int:
    time.sleep(0.001)
    (folder / str(i)).touch()
    return i


class Faults(Looped):
    """Tasks of which 5 % kill their worker, 1 % hang and 5 % raise."""

    title = "tasks that kill, hang and raise"
    target = "each task's fate, and nothing lost"
    sizes: ClassVar[list[Size]] = [(1000,)]

    @classmethod
    def ours(cls, size: Size, threads: int) -> Timed:
        import onebox as ob

        def fates(count: int) -> list[object]:
            options = {"n_jobs": threads, "timeout": 0.5, "on_error": "return"}
            return list(ob.pmap(trouble, range(11, 11 + count), **options))  # type: ignore[call-overload]

        return cls.told(fates, size)

    @classmethod
    def peer(cls, size: Size, threads: int) -> Timed:
        from pebble import ProcessPool

        def fates(count: int) -> list[object]:
            found: list[object] = []
            with ProcessPool(threads) as pool:
                futures = [
                    pool.schedule(trouble, args=(x,), timeout=0.5) for x in range(11, 11 + count)
                ]
                for future in futures:
                    try:
                        found.append(future.result())
                    except Exception as error:
                        found.append(error)
            return found

        return cls.told(fates, size)

    @classmethod
    def timed(cls, loop: Loop, size: Size) -> Timed:
        raise NotImplementedError

    @staticmethod
    def told(fates: Callable[[int], list[object]], size: Size) -> Timed:
        def run(*, warm: bool) -> str:
            found = fates(10 if warm else size[0])
            return f"{sum(isinstance(one, int) for one in found)} of {len(found)} finished"

        return run


def trouble(x: int) -> int:
    kind = x % 100
    if kind < 5:
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == 5:
        time.sleep(1000)
    if kind < 11:
        raise OSError("as it was told")
    return x


def against(base: type[Looped], peers: list[str]) -> None:
    """Register a job against several peers."""
    for name in peers:
        words = re.findall(r"\w+", name.title())
        job(type("".join((base.__name__, *words)), (base,), {"peer_name": name}))


against(Tiny, list(PEERS)[:5])
against(Large, list(PEERS))
against(Cold, ["joblib, loky"])
against(Faults, ["pebble"])
against(Shared, ["joblib, loky", "mpire"])
against(Slow, ["joblib, loky", "joblib, threading", "concurrent.futures, processes"])
