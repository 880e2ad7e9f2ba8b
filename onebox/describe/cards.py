"""All that is known of one column, as a card on the page."""

from __future__ import annotations

from onebox.describe.drawing import ends, histogram_drawing, share_drawing
from onebox.describe.figures import grouped, short
from onebox.describe.markup import escaped, isolated, percent
from onebox.describe.overview import Described, chips, distinct, mean, missing, span
from onebox.describe.shape import Histogram

SPAN = "from, to"
SHOWN_LETTERS = 200  # of names and values: more is no longer read


def card(one: Described) -> str:
    """Remarks, histogram, figures and frequent values of a column."""
    said = "".join(f"<li>{chips([r])} {escaped(r.text)}</li>" for r in one.remarks)
    return (
        f'<article class="card" id="{one.anchor}"><h3>{isolated(short(one.name, SHOWN_LETTERS))} '
        f'<span class="type">{escaped(one.facts["type"])}</span></h3>'
        f"{f'<ul>{said}</ul>' if said else ''}{_histogram(one)}{_figures(one)}{_top(one)}</article>"
    )


def _histogram(one: Described) -> str:
    histogram = one.details.histogram
    if histogram is None:
        return ""
    low, high = ends(histogram)
    words = " ".join(_tails(one, histogram) + _caveat(histogram))
    return (
        f"<figure>{histogram_drawing(histogram, one.details.quantiles, one.name)}"
        f'<div class="ends" aria-hidden="true"><span>{grouped(low)}</span>'
        f"<span>{grouped(high)}</span></div>"
        f"{f'<figcaption>{words}</figcaption>' if words else ''}</figure>"
    )


def _tails(one: Described, histogram: Histogram) -> list[str]:
    """What is said of values that are not drawn."""
    total = sum(histogram.counts) + histogram.below + histogram.above
    low, high = ends(histogram)
    return [
        f"Not drawn: {percent(count, total)} of the values, {where} {grouped(end)}, as far as "
        f"{grouped(one.facts[field])}."
        for count, where, end, field in (
            (histogram.below, "below", low, "min"), (histogram.above, "above", high, "max"),
        )
        if count
    ]  # fmt: skip


def _caveat(histogram: Histogram) -> list[str]:
    said = ["The axis is logarithmic."] if histogram.logarithmic else []
    if histogram.sampled:
        said.append(f"Histogram and quantiles are from a sample of {histogram.sampled:,} values.")
    return said


def _figures(one: Described) -> str:
    facts, quantiles = one.facts, one.details.quantiles
    shown = [
        ("count", f"{facts['count']:,}"),
        ("missing", f"{facts['missing']:,} ({missing(one)})" if facts["missing"] else "0"),
        ("infinite", f"{facts['infinite']:,}" if facts["infinite"] else ""),
        ("distinct", distinct(one)),
        (SPAN, span(one)),
        ("mean ± se" if facts["mean_standard_error"] is not None else "mean", mean(one)),
        ("standard dev.", _number(facts["std"])),
    ]
    if quantiles and facts["min"] < facts["max"]:
        shown += [
            ("min", _number(facts["min"])),
            ("5 %", _number(quantiles.get(0.05))),
            ("25 %", _number(quantiles.get(0.25))),
            ("median", _number(quantiles.get(0.5))),
            ("75 %", _number(quantiles.get(0.75))),
            ("95 %", _number(quantiles.get(0.95))),
            ("max", _number(facts["max"])),
            ("skewness", _number(one.details.skewness)),
            ("excess kurtosis", _number(one.details.kurtosis)),
        ]
    pairs = "".join(
        f"<div{' class=long' if title == SPAN else ''}><dt>{title}</dt><dd>{escaped(text)}</dd></div>"
        for title, text in shown
        if text
    )
    return f"<dl>{pairs}</dl>"


def _number(value: float | None) -> str:
    return "" if value is None else grouped(value)


def _top(one: Described) -> str:
    """The most frequent values, each with a bar; counts are too small by an error at the most."""
    top, count = one.details.top, one.facts["count"] + (one.facts["infinite"] or 0)
    if not top:
        return ""
    rows = "".join(
        f'<tr><th scope="row">{_value(value)}</th><td>{share_drawing(n, count)}</td>'
        f'<td class="count">{n:,} ({percent(n, count)})</td></tr>'
        for value, n in top
    )
    error = one.details.top_error
    hedge = f"; counts are too small by {error:,} at the most" if error else ""
    return (
        f'<table class="top"><caption>Most frequent values{hedge}</caption><tbody>{rows}</tbody>'
        "</table>"
    )


def _value(value: str) -> str:
    if not value.strip():
        return f'<span class="quiet">{"blank" if value else "empty text"}</span>'
    return isolated(short(value, SHOWN_LETTERS))
