"""One pass that keeps what standard errors are computed from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from onebox.aggregates.aggregate import LARGE_SUMMARY, Aggregate, join, parts_of
from onebox.config import Settings, format_bytes, memory_budget
from onebox.data.recut import in_pieces
from onebox.data.view import View
from onebox.engine.accuracy.design import DesignSums, Likeness, design_of
from onebox.engine.accuracy.states import GroupStates
from onebox.engine.fold import N_GROUPS, Groups
from onebox.engine.need import is_large
from onebox.engine.report import FitReport
from onebox.engine.run import Run
from onebox.errors import NotEnoughMemory


def scan_with_errors(
    view: View, aggregate: Aggregate[Any], *, settings: Settings, job: str,
    by_group: Aggregate[Any] | None = None,
) -> tuple[Any, list[GroupStates], FitReport]:  # fmt: skip
    """One pass of an aggregate: the merged summary, and group states for each part that has groups.

    The summary has the bits of a scan without errors. Rows that lie in fewer than 32 partitions,
    which takes a small dataset, are read a second time in finer ones.

    Parameters
    ----------
    view : View
    aggregate : Aggregate
    settings : Settings
    job : str
    by_group : Aggregate, optional
        What to keep by group where `aggregate` has no groups; it takes a pass of its own.

    Raises
    ------
    NotEnoughMemory
        When the summary is kept once a file instead of once a group.
    """
    refuse_large(view, aggregate, settings)
    layout = view.layout
    few = layout.n_partitions < N_GROUPS and layout.n_rows is not None
    if (few or by_group is not None) and not view.source.single_pass:
        groups, report = _scanned(view, aggregate, settings, job, likeness=False)
        merged = [one.merged() for one in groups]
        again = in_pieces(view, N_GROUPS) if few else view
        finer, further = _scanned(again, by_group or aggregate, settings, job)
        states = states_of(finer)
        report.add(further)
    else:
        groups, report = _scanned(view, by_group or aggregate, settings, job)
        states = states_of(groups)
        merged = [one.merged() for one in groups[:-1]]
    return (tuple(merged) if len(parts_of(aggregate)) > 1 else merged[0]), states, report


def _scanned(
    view: View, aggregate: Aggregate[Any], settings: Settings, job: str, *, likeness: bool = True
) -> tuple[list[Groups], FitReport]:
    recipe = join(aggregate, Likeness()) if likeness else aggregate
    run = Run(view, [recipe], settings=settings, job=job, result_bytes=kept_bytes(view, aggregate))
    with run:
        groups = run.scan_groups(recipe)
    return groups, run.report


def states_of(groups: Sequence[Groups], **how: Any) -> list[GroupStates]:
    """The states of every part but the last, which is `Likeness`."""
    likeness = groups[-1]
    weights = [0.0 if one is None else one.weight for one in likeness.summaries]
    unknown = design_of(DesignSums.none())
    design = likeness.aggregate.result(GroupStates.of(likeness, unknown, weights).merged())
    return [
        GroupStates.of(one, design, weights if one.aggregate.grouped else [1.0], **how)
        for one in groups[:-1]
    ]


def kept_bytes(view: View, aggregate: Aggregate[Any]) -> int:
    """Bytes of the copies that standard errors are computed from, and of the answers made of them.

    Copies of the groups, what lies behind each of them, and two answers of a summary's size for each.
    """
    schema = view.schema
    grouped = [part for part in parts_of(aggregate) if part.grouped]
    return 4 * N_GROUPS * sum(part.nbytes(schema) for part in grouped)


def refuse_large(view: View, aggregate: Aggregate[Any], settings: Settings) -> None:
    """Refuse summaries that are too large to keep one a group."""
    for part in parts_of(aggregate):
        if is_large(part, view):
            size = part.nbytes(view.schema)
            raise NotEnoughMemory(
                f"{type(part).__name__} of {view.schema.n_features:,} columns takes "
                f"{format_bytes(size)}, and a standard error needs {N_GROUPS} of them: above "
                f"{format_bytes(LARGE_SUMMARY)} only one a file is kept (the budget is "
                f"{format_bytes(memory_budget(settings))}). Select columns, or leave "
                "standard_error=False."
            )
