"""
A fit on more data than memory
==============================

A folder of Parquet files is fitted within a budget that half of it would fill. The data are
made here; with files of your own the first section is all that changes.
"""

# %%
# A folder of files
# -----------------
#
# Eight files, made one by one: a target that depends on twenty columns.

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import onebox as ob
from onebox.linear_model import Ridge
from onebox.pipeline import make_pipeline
from onebox.preprocessing import StandardScaler

folder = Path(tempfile.mkdtemp())
weights = np.linspace(-1, 1, 20)
for number in range(8):
    rng = np.random.default_rng(number)
    X = rng.normal(size=(125_000, 20))
    columns = {f"x{j:02d}": X[:, j] for j in range(20)}
    columns["y"] = X @ weights + rng.normal(size=len(X))
    path = folder / f"part-{number}.parquet"
    pq.write_table(pa.table(columns), path, row_group_size=25_000)

data = ob.dataset(folder)
decoded = data.n_rows * len(data.columns) * 8
print(f"{data.n_rows:,} rows, {decoded / 1e6:.0f} MB when decoded")

# %%
# Fit within 80 MB
# ----------------
#
# One row in five is kept apart for the score. The draw belongs to the row, so it needs no list of
# indices. The report says what the run cost.

train, test = data.split(test=0.2, random_state=0)
model = make_pipeline(StandardScaler(), Ridge(alpha=1.0))

with ob.config(memory="80MB"):
    model.fit(train.drop("y"), train["y"])
    score = model.score(test.drop("y"), test["y"])

report = model.fit_report_
print(f"R2 on the test rows: {score:.3f}")
print(f"{report.rows:,} rows, {report.passes} passes")
print("memory within the budget:", report.peak_memory <= report.budget)

# %%
# What it learned
# ---------------
#
# The data were made with weights from -1 to 1; the columns have unit variance.

plt.figure(figsize=(6, 3))
plt.bar(range(20), model[-1].coef_, label="learned")
plt.plot(range(20), weights, "k.", label="true")
plt.xlabel("column")
plt.ylabel("coefficient")
plt.legend()
plt.tight_layout()

# %%
# The predictions need not fit either
# -----------------------------------
#
# ``predict`` gives a lazy dataset. Writing it reads the input once more, block by block.

predictions = model.predict(test.drop("y")).to_parquet(folder / "predictions")
print(f"{predictions.n_rows:,} rows, columns {predictions.columns}")
