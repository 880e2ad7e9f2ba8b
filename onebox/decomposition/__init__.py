"""Decompositions. Names, parameters and attributes are scikit-learn's."""

from onebox.decomposition.pca import PCA
from onebox.decomposition.svd import SVD, SVDError, randomized_svd
from onebox.decomposition.truncated_svd import TruncatedSVD

__all__ = ["PCA", "SVD", "SVDError", "TruncatedSVD", "randomized_svd"]
