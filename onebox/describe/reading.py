"""How a description is read: all rows in one pass, or parts in random order until means are close."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from onebox._kernels import moments
from onebox.aggregates.aggregate import Aggregate, join
from onebox.aggregates.moments import MomentsSummary, means
from onebox.config import Settings
from onebox.data.view import View
from onebox.describe.means import MeansByPartition, state_of
from onebox.engine.accuracy import Estimate, GroupStates
from onebox.engine.accuracy.anytime import EarlyStop, scan_until
from onebox.engine.accuracy.trust import FEWEST
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
    """All rows in one pass."""
    run = Run(view, [join(*questions)], settings=settings, job="describe")
    with run:
        groups = run.scan_groups(join(*questions))
    states = [state_of(one) for one in groups if isinstance(one.aggregate, MeansByPartition)]
    summaries = [one.merged() for one in groups]
    if not states or not run.report.rows:
        return Read(summaries, None, run.report)
    few = len(states[0].groups) < FEWEST
    found = _of_rows(summaries[0]) if few else _means(states[0], summaries[0])
    return Read(summaries, found, run.report)


def read_part(
    view: View, questions: Sequence[Aggregate[Any]], stop: EarlyStop, settings: Settings
) -> Read:
    """Parts in random order, until every mean is as close as wanted, in standard deviations."""

    def judge(summaries: list[Any], states: list[GroupStates]) -> list[tuple[Estimate, ...]]:
        return [(_in_deviations(_means(states[0], summaries[0]), summaries[0]),)]

    found = scan_until(view, join(*questions), stop, judge, settings=settings, job="describe")
    return Read(found.summaries, _means(found.states[0], found.summaries[0]), found.report)


def _of_rows(summary: MomentsSummary) -> Estimate:
    """Means with the errors of independent rows: too few partitions to see whether they are."""
    sums = summary.sums
    count = sums[:, moments.COUNT]
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.sqrt(sums[:, moments.M2] / (count - 1) / count)
    unknown = np.full(len(count), np.nan)
    return Estimate("mean", means(sums), np.where(count > 1, error, np.nan), 0, summary.names,
                    unknown, {})  # fmt: skip


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
