"""What a run did: rows, passes, bytes, seconds, memory."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass

from onebox.config import format_bytes


@dataclass(frozen=True)
class Reading:
    """How much was read before an answer was good enough.

    Attributes
    ----------
    share : float
        Of the rows (of the bytes, where nobody knows how many rows there are).
    met : bool
        Whether every answer asked about is as close as was wanted.
    looks : int
        How often that was asked.
    interrupted : bool
        Whether Ctrl-C ended it.
    full_bytes : int
        What reading everything takes from the disk.
    full_seconds : float
        About how long that would take, at the speed so far.
    """

    share: float
    met: bool
    looks: int
    interrupted: bool
    full_bytes: int
    full_seconds: float

    def __str__(self) -> str:
        why = "interrupted" if self.interrupted else "close enough"
        if self.share >= 1 and not self.interrupted:
            few = "they come in too few parts to stop early"
            return f"read all rows: {few if self.looks <= 1 else 'no part of them would do'}"
        everything = f"{format_bytes(self.full_bytes)}, " if self.full_bytes else ""
        return (
            f"read {self.share:.2g} of the rows, {why} after {self.looks} "
            f"look{'s' if self.looks != 1 else ''}; all of them: {everything}about "
            f"{self.full_seconds:.2g} s"
        )


@dataclass
class FitReport:
    """What a fit cost.

    Attributes
    ----------
    rows : int
        Rows of one pass, after filters.
    rows_dropped : int
        Rows left out for a missing value (``on_missing="drop"``).
    passes : int
        Scans over the data.
    bytes_read : int
        Bytes taken from the disk: files, and blocks spilled to the cache folder.
    bytes_spilled : int
        Bytes written to the cache folder.
    seconds : float
    cache_hits : int
        Summaries found in the cache: of units that were not read, and of whole passes.
    partitions : int
        Of one pass.
    partitions_reused : int
        Whose summaries were found in the cache, in the pass in which most were.
    passes_reused : int
        Whose results were found in the cache.
    bytes_reused : int
        Bytes that were not read for that, in all passes.
    peak_memory : int
        The highest growth of resident memory seen while running, in bytes.
    projected_memory : int
        What the plan allowed for, in bytes.
    budget : int
        What was allowed.
    n_workers : int
    reading : Reading or None
        Of a fit or an answer that was to stop early.
    """

    rows: int = 0
    rows_dropped: int = 0
    passes: int = 0
    bytes_read: int = 0
    bytes_spilled: int = 0
    seconds: float = 0.0
    cache_hits: int = 0
    peak_memory: int = 0
    projected_memory: int = 0
    budget: int = 0
    n_workers: int = 1
    partitions: int = 0
    partitions_reused: int = 0
    passes_reused: int = 0
    bytes_reused: int = 0
    reading: Reading | None = None

    def add(self, other: FitReport) -> None:
        """Count what a further run over the same rows has cost."""
        self.passes += other.passes
        self.bytes_read += other.bytes_read
        self.cache_hits += other.cache_hits
        self.bytes_reused += other.bytes_reused
        self.seconds += other.seconds
        self.peak_memory = max(self.peak_memory, other.peak_memory)

    def __onebox_key__(self) -> None:
        """Nothing: models of the same rows are the same, however long their fits took."""

    @property
    def gigabytes_per_second(self) -> float:
        return self.bytes_read / 1e9 / self.seconds if self.seconds else 0.0

    def __str__(self) -> str:
        passes = f"{self.passes} pass{'es' if self.passes != 1 else ''}"
        dropped = f" ({self.rows_dropped:,} dropped)" if self.rows_dropped else ""
        spilled = f", {format_bytes(self.bytes_spilled)} spilled" if self.bytes_spilled else ""
        return (
            f"{self.rows:,} rows{dropped}, {passes}, {format_bytes(self.bytes_read)} read{spilled} "
            f"in {self.seconds:.2f} s ({self.gigabytes_per_second:.2f} GB/s), memory "
            f"+{format_bytes(self.peak_memory)} of {format_bytes(self.budget)}, "
            f"{self.n_workers} worker{'s' if self.n_workers != 1 else ''}"
            f"{self._reused}{f'; {self.reading}' if self.reading else ''}"
        )

    @property
    def _reused(self) -> str:
        if not self.cache_hits:
            return ""
        which = []
        if self.passes_reused:
            which.append(f"{self.passes_reused} pass{'es' if self.passes_reused != 1 else ''}")
        if self.partitions_reused:
            which.append(f"{self.partitions_reused:,} of {self.partitions:,} partitions")
        spared = f" ({format_bytes(self.bytes_reused)} not read)" if self.bytes_reused else ""
        return f"; from the cache: {' and '.join(which)}{spared}"


_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


def resident_bytes() -> int:
    """Resident memory of this process; 0 where the system does not tell cheaply."""
    try:
        file = os.open("/proc/self/statm", os.O_RDONLY)
    except OSError:
        return 0
    try:
        return int(os.read(file, 100).split()[1]) * _PAGE
    finally:
        os.close(file)


class Meter:
    """Counts what workers do while they do it; safe to call from any of them.

    Attributes
    ----------
    rows : int
        Rows of this pass, after filters.
    rows_dropped : int
        Rows that this pass left out for a missing value.
    position : int
        Rows of the source gone through in this pass, before filters.
    bytes_read : int
        Bytes read in all passes.
    pass_bytes : int
        Bytes read in this pass.
    found, partitions_found : int
        Units and partitions that this pass had not to read.
    bytes_found : int
        Bytes not read for that, in all passes.
    peak : int
        The highest growth of resident memory seen.
    """

    def __init__(self, base: int | None = None) -> None:
        self._lock = threading.Lock()
        self._base = resident_bytes() if base is None else base
        self.peak = 0
        self.bytes_read = self.bytes_found = 0
        self.start_pass()

    def start_pass(self) -> None:
        """Count rows from zero again."""
        self.rows = self.rows_dropped = self.position = self.pass_bytes = 0
        self.found = self.partitions_found = 0

    def saw(self, *, rows: int = 0, position: int = 0, nbytes: int = 0) -> None:
        """Count rows that came through, rows gone past, and bytes read."""
        with self._lock:
            self.rows += rows
            self.position += position
            self.bytes_read += nbytes
            self.pass_bytes += nbytes

    def dropped(self, rows: int) -> None:
        """Count rows left out for a missing value."""
        with self._lock:
            self.rows_dropped += rows

    def reused(self, *, partitions: int, nbytes: int) -> None:
        """Count a unit that had not to be read."""
        with self._lock:
            self.found += 1
            self.partitions_found += partitions
            self.bytes_found += nbytes

    def sample_memory(self) -> None:
        """Look how much memory the process holds now."""
        grown = resident_bytes() - self._base
        with self._lock:
            self.peak = max(self.peak, grown)
