"""What a page shows of columns beyond the table: histograms, frequent values, order, correlations."""

from __future__ import annotations

from dataclasses import dataclass, field

from onebox.describe.correlations import Correlations
from onebox.describe.shape import Histogram


@dataclass(frozen=True)
class ColumnDetails:
    """What is known of one column beyond the table.

    Attributes
    ----------
    quantiles : dict of float to float
        Quantiles of the finite values by rank, for numbers; from the sample where the counts in
        buckets are too coarse, as the histogram is.
    skewness, kurtosis : float or None
        Third and fourth standardised moment, the latter less 3, for numbers that vary.
    histogram : Histogram or None
        For numbers that vary, except booleans.
    top : tuple of (str, int)
        The most frequent values as text and how often they occur, at the least; none where all are
        as rare.
    top_error : int
        By how much those counts can be too small.
    countable : bool
        Whether frequent values were looked for, and distinct ones are worth comparing with the
        count: not for floats and decimals.
    order : str
        "rising", "falling", "constant" or "", as `Order` has it.
    """

    quantiles: dict[float, float] = field(default_factory=dict)
    skewness: float | None = None
    kurtosis: float | None = None
    histogram: Histogram | None = None
    top: tuple[tuple[str, int], ...] = ()
    top_error: int = 0
    countable: bool = False
    order: str = ""


@dataclass(frozen=True)
class Details:
    """What is known beyond the table.

    Attributes
    ----------
    columns : tuple of ColumnDetails
        One a column of the data.
    correlations : Correlations or None
        None when fewer than two numeric columns vary.
    source : str
        Where the rows are from, in a few words; the same rows elsewhere are described the same.
    """

    columns: tuple[ColumnDetails, ...]
    correlations: Correlations | None = None
    source: str = field(default="", compare=False)
