"""Fewer columns that keep the distances. Names, parameters and attributes are scikit-learn's."""

from sklearn.random_projection import johnson_lindenstrauss_min_dim

from onebox.random_projection.count_sketch import CountSketch
from onebox.random_projection.gaussian import GaussianRandomProjection
from onebox.random_projection.sparse import SparseRandomProjection

__all__ = [
    "CountSketch",
    "GaussianRandomProjection",
    "SparseRandomProjection",
    "johnson_lindenstrauss_min_dim",
]
