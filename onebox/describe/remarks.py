"""What a reader should be told of a column: one rule, and the thresholds that it goes by.

=============  ======================================================================
all missing    there are rows, and no value
many missing   more than half of the rows have no value
infinite       there are infinite values, which are left out of all other figures
constant       at least two values, all of them equal
nearly unique  at least 20 values, of which 95 % or more differ: an identifier, a key
heavy tail     excess kurtosis above 20, of numbers with more than two different values
sorted         at least 10 values, which never fall or never rise from row to row
=============  ======================================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from onebox.describe.details import ColumnDetails

MANY_MISSING = 0.5
NEARLY_UNIQUE, FEWEST_UNIQUE = 0.95, 20
HEAVY_TAIL = 20.0
FEWEST_SORTED = 10


@dataclass(frozen=True)
class Remark:
    """Something to know about a column.

    Attributes
    ----------
    kind : str
        One of the kinds above.
    text : str
        The same in a few words, with numbers.
    """

    kind: str
    text: str


def remarks(facts: Mapping[str, Any], details: ColumnDetails) -> list[Remark]:
    """What should be said of a column.

    Parameters
    ----------
    facts : mapping
        Its row of ``Description.to_arrow()``.
    details : ColumnDetails

    Examples
    --------
    >>> facts = {"type": "string", "count": 4, "missing": 16, "infinite": None, "distinct": 1}
    >>> for remark in remarks(facts, ColumnDetails(order="constant")):
    ...     print(f"{remark.kind}: {remark.text}")
    many missing: 80 % of the rows have no value
    constant: all 4 values are equal
    """
    count, missing, infinite = facts["count"], facts["missing"], facts["infinite"] or 0
    values = count + infinite
    if not values:
        return [Remark("all missing", "no row has a value")] if missing else []
    found = []
    if missing > MANY_MISSING * (missing + values):
        share = missing / (missing + values)
        found.append(Remark("many missing", f"{100 * share:.3g} % of the rows have no value"))
    if infinite:
        found.append(Remark("infinite", f"{infinite:,} infinite values are left out"))
    if values >= 2 and details.order == "constant":
        return [*found, Remark("constant", f"all {values:,} values are equal")]
    distinct = facts["distinct"] or 0
    if details.countable and values >= FEWEST_UNIQUE and distinct >= NEARLY_UNIQUE * values:
        found.append(Remark("nearly unique", "nearly every value is different: an identifier?"))
    if details.kurtosis is not None and details.kurtosis > HEAVY_TAIL and distinct > 2:
        text = f"a few values lie far out (excess kurtosis {details.kurtosis:.3g})"
        found.append(Remark("heavy tail", text))
    if details.order in ("rising", "falling") and values >= FEWEST_SORTED:
        way = "fall" if details.order == "rising" else "rise"
        found.append(Remark("sorted", f"values never {way} from row to row"))
    return found
