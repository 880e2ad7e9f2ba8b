"""Which question is asked of which column, and the answers gathered by column."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from onebox.aggregates import Count, DistinctCount, Extremes, Moments, Quantiles, TopValues, join
from onebox.aggregates.aggregate import Aggregate
from onebox.aggregates.selection import is_scalar
from onebox.data.schema import Schema, is_numeric
from onebox.dataset import as_dataset
from onebox.describe.answers import RANKS, details_of, facts_of, note_on, take_errors
from onebox.describe.correlations import sample_of
from onebox.describe.description import FIELDS, Description
from onebox.describe.means import MeansByPartition
from onebox.describe.order import Order
from onebox.describe.reading import read_all, read_part
from onebox.engine.accuracy.anytime import EarlyStop, OnInterrupt
from onebox.engine.accuracy.target import Absolute, Target
from onebox.engine.limiter import single_threaded_blas
from onebox.errors import BadInput, EmptyData

# Frequent values are looked for with few counters: few values a column are shown.
SHOWN_VALUES, TOP_CAPACITY = 5, 256
# Kilobytes that the quantiles of all columns together may take; the columns share them.
QUANTILE_KILOBYTES = 8192


def describe(
    data: Any,
    *,
    error: float | None = None,
    confidence: float = 0.95,
    random_state: int = 0,
    on_interrupt: OnInterrupt = "raise",
) -> Description:
    """Describe every column of a dataset, of any type, in one pass.

    Parameters
    ----------
    data : Dataset, or anything that ``ob.dataset`` opens
    error : float, optional
        Stop reading when every mean is this close, in standard deviations of its column: 0.01
        takes some 40,000 rows when they lie in random order. What is described are then the rows
        that were read, and ``note`` says how many.
    confidence : float, default=0.95
        With which the means are that close.
    random_state : int, default=0
        Seed of the order in which parts of the data are read when `error` is given.
    on_interrupt : {"raise", "answer"}, default="raise"
        With `error`: whether Ctrl-C gives what is known so far.

    Returns
    -------
    Description
        Prints as a table; ``to_arrow()`` has all of it, ``to_html(path)`` writes a page with
        histograms, correlations and warnings, ``report`` tells what it cost.

    Raises
    ------
    EmptyData
        When there are no columns. No rows are described with counts of zero.
    BadInput
        For an `error` that is not positive, or without a numeric column to measure it on.
    SinglePass
        When `error` is given and the rows come in one order only.

    Notes
    -----
    Cost: 1 pass; a summary of some 10 kB a numeric column in common, at most 80 kB, and at most 20
    kB for others; a sample of up to 3,000 rows of the numeric columns, 4 MB at the most.

    Exactness: counts, mean, standard deviation and extremes up to rounding. Quartiles are exact for
    whole numbers in a narrow window, else off by at most 1/64 of themselves (`Quantiles`). Numbers
    of different values are exact up to 256 of them but for floats; beyond, they have a standard
    error of 1.6 % and a ``~`` in front (`DistinctCount`). A most frequent value is given when it
    certainly is one of the most frequent (`TopValues`); floats and decimals have none. Infinite
    values are counted and left out. Standard errors of means are those of the delete-a-group
    jackknife; of fewer than 8 partitions, as small data have, those of independent rows.

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
    n_rows = None if view.drops_rows or error is not None else view.source_rows
    questions = questions_for(view.schema, n_rows)
    if error is None:
        read = read_all(view, questions, opened.settings)
    else:
        if not isinstance(questions[0], Moments):
            raise BadInput("error= is about means, and no column is numeric; leave it out.")
        questions = [one for one in questions if not isinstance(one, Order)]  # there is none
        stop = EarlyStop(
            Target.of(Absolute(error), confidence, "value"), random_state, on_interrupt
        )
        read = read_part(view, questions, stop, opened.settings)
    with single_threaded_blas():  # the same bits on any machine
        answers = join(*questions).result(tuple(read.summaries))
        facts = facts_of(view.schema, questions, answers)
        take_errors(facts, read.means)
        details = details_of(
            view.schema, questions, read.summaries, answers, view.source.describe()
        )
    columns = [pa.array([one.get(f) for one in facts], kind) for f, kind in FIELDS.items()]
    note = "" if read.report.reading is None else note_on(read.report)
    return Description(pa.table(columns, names=list(FIELDS)), read.report, details, note)


def questions_for(schema: Schema, n_rows: int | None = None) -> list[Aggregate[Any]]:
    """What to ask of the columns, by their types; of how many rows, when all of them are read."""
    fields = list(schema.columns)
    numbers = tuple(f.name for f in fields if is_numeric(f.type))
    others = tuple(f.name for f in fields if not is_numeric(f.type))
    times = tuple(f.name for f in fields if pa.types.is_temporal(f.type))
    scalars = tuple(f.name for f in fields if is_scalar(f.type))
    # Not floats: counting each of their values costs ten times as much as all the rest.
    countable = tuple(f.name for f in fields if is_scalar(f.type) and _is_countable(f.type))
    octaves = max(16, min(64, QUANTILE_KILOBYTES // max(len(numbers), 1)))
    asked: list[tuple[tuple[str, ...], Aggregate[Any]]] = [
        (numbers, MeansByPartition(numbers)),
        (numbers, Quantiles(RANKS, numbers, octaves)),
        (numbers, sample_of(numbers, n_rows and 1 << (n_rows.bit_length() - 1))),
        (others, Count(others)),
        (times, Extremes(times)),
        (scalars, DistinctCount(scalars)),
        (countable, TopValues(SHOWN_VALUES, countable, TOP_CAPACITY)),
        (scalars, Order(scalars)),
    ]
    return [aggregate for names, aggregate in asked if names]


def _is_countable(kind: pa.DataType) -> bool:
    types = pa.types
    return not (types.is_floating(kind) or types.is_decimal(kind) or types.is_null(kind))
