"""The answers of a description, which come by question, gathered by column."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from onebox.aggregates import Count, DistinctCount, Extremes, Moments, Quantiles, TopValues
from onebox.aggregates.aggregate import Aggregate
from onebox.aggregates.moments import MomentsResult
from onebox.aggregates.quantiles import Buckets, QuantilesResult, QuantilesSummary
from onebox.aggregates.top_values import TopValuesResult
from onebox.aggregates.values import text, texts
from onebox.data.schema import Schema
from onebox.describe.correlations import NumberSample, correlations_of
from onebox.describe.details import ColumnDetails, Details
from onebox.describe.order import Order
from onebox.describe.shape import ENDS, histogram_of, is_coarse
from onebox.engine.accuracy import Estimate
from onebox.engine.report import FitReport

Float64 = NDArray[np.float64]

QUARTILES = {0.25: "25%", 0.5: "50%", 0.75: "75%"}
RANKS = (ENDS[0], 0.05, *QUARTILES, 0.95, ENDS[1])


def facts_of(
    schema: Schema, questions: Sequence[Aggregate[Any]], answers: Sequence[Any]
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
                    for q, value in zip(answer.q.tolist(), values, strict=True):
                        if q in QUARTILES:
                            facts[name][QUARTILES[q]] = _number(value)
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


def take_errors(facts: list[dict[str, Any]], means: Estimate | None) -> None:
    """Put standard errors beside the means that they belong to."""
    if means is None or means.columns is None:
        return
    errors = means.standard_error.tolist()
    known = dict(zip(means.columns, zip(errors, means.trusted.tolist(), strict=True), strict=True))
    for of in facts:
        if of["column"] in known and of.get("mean") is not None:
            error, trusted = known[of["column"]]
            if error != error:  # of a single value
                continue
            of.update(mean_standard_error=error, mean_is_trusted=trusted)


def note_on(report: FitReport) -> str:
    """What readers of a description of a part of the rows must know."""
    reading = report.reading
    assert reading is not None
    if reading.share >= 1:
        return f"This description has {reading}."
    why = " when it was interrupted" if reading.interrupted else ""
    return (
        f"This description has read {reading.share:.2g} of the rows, drawn at random in parts{why}: "
        f"counts, extremes and frequent values are those of the {report.rows:,} rows that were read."
    )


def details_of(
    schema: Schema,
    questions: Sequence[Aggregate[Any]],
    summaries: Sequence[Any],
    answers: Sequence[Any],
    source: str,
) -> Details:
    """What is known beyond the table."""
    found: dict[str, dict[str, Any]] = {name: {} for name in schema.names}
    moments = quantiles = sample = correlations = None
    for question, summary, answer in zip(questions, summaries, answers, strict=True):
        match question:
            case Moments():
                moments = answer
                for j, name in enumerate(answer.names):
                    found[name]["skewness"] = _number(answer.skewness[j])
                    found[name]["kurtosis"] = _number(answer.kurtosis[j])
            case Quantiles():
                quantiles = (summary, answer)
            case NumberSample():
                sample = answer
                correlations = correlations_of(summary.names, sample)
            case TopValues():
                _take_frequent(found, answer)
            case Order():
                for name, order in zip(answer.names, answer.order, strict=True):
                    found[name]["order"] = order
    if quantiles is not None and moments is not None and sample is not None:
        _take_shapes(found, schema, *quantiles, moments, sample)
    columns = tuple(ColumnDetails(**found[name]) for name in schema.names)
    return Details(columns, correlations, source)


def _take_shapes(
    found: dict[str, dict[str, Any]],
    schema: Schema,
    summary: QuantilesSummary,
    quantiles: QuantilesResult,
    moments: MomentsResult,
    sample: Float64,
) -> None:
    """Quantiles and histograms of the numbers; all three answers are about the same columns."""
    kinds = dict(zip(schema.names, schema.kinds, strict=True))
    for j, name in enumerate(quantiles.names):
        if not moments.count[j] or pa.types.is_boolean(kinds[name]):
            continue
        buckets, extremes = Buckets(summary, j), (float(moments.min[j]), float(moments.max[j]))
        values, some = quantiles.values[j], sample[j][np.isfinite(sample[j])]
        coarse = len(some) > 0 and is_coarse(buckets, *np.quantile(some, ENDS))
        if coarse:
            values = np.quantile(some, quantiles.q)
        by_rank = dict(zip(quantiles.q.tolist(), np.clip(values, *extremes).tolist(), strict=True))
        ends = by_rank[ENDS[0]], by_rank[ENDS[1]]
        found[name]["quantiles"] = by_rank
        found[name]["histogram"] = histogram_of(buckets, extremes, ends, some if coarse else None)


def _take_frequent(found: dict[str, dict[str, Any]], answer: TopValuesResult) -> None:
    for j, name in enumerate(answer.names):
        error, counts = int(answer.error[j]), answer.counts[j].tolist()
        found[name].update(countable=True, top_error=error)
        if counts and (counts[0] > 1 or answer.n_values[j] <= len(counts)):
            pairs = zip(texts(answer.values[j]), counts, strict=True)
            found[name]["top"] = tuple((str(one), n) for one, n in pairs if n > error)


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
