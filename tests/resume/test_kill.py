"""Fits killed at random moments, and run again: the same bits, and no kept unit is read twice.

A nursery process forks a child for every fit, so that libraries are imported once; kills are real.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

MOMENTS = int(os.environ.get("ONEBOX_TEST_KILLS", "4"))

NURSERY = """
import hashlib, json, os, signal, sys, time, warnings
import numpy as np
warnings.simplefilter("error")
import onebox as ob
from onebox.cluster import KMeans, MiniBatchKMeans
from onebox.decomposition import PCA
from onebox.engine.kept import shelf, checkpoint, prefixes
from onebox.linear_model import Ridge
from onebox.pipeline import make_pipeline
from onebox.preprocessing import StandardScaler

shelf.FLUSH_SECONDS = checkpoint.EVERY_SECONDS = 0.03
data, = sys.argv[1:]

def columns():
    opened = ob.dataset(data)
    return opened.drop("x0", "text"), opened["x0"]

FITS = {
    "Ridge": lambda: Ridge().fit(*columns()),
    "PCA": lambda: PCA(3).fit(columns()[0]),
    "KMeans": lambda: KMeans(24, random_state=3, max_iter=12).fit(columns()[0]),
    "MiniBatchKMeans": lambda: MiniBatchKMeans(24, random_state=3).fit(columns()[0]),
    "describe": lambda: ob.describe(ob.dataset(data)),
    "StandardScaler | Ridge": lambda: make_pipeline(StandardScaler(), Ridge()).fit(*columns()),
    "wide Ridge": lambda: Ridge().fit(*wide()),
}

def wide():
    # a summary of 3 MB, of which there is one a file, checkpointed
    opened = ob.dataset([f"{data}/{i}.parquet" for i in (0, 1)])
    y, X = opened["x0"], opened.drop("x0", "text")
    return X.map(powers), y

def powers(block):
    made = np.repeat(block.X[:, None], 37, axis=1).cumprod(axis=1)
    return made.reshape(len(block), 37 * block.X.shape[1])

def told(model):
    if hasattr(model, "to_arrow"):
        return repr(model.to_arrow().to_pylist()).encode(), model.report
    last = model[-1] if hasattr(model, "steps") else model
    names = [n for n in sorted(vars(last)) if n.endswith("_") and n not in
             ("fit_report_", "labels_", "summary_", "recipe_", "_schema_")]
    parts = [(n, np.asarray(getattr(last, n))) for n in names]
    text = b"".join(n.encode() + (p.tobytes() if p.dtype != object else repr(p).encode())
                    for n, p in parts)
    return text, model.fit_report_

def child(order):
    where = order["log"]
    written, chained, states = shelf.Shelf._write_index, prefixes._chained, set()
    def write(self):
        written(self)
        keys = [*self._places, *(key for keys in self._mine.values() for key in keys)]
        with open(where, "a") as log:
            print(sum(key not in states for key in keys), file=log)
    def chain(units, keys):
        made = chained(units, keys)
        states.update(made)
        return made
    shelf.Shelf._write_index, prefixes._chained = write, chain
    started = time.perf_counter()
    cache = ob.Memory(order["cache"]) if order["cache"] else None
    with ob.config(n_jobs=2, cache=cache):
        text, report = told(FITS[order["fit"]]())
    made = dict(sha=hashlib.sha256(text).hexdigest(), seconds=time.perf_counter() - started,
                hits=report.cache_hits, passes=report.passes_reused, read=report.bytes_read,
                reused=report.bytes_reused)
    print(json.dumps(made), flush=True)

