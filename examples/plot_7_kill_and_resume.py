"""
Killed, and gone on
===================

A fit is killed in the middle, as a power cut or a full memory would do it, and started again. It
goes on where it was, and ends with the same bits.
"""

# %%
# A study that takes its time
# ---------------------------
#
# A script of its own, so that there is a process to kill. It prints how far it is, and in the end its
# report and the fingerprint of what it has learned. The cache is the only thing in it that has to do
# with being killed.

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import onebox as ob
from onebox.cluster import KMeans

STUDY = """
import sys
import onebox as ob
from onebox.cluster import KMeans

what, rows = sys.argv[1:]

def tell(event):
    print(event.job, event.share, flush=True)

with ob.config(cache=ob.Memory("cache"), n_jobs=1, progress=tell):
    rows = ob.dataset(rows)
    if what == "describe":
        made = ob.describe(rows)
        report = made.report
    else:
        made = KMeans(200, random_state=0, max_iter=10).fit(rows)
        report = made.fit_report_
print("report", report)
print("fingerprint", ob.fingerprint(made))
"""

folder = Path(tempfile.mkdtemp())
(folder / "study.py").write_text(STUDY)
(folder / "rows").mkdir()
middles = np.random.default_rng(0).normal(size=(60, 20))
for number in range(8):
    rng = np.random.default_rng(number)
    X = middles[rng.integers(0, 60, 50_000)] + rng.normal(size=(50_000, 20))
    table = pa.table({f"x{j:02d}": X[:, j] for j in range(20)})
    pq.write_table(table, folder / f"rows/{number:02d}.parquet", row_group_size=5_000)

# %%
# The knife
# ---------
#
# Run the study, and send it SIGKILL when it has come so far: no handler of it runs, nothing is
# flushed, no ``finally`` is reached.


def run(what, kill_at=None):
    """The last lines that the study prints; none when it is killed."""
    command = [sys.executable, "study.py", what, folder / "rows"]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True)
    n_passes, told = 0, {}
    for line in process.stdout:
        name, _, value = line.strip().partition(" ")
        if name in ("report", "fingerprint"):
            told[name] = value
            continue
        share = float(value.rpartition(" ")[2])
        if kill_at is not None and n_passes + share >= kill_at:
            process.kill()  # SIGKILL
            print(f"{what} is killed in pass {n_passes + 1}, at {share:.0%} of the rows")
            break
        n_passes += share == 1
    process.stdout.close()
    code = process.wait()
    if told:
        print(told["report"].replace("; ", ";\n  "), told["fingerprint"], sep="\n")
    print("exit code", code)
    return told


# %%
# One pass
# --------
#
# ``describe`` reads everything once. What is kept of it is written twice a second, so that a kill
# costs the work of half a second, and the second run reads the rest.

run("describe", kill_at=0.6)
described = run("describe")

# %%
# Many passes
# -----------
#
# k-means goes over the rows again and again. The result of every pass is kept, and of the pass that
# was interrupted, what it had summed up. Blocks that only memory held are read again.

run("k-means", kill_at=6.5)
clustered = run("k-means")

# %%
# The same bits
# -------------
#
# As those of fits that nobody interrupts: here, without a cache, and with all cores.

rows = ob.dataset(folder / "rows")
whole = ob.describe(rows)
model = KMeans(200, random_state=0, max_iter=10).fit(rows)
print("describe:", described["fingerprint"] == ob.fingerprint(whole))
print("k-means: ", clustered["fingerprint"] == ob.fingerprint(model))

# %%
# Once it is done, nothing is left to do: a third fit finds everything.

with ob.config(cache=ob.Memory(folder / "cache")):
    again = KMeans(200, random_state=0, max_iter=10).fit(rows)
print(str(again.fit_report_).replace("; ", ";\n  "))
