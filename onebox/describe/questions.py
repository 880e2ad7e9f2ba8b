"""Which question is asked of which column, and the answers gathered by column."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from onebox.aggregates import Count, DistinctCount, Extremes, Moments, Quantiles, TopValues, join
from onebox.aggregates.aggregate import Aggregate
from onebox.aggregates.selection import is_scalar
from onebox.aggregates.values import text
from onebox.data.schema import Schema, is_numeric
from onebox.dataset import as_dataset
from onebox.describe.description import FIELDS, Description
from onebox.engine.run import scan
from onebox.errors import EmptyData

# Frequent values are looked for with few counters: one value a column is shown.
TOP_CAPACITY = 256
# Kilobytes that the quantiles of all columns together may take; the columns share them.
QUANTILE_KILOBYTES = 8192


def describe(data: Any) -> Description:
    """Describe every column of a dataset, of any type, in one pass.

    Parameters
    ----------
    data : Dataset, or anything that ``ob.dataset`` opens

    Returns
    -------
    Description
        Prints as a table; ``to_arrow()`` has all of it, ``report`` what it cost.

    Raises
    ------
    EmptyData
        When there are no columns. No rows are described with counts of zero.

    Notes
    -----
    Cost: 1 pass; a summary of some 10 kB a numeric column in common, at most 80 kB, and at most 20
    kB for others.

    Exactness: counts, mean, standard deviation and extremes up to rounding. Quartiles are exact for
    whole numbers in a narrow window, else off by at most 1/64 of themselves (`Quantiles`). Numbers
    of different values are exact up to 256 of them but for floats; beyond, they have a standard
    error of 1.6 % and a ``~`` in front (`DistinctCount`). A most frequent value is given when it
    certainly is one of the most frequent (`TopValues`); floats and decimals have none. Infinite
    values are counted and left out.

    Examples
    --------
    >>> import onebox as ob, pyarrow as pa
    >>> trips = pa.table({"minutes": [12, 7, None, 31], "city": ["Rome", "Oslo", "Rome", "Rome"]})
    >>> ob.describe(trips)
    4 rows x 2 columns
    <BLANKLINE>
    column   type   count  missing   mean    std  min  25%  50%   75%  max  distinct
    minutes  int64      3        1  16.67  12.66    7  9.5   12  21.5   31         3
    <BLANKLINE>
    column  type    count  distinct  top or range
    city    string      4         2  Rome (75%)
    """
    opened = as_dataset(data)
    view = opened.view.without_roles()
    if not view.schema.n_features:
        raise EmptyData("describe was given 0 columns; there is nothing to say about the rows.")
    questions = questions_for(view.schema)
    recipe = join(*questions)
    summary, report = scan(view, recipe, settings=opened.settings, job="describe")
    answers = recipe.result(summary if len(questions) > 1 else (summary,))
    facts = _facts(view.schema, questions, answers)
    columns = [pa.array([one.get(f) for one in facts], kind) for f, kind in FIELDS.items()]
    return Description(pa.table(columns, names=list(FIELDS)), report)


def questions_for(schema: Schema) -> list[Aggregate[Any]]:
    """What to ask of the columns, by their types."""
    fields = list(schema.columns)
    numbers = tuple(f.name for f in fields if is_numeric(f.type))
    others = tuple(f.name for f in fields if not is_numeric(f.type))
    times = tuple(f.name for f in fields if pa.types.is_temporal(f.type))
    scalars = tuple(f.name for f in fields if is_scalar(f.type))
    # Not floats: counting each of their values costs ten times as much as all the rest.
    countable = tuple(f.name for f in fields if is_scalar(f.type) and _is_countable(f.type))
    octaves = max(16, min(64, QUANTILE_KILOBYTES // max(len(numbers), 1)))
    asked: list[tuple[tuple[str, ...], Aggregate[Any]]] = [
        (numbers, Moments(numbers)),
        (numbers, Quantiles((0.25, 0.5, 0.75), numbers, octaves)),
        (others, Count(others)),
        (times, Extremes(times)),
        (scalars, DistinctCount(scalars)),
        (countable, TopValues(1, countable, TOP_CAPACITY)),
    ]
    return [aggregate for names, aggregate in asked if names]


def _is_countable(kind: pa.DataType) -> bool:
    types = pa.types
    return not (types.is_floating(kind) or types.is_decimal(kind) or types.is_null(kind))


def _facts(
    schema: Schema, questions: list[Aggregate[Any]], answers: tuple[Any, ...]
) -> list[dict[str, Any]]:
    """What is known of each column, by field."""
    facts: dict[str, dict[str, Any]] = {
        field.name: {"column": field.name, "type": _type_name(field.type)}
        for field in schema.columns
    }
    for question, answer in zip(questions, answers, strict=True):
        match question:
            case Moments() | Count():
                _take(facts, answer, ("count", "missing", "infinite", "mean", "std", "min", "max"))
            case Quantiles():
                for name, values in zip(answer.names, answer.values, strict=True):
                    quartiles = map(_number, values)
                    facts[name].update(zip(("25%", "50%", "75%"), quartiles, strict=True))
            case Extremes():
                for name, low, high in zip(answer.names, answer.min, answer.max, strict=True):
                    ends = (text(one) for one in (low, high))
                    facts[name].update(zip(("earliest", "latest"), ends, strict=True))
            case DistinctCount():
                for name, distinct in zip(answer.names, answer.distinct, strict=True):
                    of = facts[name]
                    most = of["count"] + of.get("infinite", 0)
                    of.update(distinct=min(int(distinct), most), distinct_is_exact=most == 0)
            case TopValues():
                _take_top(facts, answer)
    return list(facts.values())


def _take(facts: dict[str, dict[str, Any]], answer: Any, fields: tuple[str, ...]) -> None:
    for field in fields:
        for name, value in zip(answer.names, getattr(answer, field, ()), strict=False):
            facts[name][field] = _number(value)


def _take_top(facts: dict[str, dict[str, Any]], answer: Any) -> None:
    for j, name in enumerate(answer.names):
        if not answer.error[j]:
            facts[name].update(distinct=int(answer.n_kept[j]), distinct_is_exact=True)
        if len(answer.counts[j]) and answer.counts[j][0] > answer.error[j]:
            top = text(answer.values[j][0])
            facts[name].update(top=top, top_count=int(answer.counts[j][0]))


def _number(value: Any) -> Any:
    """A Python number; None for NaN, which stands for no answer."""
    return None if value != value else value.item()


def _type_name(kind: pa.DataType) -> str:
    if pa.types.is_dictionary(kind):
        return f"dictionary<{kind.value_type}>"
    return str(kind)
