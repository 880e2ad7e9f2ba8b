"""What can be learned in one pass: recipes for summaries that blocks update and that merge.

An `Aggregate` knows rows by their blocks only; reading, splitting and merging in a fixed order is
the engine's part. ``onebox.testing.check_aggregate`` holds the laws.
"""

from onebox.aggregates.aggregate import Aggregate, Join, RowState, Tiled, join
from onebox.aggregates.count import Count, CountResult
from onebox.aggregates.distinct import DistinctCount, DistinctCountResult
from onebox.aggregates.extremes import Extremes, ExtremesResult
from onebox.aggregates.gram import Gram, GramResult
from onebox.aggregates.histogram import Histogram, HistogramResult
from onebox.aggregates.mean import Mean, MeanResult
from onebox.aggregates.moments import Moments, MomentsResult
from onebox.aggregates.quantiles import Quantiles, QuantilesResult
from onebox.aggregates.sample import Sample
from onebox.aggregates.stratified_sample import StratifiedSample
from onebox.aggregates.top_values import TopValues, TopValuesResult
from onebox.aggregates.weighted_sample import WeightedSample

__all__ = [
    "Aggregate",
    "Count",
    "CountResult",
    "DistinctCount",
    "DistinctCountResult",
    "Extremes",
    "ExtremesResult",
    "Gram",
    "GramResult",
    "Histogram",
    "HistogramResult",
    "Join",
    "Mean",
    "MeanResult",
    "Moments",
    "MomentsResult",
    "Quantiles",
    "QuantilesResult",
    "RowState",
    "Sample",
    "StratifiedSample",
    "Tiled",
    "TopValues",
    "TopValuesResult",
    "WeightedSample",
    "join",
]
