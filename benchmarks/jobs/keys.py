"""Keys of arguments: what a cache does on every call, hit or not."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import ClassVar

import numpy as np

from benchmarks.jobs.base import Job, Size, Timed, job


class Key(Job):
    """The key of one value."""

    peer_name = "joblib.hash"

    @staticmethod
    def prepare(size: Size) -> None:
        return

    value: ClassVar[Callable[[Size], object]]

    @classmethod
    def timed(cls, size: Size, key_of: Callable[[object], str]) -> Timed:
        value, small = cls.value(size), cls.value((10,))

        def run(*, warm: bool) -> str:
            start = time.perf_counter()
            key_of(small if warm else value)
            seconds = time.perf_counter() - start
            is_array = isinstance(value, np.ndarray)
            return f"{value.nbytes / seconds / 1e9:.1f} GB/s" if is_array else ""

        return run

    @classmethod
    def ours(cls, size: Size, threads: int) -> Timed:
        from onebox.memory.keys import key_of

        return cls.timed(size, key_of)

    @classmethod
    def peer(cls, size: Size, threads: int) -> Timed:
        import joblib

        return cls.timed(size, lambda value: joblib.hash(value, hash_name="md5"))


@job
class KeyOfArray(Key):
    title = "key of a 1 GB float64 array"
    target = "8 GB/s"
    sizes: ClassVar[list[Size]] = [(125_000_000,)]

    @staticmethod
    def value(size: Size) -> object:
        return np.random.default_rng(0).normal(size=size)


@job
class KeyOfList(Key):
    title = "key of a list of one million ints"
    target = "20 times"
    sizes: ClassVar[list[Size]] = [(1_000_000,)]

    @staticmethod
    def value(size: Size) -> object:
        return np.random.default_rng(0).integers(0, 1 << 62, size[0]).tolist()
