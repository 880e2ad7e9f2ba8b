"""
K-means in passes
=================

K-means reads the data once for every iteration. Between passes the blocks stay in memory when they
fit into the budget, and go to disk once, decoded, when they do not. The answer is the same bits
either way.
"""

# %%
# A million points
# ----------------

import matplotlib.pyplot as plt
import numpy as np

import onebox as ob
from onebox.cluster import KMeans

rng = np.random.default_rng(0)
true_centres = rng.uniform(-10, 10, size=(12, 2))
points = true_centres[rng.integers(0, 12, 1_000_000)] + rng.normal(size=(1_000_000, 2))
table = {"x": points[:, 0], "y": points[:, 1]}

# %%
# Two budgets, one answer
# -----------------------

with ob.config(memory="1GB"):
    roomy = KMeans(n_clusters=12, random_state=0).fit(ob.dataset(table))

with ob.config(memory="60MB", n_jobs=1):
    tight = KMeans(n_clusters=12, random_state=0).fit(ob.dataset(table))

print("same bits:", roomy.cluster_centers_.tobytes() == tight.cluster_centers_.tobytes())
print("passes:", roomy.fit_report_.passes, "and", tight.fit_report_.passes)

# %%
# The centres
# -----------
#
# ``ob.dataset(...).sample`` draws some points for the picture; the draw belongs to the rows.

shown = ob.dataset(table).sample(n=5000, random_state=0)
labels = roomy.predict(shown).to_numpy()
some = shown.to_numpy()

plt.figure(figsize=(5, 5))
plt.scatter(some[:, 0], some[:, 1], c=labels, s=2, cmap="tab20")
plt.plot(*roomy.cluster_centers_.T, "k+", markersize=10)
plt.axis("equal")
plt.tight_layout()
