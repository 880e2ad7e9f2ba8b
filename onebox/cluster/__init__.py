"""Clustering. Names, parameters and attributes are scikit-learn's."""

from onebox.cluster.agglomerative import AgglomerativeClustering
from onebox.cluster.hierarchy.tree import linkage_matrix
from onebox.cluster.hierarchy.trees import linkage_tree, ward_tree
from onebox.cluster.kmeans import KMeans

__all__ = ["AgglomerativeClustering", "KMeans", "linkage_matrix", "linkage_tree", "ward_tree"]
