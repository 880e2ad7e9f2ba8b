"""Arrays to disk and back: compressed saves, and loads that only map."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from benchmarks import data
from benchmarks.jobs.base import Job, Note, Size, Timed, job

ZLIB = ("zlib", 3)
MAPS = 50


def rounded(size: Size) -> Any:
    """Measurements with two decimals."""
    return np.round(np.random.default_rng(0).normal(size=size), 2)


def folder() -> Path:
    """A new folder on the disk of the other data."""
    data.FOLDER.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(dir=data.FOLDER))


class Compressed(Job):
    """A save, to the disk on our side: the peer leaves its file to the system."""

    peer_name = "joblib.dump, zlib 3"
    sizes: ClassVar[list[Size]] = [(8_000_000,)]
    codec: ClassVar[Any]

    @staticmethod
    def prepare(size: Size) -> None:
        return

    @classmethod
    def ours(cls, size: Size, threads: int) -> Timed:
        import onebox as ob

        values, path = rounded(size), folder() / "values.onebox"
        ob.config(n_jobs=threads)

        def timed(*, warm: bool) -> Note:
            ob.save(values[: 1_000_000 if warm else None], path, compress=cls.codec)
            return lambda: cls.note(path)

        return timed

    @classmethod
    def peer(cls, size: Size, threads: int) -> Timed:
        import joblib

        values, path = rounded(size), folder() / "values.pkl"

        def timed(*, warm: bool) -> Note:
            joblib.dump(values[: 1_000_000 if warm else None], path, compress=ZLIB)
            return lambda: cls.note(path)

        return timed

    @staticmethod
    def note(path: Path) -> str:
        n_bytes = path.stat().st_size
        path.unlink()
        path.parent.rmdir()
        return f"{n_bytes / 1e6:.1f} MB"


@job
class SaveZstd(Compressed):
    title = "zstd save of 64 MB of rounded floats"
    target = "7 times, file no larger"
    codec = "zstd"


@job
class SaveLz4(Compressed):
    title = "lz4 save of 64 MB of rounded floats"
    target = "15 times, file at most 1.3"
    codec = "lz4"


@job
class LoadZstd(Compressed):
    """The same files, read."""

    title = "zstd load of 64 MB of rounded floats"
    peer_name = "joblib.load, zlib 3"
    target = ""
    codec = "zstd"

    @classmethod
    def ours(cls, size: Size, threads: int) -> Timed:
        import onebox as ob

        path = folder() / "values.onebox"
        ob.config(n_jobs=threads)
        ob.save(rounded(size), path, compress=cls.codec)

        def timed(*, warm: bool) -> Note:
            if warm:
                ob.load(path, rows=slice(0, 1_000_000))
                return ""
            ob.load(path)
            return lambda: cls.note(path)

        return timed

    @classmethod
    def peer(cls, size: Size, threads: int) -> Timed:
        import joblib

        path, small = folder() / "values.pkl", folder() / "small.pkl"
        joblib.dump(rounded(size), path, compress=ZLIB)
        joblib.dump(rounded((1000,)), small, compress=ZLIB)

        def timed(*, warm: bool) -> Note:
            joblib.load(small if warm else path)
            return "" if warm else lambda: (cls.note(small), cls.note(path))[1]

        return timed


class Mapped(Job):
    """A load that maps, of a file in the memory of the system; seconds for one."""

    target = "1 ms whatever the size"
    sizes: ClassVar[list[Size]] = [(1000,), (10_000_000,), (250_000_000,)]

    @staticmethod
    def prepare(size: Size) -> None:
        data.matrix(size[0] // 10, 10)

    @staticmethod
    def timed(path: Path, load: Any) -> Timed:
        def run(*, warm: bool) -> Note:
            seconds = []
            for _ in range(MAPS):
                start = time.perf_counter()
                load(path)
                seconds.append(time.perf_counter() - start)
            if warm:
                return ""
            path.unlink()
            path.parent.rmdir()
            return f"median of {MAPS}: {np.median(seconds) * 1e6:.0f} µs", float(np.median(seconds))

        return run

    @classmethod
    def ours(cls, size: Size, threads: int) -> Timed:
        import onebox as ob

        path = folder() / "values.onebox"
        ob.save(np.load(data.matrix(size[0] // 10, 10), mmap_mode="r"), path)
        return cls.timed(path, lambda path: ob.load(path, mmap=True))


@job
class MapAgainstJoblib(Mapped):
    title = "load memory-mapped"
    peer_name = "joblib.load, mmap_mode='r'"

    @classmethod
    def peer(cls, size: Size, threads: int) -> Timed:
        import joblib

        path = folder() / "values.pkl"
        joblib.dump(np.load(data.matrix(size[0] // 10, 10)), path)
        return cls.timed(path, lambda path: joblib.load(path, mmap_mode="r"))


@job
class MapAgainstNumpy(Mapped):
    title = "load memory-mapped"
    peer_name = "numpy.load, mmap_mode='r'"

    @classmethod
    def peer(cls, size: Size, threads: int) -> Timed:
        path = folder() / "values.npy"
        os.link(data.matrix(size[0] // 10, 10), path)
        return cls.timed(path, lambda path: np.load(path, mmap_mode="r"))
