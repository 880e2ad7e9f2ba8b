"""Ctrl-C ends a run soon, and leaves nothing behind. A real signal to a real process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals are sent to processes as on Unix")

# None of these would end by itself within the time that a test waits.
JOBS = {
    "an endless stream that is spilled": """
def endless():
    rng = np.random.default_rng(0)
    while True:
        yield rng.random((4000, 8))

KMeans(2).fit(ob.dataset(endless))
""",
    "threads at work on slow rows": """
def slow(block):
    time.sleep(0.05 if len(block) else 0)
    return block["x0"]

with ob.config(n_jobs=2):
    KMeans(2).fit(ob.dataset([np.ones((100, 2))] * 5000).assign(y=slow))
""",
    "a large summary": """
with ob.config(n_jobs=2):
    rows = np.random.default_rng(0).random((2000, 1500))
    ob.aggregate(ob.dataset([rows] * 200), Gram())
""",
    "files being written": """
def slow(block):
    time.sleep(0.05 if len(block) else 0)
    return block["x0"]

many = ob.dataset([np.ones((100, 2))] * 5000).assign(y=slow)
many.to_parquet("out.parquet")
""",
}

SCRIPT = """
import os, sys, time
import numpy as np
import onebox as ob
from onebox.aggregates import Gram
from onebox.cluster import KMeans

os.chdir(sys.argv[1])
ob.config(cache="cache", progress=lambda event: print("working", flush=True))
print("starting", flush=True)
"""


@pytest.mark.parametrize("job", JOBS.values(), ids=JOBS)
def test_an_interrupt_ends_it_and_leaves_nothing_behind(job, tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT + job, str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "starting\n"
    if "to_parquet" in job:
        while not list(tmp_path.glob(".out.parquet*")):
            assert process.poll() is None
    else:
        assert process.stdout.readline() == "working\n"
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert errors.rstrip().endswith("KeyboardInterrupt"), errors
    assert [path.name for path in tmp_path.rglob("*")] in ([], ["cache"])
