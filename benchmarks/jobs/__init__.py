"""The jobs: for each, how onebox does it and how its peer's own users would."""

from benchmarks.jobs import parquet, pca, kmeans, gram, small, early, intervals, keys  # noqa: F401, I001 -- in the order of the table
from benchmarks.jobs.base import JOBS, Job, Size

__all__ = ["JOBS", "Job", "Size"]
