"""
Trees of clusters
=================

Hierarchical clustering merges the two nearest clusters, again and again. What comes out is a tree,
which can be drawn, and cut into as many clusters as are wanted. Trees of columns make data smaller:
columns that are alike are averaged.
"""

# %%
# A dendrogram
# ------------
#
# The ten digits by how they are written, each the mean of its pictures. ``linkage_matrix_`` is what
# scipy draws.

import time

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import NullFormatter
from scipy.cluster.hierarchy import dendrogram
from scipy.ndimage import gaussian_filter
from sklearn.datasets import load_digits
from sklearn.feature_extraction.image import grid_to_graph

from onebox.cluster import AgglomerativeClustering, FeatureAgglomeration, ReNA

pictures, digits = load_digits(return_X_y=True)
means = np.array([pictures[digits == digit].mean(axis=0) for digit in range(10)])
model = AgglomerativeClustering(4, linkage="average", compute_distances=True).fit(means)

figure, axes = plt.subplots(figsize=(6, 3.5), layout="constrained")
dendrogram(model.linkage_matrix_, ax=axes)
axes.set_ylabel("distance between clusters")
print("in four clusters:", model.labels_)

# %%
# Pictures of fewer pixels
# ------------------------
#
# Of 64 pixels, 24 averages of neighbours are left: by Ward's tree along the grid of pixels, and by
# ReNA, whose time is linear in what it reads. Both learn which pixels go together from all pictures;
# ``inverse_transform`` gives every pixel the average of its cluster.

graph = grid_to_graph(8, 8)
ward = FeatureAgglomeration(24, connectivity=graph).fit(pictures)
rena = ReNA(24, connectivity=graph).fit(pictures)

figure, axes = plt.subplots(3, 5, figsize=(7, 4.5))
shown = pictures[:4]
rows = [("pixels", None, shown)]
for name, one in (("Ward", ward), ("ReNA", rena)):
    back = one.inverse_transform(one.transform(shown))
    rows.append((name, one.labels_, back))
    error = one.inverse_transform(one.transform(pictures)) - pictures
    print(f"{name}: {(error**2).sum() / pictures.var(axis=0).sum() / len(pictures):.0%} lost")
order = np.random.default_rng(0).permutation(24)  # so that neighbours differ in colour
for line, (name, labels, images) in zip(axes, rows, strict=True):
    line[0].set_ylabel(name)
    if labels is None:
        line[0].spines[:].set_visible(False)
    else:
        line[0].imshow(order[labels].reshape(8, 8), cmap="nipy_spectral")
    for place, image in zip(line[1:], images, strict=True):
        place.imshow(image.reshape(8, 8), cmap="gray_r", vmin=0, vmax=16)
for place in axes.ravel():
    place.set(xticks=[], yticks=[])

# %%
# How time grows
# --------------
#
# With connectivity, time grows nearly as ``n log n``. Here cubes of voxels with a few smooth signals,
# up to two million of them, as ``python -m benchmarks.growth --picture growth.svg`` has drawn them on
# one core. It rises a little faster from where a tree no longer fits the processor's caches.
#
# .. image:: /_static/growth.svg
#    :alt: Seconds against voxels for Ward and average linkage, beside a line for n log n.
#
# The same up to what takes seconds:


def seconds(side, linkage):
    """How long a tree of a cube takes, at best of three."""
    noise = np.random.default_rng(0).normal(size=(side, side, side, 5))
    voxels = gaussian_filter(noise, (1, 1, 1, 0)).reshape(-1, 5)
    model = AgglomerativeClustering(
        linkage=linkage, connectivity=grid_to_graph(side, side, side), compute_full_tree=True
    )
    taken = []
    for _ in range(3):
        start = time.perf_counter()
        model.fit(voxels)
        taken.append(time.perf_counter() - start)
    return min(taken)


sides = (12, 16, 24, 32)
taken = {linkage: [seconds(side, linkage) for side in sides] for linkage in ("ward", "average")}
sizes = np.array(sides) ** 3
figure, axes = plt.subplots(figsize=(6, 3.5), layout="constrained")
for linkage, times in taken.items():
    axes.loglog(sizes, times, "o-", label=linkage)
expected = sizes * np.log(sizes)
axes.loglog(sizes, expected * taken["ward"][-1] / expected[-1], "k:", label="n log n")
axes.set(xlabel="voxels", ylabel="seconds")
axes.xaxis.set_minor_formatter(NullFormatter())
axes.legend()
