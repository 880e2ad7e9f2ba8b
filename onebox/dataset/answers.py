"""Answers in one pass: ``ob.aggregate``."""

from __future__ import annotations

from typing import Any

from onebox.aggregates.aggregate import Aggregate, Join, join
from onebox.dataset.pairing import as_dataset, pair
from onebox.engine.run import scan
from onebox.errors import BadInput


def aggregate(
    data: Any, *aggregates: Aggregate[Any], y: Any = None, sample_weight: Any = None
) -> Any:
    """Answer one or several questions about the rows in one pass.

    Parameters
    ----------
    data : Dataset, or anything that ``ob.dataset`` opens
    *aggregates : Aggregate
        The questions.
    y, sample_weight : Dataset of the same rows, or array
        For aggregates that use a target or weights.

    Returns
    -------
    The aggregate's result, or a tuple of results when several were asked for.

    Examples
    --------
    >>> import onebox as ob
    >>> from onebox.aggregates import DistinctCount, Mean
    >>> data = ob.dataset({"delay": [3.0, 5.0, 10.0, 10.0]})
    >>> ob.aggregate(data, Mean("delay"))
    7.0
    """
    if not aggregates:
        raise BadInput("aggregate was given no aggregate; name at least one, such as Moments().")
    opened = as_dataset(data)
    recipe = join(*aggregates) if len(aggregates) > 1 else aggregates[0]
    view = pair(opened, y, sample_weight)
    names = ", ".join(type(one).__name__ for one in aggregates)
    summary, _ = scan(view, recipe, settings=opened.settings, job=names)
    if isinstance(recipe, Join) and len(recipe.parts) == 1:
        summary = (summary,)
    return recipe.result(summary)
