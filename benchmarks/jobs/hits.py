"""Results of functions kept on disk: calls that find theirs, calls that do not, and making room.

Every cache has a folder of its own on one disk, ours together with the index that it usually keeps
elsewhere. Caches that were filled before are opened by a fresh process; what they read is still in
the memory of the system, for all of them.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np

from benchmarks import data
from benchmarks.jobs.base import Job, Note, Size, Timed, job

HITS = 5_000
ONLY_HITS = "ONEBOX_BENCH_ONLY_HITS"
NO_LIMIT = 1 << 50
FACTOR = 0.5


def scored(number: int, scale: float = 2.0, name: str = "score") -> dict[str, Any]:
    """A tiny result; a helper and a constant count for whoever looks at them."""
    _be_allowed()
    return {"name": name, "score": _scaled(number, scale), "rank": number % 10}


def first_sum(x: Any) -> float:
    """A tiny result of a large argument."""
    _be_allowed()
    return float(x[:100].sum())


def ramp(n: int) -> Any:
    """A large result of a small argument."""
    _be_allowed()
    return np.arange(n, dtype=float)


def _scaled(number: int, scale: float) -> float:
    return number * scale * FACTOR


def _be_allowed() -> None:
    if ONLY_HITS in os.environ:
        raise RuntimeError("This call should have found its result.")


class Cache(Protocol):
    """One way to keep results in a folder."""

    def __init__(self, folder: Path, *, evicts: bool) -> None: ...

    def cache(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, with its results kept."""

    def halve(self) -> None:
        """Delete results until not more than half of the bytes are left."""


