"""
A month more, month after month
===============================

Every month a file comes in, and every month the model is fitted to all files. With a cache a fit
reads the new month only, and gives the bits of a fit from scratch.
"""

# %%
# A file a month
# --------------
#
# Rides: what they cost depends on how far and how long they are, and prices rise.

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import onebox as ob
from onebox.linear_model import Ridge

folder = Path(tempfile.mkdtemp())
(folder / "rides").mkdir()


def arrive(month, error=0.0):
    """Write the file of a month."""
    rng = np.random.default_rng(month)
    km, minutes = rng.gamma(2, 3, 50_000), rng.gamma(4, 5, 50_000)
    fare = 3 + (1 + 0.01 * month) * km + 0.4 * minutes + rng.normal(size=len(km)) + error
    table = pa.table({"km": km, "minutes": minutes, "fare": fare})
    pq.write_table(table, folder / f"rides/2024-{month:02d}.parquet", row_group_size=5_000)


# %%
# The same three lines every month
# --------------------------------
#
# ``cache`` is all that is added. The report of each fit says what it read, and what it found in the
# cache.

memory = ob.Memory(folder / "cache")


def fit():
    rides = ob.dataset(folder / "rides")
    return Ridge().fit(rides.drop("fare"), rides["fare"])


models = []
for month in range(1, 13):
    arrive(month)
    with ob.config(cache=memory):
        models.append(fit())


def told(model):
    """The report, in lines."""
    return str(model.fit_report_).replace("; ", ";\n  ")


for month in (1, 2, 12):
    print(f"2024-{month:02d}: {told(models[month - 1])}")

# %%
# The same bits
# -------------
#
# Not nearly the same: every bit of every fitted number is that of a fit that reads everything.

scratch = fit()
print("from scratch:", told(scratch))
print("the same bits:", ob.fingerprint(models[-1]) == ob.fingerprint(scratch))

# %%
# A month was wrong
# -----------------
#
# May is sent again, corrected; June is withdrawn. Only what is new is read.

arrive(5, error=0.5)
(folder / "rides/2024-06.parquet").unlink()
with ob.config(cache=memory):
    models.append(fit())
print(told(models[-1]))
print("the same bits:", ob.fingerprint(models[-1]) == ob.fingerprint(fit()))

# %%
# What the year has cost
# ----------------------

read = [model.fit_report_.bytes_read / 1e6 for model in models]
spared = [model.fit_report_.bytes_reused / 1e6 for model in models]
labels = [f"{month}" for month in range(1, 13)] + ["5 again,\n6 gone"]

fig, ax = plt.subplots(figsize=(7, 3.5))
ax.bar(labels, read, label="read")
ax.bar(labels, spared, bottom=read, color="0.85", label="found in the cache")
ax.set(xlabel="fit in month", ylabel="MB of Parquet")
ax.legend()
fig.tight_layout()
