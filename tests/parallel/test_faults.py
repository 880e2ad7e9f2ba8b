"""Workers that die, tasks that hang: real processes, really killed."""

from __future__ import annotations

import ctypes
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import suppress

import pytest

import onebox as ob
from onebox.errors import TaskTimeout, WorkerDied

pytestmark = pytest.mark.skipif(os.name == "nt", reason="processes of our own are for Unix")

STRESS = bool(os.environ.get("ONEBOX_STRESS"))  # the long version: as many tasks again and again
N_TASKS = 1000 if STRESS else 200
N_SHOT_AT = 3000 if STRESS else 400


def trouble(x, folder):
    """Do something bad, the first time, to some tasks; return the square of the others."""
    kind = x % 100
    mark = os.path.join(folder, str(x))
    seen = os.path.exists(mark)
    if kind < 11 and not seen:
        with open(mark, "w"):
            pass
        if kind < 5:
            os.kill(os.getpid(), signal.SIGKILL)
        if kind == 5:
            time.sleep(1000)
        raise OSError(f"task {x} fails")
    return x * x


def test_many_tasks_of_which_some_kill_their_worker_hang_or_raise(tmp_path):
    folder = [str(tmp_path)] * N_TASKS
    found = list(
        ob.pmap(
            trouble, range(N_TASKS), folder, n_jobs=2, timeout=2, retries=1, executor="processes"
        )
    )
    assert found == [x * x for x in range(N_TASKS)]


