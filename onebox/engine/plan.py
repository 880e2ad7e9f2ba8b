"""How a scan will run, projected before a row is read: workers, memory, where blocks live in between.

A plan that cannot fit its budget is refused with the numbers. A plan never changes the bits: it
only chooses among ways that give the same ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from onebox.aggregates.aggregate import Aggregate
from onebox.config import Settings, format_bytes, memory_budget
from onebox.data.steps import Rename, Select
from onebox.data.view import View
from onebox.engine.need import Need, is_large, need_of, refusal
from onebox.errors import NotEnoughMemory
from onebox.storage.disk import free_bytes
from onebox.storage.spill import default_cache_folder

# A fit of a thousand rows takes no longer than to project what it needs: where so little is known to
# be enough, nothing is projected.
LITTLE_BYTES = 10**6  # of rows, and of summaries
FOR_LITTLE = 64 * 10**6

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
    states_on_disk : bool
        Whether row states are spilled too.
    held_bytes : int
        Of `peak_bytes`, for blocks that are kept in memory.
    n_threads : int
        That may run: where there are fewer units than these, a second one reads what the first works
        on. It holds no more than one would.
    """

    n_workers: int
    in_flight: int
    keep: Keep
    peak_bytes: int
    disk_bytes: int
    budget: int
    n_partitions: int
    rows_per_block: int
    states_on_disk: bool
    held_bytes: int = 0
    n_threads: int = 1

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


def make_plan(
    view: View,
    scans: Sequence[Sequence[Aggregate[Any]]],
    settings: Settings,
    *,
    job: str = "Reading",
    many_passes: bool = False,
    result_bytes: int = 0,
    task_bytes: int = 0,
) -> Plan:
    """Project what some scans need, one after the other, and choose how to run them.

    Parameters
    ----------
    view : View
    scans : sequence of sequences of Aggregate
        For each scan, the aggregates that share it.
    settings : Settings
    job : str
        What messages call it.
    many_passes : bool
        Whether blocks should be kept from one scan to the next.
    result_bytes : int
        What the caller fills in meanwhile.
    task_bytes : int
        What a task takes beside its blocks.

    Raises
    ------
    NotEnoughMemory
        When not even one worker fits the budget.
    """
    budget, layout = memory_budget(settings), view.layout
    one_pass = not (many_passes or result_bytes or task_bytes)
    if one_pass and budget >= FOR_LITTLE and _is_little(view, scans):
        return Plan(
            n_workers=1, in_flight=1, keep="source", peak_bytes=FOR_LITTLE, disk_bytes=0,
            budget=budget, n_partitions=layout.n_partitions,
            rows_per_block=layout.rows_per_block, states_on_disk=False,
        )  # fmt: skip
    needs = [need_of(view, parts, job, result_bytes, task_bytes) for parts in scans or [()]]
    width = max(need.state_width for need in needs)
    states = width * (layout.n_rows or 0)
    large = any(is_large(part, view) for parts in scans for part in parts)
    asked = 1 if settings.executor == "serial" else settings.n_jobs or 1
    wanted = n_workers = asked if large else max(1, min(asked, len(layout.units)))
    spare = int(settings.executor == "threads")  # others may run as many as they are given
    while (peak := _peak(needs, n_workers, spare)) > budget and n_workers > 1:
        n_workers -= 1
    if peak > budget:
        raise NotEnoughMemory(refusal(max(needs, key=lambda need: need.peak(1, 1)), view, budget))
    too_large = layout.n_rows is None or states > (budget - peak) // 2
    states_on_disk = width > 0 and too_large and settings.disk != 0
    if not states_on_disk:
        peak += states
    if peak > budget:
        raise NotEnoughMemory(
            f"{job} keeps {format_bytes(states)} beside its {layout.n_rows:,} rows from pass to pass; "
            f"with the rest, that is {format_bytes(peak)}, the budget is {format_bytes(budget)} and "
            "disk=0 forbids to put it on the disk. Raise `memory` or `disk`."
        )
    decoded = None if layout.n_rows is None else layout.n_rows * view.row_bytes
    keep = _keep(view, decoded, budget - peak, settings) if many_passes else "source"
    held = decoded if keep == "memory" and decoded is not None else 0
    return Plan(
        n_workers=n_workers,
        in_flight=_in_flight(n_workers, spare),
        keep=keep,
        peak_bytes=peak + held,
        disk_bytes=decoded if keep == "disk" and decoded is not None else 0,
        budget=budget,
        n_partitions=layout.n_partitions,
        rows_per_block=layout.rows_per_block,
        states_on_disk=states_on_disk,
        held_bytes=held,
        n_threads=asked if n_workers == wanted else n_workers,
    )


def _is_little(view: View, scans: Sequence[Sequence[Aggregate[Any]]]) -> bool:
    """Whether rows that are there already, and what is made of them, fit a fraction of a budget."""
    if not view.source.in_memory or (view.source_rows or 0) * view.row_bytes > LITTLE_BYTES:
        return False
    parts = [part for parts in scans for part in parts]
    if any(part.row_state(view.schema) for part in parts):
        return False
    return sum(part.nbytes(view.schema) for part in parts) <= LITTLE_BYTES


def _peak(needs: Sequence[Need], n_workers: int, spare: int) -> int:
    return max(need.peak(n_workers, _in_flight(n_workers, spare)) for need in needs)


def _in_flight(n_workers: int, spare: int) -> int:
    """Units begun and not merged yet: with threads one more than run, so that none waits."""
    return n_workers + spare if n_workers > 1 else 1


def _keep(view: View, decoded: int | None, left: int, settings: Settings) -> Keep:
    if _rereads_as_well(view):
        return "source"
    if decoded is not None and decoded <= left:
        return "memory"
    if view.entry_row_bytes is not None:  # the disk takes matrices, which hold all the zeros
        return "again"
    # Columns stand side by side sooner than a disk reads.
    if view.source.in_memory and _is_plain(view):
        return "again"
    limit = disk_limit(settings)
    return "disk" if limit > 0 and (decoded or 0) <= limit else "again"


def _rereads_as_well(view: View) -> bool:
    """Whether the source is as good as a copy: nothing to decode, convert or drop."""
    return view.source.raw and _is_plain(view)


def _is_plain(view: View) -> bool:
    """Whether rows come out as the source has them, with some columns left out or renamed."""
    chains = [c for c in (view.features, view.target, view.weight) if isinstance(c, tuple)]
    plain = all(isinstance(step, Select | Rename) for chain in chains for step in chain)
    return plain and not view.drop_missing


def disk_limit(settings: Settings) -> int:
    """What may be spilled: what was allowed, else half of what is free."""
    if settings.disk is not None:
        return settings.disk
    folder = settings.cache_folder or default_cache_folder()
    while not folder.exists():
        folder = folder.parent
    return free_bytes(folder) // 2
