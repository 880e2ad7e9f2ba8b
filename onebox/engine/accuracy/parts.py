"""The estimates of one aggregate: by the jackknife where it is right, else by what is known."""

from __future__ import annotations

from typing import Any

import numpy as np

from onebox.aggregates.aggregate import Aggregate, OwnError
from onebox.aggregates.results import ColumnResult
from onebox.engine.accuracy.estimate import Estimate
from onebox.engine.accuracy.states import GroupStates
from onebox.errors import BadInput


def estimates_of(
    aggregate: Aggregate[Any], summary: Any, state: GroupStates
) -> tuple[Estimate, ...]:
    """Every answer of an aggregate that has a standard error.

    Raises
    ------
    BadInput
        When none has, with the reason.
    """
    smooth = aggregate.smooth(summary) if aggregate.grouped else {}
    if smooth:
        names, by_column = _entries(aggregate, summary)
        return state.estimates(aggregate.smooth, smooth, names, by_column=by_column)
    known = aggregate.own_errors(summary, state.design.widening)
    if not known or (state.at_random and any(one.of_these_rows for one in known.values())):
        kind = type(aggregate).__name__
        why = aggregate.no_error if not known else "a part of the rows does not tell it of the rest"
        raise BadInput(
            f"{kind} has no standard error: {why}. Ask for it apart, without standard_error= and error=."
        )
    return tuple(_known(name, one, state) for name, one in known.items())


def _entries(aggregate: Aggregate[Any], summary: Any) -> tuple[tuple[str, ...] | None, bool]:
    """What the entries of answers stand for, and whether each depends on that column alone."""
    result, asked = aggregate.result(summary), getattr(aggregate, "columns", None)
    if isinstance(result, ColumnResult):
        return result.names, True
    if isinstance(asked, str):
        return (asked,), True
    return getattr(result, "names", None), False


def _known(name: str, one: OwnError, state: GroupStates) -> Estimate:
    error = np.asarray(one.standard_error, np.float64)
    if state.at_random:
        error = error * np.sqrt(max(1 - state.read, 0.0))
    columns = () if one.names is None else one.names
    # An error that was widened by the design effect has taken its doubt into account.
    return Estimate(name, one.value, error, 0, columns, state.design.effect_of(columns), {})