def test_without_retries_each_is_reported_in_its_place(tmp_path, processes):
    def all_gone():
        return processes.wait_until(lambda: processes.workers(os.getpid()) == [], 20)

    list(ob.pmap(abs, range(4), n_jobs=2))  # what is opened once stays open
    assert all_gone()
    names = processes.shared_names(os.getpid())
    descriptors = len(os.listdir("/dev/fd"))
    folder = [str(tmp_path)] * N_TASKS
    found = list(
        ob.pmap(
            trouble, range(N_TASKS), folder, n_jobs=2, timeout=2, on_error="return",
            executor="processes",
        )
    )  # fmt: skip
    kinds = Counter(type(result).__name__ for result in found)
    of_100 = {"int": 89, "WorkerDied": 5, "TaskTimeout": 1, "OSError": 5}
    assert kinds == {kind: count * N_TASKS // 100 for kind, count in of_100.items()}
    for x, result in enumerate(found):
        if x % 100 < 5:
            assert isinstance(result, WorkerDied)
        elif x % 100 == 5:
            assert isinstance(result, TaskTimeout)
        elif x % 100 < 11:
            assert str(result) == f"task {x} fails"
        else:
            assert result == x * x
    assert all_gone()
    assert processes.shared_names(os.getpid()) <= names
    assert processes.wait_until(lambda: len(os.listdir("/dev/fd")) <= descriptors, 5)


def test_nothing_that_was_finished_is_run_again_because_a_neighbour_died(tmp_path):
    log = tmp_path / "log"

    def once(x):
        with open(log, "a") as file:
            file.write(f"{x}\n")
        if x in (150, 333):
            os.kill(os.getpid(), signal.SIGKILL)
        return x

    found = list(
        ob.pmap(once, range(500), n_jobs=2, chunk=100, on_error="return", executor="processes")
    )
    assert [x for x in range(500) if found[x] != x] == [150, 333]
    ran = Counter(log.read_text().split())
    assert ran == {str(x): 1 for x in range(500)}


def test_a_dead_worker_says_how_it_died():
    def die(x):
        if x == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        if x == 1:
            os._exit(7)
        if x == 2:
            ctypes.string_at(0)

    killed, left, crashed = ob.pmap(
        die, range(3), n_jobs=1, executor="processes", on_error="return"
    )
    assert "was killed by signal 9 (SIGKILL), in the middle of a task" in str(killed)
    assert "ran out of memory" in str(killed)
    assert "ended with exit code 7" in str(left)
    assert "In task 1 of pmap" in left.__notes__[-1]
    assert "was killed by signal 11 (SIGSEGV)" in str(crashed)
    assert "Segmentation fault" in crashed.__notes__[0]
    assert "in die" in crashed.__notes__[0]


def test_a_task_that_was_stopped_says_where_it_hung():
    def hang(x):
        while x == 1:
            time.sleep(0.01)
        return x

    found = list(ob.pmap(hang, range(4), n_jobs=2, timeout=0.5, on_error="return"))
    assert [found[0], found[2], found[3]] == [0, 2, 3]
    assert isinstance(found[1], TaskTimeout)
    assert isinstance(found[1], TimeoutError)
    assert "took longer than 0.5 s" in str(found[1])
    assert "in hang" in found[1].__notes__[0]


def test_code_that_never_lets_python_go_is_stopped_too():
    def hang(x):
        re.match(r"(a+)+$", "a" * 60 + "b")  # holds the lock of the interpreter for ages

    (found,) = ob.pmap(hang, [0], n_jobs=1, timeout=0.3, on_error="return")
    assert isinstance(found, TaskTimeout)


def test_time_is_counted_for_each_task_not_for_its_chunk():
    found = ob.pmap(
        lambda x: time.sleep(0.3) or x,
        range(12),
        n_jobs=1,
        timeout=3,
        chunk=12,
        executor="processes",
    )
    assert list(found) == list(range(12))


def test_what_a_task_started_ends_with_it(tmp_path, processes):
    def start_and_hang(x):
        process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
        (tmp_path / "pid").write_text(str(process.pid))
        time.sleep(1000)

    (found,) = ob.pmap(start_and_hang, [0], n_jobs=1, timeout=1, on_error="return")
    assert isinstance(found, TaskTimeout)
    pid = int((tmp_path / "pid").read_text())
    assert processes.gone([pid], within=30)


def test_a_function_that_kills_its_worker_when_it_is_loaded():
    class Deadly:
        def __call__(self, x):
            return x

        def __reduce__(self):
            return os._exit, (9,)

    with pytest.raises(WorkerDied, match="exit code 9, 3 times while it loaded"):
        list(ob.pmap(Deadly(), range(5), n_jobs=2, executor="processes"))


def test_arguments_that_kill_every_worker_are_blamed():
    class Deadly:
        def __reduce__(self):
            return os._exit, (9,)

    inputs = [1, Deadly(), 2]
    found = list(ob.pmap(type, inputs, n_jobs=2, executor="processes", on_error="return"))
    assert [found[0], found[2]] == [int, int]
    assert isinstance(found[1], WorkerDied)


def test_workers_killed_from_outside_cost_only_what_they_run(processes):
    """Any worker may be killed at any moment; with retries nothing is lost."""
    taken, stop = [0], threading.Event()

    def shoot():
        shot_at = 0
        while not stop.wait(0.01):
            if taken[0] == shot_at:  # nothing has been done since: whoever came cannot have begun
                continue
            shot_at = taken[0]
            for pid in processes.workers(os.getpid())[1:2]:  # the first is the nursery
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    found = []
    shooter = threading.Thread(target=shoot)
    shooter.start()
    try:
        for result in ob.pmap(
            lambda x: time.sleep(0.002) or x, range(N_SHOT_AT), n_jobs=2, retries=100,
            executor="processes",
        ):  # fmt: skip
            found.append(result)
            taken[0] += 1
    finally:
        stop.set()
        shooter.join()
    assert found == list(range(N_SHOT_AT))


def test_a_task_is_not_blamed_for_workers_that_end_before_it_begins(processes):
    def kill_all_idle():
        for pid in processes.workers(os.getpid())[1:]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def inputs():
        for x in range(12):
            yield x
            kill_all_idle()  # while the loop draws, nothing is known of it by the workers

    found = ob.pmap(lambda x: x, inputs(), n_jobs=1, timeout=60, retries=20, chunk=1)
    assert list(found) == list(range(12))


def test_the_nursery_may_be_killed_as_well():
    results = ob.pmap(
        lambda x: time.sleep(0.01) or os.getppid(), range(200), n_jobs=2, retries=3,
        executor="processes",
    )  # fmt: skip
    nursery = next(results)
    os.kill(nursery, signal.SIGKILL)
    rest = list(results)
    assert len(rest) == 199
    assert rest[-1] != nursery
