"""How many bytes a scan takes: what is held once, for every unit in flight, and for every worker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from onebox.aggregates.aggregate import Aggregate, Tiled
from onebox.config import format_bytes
from onebox.data.view import View
from onebox.engine.fold import n_groups

WORKER_OVERHEAD = 6 * 2**20  # a thread's stack and its share of library state
# What allocators hold beyond what was asked of them. Most for the many short-lived buffers of
# readers, which threads give back to mimalloc, Arrow's allocator, in other sizes than they take.
READER_SLACK = 5 / 3
SLACK = 4 / 3
UNITS_LOOKED_AT = 64  # the largest ones; footers of the rest are not opened for a projection


def is_large(aggregate: Aggregate[Any], view: View) -> bool:
    """Whether its summary is kept once a file."""
    return isinstance(aggregate, Tiled) and aggregate.is_large(view.schema)


@dataclass(frozen=True)
class Need:
    """Bytes that a scan takes.

    Attributes
    ----------
    job : str
        What needs it, for messages.
    result : int
        What the caller fills in meanwhile.
    shared : int
        Summaries held once.
    unit : int
        Summaries of every unit in flight.
    worker : int
        Everything that a worker holds: `reading`, `block`, and what allocators and threads take.
    reading : int
        Buffers of the reader.
    block : int
        The batch that is decoded, the one before it, the block in work and scratch.
    state_width : int
        Row state of one row.
    """

    job: str
    result: int
    shared: int
    unit: int
    worker: int
    reading: int
    block: int
    state_width: int

    def peak(self, n_workers: int, in_flight: int) -> int:
        """Bytes for so many workers and units in flight, beside row states and kept blocks."""
        return self.result + self.shared + in_flight * self.unit + n_workers * self.worker


def need_of(
    view: View, aggregates: Sequence[Aggregate[Any]], job: str, result_bytes: int, task_bytes: int
) -> Need:
    """Project what one scan needs."""
    schema, layout = view.schema, view.layout
    units = sorted(layout.units, key=lambda unit: unit.nbytes, reverse=True)[:UNITS_LOOKED_AT]
    longest = max(
        (layout.rows_per_batch if u.n_rows is None else u.n_rows for u in units), default=1
    )
    rows, batch = min(longest, layout.rows_per_block), min(longest, layout.rows_per_batch)
    reading = max(
        (view.source.reading_bytes(unit.span, view.source_columns, batch) for unit in units),
        default=0,
    )
    decoded = 0 if view.source.in_memory else batch * view.decoded_row_bytes
    work = sum(part.work_nbytes(schema, rows) for part in aggregates)
    # The next batch is made while the last is still held. Text is gathered in memory that doubles
    # when it is full, and copied by what looks at its values.
    batches = 5 if view.reads_text else 2
    block = batches * decoded + rows * view.row_bytes + work + task_bytes
    pieces = max((unit.n_partitions for unit in units), default=1)
    shared = in_flight = 0
    for part in aggregates:
        nbytes, groups = part.nbytes(schema), n_groups(part)
        if is_large(part, view):
            shared += 2 * nbytes
        else:
            shared += min(groups, max(layout.n_partitions, 1)) * nbytes
            # the shares of the groups, and the partition in work where a share has begun already
            in_flight += (min(groups, pieces) + (pieces > groups > 1)) * nbytes
    states = [state for part in aggregates for state in part.row_state(schema)]
    return Need(
        job=job,
        result=result_bytes,
        shared=shared,
        unit=in_flight,
        worker=int(READER_SLACK * reading + SLACK * block) + WORKER_OVERHEAD,
        reading=reading,
        block=block,
        state_width=sum(state.itemsize for state in states),
    )


def refusal(need: Need, view: View, budget: int) -> str:
    """Say why not even one worker fits."""
    summaries = need.shared + need.unit
    if need.result > budget // 2:
        remedy = "Take fewer rows or columns, write them to files instead, or raise `memory`."
    elif summaries > budget // 2:
        remedy = (
            "Select columns, reduce them (.map with scikit-learn's SparseRandomProjection), or raise "
            "`memory`."
        )
    else:
        remedy = "Select columns, or raise `memory`."
    parts = {
        "the result": need.result,
        "summaries": summaries,
        "blocks": need.block,
        "reading": need.reading,
        "allocators and threads": need.worker - need.block - need.reading,
    }
    shown = ", ".join(f"{name} {format_bytes(size)}" for name, size in parts.items() if size)
    return (
        f"{need.job} needs {format_bytes(need.peak(1, 1))} for {view.schema.n_features:,} columns "
        f"with one worker ({shown}); the budget is {format_bytes(budget)}. {remedy}"
    )
