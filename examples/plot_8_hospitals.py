"""
Three hospitals, one model
==========================

Rows that may not leave the house, and a model of all of them: each hospital fits at home, and what
travels is a summary. What that reveals is said below.
"""

# %%
# Three folders
# -------------
#
# Each hospital has files of its own, of its own size, and patients of its own kind: at the third they
# are older. Nobody opens the folder of another.

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import onebox as ob
from onebox.linear_model import Ridge

FEATURES = ["age", "dose", "weight", "smoker"]
folder = Path(tempfile.mkdtemp())


def admit(hospital, n_patients, mean_age):
    """Write the files of a hospital."""
    rng = np.random.default_rng(mean_age)
    (folder / hospital).mkdir()
    for year in (2022, 2023, 2024):
        age, weight = rng.normal(mean_age, 12, n_patients), rng.normal(75, 14, n_patients)
        dose, smoker = rng.gamma(3, 20, n_patients), rng.random(n_patients) < 0.2
        stay = 2 + 0.08 * age - 0.03 * dose + 0.01 * weight + 1.5 * smoker
        stay += rng.normal(scale=2, size=n_patients)
        columns = [age, dose, weight, smoker.astype(float), stay]
        table = pa.table(dict(zip([*FEATURES, "stay"], columns, strict=True)))
        pq.write_table(table, folder / hospital / f"{year}.parquet", row_group_size=5_000)


admit("north", 40_000, 48)
admit("south", 9_000, 55)
admit("coast", 700, 71)
hospitals = ["north", "south", "coast"]

# %%
# At each hospital
# ----------------
#
# Fit, and save the model. The file holds the summary, the coefficients and the recipe.


def columns(where):
    patients = ob.dataset(where)
    return patients.select(*FEATURES), patients["stay"]


for hospital in hospitals:
    model = Ridge(alpha=1.0).fit(*columns(folder / hospital))
    sent = folder / f"{hospital}.onebox"
    ob.save(model, sent)
    n_bytes = sum(path.stat().st_size for path in (folder / hospital).iterdir())
    print(f"{hospital}: {model.fit_report_}")
    print(f"  sends {sent.stat().st_size / 1e3:.0f} kB of {n_bytes / 1e6:.2f} MB")

# %%
# Where they are put together
# ---------------------------
#
# Only the three files are needed here. ``merge`` adds a summary to a model and solves again.

merged = ob.load(folder / "north.onebox")
for hospital in ("south", "coast"):
    merged.merge(ob.load(folder / f"{hospital}.onebox"))

# %%
# The same as of all rows together
# --------------------------------
#
# In this example all rows can be had, so that it can be checked. The sums are added in another order
# than in a joint fit, so the coefficients agree to rounding, not to the last bit.

everybody = [
    folder / hospital / f"{y}.parquet" for hospital in hospitals for y in range(2022, 2025)
]
joint = Ridge(alpha=1.0).fit(*columns(everybody))
apart = np.abs(merged.coef_ / joint.coef_ - 1).max()
print(f"{joint.fit_report_.rows:,} patients in the joint fit")
print(f"largest relative difference of a coefficient: {apart:.1e}")

# %%
# Merged in the same order, the same models give the same bits, on any machine of one kind: whoever
# receives the three files can check what they were told.

again = ob.load(folder / "north.onebox")
for hospital in ("south", "coast"):
    again.merge(ob.load(folder / f"{hospital}.onebox"))
print(ob.fingerprint(again)[:16], ob.fingerprint(merged)[:16])

# %%
# What does not belong together is refused, with the difference.

other = Ridge(alpha=10.0).fit(*columns(folder / "coast"))
try:
    again.merge(other)
except ob.errors.NotMergeable as error:
    print(error)

# %%
# What a summary reveals
# ----------------------
#
# No row travels. That is not the same as nothing: everything in the summary can be read by whoever
# gets it.

coast = ob.load(folder / "coast.onebox")
summary = coast.summary_
deviations = np.sqrt(np.diag(summary.scatter) / summary.n_rows)
print("patients:", summary.n_rows)
for name, mean, deviation in zip([*FEATURES, "stay"], summary.mean, deviations, strict=True):
    print(f"{name}: mean {mean:.2f}, standard deviation {deviation:.2f}")
print("and the covariance of every two columns:", summary.scatter.shape)
print("files that it was fitted on:", [Path(path).name for path, _ in coast.recipe_.files])

# %%
# Two summaries of one hospital, a patient apart, differ by that patient, every value of whom is
# found. Send a summary once, or only when many have come in between.

rows = pq.read_table(folder / "coast/2024.parquet")
pq.write_table(rows[:-1], folder / "coast/2024.parquet")
before = Ridge(alpha=1.0).fit(*columns(folder / "coast")).summary_
found = summary.n_rows * summary.mean - before.n_rows * before.mean
print("the patient:     ", [round(column[-1].as_py(), 3) for column in rows.columns])
print("from two summaries:", found.round(3).tolist())

# %%
# With as few patients as columns, the covariances tell the rows up to a rotation; the mean of a
# column that only one patient has tells that there is one. ``describe``, samples, quantiles and
# frequent values hold values of single patients: those must not travel at all. Nothing is encrypted,
# and no noise is added. It is a way to move less, not a proof that nothing can be learned about
# anybody: :doc:`/never_start_over` says more.

# %%
# Whom it helps
# -------------
#
# The smallest hospital would have learned least alone.

truth = [0.08, -0.03, 0.01, 1.5]
models = {name: ob.load(folder / f"{name}.onebox") for name in hospitals} | {"merged": merged}

fig, axes = plt.subplots(1, 4, figsize=(8, 3), layout="constrained")
for j, ax in enumerate(axes):
    ax.axhline(truth[j], color="k", linestyle=":")
    for name, model in models.items():
        ax.plot(name, model.coef_[j], "s" if name == "merged" else "o")
    ax.set_title(FEATURES[j])
    ax.tick_params("x", rotation=60)
_ = fig.supylabel("coefficient; dotted: the truth")
