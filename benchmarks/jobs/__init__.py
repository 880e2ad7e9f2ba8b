"""The jobs: for each, how onebox does it and how its peer's own users would."""

from benchmarks.jobs import (  # noqa: F401, I001 -- in the order of the table
    parquet, pca, projection, kmeans, hierarchy, gram, small, early, intervals, keys, hits, save, append,
    pmap, scans, svmlight,
)  # fmt: skip
from benchmarks.jobs.base import JOBS, Job, Size

__all__ = ["JOBS", "Job", "Size"]
