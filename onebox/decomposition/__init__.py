"""Decompositions. Names, parameters and attributes are scikit-learn's."""

from onebox.decomposition.pca import PCA

__all__ = ["PCA"]
