"""A unit as its source gives it, cut into the rows of blocks; by two threads, where one is idle."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import TypeAlias

import pyarrow as pa

from onebox.data.columns import Columns, TableColumns, concat
from onebox.data.partition import Unit
from onebox.data.source import Source

SHARES = 4  # of columns that are read apart: whichever thread has time takes the next

Ahead: TypeAlias = Callable[[Sequence[Iterator[Columns]]], Iterator[list[Columns]]]
"""Makes the items of several iterators side by side, and the next ones while these are worked on."""


def cut(
    source: Source, unit: Unit, names: Sequence[str], size: int, ahead: Ahead | None
) -> Iterator[tuple[int, Columns]]:
    """Exactly `size` rows at a time, counted from the start of the span, and where each begins."""
    offset, held, n_held = unit.start, [], 0
    for batch in _batches(source, unit, names, size, ahead):
        start = 0
        while start < batch.n_rows:
            stop = min(start + size - n_held, batch.n_rows)
            whole = start == 0 and stop == batch.n_rows
            held.append(batch if whole else batch.slice(start, stop))
            n_held += stop - start
            start = stop
            if n_held == size:
                yield offset, concat(held)
                offset, held, n_held = offset + size, [], 0
    if n_held:
        yield offset, concat(held)


def _batches(
    source: Source, unit: Unit, names: Sequence[str], size: int, ahead: Ahead | None
) -> Iterator[Columns]:
    """What the source has of the unit, in batches of any length."""

    def read(some: Sequence[str]) -> Iterator[Columns]:
        return source.read(unit.span, unit.start, unit.stop, some, size)

    if ahead is None:
        return read(names)
    if not (source.reads_apart(names) and len(names) >= SHARES):
        return (batch for (batch,) in ahead([read(names)]))
    edges = [len(names) * i // SHARES for i in range(SHARES + 1)]
    shares = [read(names[start:stop]) for start, stop in pairwise(edges)]
    return map(_beside, ahead(shares))


def _beside(shares: Sequence[Columns]) -> Columns:
    """The same rows of all shares, as one batch."""
    batches = [share.to_batch() for share in shares]
    arrays = [array for batch in batches for array in batch.columns]
    names = [name for batch in batches for name in batch.schema.names]
    return TableColumns(pa.RecordBatch.from_arrays(arrays, names))
