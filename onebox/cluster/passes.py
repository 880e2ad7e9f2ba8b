"""One iteration of k-means over all rows of a run, with clusters that lost all rows put elsewhere."""

from __future__ import annotations

from typing import Any

from onebox.aggregates.aggregate import join
from onebox.aggregates.spread import Spread, SpreadSums
from onebox.cluster.lloyd import Farthest, Lloyd, LloydSummary, relocate
from onebox.engine.run import Run


def lloyd_pass(run: Run, step: Lloyd, job: str) -> LloydSummary:
    """The sums of one pass, of which no cluster is without rows where that can be."""
    return _filled(run, step, run.scan(step, job=job), job)


def first_pass(run: Run, step: Lloyd, job: str) -> tuple[LloydSummary, SpreadSums]:
    """The same, and how the columns spread; refuses what is not finite."""
    summary, spread = run.scan(join(step, Spread()), job=job)
    return _filled(run, step, summary, job), spread


def _filled(run: Run, step: Lloyd, summary: Any, job: str) -> LloydSummary:
    n_empty = int((summary.weights == 0).sum())
    if n_empty:
        search = Farthest(step.centers, n_empty)
        relocate(summary, run.scan(search, job=f"{job}, empty clusters"))
    return summary  # type: ignore[no-any-return]
