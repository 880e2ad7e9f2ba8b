"""What is left when a loop ends early, is interrupted, or is killed: nothing."""

from __future__ import annotations

import gc
import os
import resource
import signal
import subprocess
import sys
import time
from contextlib import suppress

import numpy as np
import pytest

import onebox as ob

pytestmark = pytest.mark.skipif(
    not os.path.isdir("/proc/self"), reason="processes are looked at through /proc"
)

WORKING = """
import os, sys, time
import numpy as np
import onebox as ob

def slow(x, big):
    if x == 5:
        print("working", flush=True)
    time.sleep(300 if x > 4 else 0)
    return np.full(1_000_000, float(x))

big = np.ones(2_000_000)
for found in ob.pmap(slow, range(100), [big] * 100, n_jobs=2, executor="processes"):
    pass
"""

CONSUMING = """
import time
import onebox as ob

for found in ob.pmap(abs, range(100), n_jobs=2, executor="processes"):
    print("working", flush=True)
    time.sleep(300)
"""

THREADS = """
import time
import onebox as ob

def slow(x):
    if x == 0:
        print("working", flush=True)
    time.sleep(300)

list(ob.pmap(slow, range(100), n_jobs=2, executor="threads"))
"""


def started(script: str, folder: object) -> subprocess.Popen:
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "TMPDIR": str(folder)},
    )  # fmt: skip
    assert process.stdout.readline() == "working\n"
    return process


@pytest.mark.parametrize(
    "script", [WORKING, CONSUMING, THREADS], ids=["tasks", "caller", "threads"]
)
def test_ctrl_c_ends_it_at_once_and_leaves_nothing(script, tmp_path, processes):
    process = started(script, tmp_path)
    children = processes.children(process.pid)
    assert processes.shared_names(process.pid, *children) == set()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=200)  # tasks would take longer
    assert errors.rstrip().endswith("KeyboardInterrupt"), errors
    assert processes.gone(children, within=30)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_caller_leaves_nothing(how, tmp_path, processes):
    process = started(WORKING, tmp_path)
    children = processes.children(process.pid)
    assert processes.shared_names(process.pid, *children) == set()
    assert len(children) == 3
    process.send_signal(how)
    process.communicate(timeout=30)
    assert processes.gone(children, within=30)
    assert list(tmp_path.iterdir()) == []


def test_workers_end_when_the_nursery_is_killed(tmp_path, processes):
    process = started(WORKING, tmp_path)
    nursery, *workers = processes.children(process.pid)
    os.kill(nursery, signal.SIGKILL)
    assert processes.gone(workers, within=30)
    process.kill()
    process.communicate()


def test_a_loop_that_is_left_early_stops_its_tasks(tmp_path, processes):
    def slow(x):
        time.sleep(0 if x < 3 else 300)
        (tmp_path / str(x)).touch()
        return x

    start = time.monotonic()
    for found in ob.pmap(slow, range(100), n_jobs=2, executor="processes"):
        if found == 2:
            break
    del found
    gc.collect()
    assert time.monotonic() - start < 200
    time.sleep(0.3)
    assert {path.name for path in tmp_path.iterdir()} == {"0", "1", "2"}
    assert processes.wait_until(lambda: processes.workers(os.getpid()) == [], 30)


def test_workers_are_used_again_and_end_when_idle(processes):
    def pids():
        return set(ob.pmap(lambda x: time.sleep(0.05) or os.getpid(), range(4), n_jobs=2))

    assert pids() == pids()
    assert processes.wait_until(lambda: processes.workers(os.getpid()) == [], 30)
    assert len(pids()) == 2


def test_no_zombies_are_left(processes):
    def states_of_children():
        states = []
        for name in filter(str.isdigit, os.listdir("/proc")):
            with suppress(OSError), open(f"/proc/{name}/stat") as file:
                state, parent = file.read().rpartition(")")[2].split()[:2]
                if int(parent) == os.getpid():
                    states.append(state)
        return states

    list(ob.pmap(abs, range(4), n_jobs=2))
    assert processes.wait_until(lambda: processes.workers(os.getpid()) == [], 30)
    assert processes.wait_until(lambda: "Z" not in states_of_children(), 30)


def test_files_do_not_stay_open(processes):
    list(ob.pmap(abs, range(4), n_jobs=2))
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        list(ob.pmap(lambda x: np.full(300_000, x), range(8), n_jobs=2))
        next(ob.pmap(lambda x: x, range(8), n_jobs=2))
    gc.collect()
    # What else this process serves, such as a cluster, opens and closes files of its own.
    assert processes.wait_until(lambda: len(os.listdir("/proc/self/fd")) <= before, 5)


MANY_OPEN = """
import os
import onebox as ob

kept = [os.open(os.devnull, os.O_RDONLY) for _ in range(1100)]
print(list(ob.pmap(abs, range(-3, 0), n_jobs=2, executor="processes")))
"""


def test_workers_start_however_many_files_are_open():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= hard < 1500:
        pytest.skip(f"at most {hard} files may be open here")

    def raise_limit():
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 1500), hard))

    command = [sys.executable, "-c", MANY_OPEN]
    printed = subprocess.check_output(command, text=True, timeout=60, preexec_fn=raise_limit)
    assert printed.strip() == "[3, 2, 1]"


def test_a_forked_child_has_workers_of_its_own():
    expected = list(ob.pmap(abs, range(-5, 0), n_jobs=2))
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            status = 0 if list(ob.pmap(abs, range(-5, 0), n_jobs=2)) == expected else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert list(ob.pmap(abs, range(-5, 0), n_jobs=2)) == expected


def test_loops_in_several_threads_do_not_disturb_each_other():
    def loop(n):
        return list(ob.pmap(lambda x: x + n, range(50), n_jobs=2, executor="processes"))

    found = list(ob.pmap(loop, range(4), n_jobs=4, executor="threads"))
    assert found == [[x + n for x in range(50)] for n in range(4)]


def test_one_loop_feeds_another():
    inner = ob.pmap(lambda x: x + 1, range(200), n_jobs=2, executor="processes")
    outer = ob.pmap(lambda x: x * 2, inner, n_jobs=2, executor="processes")
    assert list(outer) == [2 * (x + 1) for x in range(200)]


def test_a_forked_child_leaves_loops_of_its_parent_alone():
    results = ob.pmap(lambda x: x + 1, range(1000), n_jobs=2, executor="processes")
    assert next(results) == 1
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            results.close()
            status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert list(results) == list(range(2, 1001))
