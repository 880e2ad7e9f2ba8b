"""``ob.aggregate``: answers to questions about the rows, all in one pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from onebox.aggregates.aggregate import Aggregate, Join, join, parts_of
from onebox.config import Settings
from onebox.data.view import View
from onebox.dataset.dataset import Dataset
from onebox.dataset.pairing import as_dataset, pair
from onebox.engine.accuracy import Estimate, Estimates, scan_with_errors
from onebox.engine.accuracy.anytime import EarlyStop, OnInterrupt, scan_until
from onebox.engine.accuracy.parts import estimates_of
from onebox.engine.accuracy.states import GroupStates
from onebox.engine.accuracy.target import Target, Wanted
from onebox.engine.report import FitReport
from onebox.engine.run import scan
from onebox.errors import BadInput


def aggregate(
    data: Any,
    *aggregates: Aggregate[Any],
    y: Any = None,
    sample_weight: Any = None,
    standard_error: bool = False,
    error: Wanted | Mapping[str, Wanted] | None = None,
    confidence: float = 0.95,
    random_state: int = 0,
    on_interrupt: OnInterrupt = "raise",
) -> Any:
    """Answer one or several questions about the rows in one pass.

    Parameters
    ----------
    data : Dataset, or anything that ``ob.dataset`` opens
    *aggregates : Aggregate
        The questions.
    y, sample_weight : Dataset of the same rows, or array
        For aggregates that use a target or weights.
    standard_error : bool, default=False
        Whether to tell how far answers would move if other rows had been drawn. The answers keep
        their bits.
    error : float, Absolute, Relative or dict of these by the answer's name, optional
        Stop reading when the confidence interval reaches no further than this to each side. A
        number is relative to the answer itself: a mean near zero asks for nearly all rows, and is
        better given ``ob.Absolute``. It is about the first answer of each aggregate
        (the mean of `Moments`) unless a dict names others.
    confidence : float, default=0.95
        Of the intervals that `error` is about.
    random_state : int, default=0
        Seed of the order in which parts of the data are read when `error` is given.
    on_interrupt : {"raise", "answer"}, default="raise"
        With `error`: whether Ctrl-C gives the answer so far, with its interval.

    Returns
    -------
    The aggregate's result, or a tuple of results when several were asked for. With `standard_error`
    or `error` an `Estimate` in place of a single number, and `Estimates` in place of other results.

    Raises
    ------
    BadInput
        For an answer that has no standard error, with the reason; for one group of rows only; for
        an `error` that is not positive, or a `confidence` outside 0 to 1.
    SinglePass
        When `error` is given and the rows come in one order only.
    NotEnoughMemory
        When a summary is too large to keep 32 of them.

    Notes
    -----
    Cost: 1 pass, and 128 summaries more with `standard_error`; a second pass where rows fill fewer
    than 32 partitions, as small data do. With `error` row groups of Parquet and ranges of other
    files are read in random order, and looked at when 20, 40, 80, ... of them are in.

    Only the columns that the aggregates look at are read.

    Exactness: standard errors by the delete-a-group jackknife; quantiles by Woodruff's intervals;
    distinct counts by the bound of their sketch.

    Source: Kott, "The delete-a-group jackknife", Journal of Official Statistics 17 (2001).

    Examples
    --------
    >>> import onebox as ob
    >>> from onebox.aggregates import DistinctCount, Mean
    >>> data = ob.dataset({"delay": [3.0, 5.0, 10.0, 10.0]})
    >>> ob.aggregate(data, Mean("delay"))
    7.0
    >>> ob.aggregate(data, Mean("delay"), standard_error=True)
    7.0 ± 1.8
    """
    if not aggregates:
        raise BadInput("aggregate was given no aggregate; name at least one, such as Moments().")
    opened = _needed(as_dataset(data), aggregates)
    view, settings = pair(opened, y, sample_weight), opened.settings
    recipe = join(*aggregates) if len(aggregates) > 1 else aggregates[0]
    job = ", ".join(type(one).__name__ for one in aggregates)
    if error is not None:
        target = Target.of(error, confidence, "value")
        stop = EarlyStop(target, random_state, on_interrupt)
        return _stopped_early(view, recipe, stop, settings, job)
    if standard_error:
        return _with_errors(view, recipe, settings, job)
    summary, _ = scan(view, recipe, settings=settings, job=job)
    if isinstance(recipe, Join) and len(recipe.parts) == 1:
        summary = (summary,)
    return recipe.result(summary)


def _needed(data: Dataset, aggregates: Sequence[Aggregate[Any]]) -> Dataset:
    """The columns that some aggregates look at: others need not be read."""
    if data.view.drop_missing:  # a missing value anywhere in a row drops it
        return data
    asked = [one.reads(data.view.schema) for one in parts_of(join(*aggregates))]
    if any(names is None for names in asked):
        return data
    wanted = {name for names in asked for name in names or ()}
    kept = [name for name in data.columns if name in wanted]
    return data if len(kept) == len(data.columns) else data.select(*kept)


def _with_errors(view: View, recipe: Aggregate[Any], settings: Settings, job: str) -> Any:
    summary, states, report = scan_with_errors(view, recipe, settings=settings, job=job)
    summaries = list(summary) if len(parts_of(recipe)) > 1 else [summary]
    return _told(recipe, summaries, states, report)


def _stopped_early(
    view: View, recipe: Aggregate[Any], stop: EarlyStop, settings: Settings, job: str
) -> Any:
    parts = parts_of(recipe)

    def judge(summaries: list[Any], states: list[GroupStates]) -> list[tuple[Estimate, ...]]:
        found = [estimates_of(*one) for one in zip(parts, summaries, states, strict=True)]
        stop.target.require_known(one.name for some in found for one in some)
        return found

    found = scan_until(view, recipe, stop, judge, settings=settings, job=job)
    return _told(recipe, found.summaries, found.states, found.report)


def _told(
    recipe: Aggregate[Any], summaries: list[Any], states: list[GroupStates], report: FitReport
) -> Any:
    told: list[Any] = []
    for part, summary, state in zip(parts_of(recipe), summaries, states, strict=True):
        result, estimates = part.result(summary), estimates_of(part, summary, state)
        alone = len(estimates) == 1 and np.ndim(estimates[0].value) == 0
        one = replace(estimates[0], report=report) if alone else None
        told.append(one or Estimates(result, estimates, report))
    return tuple(told) if isinstance(recipe, Join) else told[0]
