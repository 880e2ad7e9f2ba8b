"""What goes wrong on a cluster: a worker dies in mid-fit, a path is not there, nobody answers."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress

import numpy as np
import pytest

import onebox as ob
from onebox.cluster import KMeans
from onebox.errors import BadInput, WorkerDied
from onebox.preprocessing import StandardScaler

dask = pytest.importorskip("dask")
distributed = pytest.importorskip("distributed")

pytestmark = pytest.mark.skipif(os.name == "nt", reason="processes are killed as on Unix")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    rng = np.random.default_rng(5)
    for i in range(24):
        np.save(folder / f"{i:02d}.npy", rng.standard_normal((2000, 4)) + 5 * rng.integers(0, 3))
    return folder


def slowly(block):
    time.sleep(0.02 if len(block) else 0)
    return block.X


def fit(files):
    return KMeans(3, max_iter=6, tol=0, random_state=0).fit(ob.dataset(files).map(slowly))


def bits(model):
    return [model.cluster_centers_, model.inertia_, model.labels_.to_numpy()]


def test_a_worker_killed_in_mid_fit_changes_no_bit(files, sha256):
    expected = sha256(bits(fit(files)))
    killed = []
    with (
        distributed.LocalCluster(
            n_workers=3, threads_per_worker=1, processes=True, dashboard_address=":0"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        pids = list(client.run(os.getpid).values())

        def kill_one_after_some_passes(event):
            if event.job == "KMeans pass 2" and event.share > 0.2 and not killed:
                killed.append(pids[0])
                os.kill(pids[0], signal.SIGKILL)

        with ob.config(executor=client, progress=kill_one_after_some_passes):
            model = fit(files)
        assert killed
        assert pids[0] not in client.run(os.getpid).values()
    assert sha256(bits(model)) == expected


def test_processes_of_our_own_are_killed_in_mid_fit_as_well(files, sha256, processes):
    expected = sha256(bits(fit(files)))
    killed = []

    def kill_one(event):
        if event.job.startswith("KMeans pass") and event.share > 0.2 and len(killed) < 2:
            _nursery, pid, *_ = processes.workers(os.getpid())
            killed.append(pid)
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    with ob.config(executor="processes", n_jobs=2, progress=kill_one):
        model = fit(files)
    assert killed
    assert sha256(bits(model)) == expected


IN_ANOTHER_WORLD = """
import subprocess, sys
hidden, address = sys.argv[1:]
if subprocess.run(["mount", "-t", "tmpfs", "none", hidden]).returncode:
    sys.exit(77)
