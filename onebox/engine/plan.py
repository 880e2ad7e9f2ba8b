"""How a scan will run, projected before a row is read: workers, memory, where blocks live in between.

A plan that cannot fit its budget is refused with the numbers. A plan never changes the bits: it only
chooses among ways that give the same ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from onebox.aggregates.aggregate import Aggregate, Tiled
from onebox.config import Settings, format_bytes, memory_budget
from onebox.data.partition import Unit
from onebox.data.steps import Rename, Select
from onebox.data.view import View
from onebox.engine.fold import n_groups
from onebox.errors import NotEnoughMemory

LARGE_SUMMARY = 2 * 2**20
"""A tiled summary above this size is kept once a file instead of once a partition and group."""

WORKER_OVERHEAD = 6 * 2**20  # a thread's share of allocator slack and library state
UNITS_LOOKED_AT = 64  # the largest ones; footers of the rest are not opened for a projection

Keep = Literal["source", "memory", "disk", "again"]


@dataclass(frozen=True)
class Plan:
    """How a scan will run.

    Attributes
    ----------
    n_workers : int
        Tasks at a time.
    in_flight : int
        Units read or waiting for their turn to merge.
    keep : {"source", "memory", "disk", "again"}
        Where later passes find their blocks: the source is as good as a copy; decoded in memory;
        decoded in the cache folder; read and decoded again.
    peak_bytes : int
        Projected growth of the process.
    disk_bytes : int
        Projected size of what is spilled.
    budget : int
        What may be used.
    n_partitions, rows_per_block : int
    """

    n_workers: int
    in_flight: int
    keep: Keep
    peak_bytes: int
    disk_bytes: int
    budget: int
    n_partitions: int
    rows_per_block: int
    states_on_disk: bool = False

    def __str__(self) -> str:
        kept = {
            "source": "every pass reads the source",
            "memory": "blocks stay in memory between passes",
            "disk": f"blocks are spilled once, {format_bytes(self.disk_bytes)}",
            "again": "every pass reads and decodes again",
        }[self.keep]
        return (
            f"{self.n_partitions:,} partitions in blocks of {self.rows_per_block:,} rows, "
            f"{self.n_workers} worker{'s' if self.n_workers != 1 else ''}; {kept}; projected "
            f"peak {format_bytes(self.peak_bytes)} of {format_bytes(self.budget)}"
        )


def is_large(aggregate: Aggregate[Any], view: View) -> bool:
    """Whether its summary is kept once a file: a rule of sizes, whatever the budget is."""
    return isinstance(aggregate, Tiled) and aggregate.nbytes(view.schema) > LARGE_SUMMARY


@dataclass(frozen=True)
class _Need:
    """Bytes that a scan takes: once, for every unit in flight, and for every worker."""

    names: str
    shared: int
    unit: int
    worker: int
    reading: int
    block: int
    states: int

    def peak(self, n_workers: int) -> int:
        return self.shared + _in_flight(n_workers) * self.unit + n_workers * self.worker


def _in_flight(n_workers: int) -> int:
    """Units begun and not merged yet: a worker more than there are, so that none waits."""
    return n_workers + 1 if n_workers > 1 else 1


def make_plan(
    view: View,
    scans: Sequence[Sequence[Aggregate[Any]]],
    settings: Settings,
    *,
    many_passes: bool = False,
) -> Plan:
    """Project what some scans need, one after the other, and choose how to run them.

    Parameters
    ----------
    view : View
    scans : sequence of sequences of Aggregate
        For each scan, the aggregates that share it.
    settings : Settings
    many_passes : bool
        Whether blocks should be kept from one scan to the next.

    Raises
    ------
    NotEnoughMemory
        When not even one worker fits the budget.
    """
    budget = memory_budget(settings)
    layout = view.layout
    needs = [_need(view, parts) for parts in scans or [()]]
    asked = settings.n_jobs or 1
    need = max(needs, key=lambda one: one.peak(asked))
    large = any(is_large(part, view) for parts in scans for part in parts)
    n_workers = asked if large else max(1, min(asked, len(layout.units)))
    while n_workers > 1 and need.peak(n_workers) > budget:
        n_workers -= 1
    if need.peak(n_workers) > budget:
        raise NotEnoughMemory(_refusal(view, need, budget))
    left = budget - need.peak(n_workers)
    state_bytes = max(one.states for one in needs)
    states_on_disk = state_bytes > left // 2
    if not states_on_disk:
        left -= state_bytes
    n_rows = layout.n_rows
    decoded = None if n_rows is None else n_rows * view.row_bytes
    keep = _keep(view, decoded, left, settings) if many_passes else "source"
    return Plan(
        n_workers=n_workers,
        in_flight=_in_flight(n_workers),
        keep=keep,
        peak_bytes=budget - left + (decoded or 0 if keep == "memory" else 0),
        disk_bytes=(decoded or 0) if keep == "disk" else 0,
        budget=budget,
        n_partitions=layout.n_partitions,
        rows_per_block=layout.rows_per_block,
        states_on_disk=states_on_disk,
    )


def _keep(view: View, decoded: int | None, left: int, settings: Settings) -> Keep:
    chains = [chain for chain in (view.features, view.target, view.weight) if isinstance(chain, tuple)]
    plain = all(isinstance(step, Select | Rename) for chain in chains for step in chain)
    if view.source.raw and plain and not view.drop_missing:
        return "source"
    if decoded is not None and decoded <= left:
        return "memory"
    if settings.disk == 0 or view.source.single_pass and decoded is None:
        return "again"
    return "disk"


def _need(view: View, aggregates: Sequence[Aggregate[Any]]) -> _Need:
    schema, layout = view.schema, view.layout
    units = sorted(layout.units, key=lambda unit: unit.nbytes, reverse=True)[:UNITS_LOOKED_AT]
    rows = min(layout.rows_per_block, max((_rows(u, layout.rows_per_block) for u in units), default=1))
    batch = max((min(layout.rows_per_batch, _rows(u, layout.rows_per_batch)) for u in units), default=1)
    reading = max(
        (view.source.reading_bytes(u.span, view.source_columns, batch) for u in units), default=0
    )
    decoded = 0 if view.source.in_memory else batch * view.decoded_row_bytes
    block = rows * view.row_bytes
    work = max((part.work_nbytes(schema, rows) for part in aggregates), default=0)
    pieces = max((unit.n_partitions for unit in units), default=1)
    shared = unit_bytes = 0
    for part in aggregates:
        nbytes, groups = part.nbytes(schema), n_groups(part)
        if is_large(part, view):
            shared += 2 * nbytes
        else:
            shared += min(groups, max(layout.n_partitions, 1)) * nbytes
            # the shares of the groups, and the partition in work where a share has begun already
            unit_bytes += (min(groups, pieces) + (pieces > groups > 1)) * nbytes
    names = ", ".join(type(part).__name__ for part in aggregates) or "Reading"
    working = 2 * decoded + block + work  # the next batch is made while the last is still held
    states = sum(s.itemsize for part in aggregates for s in part.row_state(schema))
    return _Need(
        names, shared, unit_bytes, reading + working + WORKER_OVERHEAD, reading, working,
        states * (layout.n_rows or 0),
    )  # fmt: skip


def _rows(unit: Unit, otherwise: int) -> int:
    return otherwise if unit.n_rows is None else max(unit.n_rows, 1)


def _refusal(view: View, need: _Need, budget: int) -> str:
    summaries = need.shared + need.unit
    remedies = "raise `memory`"
    if summaries > budget // 2:
        remedies = f"select columns, reduce them with SparseRandomProjection, or {remedies}"
    elif view.layout.rows_per_block > 1:
        remedies = f"select columns, or {remedies}"
    return (
        f"{need.names} needs {format_bytes(need.peak(1))} for {view.schema.n_features:,} columns with one worker "
        f"(summaries {format_bytes(summaries)}, one block of "
        f"{view.layout.rows_per_block:,} rows {format_bytes(need.block)}, reading "
        f"{format_bytes(need.reading)}); the budget is {format_bytes(budget)}. "
        f"{remedies[0].upper()}{remedies[1:]}."
    )
