"""Summaries of what a growing end begins with: of the blocks of an array's last piece that are full.

When rows are added, the piece is another one, which begins with the same blocks: its summary goes on
from theirs, and they are not read again. A beginning is kept as a unit of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from onebox.data.partition import Unit
from onebox.data.view import View


def grows(view: View, unit: Unit) -> bool:
    """Whether rows added to the file could make a unit longer."""
    span = unit.span
    last = span.seekable and unit.n_partitions == 1 and unit.stop == span.n_rows
    # What a beginning has dropped is not known when its last block is through.
    return last and not view.drop_missing


def full_blocks_of(view: View, unit: Unit) -> Unit | None:
    """The full blocks of a unit as a unit; None when it has no others, or could not grow."""
    if not grows(view, unit):
        return None
    begun = _begin(view, unit, _full_blocks(view, unit))
    return begun if unit.start < begun.stop < unit.stop else None


def possible(view: View, unit: Unit) -> Iterator[Unit]:
    """What may have been kept when the unit was shorter, the longest first."""
    n_blocks = _full_blocks(view, unit) if unit.span.seekable and unit.n_partitions == 1 else 0
    for n in range(n_blocks, 0, -1):
        yield _begin(view, unit, n)


def rest_of(unit: Unit, begun: Unit) -> Unit:
    """What follows a beginning; a part of the same partition."""
    row = None if unit.global_row is None else unit.global_row + begun.stop - unit.start
    return replace(unit, start=begun.stop, edges=(begun.stop, unit.stop), global_row=row)


def _full_blocks(view: View, unit: Unit) -> int:
    return (unit.n_rows or 0) // view.layout.rows_per_block


def _begin(view: View, unit: Unit, n_blocks: int) -> Unit:
    stop = unit.start + n_blocks * view.layout.rows_per_block
    return replace(unit, stop=stop, edges=(unit.start, stop))
