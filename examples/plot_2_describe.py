"""
Know your columns in one pass
=============================

``describe`` reads a table once and says of every column, whatever its type, how many values there
are, how they spread, and which are frequent. Here on a table with text, dates and gaps.
"""

# %%
# A table with everything in it
# -----------------------------

import datetime
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pyarrow as pa

import onebox as ob
from onebox.aggregates import Histogram, Quantiles

rng = np.random.default_rng(0)
n_rows = 500_000
first_day = (datetime.date(2025, 1, 1) - datetime.date(1970, 1, 1)).days
days = first_day + rng.integers(0, 365, n_rows)
delay = rng.gamma(1.5, 12.0, n_rows) - 8
carriers = rng.choice(["AA", "DL", "UA", "WN"], n_rows, p=[0.2, 0.3, 0.1, 0.4])
table = pa.table(
    {
        "delay": pa.array(delay, mask=rng.random(n_rows) < 0.02),
        "distance": rng.integers(60, 2500, n_rows).astype(np.int16),
        "carrier": pa.array(carriers),
        "day": pa.array(days.astype(np.int32)).cast(pa.date32()),
        "diverted": rng.random(n_rows) < 0.003,
    }
)

# %%
# One pass
# --------

flights = ob.dataset(table)
described = ob.describe(flights)
print(described)

# %%
# A page to look at
# -----------------
#
# The same with histograms, correlations and warnings, as one file for a browser. No data are read
# for it: all of it is known.

page = Path(tempfile.mkdtemp()) / "flights.html"
described.to_html(page)
print(f"{page.stat().st_size:,} bytes")

# %%
# How far off
# -----------
#
# Means come with standard errors. When a percent of a standard deviation is close enough, a part of
# the rows will do.

print(
    described.to_arrow().select(["column", "mean", "mean_standard_error"]).slice(0, 2).to_pylist()
)
print(ob.describe(flights, error=0.01).note)

# %%
# The answers you want
# --------------------
#
# Aggregates of your choice share one pass too. Nothing is held but their summaries.

quantiles, histogram = ob.aggregate(
    flights["delay"],
    Quantiles((0.5, 0.9, 0.99)),
    Histogram(bins=60, range=(-10, 80)),
)
for q, value in zip(quantiles.q, quantiles.values[0], strict=True):
    print(f"{q:.0%} of the flights are late by {value:.1f} minutes or less")

# %%
# A histogram is counts and edges; drawing it needs no rows.

plt.figure(figsize=(6, 3))
plt.stairs(histogram.counts[0], histogram.edges, fill=True)
plt.axvline(quantiles.values[0, 0], color="k", linewidth=1)
plt.xlabel("delay in minutes; the line is the median")
plt.ylabel("flights")
plt.tight_layout()
