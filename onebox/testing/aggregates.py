"""`check_aggregate`: hold an aggregate to the laws."""

from __future__ import annotations

from typing import Any

from onebox.aggregates.aggregate import Aggregate
from onebox.testing.laws import LAWS
from onebox.testing.rows import Rows, made_rows
from onebox.testing.trial import Trial


def check_aggregate(
    aggregate: Aggregate[Any],
    data: Any = None,
    *,
    y: Any = None,
    sample_weight: Any = None,
    tolerance: float = 1e-9,
) -> None:
    """Hold an aggregate to the laws of the contract; return when it keeps them all.

    The laws: the recipe is a frozen dataclass that survives pickling; ``empty`` needs a schema
    only; an empty summary, merged on either side, changes no bit; blocks of no rows change no bit;
    any split into blocks and partitions gives the same result, up to `tolerance`, and so does any
    order of merging; the same split gives the same bits; ``update`` leaves the block as it was and
    keeps no view of it; ``result`` leaves the summary as it was; summaries survive copying,
    pickling and storing in mid-run; no summary is larger than ``nbytes`` says; NaN, infinities and
    nulls are refused with `BadValue` wherever they stand, or accepted wherever they stand; the
    tiles of a `Tiled` aggregate can be updated in any order.

    Parameters
    ----------
    aggregate : Aggregate
        The recipe to check.
    data : anything that ``ob.dataset`` opens, default=None
        Rows to check it on. By default a few hundred rows of numbers with a target, with and
        without weights, are made, in columns called x, y and z, or as the recipe's field
        ``columns`` (or ``column``) says.
    y, sample_weight : array, default=None
        Target and weights for `data`.
    tolerance : float, default=1e-9
        What the result may depend on the split: a difference relative to the largest entry of each
        array.

    Raises
    ------
    AssertionError
        Naming the law that is broken, the aggregate, and where things differ.

    Examples
    --------
    >>> from onebox.aggregates import Moments
    >>> from onebox.testing import check_aggregate
    >>> check_aggregate(Moments())
    """
    made = made_rows(_columns(aggregate))
    for rows in made if data is None else [Rows.of(data, y, sample_weight)]:
        trial = Trial(aggregate, rows, tolerance)
        for law in LAWS:
            law(trial)


def _columns(aggregate: Aggregate[Any]) -> list[str]:
    for field in ("columns", "column"):
        named = getattr(aggregate, field, None)
        if named:
            return [named] if isinstance(named, str) else list(named)
    return ["x", "y", "z"]
