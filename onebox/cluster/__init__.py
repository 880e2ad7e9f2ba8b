"""Clustering. Names, parameters and attributes are scikit-learn's."""

from onebox.cluster.kmeans import KMeans
from onebox.cluster.minibatch import MiniBatchKMeans
from onebox.cluster.spherical import SphericalKMeans

__all__ = ["KMeans", "MiniBatchKMeans", "SphericalKMeans"]
