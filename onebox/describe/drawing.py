"""Small drawings in SVG. Colours come from the page's style, so that they follow its scheme."""

from __future__ import annotations

from collections.abc import Sequence

from onebox.describe.figures import grouped
from onebox.describe.markup import escaped, percent
from onebox.describe.shape import Histogram

WIDTH, HEIGHT = 300, 100  # of a histogram in its own units; the page stretches it
STRIP = 12  # below it, for the box of the quantiles


def sparkline(histogram: Histogram, name: str) -> str:
    """A histogram as small as a word."""
    bars = _bars(histogram, 90, 24)
    label = escaped(f"Histogram of {name}, {_reach(histogram)}")
    return (
        f'<svg class="spark" viewBox="0 0 90 24" preserveAspectRatio="none" role="img" '
        f'aria-label="{label}"><path class="bar" d="{"".join(bars)}"/></svg>'
    )


def histogram_drawing(histogram: Histogram, quantiles: dict[float, float], name: str) -> str:
    """A histogram whose bars tell their counts, over the box of the quantiles."""
    total = sum(histogram.counts) + histogram.below + histogram.above
    bars = [
        f'<path class="bar" d="{bar}"><title>{bin_label(histogram, i)}: '
        f"{histogram.counts[i]:,} ({percent(histogram.counts[i], total)})</title></path>"
        for i, bar in enumerate(_bars(histogram, WIDTH, HEIGHT))
        if bar
    ]
    label = escaped(f"Histogram of {name}, {_reach(histogram)}")
    return (
        f'<svg class="histogram" viewBox="0 0 {WIDTH} {HEIGHT + STRIP}" '
        f'preserveAspectRatio="none" role="img" aria-label="{label}">{"".join(bars)}'
        f'<path class="axis" d="M0 {HEIGHT}h{WIDTH}"/>{_box(histogram, quantiles)}</svg>'
    )


def shares_drawing(counts: Sequence[int], total: int, label: str) -> str:
    """The shares of the most frequent values, side by side; what is left over stays pale."""
    parts, at = [], 0.0
    for rank, count in enumerate(counts):
        width = 90 * count / max(total, 1)
        parts.append(
            f'<path class="s{min(rank, 4)}" d="M{at:.4g} 0h{width:.4g}v24h-{width:.4g}z"/>'
        )
        at += width
    return (
        f'<svg class="spark" viewBox="0 0 90 24" preserveAspectRatio="none" role="img" '
        f'aria-label="{escaped(label)}"><path class="rest" d="M0 0h90v24h-90z"/>'
        f"{''.join(parts)}</svg>"
    )


def share_drawing(part: int, whole: int) -> str:
    """One share as a bar, for beside the number that tells it."""
    width = 100 * part / max(whole, 1)
    return (
        '<svg class="share" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        f'<path class="rest" d="M0 0h100v8h-100z"/><path class="bar" d="M0 0h{width:.4g}v8h-'
        f'{width:.4g}z"/></svg>'
    )


def bin_label(histogram: Histogram, i: int) -> str:
    """The values of a bin in words.

    >>> bin_label(Histogram((0.5, 1.5, 2.5), (3, 4), 0, 0, whole=True), 1)
    '2'
    >>> bin_label(Histogram((0.0, 0.5, 1.0), (3, 4), 0, 0), 1)
    '0.5 to 1'
    """
    low, high = histogram.edges[i : i + 2]
    if histogram.whole:
        low, high = low + 0.5, high - 0.5
    return grouped(low) if low == high else f"{grouped(low)} to {grouped(high)}"


def ends(histogram: Histogram) -> tuple[float, float]:
    """The least and the greatest value that could be drawn."""
    inward = 0.5 if histogram.whole else 0.0
    return histogram.edges[0] + inward, histogram.edges[-1] - inward


def _reach(histogram: Histogram) -> str:
    low, high = ends(histogram)
    most = max(range(len(histogram.counts)), key=histogram.counts.__getitem__)
    return f"from {grouped(low)} to {grouped(high)}; most values at {bin_label(histogram, most)}"


def _bars(histogram: Histogram, width: int, height: int) -> list[str]:
    """An outline a bin; a bin with few values is seen, one without is not there."""
    most = max(*histogram.counts, 1)
    step = width / len(histogram.counts)
    bars = []
    for i, count in enumerate(histogram.counts):
        tall = max(height * count / most, height / 50) if count else 0
        at = f"M{i * step:.4g} {height}v-{tall:.4g}h{step:.4g}v{tall:.4g}z"
        bars.append(at if count else "")
    return bars


def _box(histogram: Histogram, quantiles: dict[float, float]) -> str:
    """From the 5 % to the 95 % quantile a line, a box between the quartiles, the median."""
    wanted = (0.05, 0.25, 0.5, 0.75, 0.95)
    if not all(q in quantiles for q in wanted):
        return ""
    at = [WIDTH * histogram.place(quantiles[q]) for q in wanted]
    top, middle = HEIGHT + 4, HEIGHT + STRIP / 2 + 2
    line = f'<path class="whisker" d="M{at[0]:.4g} {middle:.4g}H{at[4]:.4g}"/>'
    box = f'<path class="box" d="M{at[1]:.4g} {top}H{at[3]:.4g}v8H{at[1]:.4g}z"/>'
    return f'{line}{box}<path class="median" d="M{at[2]:.4g} {top - 1}v9"/>'
