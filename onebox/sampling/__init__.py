"""Few rows that stand for many, drawn by keys that depend on the seed and the row alone.

Samples that one pass draws are aggregates: `Sample`, `StratifiedSample`, `WeightedSample`.
"""

from onebox.sampling.coreset import Coreset, lightweight_coreset

__all__ = ["Coreset", "lightweight_coreset"]
