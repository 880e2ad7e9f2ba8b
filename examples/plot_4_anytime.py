"""
Answers that stop early
=======================

How far off is a mean after a twentieth of the data? And after a tenth? The estimate, its band, and
the truth against the share of the data that was read.
"""

# %%
# Two million rows, day by day
# ----------------------------
#
# In the order in which they came in, as files mostly are. Fares go with the season, so the first row
# groups on disk would tell little of the rest: row groups are read in random order instead.

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from matplotlib.ticker import PercentFormatter

import onebox as ob
from onebox.aggregates import Mean

rng = np.random.default_rng(0)
day = np.linspace(0, 365, 2_000_000)
distance = rng.gamma(2, 400, size=len(day))
fare = 50 + 0.1 * distance + 9 * np.sin(day / 58) + rng.normal(scale=40, size=len(day))
path = Path(tempfile.mkdtemp()) / "trips.parquet"
table = pa.table({"day": day, "distance": distance, "fare": fare})
pq.write_table(table, path, row_group_size=2_000)

# %%
# From rough to close
# -------------------
#
# Every target is an answer of its own. The last one reads everything: then nothing is left to be off.

truth = ob.aggregate(path, Mean("fare"))
targets = [0.05, 0.02, 0.015, 0.01, 0.0075, 0.005, 0.003, 0.0001]
answers = [ob.aggregate(path, Mean("fare"), error=target) for target in targets]
for target, answer in zip(targets, answers, strict=True):
    print(f"{target:7.2%}: {answer!r:>16}, read {answer.report.reading.share:.1%}")

# %%
# The picture
# -----------

shares = [answer.report.reading.share for answer in answers]
order = np.argsort(shares)
bands = np.array([answers[i].interval(0.95) for i in order])
read = np.array(shares)[order]

fig, ax = plt.subplots(figsize=(7, 4))
ax.fill_between(read, *bands.T, alpha=0.25, label="95 % interval")
ax.plot(read, [answers[i].value for i in order], "o-", label="estimate")
ax.axhline(truth, color="k", linestyle=":", label="all rows")
ax.set(xscale="log")
ax.xaxis.set_major_formatter(PercentFormatter(1))
ax.set(xlabel="share of the rows that was read", ylabel="mean fare")
ax.legend()
fig.tight_layout()
