"""Clustering. Names, parameters and attributes are scikit-learn's."""

from onebox.cluster.agglomerative import AgglomerativeClustering
from onebox.cluster.feature_agglomeration import FeatureAgglomeration
from onebox.cluster.hierarchy.tree import linkage_matrix
from onebox.cluster.hierarchy.trees import linkage_tree, ward_tree
from onebox.cluster.kmeans import KMeans
from onebox.cluster.minibatch import MiniBatchKMeans
from onebox.cluster.rena import ReNA
from onebox.cluster.spherical import SphericalKMeans

__all__ = [
    "AgglomerativeClustering",
    "FeatureAgglomeration",
    "KMeans",
    "MiniBatchKMeans",
    "ReNA",
    "SphericalKMeans",
    "linkage_matrix",
    "linkage_tree",
    "ward_tree",
]
