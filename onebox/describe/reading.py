"""How a description is read: all rows in one pass, or parts in random order until means are close."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from onebox._kernels import moments
from onebox.aggregates.aggregate import Aggregate, join
from onebox.aggregates.moments import MomentsSummary
from onebox.config import Settings
from onebox.data.recut import in_pieces
from onebox.data.view import View
from onebox.describe.means import MeansByPartition, state_of
from onebox.engine.accuracy import Estimate, GroupStates
from onebox.engine.accuracy.anytime import EarlyStop, scan_until
from onebox.engine.fold import N_GROUPS, Groups
from onebox.engine.report import FitReport
from onebox.engine.run import Run


@dataclass(frozen=True)
class Read:
    """What a description is made of.

    Attributes
    ----------
    summaries : list
        One a question.
    means : Estimate or None
        Means of the numeric columns; None without numbers, or when the rows are one partition.
    report : FitReport
    """

    summaries: list[Any]
    means: Estimate | None
    report: FitReport


def read_all(view: View, questions: Sequence[Aggregate[Any]], settings: Settings) -> Read:
    """All rows in one pass. Where they fill few partitions, means are read again in finer ones."""
    run = Run(view, [join(*questions)], settings=settings, job="describe")
    with run:
        groups = run.scan_groups(join(*questions))
    states = [state_of(one) for one in groups if isinstance(one.aggregate, MeansByPartition)]
    summaries = [one.merged() for one in groups]
    layout = view.layout
    if not states or not run.report.rows:
        return Read(summaries, None, run.report)
    if layout.n_partitions < N_GROUPS and layout.n_rows is not None and not view.source.single_pass:
        states = [state_of(_again(view, states[0].aggregate, settings))]
    means = _means(states[0], summaries[0]) if len(states[0].groups) > 1 else None
    return Read(summaries, means, run.report)


def read_part(
    view: View, questions: Sequence[Aggregate[Any]], stop: EarlyStop, settings: Settings
) -> Read:
    """Parts in random order, until every mean is as close as wanted, in standard deviations."""

    def judge(summaries: list[Any], states: list[GroupStates]) -> list[tuple[Estimate, ...]]:
        return [(_in_deviations(_means(states[0], summaries[0]), summaries[0]),)]

    found = scan_until(view, join(*questions), stop, judge, settings=settings, job="describe")
    return Read(found.summaries, _means(found.states[0], found.summaries[0]), found.report)


def _again(view: View, aggregate: Aggregate[Any], settings: Settings) -> Groups:
    run = Run(in_pieces(view, N_GROUPS), [aggregate], settings=settings, job="describe")
    with run:
        return run.scan_groups(aggregate)[0]


def _means(state: GroupStates, summary: MomentsSummary) -> Estimate:
    def answers(of: MomentsSummary) -> dict[str, Any]:
        return {"mean": state.aggregate.result(of).mean}

    return state.estimates(answers, answers(summary), summary.names, by_column=True)[0]


def _in_deviations(means: Estimate, summary: MomentsSummary) -> Estimate:
    """The same in units of each column's standard deviation; nothing for what does not vary."""
    sums = summary.sums
    with np.errstate(divide="ignore", invalid="ignore"):
        deviation = np.sqrt(sums[:, moments.M2] / sums[:, moments.COUNT])
        error = np.where(deviation > 0, means.standard_error / deviation, 0.0)
    return replace(means, standard_error=error)
