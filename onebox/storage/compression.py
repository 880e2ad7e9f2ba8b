"""Compression of frames, each on its own and several at a time on threads.

Arrow's codecs do the work: they write the standard formats of zstd and lz4, they release the GIL,
and their streams fill memory that is given to them and no more, whatever a header claims.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa

from onebox.config import Settings, resolve
from onebox.errors import BadInput
from onebox.storage import filters
from onebox.storage.frames import FRAME_BYTES, SUFFIXES

Buffer: TypeAlias = bytes | memoryview
Mapper: TypeAlias = Callable[[Callable[[Any], Any], Iterable[Any]], Iterator[Any]]

LEAST_BYTES = 4096  # smaller members are not worth a look
SAMPLE_BYTES = 1 << 18
SLICES = 4
GAIN = 0.95  # what cannot be brought below stays as it is: raw members can be mapped
# Filters lose what other programs could read, and the dictionary takes twice as long as the others.
HANDICAP = {"none": 0.98, "dictionary": 1.05}


def require_codec(codec: str | None) -> None:
    """Refuse the name of a codec that does not exist.

    Raises
    ------
    BadInput
        It is neither None nor one of the codecs.
    """
    if codec is not None and codec not in SUFFIXES:
        raise BadInput(
            f"compress={codec!r} is not known; use {' or '.join(map(repr, SUFFIXES))}, or None."
        )


def compress(codec: str, filter_name: str, unit: int, frame: memoryview) -> memoryview:
    """Compress one frame.

    What does not shrink is kept as it is by the codecs' own formats, at a few bytes more.
    """
    return _compress(codec, filter_name, filters.encode(filter_name, frame, unit))


def _compress(codec: str, filter_name: str, filtered: memoryview) -> memoryview:
    # Measured: with a filter level 3 takes 1.5 times as long and gains nothing.
    level = None if codec == "lz4" else 3 if filter_name == "none" else 1
    packed = pa.Codec(codec, level).compress(filtered, asbytes=False)
    return memoryview(packed)[: packed.size]  # the buffer tells its longer first length, too


def decompress(codec: str, filter_name: str, unit: int, stored: Buffer, out: memoryview) -> None:
    """Decompress one frame into its place.

    Raises
    ------
    ValueError, OSError
        What is stored is not a whole frame of exactly that size.
    """
    if filter_name == "none":
        target = out
    else:
        target = np.empty(filters.longest(filter_name, len(out)), np.uint8).data
    # A stream, not Codec.decompress: that one makes memory of its own, which an lz4 frame that is
    # too short leaves partly unwritten, without saying so.
    with pa.CompressedInputStream(pa.BufferReader(stored), codec) as stream:
        n_bytes = stream.readinto(target)
        if stream.read(1):
            raise ValueError(f"more than {len(target)} bytes where {len(out)} should be")
    if filter_name == "none":
        if n_bytes != len(out):
            raise ValueError(f"{n_bytes} bytes where {len(out)} should be")
    else:
        filters.decode(filter_name, target[:n_bytes], unit, out)


def decompress_short(codec: str, stored: Buffer, limit: int) -> bytes:
    """Decompress something of unknown size, but not beyond a limit.

    Raises
    ------
    ValueError, OSError
        It is longer, or damaged.
    """
    with pa.CompressedInputStream(pa.BufferReader(stored), codec) as stream:
        data: bytes = stream.read(limit + 1)
    if len(data) > limit:
        raise ValueError(f"more than {limit} bytes")
    return data


def choose(codec: str, data: memoryview, unit: int, mapped: Mapper) -> str | None:
    """Find the filter that suits data best, on samples of it; None when compressing gains nothing."""
    candidates = [name for name in filters.FILTERS if unit > 1 or name in ("none", "delta")]

    def ratio(name: str) -> float:
        # A dictionary takes up room that only a whole frame makes good for; in a whole frame the
        # bytes of one weight fill the blocks of a codec, which adapts to each block.
        sample = _sample(data, unit, SAMPLE_BYTES * (4 if name == "dictionary" else 1))
        n_parts, n_packed = unit if name in ("shuffle", "delta") else 1, 0
        for piece in sample:
            filtered = filters.encode(name, piece, unit)
            step = len(filtered) // n_parts
            for at in range(0, len(filtered), step):
                n_packed += len(_compress(codec, name, filtered[at : at + step]))
        return n_packed / sum(map(len, sample))

    ratios = dict(zip(candidates, mapped(ratio, candidates), strict=True))
    best = min(ratios, key=lambda name: ratios[name] * HANDICAP.get(name, 1.0))
    return best if ratios[best] <= GAIN else None


def _sample(data: memoryview, unit: int, n_bytes: int) -> list[memoryview]:
    """Take four slices, evenly spread over the data; all of it when there is not more."""
    if len(data) <= n_bytes:
        return [data]
    length = n_bytes // SLICES
    step = (len(data) - length) // (SLICES - 1) // unit * unit
    return [data[i * step : i * step + length] for i in range(SLICES)]


@contextmanager
def threads(n_bytes: int) -> Iterator[Mapper]:
    """Open as many threads as the settings allow and so many bytes need, to map functions over.

    Results come in order. Twice as many tasks as threads are in flight at the most, so that no more
    than so many frames are held. One thread is the caller itself, and so it is for two frames or
    less, which take less time than threads take to start.
    """
    n_frames = n_bytes // FRAME_BYTES
    settings = resolve() if n_frames > 2 else Settings(n_jobs=1)
    n_threads = min(settings.n_jobs or 1, n_frames)
    if n_threads <= 1 or settings.executor == "serial":
        yield map
        return
    pool = ThreadPoolExecutor(n_threads, thread_name_prefix="onebox-frames")

    def mapped(function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        pending: deque[Future[Any]] = deque()
        for item in items:
            pending.append(pool.submit(function, item))
            if len(pending) == 2 * n_threads:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()

    try:
        yield mapped
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
