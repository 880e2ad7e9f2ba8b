"""Settings: what is said, where it holds, and what the machine has."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import onebox as ob
from onebox.config import (
    Settings,
    _process,
    format_bytes,
    memory_budget,
    parse_bytes,
    resolve,
    settings_in_force,
)
from onebox.errors import BadInput
from onebox.machine import (
    available_cores,
    available_memory,
    cgroup_cores,
    cgroup_memory,
)


@pytest.fixture(autouse=True)
def undone():
    """What plain calls of a test say holds for the whole process, so take it back."""
    before = list(_process)
    yield
    _process[:] = before


# Sizes


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("2GB", 2 * 10**9),
        ("2gb", 2 * 10**9),
        ("2 GB ", 2 * 10**9),
        ("2G", 2 * 10**9),
        ("1.5 GiB", 3 * 2**29),
        ("512MiB", 2**29),
        ("64k", 64_000),
        ("1TB", 10**12),
        ("100", 100),
        ("100b", 100),
        (".5MB", 500_000),
        (1e9, 10**9),
        (12, 12),
        ("0", 0),
    ],
)
def test_sizes(text, size):
    assert parse_bytes(text) == size


NO_SIZES = ["", "GB", "2XB", "2 G B", "1.2.3GB", "-1GB", "2iB", "two", ".", -5]


@pytest.mark.parametrize("text", [*NO_SIZES, float("nan"), float("inf")])
def test_what_is_no_size(text):
    with pytest.raises(BadInput, match=r"memory=.*write it like '2GB'"):
        parse_bytes(text)


@given(st.integers(0, 10**16))
def test_shown_sizes_are_read_back(n):
    shown = format_bytes(n)
    assert abs(parse_bytes(shown) - n) <= 0.006 * n
    assert len(shown) <= len("9.99e+03 TB")


@pytest.mark.parametrize(
    ("n", "shown"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (150e6, "150 MB"),
        (1_234e6, "1.23 GB"),
        (2e12, "2 TB"),
    ],
)
def test_sizes_are_shown_short(n, shown):
    assert format_bytes(n) == shown


# Where it holds


def test_a_plain_call_holds_from_then_on():
    ob.config(memory="1GB", n_jobs=2)
    assert (ob.get_config().memory, ob.get_config().n_jobs) == (10**9, 2)
    ob.config(n_jobs=3)
    assert (ob.get_config().memory, ob.get_config().n_jobs) == (10**9, 3)


def test_a_with_block_holds_inside_only():
    ob.config(n_jobs=2)
    with ob.config(n_jobs=5, memory="1GB") as settings:
        assert (settings.n_jobs, settings.memory) == (5, 10**9)
        assert ob.get_config() == settings
    assert (ob.get_config().n_jobs, ob.get_config().memory) == (2, None)


def test_blocks_nest_and_the_inner_one_wins():
    with ob.config(n_jobs=5, memory="1GB"):
        with ob.config(n_jobs=6):
            assert (ob.get_config().n_jobs, ob.get_config().memory) == (6, 10**9)
        assert ob.get_config().n_jobs == 5


def test_a_block_wins_over_plain_calls_inside_it_which_hold_afterwards():
    with ob.config(n_jobs=5):
        ob.config(n_jobs=6, memory="1GB")
        assert (ob.get_config().n_jobs, ob.get_config().memory) == (5, 10**9)
    assert ob.get_config().n_jobs == 6


def test_a_block_that_raises_is_left_all_the_same():
    before = ob.get_config()
    with pytest.raises(ZeroDivisionError), ob.config(n_jobs=5):
        1 / 0  # noqa: B018
    assert ob.get_config() == before


def test_one_config_may_be_entered_again_and_again():
    before = ob.get_config()
    twice = ob.config(n_jobs=5)
    with twice, ob.config(n_jobs=7), twice:
        assert ob.get_config().n_jobs == 5
    with twice:
        assert ob.get_config().n_jobs == 5
    assert ob.get_config() == before


def test_configs_made_in_one_order_and_entered_in_another():
    before = ob.get_config()
    first, second = ob.config(n_jobs=5), ob.config(memory="1GB")
    with first:
        assert ob.get_config().memory == 10**9, "the second is a plain call so far"
    with second:
        assert ob.get_config().n_jobs == before.n_jobs
    assert ob.get_config() == before


def test_blocks_hold_in_their_thread_and_plain_calls_in_all():
    inside, seen = threading.Barrier(2), {}

    def work(n_jobs):
        with ob.config(n_jobs=n_jobs):
            inside.wait(20)
            seen[n_jobs] = (ob.get_config().n_jobs, ob.get_config().memory)
            inside.wait(20)

    ob.config(memory="1GB")
    threads = [threading.Thread(target=work, args=(n,)) for n in (8, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert seen == {8: (8, 10**9), 9: (9, 10**9)}


def test_many_threads_at_once_leave_nothing_behind():
    before = ob.get_config()

    def work(n):
        for _ in range(200):
            with ob.config(n_jobs=n):
                assert ob.get_config().n_jobs == n

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(1, 9)))
    assert ob.get_config() == before


def test_a_dataset_keeps_what_it_was_made_under_and_the_current_settings_win():
    with ob.config(memory="1GB", n_jobs=3):
        data = ob.dataset(np.ones((10, 2))).drop("x0")
    assert (data.settings.memory, data.settings.n_jobs) == (10**9, 3)
    with ob.config(n_jobs=4):
        assert (data.settings.memory, data.settings.n_jobs) == (10**9, 4)
        assert (data.head(1).num_rows, data.filter) is not None
    ob.config(memory="2GB")
    assert data.settings.memory == 2 * 10**9


def test_a_dataset_made_under_no_settings_follows_the_current_ones():
    data = ob.dataset(np.ones((10, 2)))
    with ob.config(memory="1GB"):
        assert data.settings.memory == 10**9
    assert data.settings == resolve()


def test_answers_do_not_depend_on_it(sha256):
    X = np.random.default_rng(0).random((1000, 3))
    from onebox.aggregates import Gram

    with ob.config(n_jobs=1, executor="serial", memory="200MB"):
        one = sha256(ob.aggregate(X, Gram()))
    assert sha256(ob.aggregate(X, Gram())) == one


# What is refused


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"memory": 0}, "memory=0 must be larger than zero"),
        ({"memory": "lots"}, "memory='lots' is not a size"),
        ({"disk": -1}, "disk=-1 is not a size"),
        ({"n_jobs": 0}, "n_jobs=0 must be 1 or more, or -1"),
        ({"n_jobs": -2}, "n_jobs=-2 must be 1 or more, or -1"),
        ({"n_jobs": "many"}, "n_jobs='many' is not a number"),
        ({"executor": "gpu"}, "executor='gpu' is not known"),
    ],
)
def test_settings_that_make_no_sense(asked, message):
    before = ob.get_config()
    with pytest.raises(BadInput) as caught:
        ob.config(**asked)
    assert message in str(caught.value)
    assert ob.get_config() == before


def test_no_disk_at_all_may_be_asked_for():
    with ob.config(disk=0):
        assert ob.get_config().disk == 0


def test_every_core():
    with ob.config(n_jobs=-1):
        assert ob.get_config().n_jobs == available_cores()


# Defaults


def test_without_settings_the_machine_decides(monkeypatch):
    for name in list(os.environ):
        if name.startswith("ONEBOX_"):
            monkeypatch.delenv(name)
    settings = resolve()
    assert settings == Settings(n_jobs=available_cores(), executor="threads")
    assert memory_budget(settings) == pytest.approx(available_memory() * 0.75, rel=0.2)
    assert memory_budget(Settings(memory=7)) == 7


ENVIRONMENT = {
    "ONEBOX_MEMORY": "3GB",
    "ONEBOX_N_JOBS": "3",
    "ONEBOX_EXECUTOR": "serial",
    "ONEBOX_CACHE": "/somewhere",
    "ONEBOX_DISK": "5GB",
    "ONEBOX_PROGRESS": "no",
}


def test_the_environment_sets_defaults(monkeypatch):
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    assert resolve() == Settings(3 * 10**9, 3, "serial", Path("/somewhere"), 5 * 10**9, False)
    with ob.config(memory="1GB", progress=True):
        assert resolve().memory == 10**9
        assert resolve().progress is True
    assert settings_in_force() == Settings(), "a lazy Dataset does not freeze the environment"


def test_the_environment_reaches_other_processes():
    script = "import onebox as ob; print(ob.get_config().n_jobs, ob.get_config().memory)"
    env = {**os.environ, "ONEBOX_N_JOBS": "7", "ONEBOX_MEMORY": "1GiB"}
    ended = subprocess.run(
        [sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True
    )
    assert ended.stdout.split() == ["7", str(2**30)]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("ONEBOX_MEMORY", "lots", "ONEBOX_MEMORY='lots' is not a size"),
        ("ONEBOX_MEMORY", "0", "ONEBOX_MEMORY='0' must be larger than zero"),
        ("ONEBOX_N_JOBS", "all", "ONEBOX_N_JOBS='all' is not a number of workers"),
        ("ONEBOX_EXECUTOR", "gpu", "ONEBOX_EXECUTOR='gpu' is not known"),
    ],
)
def test_an_environment_that_makes_no_sense(monkeypatch, name, value, message):
    monkeypatch.setenv(name, value)
    with pytest.raises(BadInput) as caught:
        resolve()
    assert message in str(caught.value)


# Containers


def write(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text + "\n")


def test_limits_of_version_2(tmp_path):
    groups, membership = tmp_path / "cgroup", tmp_path / "membership"
    membership.write_text("0::/user.slice/job\n")
    write(groups)
    write(groups / "user.slice", memory__max="1000", memory__current="300", cpu__max="max 100000")
    write(
        groups / "user.slice/job",
        memory__max="max",
        memory__current="250",
        cpu__max="150000 100000",
        memory__stat="anon 100\nfile 999\ninactive_file 20\nactive_file 5",
    )
    assert cgroup_memory(groups, membership) == 700, "the one limit is that of the group above"
    assert cgroup_cores(groups, membership) == 1.5
    write(groups / "user.slice/job", memory__max="600")
    assert cgroup_memory(groups, membership) == 600 - 250 + 25, "pages of files can be had"


def test_limits_of_version_1(tmp_path):
    groups, membership = tmp_path / "cgroup", tmp_path / "membership"
    membership.write_text("4:memory:/docker/abc\n1:cpu,cpuacct:/docker/abc\n0::/\n")
    # In the container its own group is the root that is seen.
    write(
        groups / "memory",
        memory__limit_in_bytes="5000",
        memory__usage_in_bytes="3000",
        memory__stat="cache 1\ntotal_inactive_file 400\ntotal_active_file 100\ninactive_file 9",
    )
    write(groups / "cpu", **{"cpu__cfs_quota_us": "250000", "cpu__cfs_period_us": "100000"})
    assert cgroup_memory(groups, membership) == 2500
    assert cgroup_cores(groups, membership) == 2.5
    write(groups / "cpu", **{"cpu__cfs_quota_us": "-1"})
    assert cgroup_cores(groups, membership) is None


def test_no_limits(tmp_path):
    assert cgroup_memory(tmp_path, tmp_path / "nothing") is None
    assert cgroup_cores(tmp_path, tmp_path / "nothing") is None
    (tmp_path / "membership").write_text("0::/\n")
    assert cgroup_memory(tmp_path, tmp_path / "membership") is None


def test_the_machine_has_something():
    assert 1 <= available_cores() <= (os.cpu_count() or 1)
    assert available_memory() >= 64 * 2**20
