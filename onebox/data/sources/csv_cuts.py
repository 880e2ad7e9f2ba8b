"""Where a CSV file is cut: found by streaming it once, and gone on with when it has grown."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from onebox.data.sources.csv_records import LINE_START, Read, count_records

READ_BYTES = 2**20
SAMPLE_EVERY = 2**20


@dataclass
class Cuts:
    """How far a file has been streamed, and what was found.

    Attributes
    ----------
    start : int
        Offset behind the header.
    chunk_bytes : int
        Bytes between cuts.
    edges, rows : list of int
        Offsets of the chunks that are complete, and their records.
    samples : list of int
        Offsets at which to take samples.
    position : int
        Bytes streamed.
    behind : int
        Offset behind the last record that ended.
    n_records : int
        That ended since the last edge.
    state : int
        Of the scanner.
    """

    start: int
    chunk_bytes: int
    edges: list[int]
    rows: list[int]
    samples: list[int]
    position: int
    behind: int
    n_records: int = 0
    state: int = LINE_START

    @classmethod
    def begin(cls, start: int, chunk_bytes: int) -> Cuts:
        """Before anything has been read."""
        return cls(start, chunk_bytes, [start], [], [start], start, start)

    @classmethod
    def of(cls, plain: dict[str, Any]) -> Cuts:
        """From what `plain` has made."""
        return cls(**plain)

    def plain(self) -> dict[str, Any]:
        """As numbers and lists."""
        return asdict(self)

    def go_on(self, read: Read, delimiter: str) -> Cuts:
        """Stream the rest of the file, from `position` on.

        Returns
        -------
        Cuts
            Before the last read, which was not full: a longer file of the same beginning goes on
            from there as if it had been that long from the first.
        """
        cut = self._next_cut()
        while True:
            wanted = min(READ_BYTES, cut - self.position)
            fresh = read(wanted)
            full = len(fresh) == wanted
            before = self if full else self._copy()
            if fresh:
                self._take(fresh, delimiter)
            if not full:
                return before
            if self.position == cut:
                cut += self.chunk_bytes
                self._cut()

    def finish(self) -> None:
        """Complete the last chunk at the end of the file."""
        self.n_records += self.state != LINE_START
        if self.n_records:
            self.behind = self.position
            self._cut()

    def _take(self, fresh: bytes, delimiter: str) -> None:
        found, end, self.state = count_records(fresh, delimiter, self.state)
        self.n_records += found
        self.behind = self.position + end if end >= 0 else self.behind
        self.position += len(fresh)
        read = self.position - self.start
        if read >= len(self.samples) * SAMPLE_EVERY and self.behind > self.samples[-1]:
            self.samples.append(self.behind)

    def _cut(self) -> None:
        if self.n_records:
            self.edges.append(self.behind)
            self.rows.append(self.n_records)
            self.n_records = 0

    def _next_cut(self) -> int:
        return (
            self.start + ((self.position - self.start) // self.chunk_bytes + 1) * self.chunk_bytes
        )

    def _copy(self) -> Cuts:
        lists: dict[str, Any] = {
            name: list(getattr(self, name)) for name in ("edges", "rows", "samples")
        }
        return replace(self, **lists)
