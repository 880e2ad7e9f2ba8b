"""
Reduce first
============

Fewer rows, fewer columns, or few directions: how much time a reduction takes, and how far off it is,
against its size. Real data: patches of two photographs.
"""

# %%
# A tenth of the patches
# ----------------------
#
# Every patch of 12 x 12 pixels in three colours is a row of 432 numbers. A keyed sample of them fits in
# memory, so that each answer can be held against that of all its rows.

import time

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import PercentFormatter

import onebox as ob
from onebox.cluster import KMeans
from onebox.decomposition import randomized_svd
from onebox.demo.patches import Patches, photographs
from onebox.random_projection import CountSketch, SparseRandomProjection
from onebox.sampling import lightweight_coreset

X = ob.dataset(Patches(photographs())).sample(fraction=0.1).to_numpy()
print(f"{len(X):,} rows of {X.shape[1]} numbers")


def timed(work):
    """What some work comes to, and the seconds it takes."""
    start = time.perf_counter()
    made = work()
    return made, time.perf_counter() - start


# %%
# Fewer rows
# ----------
#
# Twenty clusters found on a coreset, and what they cost on all rows. The seconds are those of drawing
# the coreset and of clustering it.

everything, seconds_of_all = timed(lambda: KMeans(20, random_state=0).fit(X))
rows = []
for m in (250, 500, 1000, 2000, 4000, 8000):

    def cluster(m=m):
        """Centres of the clusters of a coreset."""
        points, weights = lightweight_coreset(X, m, random_state=0)
        return KMeans(20, random_state=0).fit(points, sample_weight=weights)

    model, seconds = timed(cluster)
    worse = -model.score(X) / everything.inertia_ - 1
    rows.append((m, seconds, worse))
    print(f"{m:6,} rows: {seconds:5.2f} s, {worse:6.1%} above the inertia of all rows")
print(f"{len(X):6,} rows: {seconds_of_all:5.2f} s")

# %%
# Fewer columns
# -------------
#
# Random projections keep distances. The error is the median one of the distances between 5,000 pairs of
# rows, in the mean of twenty seeds: patches differ in few directions above all, and one matrix makes
# these too long or too short for all pairs alike. It falls with the root of the number of columns.

one, other = np.random.default_rng(0).integers(len(X), size=(2, 5_000))
before = np.linalg.norm(X[one] - X[other], axis=1)
apart = before > 0
columns = {}
for kind in (SparseRandomProjection, CountSketch):
    name = kind.__name__
    for k in (10, 20, 40, 80, 160):
        seconds, errors = 0.0, []
        for seed in range(20):
            projection = kind(k, random_state=seed).fit(X)
            Z, took = timed(lambda projection=projection: projection.transform(X))
            after = np.linalg.norm(Z[one] - Z[other], axis=1)
            errors.append(np.median(np.abs(after[apart] / before[apart] - 1)))
            seconds += took / 20
        error = np.mean(errors)
        columns.setdefault(name, []).append((k, seconds, error))
        print(f"{k:4} columns, {name}: {seconds:5.2f} s, distances off by {error:.1%}")

# %%
# Few directions
# --------------
#
# A sketch of the directions in which the rows differ most. ``randomized_svd`` says itself what it leaves
# out, as a share of the norm of all. The exact decomposition leaves out the least that is possible.

exact = np.linalg.eigvalsh(X.T.astype(float) @ X)[::-1]
total = np.sqrt(exact.sum())
directions = []
for k in (5, 10, 20, 40, 80):
    svd, seconds = timed(lambda k=k: randomized_svd(X, k, random_state=0))
    left, least = svd.error.frobenius / total, np.sqrt(exact[k:].sum()) / total
    directions.append((k, seconds, left, least))
    print(f"{k:3} directions: {seconds:5.2f} s, {left:.2%} left out; the best leave {least:.2%}")

# %%
# The picture
# -----------

fig, axes = plt.subplots(2, 3, figsize=(10, 5.5))
m, seconds, worse = zip(*rows, strict=True)
axes[0, 0].plot(m, worse, "o-")
axes[1, 0].plot(m, seconds, "o-")
axes[1, 0].axhline(seconds_of_all, color="k", linestyle=":", label="all rows")
for name, found in columns.items():
    k, seconds, error = zip(*found, strict=True)
    axes[0, 1].plot(k, error, "o-")
    axes[1, 1].plot(k, seconds, "o-", label=name)
numbers, seconds, left, least = zip(*directions, strict=True)
axes[0, 2].plot(numbers, left, "o-", label="found, by its own account")
axes[0, 2].plot(numbers, least, "k:", label="the best there are")
axes[1, 2].plot(numbers, seconds, "o-")
titles = ("k-means on a coreset", "distances of projections", "what directions leave out")
sizes = {"rows": m, "columns": k, "directions": numbers}
for (top, bottom), title, (label, ticks) in zip(axes.T, titles, sizes.items(), strict=True):
    top.set(title=title, xscale="log", ylim=(0, None))
    bottom.set(xlabel=label, xscale="log", ylim=(0, None))
    top.yaxis.set_major_formatter(PercentFormatter(1))
    for ax in (top, bottom):
        ax.set_xticks(ticks, [f"{tick:,}" for tick in ticks], fontsize="small")
        ax.minorticks_off()
for ax in (axes[1, 0], axes[1, 1], axes[0, 2]):
    ax.legend(loc="lower right" if ax is axes[1, 1] else "best")
axes[0, 0].set(ylabel="error")
axes[1, 0].set(ylabel="seconds")
fig.tight_layout()