from distributed.cli.dask_worker import main
main([address, "--no-nanny", "--nthreads", "1", "--no-dashboard"])
"""


@contextmanager
def worker_that_does_not_see(folder, address):
    command = ["unshare", "--mount", "--map-root-user", sys.executable, "-c", IN_ANOTHER_WORLD]
    try:
        process = subprocess.Popen([*command, str(folder), address])
    except FileNotFoundError:
        pytest.skip("a worker with other folders is made with unshare, which is not here")
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_a_path_that_a_worker_does_not_see_is_an_error_that_says_so(files):
    with (
        distributed.LocalCluster(n_workers=0, dashboard_address=":0") as cluster,
        distributed.Client(cluster) as client,
        worker_that_does_not_see(files, cluster.scheduler_address) as process,
    ):
        deadline = time.monotonic() + 60
        while not client.nthreads() and time.monotonic() < deadline:
            if process.poll() is not None:
                pytest.skip("this system does not allow a worker with folders of its own")
            time.sleep(0.1)
        with (
            ob.config(executor=client),
            pytest.raises(BadInput, match=r"00\.npy is there for this process and not for process"),
        ):
            StandardScaler().fit(ob.dataset(files))


def test_a_cluster_without_workers_is_told_at_once(files):
    with (
        distributed.LocalCluster(n_workers=0, dashboard_address=":0") as cluster,
        distributed.Client(cluster) as client,
        ob.config(executor=client),
        pytest.raises(BadInput, match="has 0 workers"),
    ):
        StandardScaler().fit(ob.dataset(files))


def test_a_cluster_whose_workers_are_gone_is_not_waited_for(files, monkeypatch):
    monkeypatch.setattr("onebox.executors.dask.ALONE_SECONDS", 2)
    monkeypatch.setattr("onebox.executors.dask.LOOKS_EVERY", 0.5)
    with (
        distributed.LocalCluster(n_workers=1, dashboard_address=":0") as cluster,
        distributed.Client(cluster) as client,
    ):

        def stop_all(event):
            if event.job == "KMeans pass 2":
                cluster.scale(0)

        with (
            ob.config(executor=client, progress=stop_all),
            pytest.raises(WorkerDied, match="has had 0 workers for 2 s while tasks were waiting"),
        ):
            fit(files)


def test_what_is_lost_with_its_worker_once_it_is_done_is_not_waited_for(monkeypatch):
    monkeypatch.setattr("onebox.executors.dask.ALONE_SECONDS", 2)
    monkeypatch.setattr("onebox.executors.dask.LOOKS_EVERY", 0.5)
    with (
        distributed.LocalCluster(n_workers=1, dashboard_address=":0") as cluster,
        distributed.Client(cluster) as client,
    ):
        crew = importlib.import_module("onebox.executors.dask").DaskCrew(client, owned=False)
        future = crew.share(5)
        assert crew._waited_for(future, 1) == 1
        wait = crew._wait

        def wait_and_lose(future):
            wait(future)
            cluster.scale(0)
            deadline = time.monotonic() + 60
            while future.done() and time.monotonic() < deadline:
                time.sleep(0.01)
            crew._wait = wait

        crew._wait = wait_and_lose
        with pytest.raises(WorkerDied, match="has had 0 workers for 2 s while tasks were waiting"):
            crew._result(future)
        crew._wait = lambda future: None  # it was done a moment ago
        assert crew._waited_for(future, 1) == 1


def test_the_timeout_of_a_task_is_its_error(cluster, files):
    def fail(block):
        raise TimeoutError("of the task itself")

    with (
        distributed.Client(cluster) as client,
        ob.config(executor=client),
        pytest.raises(TimeoutError, match="of the task itself"),
    ):
        StandardScaler().fit(ob.dataset(files).map(fail))


def test_a_client_that_is_closed(files, cluster):
    client = distributed.Client(cluster)
    client.close()
    with ob.config(executor=client):
        data = ob.dataset(files)
        assert data.to_numpy().shape == (48_000, 4)  # which runs here
        with pytest.raises(BadInput, match="Client is closed"):
            StandardScaler().fit(data)


def test_an_address_where_nobody_answers(files, monkeypatch):
    monkeypatch.setattr("onebox.executors.dask.ANSWERS_WITHIN", 1)
    with (
        ob.config(executor="dask://127.0.0.1:9"),
        pytest.raises(BadInput, match=r"No Dask scheduler answers at 127\.0\.0\.1:9"),
    ):
        StandardScaler().fit(ob.dataset(files))
    with (
        ob.config(executor="dask"),
        pytest.raises(BadInput, match="needs an address"),
    ):
        StandardScaler().fit(ob.dataset(files))


def deadly(block):
    if len(block):
        os.kill(os.getpid(), signal.SIGKILL)
    return block.X


@pytest.mark.parametrize("where", ["processes", "cluster"])
def test_a_task_that_kills_every_worker_ends_the_fit(where, files):
    data = ob.dataset(sorted(files.iterdir())[:2]).map(deadly)
    if where == "processes":
        with ob.config(executor=where, n_jobs=2), pytest.raises(WorkerDied, match="SIGKILL"):
            StandardScaler().fit(data)
        return
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, processes=True, dashboard_address=":0"
        ) as cluster,
        distributed.Client(cluster) as client,
        ob.config(executor=client),
        pytest.raises(WorkerDied, match="lost with its worker"),
    ):
        StandardScaler().fit(data)


def test_loops_run_on_a_client(client):
    offset = 3
    with ob.config(executor=client):
        found = list(ob.pmap(lambda x: (x + offset, os.getpid()), range(20)))
    assert [number for number, _ in found] == list(range(3, 23))
    assert os.getpid() not in {pid for _, pid in found}
    with pytest.raises(BadInput, match="'dask://host:1' is not known to pmap"):
        ob.pmap(abs, [1], executor="dask://host:1")


def test_workers_forget_a_run_that_is_over(files, client):
    with ob.config(executor=client):
        fit(files)

    def remembered():
        from onebox.engine.elsewhere import workshop

        return len(workshop._open)

    assert set(client.run(remembered).values()) == {0}


def test_several_fits_at_a_time_share_a_cluster(files, client, sha256):
    expected = sha256(bits(fit(files)))
    found = []

    def one():
        with ob.config(executor=client):
            found.append(sha256(bits(fit(files))))

    threads = [threading.Thread(target=one) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 3
