"""
Centres of patches
==================

What do small windows of two photographs look like? k-means answers with pictures, as its centres are
patches themselves.
"""

# %%
# Half a million patches
# ----------------------
#
# Every patch of 8 x 8 pixels in three colours is a row of 192 numbers. The table is never held: patches
# are cut when a block is read. ``MiniBatchKMeans`` goes through them twice. It draws a sample, learns
# from batches of it that grow, and in the end averages all patches that are nearest to each centre.

import matplotlib.pyplot as plt
import numpy as np

import onebox as ob
from onebox.cluster import KMeans, MiniBatchKMeans, SphericalKMeans
from onebox.demo.patches import Patches, photographs

patches = ob.dataset(Patches(photographs(), size=8))
print(patches)

model = MiniBatchKMeans(64, random_state=0, compute_labels=False).fit(patches)
report = model.fit_report_
print(f"{model.n_steps_} iterations on the sample, {report.passes} passes, {report.seconds:.1f} s")


def show(centers, title):
    """One picture of all centres, the most frequent first."""
    tiles = np.full((8, 9, 8, 9, 3), 1.0)
    tiles[:, :8, :, :8] = centers.reshape(8, 8, 8, 8, 3).swapaxes(1, 2)
    plt.figure(figsize=(5, 5.3))
    plt.imshow(tiles.reshape(72, 72, 3)[:-1, :-1].clip(0, 1), interpolation="nearest")
    plt.title(title)
    plt.axis("off")
    plt.tight_layout()


order = np.argsort(-model.counts_)
show(model.cluster_centers_[order], "k-means: mostly plain colours")

# %%
# How good is it?
# ---------------
#
# Against k-means from five random starts on one patch in fifty, by the inertia on these, which only the
# latter was fitted to:

some = patches.sample(fraction=0.02, random_state=1)
best = KMeans(64, init="random", n_init=5, max_iter=30, random_state=0).fit(some.to_numpy())
print(f"inertia over that of the best of five: {-model.score(some) / best.inertia_:.3f}")

# %%
# Shapes instead of colours
# -------------------------
#
# Less its own mean, a patch is a pattern of light and shade. ``SphericalKMeans`` compares patterns by
# the angle between them, so that faint ones count as much as strong ones: edges, bars and corners.


def pattern(block):
    """Grey patches less their means."""
    grey = block.X.reshape(len(block.X), 64, 3).mean(axis=2)
    return grey - grey.mean(axis=1, keepdims=True)


patterns = patches.sample(fraction=0.02, random_state=0).map(pattern).to_numpy()
edges = SphericalKMeans(64, max_iter=30, random_state=0).fit(patterns)
order = np.argsort(-np.bincount(edges.labels_, minlength=64))
contrast = 0.5 + 2 * edges.cluster_centers_[order]
show(np.repeat(contrast[:, :, None], 3, axis=2), "spherical k-means: edges")
