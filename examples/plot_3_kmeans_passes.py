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

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import onebox as ob
from onebox.cluster import KMeans

rng = np.random.default_rng(0)
true_centres = rng.uniform(-10, 10, size=(12, 10))
points = true_centres[rng.integers(0, 12, 1_000_000)]
points += rng.normal(size=points.shape)
table = pa.table({f"x{j}": points[:, j] for j in range(10)})
path = Path(tempfile.mkdtemp()) / "points.parquet"
pq.write_table(table, path, row_group_size=100_000)

# %%
# Two budgets, one answer
# -----------------------

with ob.config(memory="1GB"):
    roomy = KMeans(n_clusters=12, random_state=0).fit(ob.dataset(path))

with ob.config(memory="160MB", n_jobs=1):
    tight = KMeans(n_clusters=12, random_state=0).fit(ob.dataset(path))

print("same bits:", np.array_equal(roomy.cluster_centers_, tight.cluster_centers_))
for name, model in (("roomy", roomy), ("tight", tight)):
    report = model.fit_report_
    print(f"{name}: {report.passes} passes, {report.bytes_spilled:,} bytes spilled")

# %%
# The centres
# -----------
#
# In the first two of ten dimensions. ``sample`` draws some points for the picture.

shown = ob.dataset(path).sample(n=5000, random_state=0)
labels = roomy.predict(shown).to_numpy()
some = shown.to_numpy()

plt.figure(figsize=(5, 5))
plt.scatter(some[:, 0], some[:, 1], c=labels, s=2, cmap="tab20")
plt.plot(*roomy.cluster_centers_[:, :2].T, "k+", markersize=10)
plt.axis("equal")
plt.tight_layout()
