"""
Keep what a slow step returns
=============================

A step is computed once, found again in every later run, and computed anew when something that it is
made of has changed: an argument, or a line of code in a helper of a helper.
"""

# %%
# A pipeline of two steps
# -----------------------
#
# Pictures of handwritten digits are described by histograms of the directions of their edges, and a
# linear classifier learns from those. The first step is the slow one. Its code is a module of its
# own, as it would be in a study.

import sys
import tempfile
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

import onebox as ob
from onebox.linear_model import RidgeClassifier

EDGES = '''
import numpy as np

BINS = 6  # directions that are told apart


def histogram(size, angle):
    """How much edge there is in each direction."""
    return np.histogram(angle, BINS, (-np.pi, np.pi), weights=size)[0]


def described(picture):
    """Histograms of the four quarters of a picture."""
    down, right = np.gradient(picture)
    size, angle = np.hypot(down, right), np.arctan2(down, right)
    halves = slice(4), slice(4, 8)
    quarters = [(rows, columns) for rows in halves for columns in halves]
    return np.concatenate([histogram(size[q], angle[q]) for q in quarters])
'''

folder = Path(tempfile.mkdtemp())
(folder / "edges.py").write_text(EDGES)
sys.path.insert(0, str(folder))
sys.dont_write_bytecode = True
import edges

digits = load_digits()

# %%
# Once
# ----
#
# The decorator is all that is needed. ``timed`` is there for the picture at the end.

memory = ob.Memory(folder / "cache", limit="10MB")
calls = []


def timed(label, function, *arguments):
    started = time.perf_counter()
    result = function(*arguments)
    calls.append((label, time.perf_counter() - started))
    return result


@memory.cache
def features(pictures):
    print("describing", len(pictures), "pictures")
    return np.array([edges.described(picture) for picture in pictures])


X = timed("first call", features, digits.images)
X = timed("second call", features, digits.images)
half = len(X) // 2
model = RidgeClassifier().fit(X[:half], digits.target[:half])
print(f"{model.score(X[half:], digits.target[half:]):.1%} of the other half are read correctly")

# %%
# A change far away
# -----------------
#
# Somebody edits a constant that only a helper of a helper uses. Nothing of ``features`` itself has
# changed, and yet its old results are not those that it would return now.


def edit(code):
    (folder / "edges.py").write_text(code)
    edges.__spec__.loader.exec_module(edges)  # in a script: run it again


edit(EDGES.replace("BINS = 6", "BINS = 12"))
print(features.explain(digits.images))

# %%
# So it is computed anew. What it returned before is still there: when the edit is taken back, it is
# found. A comment is no change.

X = timed("a constant changed", features, digits.images)
model = RidgeClassifier().fit(X[:half], digits.target[:half])
print(f"{model.score(X[half:], digits.target[half:]):.1%} with twelve directions")

edit(EDGES.replace("# directions", "# the directions"))
print(features.explain(digits.images).partition(":")[0])
X = timed("changed back", features, digits.images)

# %%
# One after the other
# -------------------
#
# A generator's items are written as they come, and played back one at a time. Here each is the score
# of a model that was fitted to rows drawn with replacement.


@memory.cache
def scores(X, y, n):
    half = len(X) // 2
    for seed in range(n):
        drawn = np.random.default_rng(seed).integers(0, half, half)
        model = RidgeClassifier().fit(X[drawn], y[drawn])
        yield model.score(X[half:], y[half:])


first = timed("generator, first time", list, scores(X, digits.target, 100))
again = timed("generator, replayed", list, scores(X, digits.target, 100))
print("the same:", first == again, f"{np.mean(again):.1%} ± {np.std(again):.1%}")

# %%
# Not more than it may take
# -------------------------
#
# The folder was given 10 MB. Results of more than that are made here; those that took longest for
# their size stay.


@memory.cache
def blurred(pictures, times):
    for _ in range(times):
        pictures = (pictures + np.roll(pictures, 1, axis=1) + np.roll(pictures, 1, axis=2)) / 3
    return pictures


for times in range(30):
    blurred(digits.images, times)

taken = sum(path.stat().st_size for path in (folder / "cache").rglob("*") if path.is_file())
kept = [times for times in range(30) if blurred.is_cached(digits.images, times)]
print(f"{30 * digits.images.nbytes / 1e6:.0f} MB were made, {taken / 1e6:.1f} MB are kept")
print("of the blurred pictures:", len(kept))
print("of the features, which took longer:", features.is_cached(digits.images))

# %%
# What it cost
# ------------

labels, seconds = zip(*calls, strict=True)
found = [label in ("second call", "changed back", "generator, replayed") for label in labels]

fig, ax = plt.subplots(figsize=(7, 3))
ax.barh(labels, seconds, color=["C2" if hit else "C0" for hit in found])
ax.set(xscale="log", xlabel="seconds; green: found in the cache")
ax.invert_yaxis()
fig.tight_layout()
