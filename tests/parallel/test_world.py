"""Tasks in workers find the world that the caller is in, and the caller hears what they say."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
import warnings
from functools import partial

import numpy as np
import pytest
from threadpoolctl import threadpool_info

import onebox as ob
from onebox.parallel.workers.pool import POOL

pmap = partial(ob.pmap, n_jobs=2, executor="processes")

EXECUTORS = ["serial", "threads", "processes"]


def wait_for(condition):
    """Wait for something that other tasks or the caller do; False when it does not come."""
    deadline = time.monotonic() + 60
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    return bool(condition())


# What tasks say


def test_log_records_arrive_in_the_caller(caplog):
    def talk(x):
        log = logging.getLogger("study.subject")
        log.info("subject %d of %s", x, "many")
        log.debug("never asked for")
        try:
            1 / x
        except ZeroDivisionError:
            log.exception("no share")
        return x

    with caplog.at_level(logging.INFO):
        assert list(pmap(talk, range(3))) == [0, 1, 2]
    told = [record for record in caplog.records if record.name == "study.subject"]
    assert sorted(record.getMessage() for record in told) == [
        "no share", "subject 0 of many", "subject 1 of many", "subject 2 of many",
    ]  # fmt: skip
    (failed,) = (record for record in told if record.levelno == logging.ERROR)
    assert "ZeroDivisionError" in failed.exc_text
    assert failed.process != os.getpid()


def test_levels_of_single_loggers_count(caplog):
    def talk(x):
        logging.getLogger("quiet").warning("not this")
        logging.getLogger("loud").debug("but this")

    loud, quiet = logging.getLogger("loud"), logging.getLogger("quiet")
    loud.setLevel(logging.DEBUG)
    quiet.setLevel(logging.ERROR)
    try:
        list(pmap(talk, [0]))
    finally:
        loud.setLevel(logging.NOTSET)
        quiet.setLevel(logging.NOTSET)
    assert [record.getMessage() for record in caplog.records] == ["but this"]


def test_records_come_while_the_task_runs(tmp_path):
    class Note(logging.Handler):
        def emit(self, record):
            (tmp_path / "heard").touch()

    def talk(x):
        logging.getLogger("slow").warning("beginning")
        return wait_for(lambda: (tmp_path / "heard").exists())

    logger, handler = logging.getLogger("slow"), Note()
    logger.addHandler(handler)
    logger.propagate = False
    try:
        assert list(pmap(talk, [0])) == [True]
    finally:
        logger.removeHandler(handler)
        logger.propagate = True


def test_records_of_a_worker_that_dies_are_not_lost(caplog):
    def die(x):
        logging.getLogger("study").warning("about to die")
        os._exit(1)

    list(pmap(die, [0], on_error="return"))
    assert "about to die" in [record.getMessage() for record in caplog.records]


def test_warnings_arrive_in_the_caller():
    class Doubt(UserWarning):
        pass

    def doubt(x):
        warnings.warn(f"value {x} is doubtful", Doubt, stacklevel=1)
        return x

    with pytest.warns(Doubt) as caught:
        assert list(pmap(doubt, range(3))) == [0, 1, 2]
    assert sorted(str(one.message) for one in caught) == [
        f"value {x} is doubtful" for x in range(3)
    ]
    assert {one.filename for one in caught} == {__file__}


def test_filters_of_the_caller_count_in_tasks():
    def doubt(x):
        warnings.warn("doubtful", RuntimeWarning, stacklevel=1)
        return x

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert list(pmap(doubt, range(3))) == [0, 1, 2]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = list(pmap(doubt, range(3), on_error="return"))
    assert [type(one) for one in found] == [RuntimeWarning] * 3
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("once")
        list(pmap(doubt, range(10)))
    assert len(caught) == 1


def test_what_tasks_print_is_printed_by_the_caller(capsys):
    def say(x):
        print("task", x)
        print("trouble", x, end=" ", file=sys.stderr)

    list(pmap(say, range(3)))
    out, err = capsys.readouterr()
    assert sorted(out.splitlines()) == ["task 0", "task 1", "task 2"]
    assert sorted(err.replace("trouble", "").split()) == ["0", "1", "2"]


def test_a_line_that_is_not_ended_comes_before_the_result(capsys):
    def say(x):
        print("part", x, end=";")
        time.sleep(0.02)  # longer than results wait for others
        return x

    list(pmap(say, range(6), chunk=6))
    assert sorted(capsys.readouterr().out.split(";")) == ["", *(f"part {x}" for x in range(6))]


# What tasks find


def test_workers_have_the_settings_and_their_share_of_memory():
    def settings(x):
        found = ob.get_config()
        return found.memory, found.n_jobs, found.verify, found.progress

    with ob.config(memory="3GB", verify="content"):
        found = set(pmap(settings, range(4)))
    assert found == {(10**9, max(1, len(os.sched_getaffinity(0)) // 2), "content", False)}
    ((_, _, verify, _),) = pmap(settings, range(1))
    assert verify is None


def test_so_do_threads():
    with ob.config(memory="3GB"):
        found = set(
            ob.pmap(lambda x: ob.get_config().memory, range(4), n_jobs=2, executor="threads")
        )
    assert found == {10**9}


def test_workers_see_folder_environment_and_path(tmp_path, monkeypatch):
    def look(x):
        return os.getcwd(), os.environ.get("STUDY"), sys.path

    list(pmap(look, [0]))  # they are running when the world changes
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STUDY", "miyawaki")
    monkeypatch.syspath_prepend(tmp_path)
    found = list(pmap(look, range(4)))
    assert found == [(str(tmp_path), "miyawaki", sys.path)] * 4


def test_a_module_of_the_script_s_folder_is_imported(tmp_path, monkeypatch):
    (tmp_path / "helpers_of_a_study.py").write_text("def twice(x):\n    return 2 * x\n")
    monkeypatch.syspath_prepend(tmp_path)
    import helpers_of_a_study

    assert list(pmap(helpers_of_a_study.twice, range(3))) == [0, 2, 4]


def test_a_script_needs_no_guard(tmp_path):
    import subprocess

    script = tmp_path / "script.py"
    script.write_text(
        "import onebox as ob\n"
        "class Point:\n    x = 3\n"
        "def make(x):\n    return Point()\n"
        "found = list(ob.pmap(make, range(3), n_jobs=2))\n"
        "print(all(type(one) is Point for one in found))\n"
    )
    ended = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert ended.stdout == "True\n"


@pytest.mark.parametrize("executor", EXECUTORS)
def test_libraries_have_one_thread_in_tasks(executor):
    def threads(x):
        np.ones((300, 300)) @ np.ones((300, 300))
        return {one["num_threads"] for one in threadpool_info()}

    before = threadpool_info()
    for found in ob.pmap(threads, range(4), n_jobs=2, executor=executor):
        assert found == {1}
    assert threadpool_info() == before


# Loops in loops


def test_nested_loops_share_the_cores():
    from onebox.machine import available_cores

    def most_at_once(n):
        running, most, lock = set(), [0], threading.Lock()

        def inner(i):
            with lock:
                running.add(i)
                most[0] = max(most[0], len(running))
            time.sleep(0.05)
            with lock:
                running.discard(i)

        list(ob.pmap(inner, range(8), n_jobs=n, executor="threads"))
        return most[0]

    share = max(1, available_cores() // 2)
    for executor in ("threads", "processes"):
        found = list(ob.pmap(most_at_once, [8, -1, None], n_jobs=2, executor=executor))
        assert all(1 <= one <= share for one in found)


def test_loops_nest_in_processes():
    def outer(x):
        return sum(ob.pmap(lambda y: x * y, range(5), executor="processes"))

    assert list(pmap(outer, range(4))) == [10 * x for x in range(4)]


def test_a_fit_in_a_task_keeps_to_its_share():
    from onebox.preprocessing import StandardScaler

    def fit(x):
        return (
            StandardScaler().fit(np.random.default_rng(x).random((5000, 3))).fit_report_.n_workers
        )

    share = max(1, len(os.sched_getaffinity(0)) // 2)
    assert all(found <= share for found in pmap(fit, range(2)))


# Slow consumers


@pytest.mark.parametrize("executor", ["threads", "processes"])
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_tasks_do_not_run_far_ahead_of_a_slow_consumer(executor, n_jobs, tmp_path):
    def mark(x):
        (tmp_path / str(x)).touch()
        return x

    drawn = []

    def inputs():
        for x in range(500):
            drawn.append(x)
            yield x

    for taken, found in enumerate(ob.pmap(mark, inputs(), n_jobs=n_jobs, executor=executor), 1):
        assert found == taken - 1
        time.sleep(0.03)
        assert len(drawn) - taken < 4 * n_jobs
        assert len(list(tmp_path.iterdir())) - taken < 4 * n_jobs
        if taken == 40:
            break


def test_nor_of_one_who_was_fast_until_now():
    seen = []

    def inputs():
        for x in range(1_000_000):
            seen.append(x)
            yield x

    results = ob.pmap(abs, inputs(), n_jobs=2, executor="processes")
    for _ in range(30_000):
        next(results)
    time.sleep(0.5)
    next(results)
    assert len(seen) - 30_001 <= 10_000
    results.close()


def test_large_results_wait_within_the_budget(tmp_path):
    def make(x):
        (tmp_path / str(x)).touch()
        return np.ones(1_000_000)  # 8 MB

    with ob.config(memory="60MB"):  # of which 20 are for results
        results = ob.pmap(make, range(50), n_jobs=2, executor="processes", chunk=1)
        for taken in range(1, 16):
            next(results)
            time.sleep(0.05)
            ahead = len(list(tmp_path.iterdir())) - taken
            assert ahead <= (3 if taken > 5 else 8)
        results.close()


def test_the_next_task_begins_while_the_consumer_is_busy(tmp_path):
    def mark(x):
        (tmp_path / str(x)).touch()
        return x

    results = ob.pmap(mark, range(100), n_jobs=2, executor="processes", chunk=1)
    next(results)
    assert wait_for(lambda: len(list(tmp_path.iterdir())) >= 4)
    results.close()


def test_a_task_that_waits_behind_a_long_one_moves_to_an_idle_worker(tmp_path):
    def work(x):
        if x == 0:
            return wait_for(lambda: len(list(tmp_path.iterdir())) == 7)
        time.sleep(0.05)
        (tmp_path / str(x)).touch()
        return True

    assert all(ob.pmap(work, range(8), n_jobs=2, executor="processes", chunk=1))


def test_a_chunk_that_turns_out_to_be_long_is_shared_out(tmp_path):
    def work(x):
        if x < 2000:
            return time.sleep(0.0001) or True
        time.sleep(0.3)  # longer than a chunk may take: the rest is given back
        if x == 2000:
            return True
        (tmp_path / str(os.getpid())).touch()
        return wait_for(lambda: len(list(tmp_path.iterdir())) == 2)

    assert all(ob.pmap(work, range(2008), n_jobs=2, executor="processes"))


def test_workers_share_the_caller_s_cache(tmp_path):
    def folder(x):
        return ob.get_config().cache.folder

    with ob.config(cache=ob.Memory(tmp_path / "cache")):
        assert set(pmap(folder, range(2))) == {tmp_path / "cache"}


def test_the_same_warning_again_and_again_is_no_burden():
    def doubt(x):
        for _ in range(20_000):
            warnings.warn("doubtful", RuntimeWarning, stacklevel=1)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        list(pmap(doubt, range(4)))
    assert [str(one.message) for one in caught] == ["doubtful"]


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="threads are counted in /proc")
def test_workers_come_with_what_was_prepared_and_are_forked_from_a_single_thread():
    def look(module):
        return module in sys.modules, len(os.listdir(f"/proc/{os.getppid()}/task"))

    module = "onebox.engine.elsewhere.workshop"
    POOL.shut_down()
    POOL.prepare({module, "onebox.there_is_no_such_module"})
    assert list(pmap(look, [module])) == [(True, 1)]
    POOL.shut_down()
    assert list(pmap(look, [module])) == [(False, 1)]
