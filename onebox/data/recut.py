"""Other cuts of the same rows, for questions that the common one is too coarse or too orderly for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from onebox.data.partition import MIN_BLOCK_ROWS, Layout, Span, Unit
from onebox.data.view import View

RANGES = 256  # at the least, of rows that can be entered anywhere and are not very few


def in_pieces(view: View, n_pieces: int) -> View:
    """The same rows in about so many partitions, where the common cut makes fewer."""
    n_rows = view.layout.n_rows or 0
    rows = max(1, -(-n_rows // n_pieces))
    layout = Layout.cut(view.source.spans(), view.decoded_row_bytes, rows)
    return replace(view, recut=replace(layout, rows_per_batch=max(rows, layout.rows_per_batch)))


def in_random_order(view: View, seed: int) -> View:
    """The same rows, unit after unit in a random order; every unit is one partition.

    A unit is what can be read at a cost that goes with its size: a Parquet row group, a chunk of a
    CSV file, a range of rows of what can be entered anywhere. Partitions are numbered in the order
    of the visit.
    """
    layout = view.layout
    units = list(_units(view.source.spans(), layout.rows_per_batch))
    order = np.random.default_rng(seed).permutation(len(units))
    visited = [replace(units[i], first_partition=number) for number, i in enumerate(order)]
    return replace(view, recut=Layout(tuple(visited), layout.rows_per_block, layout.rows_per_batch))


def part(view: View, first: int, stop: int) -> View:
    """The rows of some consecutive units."""
    layout = view.layout
    return replace(view, recut=replace(layout, units=layout.units[first:stop]))


def _units(spans: list[Span], longest: int) -> Iterator[Unit]:
    total = sum(span.n_rows or 0 for span in spans)
    rows = max(1, total // (RANGES * MIN_BLOCK_ROWS)) * MIN_BLOCK_ROWS
    rows = min(rows, longest)
    row: int | None = 0
    for span in spans:
        n = span.n_rows
        step = rows if span.seekable and n else max(n or 0, 1)
        for start in range(0, max(n or 0, 1), step):
            stop = -1 if n is None else min(start + step, n)
            at = None if row is None else row + start
            yield Unit(span, start, stop, (start, stop), 0, at)
        row = None if row is None or n is None else row + n
