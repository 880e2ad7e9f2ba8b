"""Hierarchical clustering: trees of clusters over rows that are all in memory, grown by kernels.

`trees` is the door, `graph` and `pairs` grow a tree with and without connectivity, `tree` reads clusters
off it. An estimator hands over rows and a graph that `connectivity` has checked.
"""