class Onebox:
    def __init__(self, folder: Path, *, evicts: bool) -> None:
        os.environ["XDG_CACHE_HOME"] = str(folder.resolve())
        import onebox as ob

        self.memory = ob.Memory(folder / "results")

    def cache(self, function: Callable[..., Any]) -> Callable[..., Any]:
        return self.memory.cache(function)

    def halve(self) -> None:
        room = self.memory._folder.shelf.room
        room.shrink(room.used() // 2)


class Joblib:
    def __init__(self, folder: Path, *, evicts: bool) -> None:
        import joblib

        self.memory = joblib.Memory(folder, verbose=0)
        self.mapping = joblib.Memory(folder, verbose=0, mmap_mode="r")

    def cache(self, function: Callable[..., Any]) -> Callable[..., Any]:
        memory = self.mapping if function is ramp else self.memory
        cached: Callable[..., Any] = memory.cache(function)
        return cached

    def halve(self) -> None:
        n_bytes = sum(item.size for item in self.memory.store_backend.get_items())
        self.memory.reduce_size(bytes_limit=n_bytes // 2)


class Diskcache:
    """Without an index of what to evict where nothing is evicted, and types of arguments ignored."""

    def __init__(self, folder: Path, *, evicts: bool) -> None:
        import diskcache

        policy = "least-recently-stored" if evicts else "none"
        self.store = diskcache.Cache(str(folder), size_limit=NO_LIMIT, eviction_policy=policy)

    def cache(self, function: Callable[..., Any]) -> Callable[..., Any]:
        cached: Callable[..., Any] = self.store.memoize()(function)
        return cached

    def halve(self) -> None:
        self.store.reset("size_limit", self.store.volume() // 2)
        self.store.cull()


CACHES: dict[str, type[Cache]] = {"onebox": Onebox, "joblib": Joblib, "diskcache": Diskcache}


class Calls(Job):
    """Calls of a function, with one cache and with another."""

    peer_cache: ClassVar[str] = "joblib"
    peer_name = "joblib.Memory"
    target = ""

    @staticmethod
    def prepare(size: Size) -> None:
        return

    @classmethod
    def ours(cls, size: Size, threads: int) -> Timed:
        return cls.timed(size, "onebox")

    @classmethod
    def peer(cls, size: Size, threads: int) -> Timed:
        return cls.timed(size, cls.peer_cache)

    @classmethod
    def timed(cls, size: Size, name: str) -> Timed:
        raise NotImplementedError


@job
class HitSmall(Calls):
    """In the process that computed the result, which spares joblib to read the function's code."""

    title = f"{HITS:,} hits with a small argument"
    target = "60 µs each"
    sizes: ClassVar[list[Size]] = [(HITS,)]

    @classmethod
    def timed(cls, size: Size, name: str) -> Timed:
        cached = CACHES[name](_scratch(), evicts=False).cache(scored)
        cached(3)

        def run(*, warm: bool) -> Note:
            return _clocked(name, cached, [3] * (50 if warm else size[0]))

        return run


@job
class HitSmallDiskcache(HitSmall):
    title = "the same, against diskcache"
    peer_cache, peer_name, target = "diskcache", "diskcache memoize", ""


@job
class HitLarge(Calls):
    title = "hit with an array of 256 MB as argument"
    target = "15 times"
    sizes: ClassVar[list[Size]] = [(32_000_000,)]

    @classmethod
    def timed(cls, size: Size, name: str) -> Timed:
        cached = CACHES[name](_scratch(), evicts=False).cache(first_sum)
        small, large = np.ones(100), np.random.default_rng(0).normal(size=size)
        cached(small)
        cached(large)

        def run(*, warm: bool) -> Note:
            cached(small if warm else large)
            return ""

        return run


@job
class HitLargeDiskcache(HitLarge):
    """It pickles the argument, and that is the key."""

    title = "the same, against diskcache"
    peer_cache, peer_name, target = "diskcache", "diskcache memoize", ""


@job
class MissSmall(Calls):
    title = "2,000 misses with tiny results"
    sizes: ClassVar[list[Size]] = [(2_000,)]

    @classmethod
    def timed(cls, size: Size, name: str) -> Timed:
        folder = _scratch()
        cached = CACHES[name](folder, evicts=False).cache(scored)

        def run(*, warm: bool) -> Note:
            note, seconds = _clocked(name, cached, range(-50, 0) if warm else range(size[0]))
            n, n_bytes = _on_disk(folder)
            return f"{note}, {n:,} files and folders, {n_bytes / 1e6:,.1f} MB", seconds

        return run


@job
class MissSmallDiskcache(MissSmall):
    title = "the same, against diskcache"
    peer_cache, peer_name, target = "diskcache", "diskcache memoize", ""


@job
class WriteMany(MissSmall):
    title = "many tiny results written"
    peer_cache, peer_name = "diskcache", "diskcache memoize"
    sizes: ClassVar[list[Size]] = [(100_000,), (1_000_000,)]
    on_request = 1


@job
class WriteManyJoblib(MissSmall):
    title = "the same, against joblib"
    sizes: ClassVar[list[Size]] = [(10_000,)]


class OnFilled(Calls):
    """On a cache that was filled before, opened by a fresh process."""

    function: ClassVar[Callable[..., Any]] = scored
    several: ClassVar[bool] = True

    @classmethod
    def prepare(cls, size: Size) -> None:
        for name in ("onebox", cls.peer_cache):
            _filled(name, cls.function.__name__, size[0], cls.several)

    @classmethod
    def opened(cls, size: Size, name: str) -> tuple[Cache, Path]:
        os.environ[ONLY_HITS] = "1"
        folder = _folder(name, cls.function.__name__, size[0])
        shutil.rmtree(folder / "used", ignore_errors=True)
        shutil.copytree(folder / "whole", folder / "used")
        return CACHES[name](folder / "used", evicts=True), folder / "used"


@job
class HitMany(OnFilled):
    title = f"{HITS:,} random hits among many tiny results"
    peer_cache, peer_name = "diskcache", "diskcache memoize"
    sizes = WriteMany.sizes
    on_request = 1

    @classmethod
    def timed(cls, size: Size, name: str) -> Timed:
        cached = cls.opened(size, name)[0].cache(scored)
        numbers = np.random.default_rng(0).integers(0, size[0], HITS).tolist()

        def run(*, warm: bool) -> Note:
            return _clocked(name, cached, [0] if warm else numbers)

        return run


@job
class HitManyJoblib(HitMany):
    title = "the same, against joblib"
    peer_cache, peer_name = "joblib", "joblib.Memory"
    sizes = WriteManyJoblib.sizes
    on_request = 0


@job
class HalveMany(OnFilled):
    """Ours goes on to 40 %, so that there is room for some time."""

    title = "half of many tiny results deleted"
    peer_cache, peer_name = "diskcache", "diskcache cull"
    sizes = WriteMany.sizes
    on_request = 1

    @classmethod
    def timed(cls, size: Size, name: str) -> Timed:
        cache, folder = cls.opened(size, name)
        cached = cache.cache(scored)

        def run(*, warm: bool) -> Note:
            if warm:
                cached(0)
                return ""
            before, start = _on_disk(folder)[1], time.perf_counter()
            cache.halve()
            seconds, after = time.perf_counter() - start, _on_disk(folder)[1]
            return f"{name}: {before / 1e6:,.1f} MB, then {after / 1e6:,.1f} MB", seconds

        return run


@job
class HalveManyJoblib(HalveMany):
    title = "the same, against joblib"
    peer_cache, peer_name = "joblib", "joblib.Memory.reduce_size"
    sizes = WriteManyJoblib.sizes
    on_request = 0


@job
class Handle(OnFilled):
    title = "1,000 times: a handle on a large result, mapped into memory"
    peer_name = "joblib call_and_shelve with mmap_mode"
    target = "1 ms each, whatever the size"
    sizes: ClassVar[list[Size]] = [(125_000,), (8_000_000,), (125_000_000,)]
    function = ramp
    several = False

    @classmethod
    def timed(cls, size: Size, name: str) -> Timed:
        cached: Any = cls.opened(size, name)[0].cache(ramp)
        handle = cached.ref if name == "onebox" else cached.call_and_shelve

        def run(*, warm: bool) -> Note:
            times = 10 if warm else 1000
            return _clocked(name, lambda n: handle(n).get(), [size[0]] * times)

        return run


def fill(name: str, function: str, n: int, several: bool) -> None:
    """Fill a cache with the results of the numbers below n, or of n alone."""
    cached = CACHES[name](_folder(name, function, n) / "used", evicts=True).cache(
        globals()[function]
    )
    for number in range(n) if several else [n]:
        cached(number)


@functools.cache
def _filled(name: str, function: str, n: int, several: bool) -> None:
    """Fill a cache, once for all jobs, in a process of its own; it is left as it was filled."""
    folder = _folder(name, function, n)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    code = f"from benchmarks.jobs.hits import fill; fill({name!r}, {function!r}, {n}, {several})"
    subprocess.run([sys.executable, "-c", code], check=True)
    # Moved and copied back for every run: our index knows a folder by its path.
    os.rename(folder / "used", folder / "whole")


def _folder(name: str, function: str, n: int) -> Path:
    return data.FOLDER / f"cache-{name}-{function}-{n}"


def _scratch() -> Path:
    """A folder that goes with the process."""
    data.FOLDER.mkdir(parents=True, exist_ok=True)
    _scratches.append(
        tempfile.TemporaryDirectory(dir=data.FOLDER, prefix="scratch-", ignore_cleanup_errors=True)
    )
    return Path(_scratches[-1].name)


_scratches: list[tempfile.TemporaryDirectory[str]] = []


def _clocked(name: str, call: Callable[[Any], Any], arguments: Iterable[Any]) -> tuple[str, float]:
    seconds = []
    for argument in arguments:
        start = time.perf_counter()
        call(argument)
        seconds.append(time.perf_counter() - start)
    p50, p99 = np.percentile(seconds, [50, 99]) * 1e6
    return f"{name}: p50 {p50:,.0f} µs, p99 {p99:,.0f} µs", sum(seconds)


def _on_disk(folder: Path) -> tuple[int, int]:
    """How many files and folders there are in a folder, and what they take."""
    n = n_bytes = 0
    for where, folders, files in os.walk(folder):
        n += len(folders) + len(files)
        n_bytes += sum(os.lstat(os.path.join(where, file)).st_blocks * 512 for file in files)
    return n, n_bytes
