"""Clustering. Names, parameters and attributes are scikit-learn's."""

from onebox.cluster.kmeans import KMeans

__all__ = ["KMeans"]