for line in sys.stdin:
    order = json.loads(line)
    pid = os.fork()
    if not pid:
        try:
            child(order)
        except BaseException as error:
            import traceback
            print(json.dumps({"error": traceback.format_exc()}), flush=True)
        os._exit(0)
    if order["kill"] is None:
        os.waitpid(pid, 0)
        continue
    time.sleep(order["kill"])
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    print(json.dumps({"killed": True}), flush=True)
"""


class Nursery:
    def __init__(self, data: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", NURSERY, str(data)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def run(self, fit: str, cache: Path | None, log: Path, kill: float | None = None) -> dict:
        order = {"fit": fit, "cache": cache and str(cache), "log": str(log), "kill": kill}
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        made = json.loads(self.process.stdout.readline())
        if kill is not None and "killed" not in made:  # it was faster
            assert json.loads(self.process.stdout.readline()) == {"killed": True}
        assert "error" not in made, made["error"]
        return made


@pytest.fixture(scope="module")
def nursery(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rows")
    rng = np.random.default_rng(0)
    for i in range(8):
        X = rng.normal(size=(30_000, 16)) + rng.integers(0, 9, size=(30_000, 1))
        table = pa.table({f"x{j}": X[:, j] for j in range(16)})
        words = np.array(["red", "green", "blue"])[rng.integers(0, 3, len(X))]
        table = table.append_column("text", pa.array(words))
        pq.write_table(table, folder / f"{i}.parquet", row_group_size=3_500)
    made = Nursery(folder)
    yield made
    made.process.kill()
    made.process.wait()
    made.process.stdin.close()
    made.process.stdout.close()


SEVERAL_PASSES = ["KMeans", "MiniBatchKMeans", "StandardScaler | Ridge"]
FITS = ["Ridge", "PCA", "describe", "wide Ridge", *SEVERAL_PASSES]


def last_of(log: Path) -> int:
    lines = log.read_text().split() if log.exists() else []
    return int(lines[-1]) if lines else 0


def check(nursery, fit, tmp_path, moments):
    whole = nursery.run(fit, None, tmp_path / "log")
    cold = nursery.run(fit, tmp_path / "cold", tmp_path / "log")
    assert (cold["sha"], cold["hits"]) == (whole["sha"], 0)
    chance = random.Random(fit)
    n_resumed = 0
    for moment in range(moments):
        cache, log = tmp_path / f"cache{moment}", tmp_path / f"log{moment}"
        nursery.run(fit, cache, log, kill=chance.uniform(0.02, cold["seconds"]))
        n_kept = last_of(log)
        resumed = nursery.run(fit, cache, log)
        assert resumed["sha"] == whole["sha"]
        if fit not in SEVERAL_PASSES:
            assert resumed["hits"] >= n_kept, "a unit that was kept has been read again"
            assert resumed["read"] + resumed["reused"] == whole["read"]
        n_resumed += bool(resumed["hits"] or resumed["passes"])
        again = nursery.run(fit, cache, log)
        assert again["sha"] == whole["sha"]
        assert again["read"] == 0
    return n_resumed


@pytest.mark.parametrize("fit", FITS)
def test_killed_fits_go_on_to_the_same_bits(nursery, fit, tmp_path):
    n_resumed = check(nursery, fit, tmp_path, MOMENTS)
    assert n_resumed >= 20 or MOMENTS < 50


@pytest.mark.parametrize("fit", ["Ridge", "KMeans"])
def test_two_fits_at_once_one_killed(nursery, fit, tmp_path):
    whole = nursery.run(fit, None, tmp_path / "log")
    folder = nursery.process.args[-1]
    other = Nursery(folder)
    try:
        for moment in (0.3, 0.6):
            cache = tmp_path / f"cache{moment}"
            order = {"fit": fit, "cache": str(cache), "log": str(tmp_path / "log2"), "kill": None}
            other.process.stdin.write(json.dumps(order) + "\n")
            other.process.stdin.flush()
            nursery.run(fit, cache, tmp_path / "log", kill=moment * whole["seconds"])
            survivor = json.loads(other.process.stdout.readline())
            assert survivor.get("sha") == whole["sha"], survivor
            assert nursery.run(fit, cache, tmp_path / "log")["sha"] == whole["sha"]
    finally:
        other.process.kill()
        other.process.wait()
        other.process.stdin.close()
        other.process.stdout.close()
