"""Plans: what they choose, what they refuse, and how they say it."""

from __future__ import annotations

import logging

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import onebox as ob
from onebox.aggregates import Gram, Moments
from onebox.aggregates.aggregate import LARGE_SUMMARY, Aggregate, RowState
from onebox.config import Settings, resolve
from onebox.dataset import as_dataset
from onebox.engine.need import is_large, need_of
from onebox.engine.plan import Plan, disk_limit, make_plan
from onebox.engine.run import Run
from onebox.errors import NotEnoughMemory, SinglePass
from onebox.storage.disk import free_bytes


@pytest.fixture(scope="module")
def view(tmp_path_factory):
    path = tmp_path_factory.mktemp("plan") / "rows.parquet"
    columns = np.random.default_rng(0).random((5, 60_000))
    table = pa.table(dict(zip("abcde", columns, strict=True)))
    pq.write_table(table, path, row_group_size=6000)
    return as_dataset(path).view


def plan_of(view, aggregate=None, *, many_passes=False, **settings) -> Plan:
    with ob.config(**settings):
        return make_plan(view, [(aggregate or Moments(),)], resolve(), many_passes=many_passes)


def test_as_many_workers_as_asked_but_no_more_than_units(view):
    assert plan_of(view, n_jobs=3).n_workers == 3
    assert plan_of(view, n_jobs=64).n_workers == 10
    assert plan_of(as_dataset(np.ones((10, 2))).view, n_jobs=8).n_workers == 1


def test_one_more_in_flight_than_work_but_for_executors_of_others(view):
    from concurrent.futures import ThreadPoolExecutor

    assert plan_of(view, n_jobs=3).in_flight == 4
    assert plan_of(view, n_jobs=1).in_flight == 1
    serial = plan_of(view, n_jobs=3, executor="serial")
    assert (serial.n_workers, serial.in_flight) == (1, 1)
    with ThreadPoolExecutor(9) as pool:
        assert plan_of(view, n_jobs=3, executor=pool).in_flight == 3


def test_fewer_workers_when_memory_is_short(view):
    four = plan_of(view, n_jobs=4)
    three = plan_of(view, n_jobs=4, memory=four.peak_bytes - 1)
    assert (four.n_workers, three.n_workers) == (4, 3)
    assert three.peak_bytes < four.peak_bytes
    one = plan_of(view, n_jobs=1)
    assert plan_of(view, n_jobs=4, memory=one.peak_bytes).n_workers == 1
    with pytest.raises(NotEnoughMemory, match="with one worker"):
        plan_of(view, n_jobs=4, memory=one.peak_bytes - 1)


def test_where_blocks_stay_between_passes(view, tmp_path):
    decoded = 60_000 * 5 * 8
    roomy = plan_of(view, many_passes=True, n_jobs=1)
    assert roomy.keep == "memory"
    one_pass = plan_of(view, n_jobs=1)
    assert roomy.peak_bytes == one_pass.peak_bytes + decoded
    tight = {"many_passes": True, "n_jobs": 1, "memory": roomy.peak_bytes - 1, "cache": tmp_path}
    on_disk = plan_of(view, **tight)
    assert (on_disk.keep, on_disk.disk_bytes) == ("disk", decoded)
    assert plan_of(view, disk=decoded, **tight).keep == "disk"
    assert plan_of(view, disk=decoded - 1, **tight).keep == "again"
    assert plan_of(view, disk=0, **tight).keep == "again"


def test_what_needs_no_copy_between_passes(tmp_path):
    X = np.ones((1000, 3))
    np.save(tmp_path / "x.npy", X)
    for data in (ob.dataset(X), ob.dataset(tmp_path / "x.npy")):
        assert plan_of(data.view, many_passes=True).keep == "source"
        assert plan_of(data[["x1"]].rename({"x1": "y"}).view, many_passes=True).keep == "source"
        assert plan_of(data.map(lambda block: block.X).view, many_passes=True).keep == "memory"
        dropping = ob.dataset(data, on_missing="drop")
        assert plan_of(dropping.view, many_passes=True).keep == "memory"


def test_columns_in_memory_are_made_rows_once_and_never_spilled():
    X = np.random.default_rng(0).random((20_000, 50))
    data = ob.dataset({f"c{j}": column for j, column in enumerate(X.T)})
    roomy = plan_of(data.view, many_passes=True, n_jobs=1)
    assert roomy.keep == "memory"
    tight = plan_of(data.view, many_passes=True, n_jobs=1, memory=roomy.peak_bytes - 1)
    assert (tight.keep, tight.disk_bytes) == ("again", 0)
    mapped = data.map(lambda block: block.X).view
    roomy = plan_of(mapped, many_passes=True, n_jobs=1)
    assert plan_of(mapped, many_passes=True, memory=roomy.peak_bytes - 1, n_jobs=1).keep == "disk"


class Carries(Aggregate[list]):
    """Carries eight bytes a row."""

    def empty(self, schema):
        return []

    def update(self, summary, block):
        block.state["seen"] += 1

    def merge(self, into, other):
        pass

    def result(self, summary):
        return None

    def nbytes(self, schema):
        return 0

    def row_state(self, schema):
        return (RowState("seen", np.int64),)


def test_row_states_stay_in_memory_or_go_to_the_disk(view):
    without = plan_of(view, n_jobs=1)
    states = 60_000 * 8
    held = plan_of(view, Carries(), n_jobs=1, memory="1GB")
    assert not held.states_on_disk
    assert held.peak_bytes >= states
    tight = without.peak_bytes + states
    assert plan_of(view, Carries(), n_jobs=1, memory=tight).states_on_disk
    assert not plan_of(view, Moments(), n_jobs=1, memory=tight).states_on_disk
    least = plan_of(view, Carries(), n_jobs=1, memory=tight).peak_bytes
    with pytest.raises(NotEnoughMemory, match=r"beside its 60,000 rows.*disk=0"):
        plan_of(view, Carries(), n_jobs=1, memory=least, disk=0)


def test_row_states_of_a_stream_go_to_the_disk_as_nobody_knows_their_size():
    stream = ob.dataset(lambda: iter([np.ones((10, 2))])).view
    assert plan_of(stream, Carries()).states_on_disk
    assert not plan_of(stream, Moments()).states_on_disk


@pytest.mark.parametrize("on_disk", [False, True])
def test_row_states_come_back_in_the_order_of_the_rows(view, on_disk, tmp_path):
    class Marks(Carries):
        def update(self, summary, block):
            block.state["seen"][:] = block.state["seen"] * 100_000 + block.file_rows()

    settings = resolve()
    with ob.config(n_jobs=2, cache=tmp_path):
        least = make_plan(view, [(Marks(),)], resolve()).peak_bytes - 60_000 * 8
        with ob.config(memory=least if on_disk else "1GB"):
            settings = resolve()
    with Run(view, [Marks()], settings=settings, many_passes=True) as run:
        assert run.plan.states_on_disk == on_disk
        run.scan(Marks())
        run.scan(Marks())
        seen = run.row_state(RowState("seen", np.int64))
    rows = np.arange(60_000)
    np.testing.assert_array_equal(seen, rows * 100_000 + rows)
    assert not list(tmp_path.rglob("*"))


def test_the_default_limit_of_the_disk_is_half_of_what_is_free(tmp_path):
    limit = disk_limit(Settings(cache=tmp_path / "not" / "yet"))
    assert limit == pytest.approx(free_bytes(tmp_path) / 2, rel=0.05)
    assert disk_limit(Settings(disk=7)) == 7


def test_several_passes_over_what_can_be_read_once_are_refused_before_the_first():
    blocks = iter([np.ones((10, 2))])
    data = ob.dataset(blocks)
    with pytest.raises(SinglePass, match=r"more than one pass.*persist\(path\)"):
        Run(data.view, [Moments()], many_passes=True)
    assert ob.aggregate(data, Moments()).count[0] == 10, "nothing had been read"


def test_large_summaries_are_told_by_their_size():
    def gram_of(p):
        return is_large(Gram(), as_dataset(np.ones((1, p))).view)

    p = int((LARGE_SUMMARY / 8) ** 0.5)
    assert (gram_of(p - 1), gram_of(p + 1)) == (False, True)
    assert not is_large(Moments(), as_dataset(np.ones((1, 100_000))).view)


def test_joined_aggregates_need_what_each_of_them_needs(view):
    scans = [Gram()], [Moments()], [Gram(), Moments()]
    need = [need_of(view, parts, "job", 0, 0) for parts in scans]
    assert need[2].shared == need[0].shared + need[1].shared
    assert need[2].unit == need[0].unit + need[1].unit
    assert need[2].block >= max(need[0].block, need[1].block)


def test_results_and_tasks_count(view):
    settings = resolve()
    plain = make_plan(view, [], settings)
    with_result = make_plan(view, [], settings, result_bytes=10**6)
    assert with_result.peak_bytes == plain.peak_bytes + 10**6
    assert make_plan(view, [], settings, task_bytes=10**6).peak_bytes > plain.peak_bytes + 10**6


def test_a_plan_prints_as_a_sentence(view, tmp_path, caplog):
    plan = plan_of(view, many_passes=True, n_jobs=2, memory="1GB")
    assert str(plan).startswith("10 partitions in blocks of 32,768 rows, 2 workers; blocks stay ")
    assert str(plan).endswith("of 1 GB")
    with caplog.at_level(logging.DEBUG, logger="onebox"), ob.config(n_jobs=1):
        ob.aggregate(np.ones((10, 2)), Moments())
    assert "Moments: 1 partitions" in caplog.text
    assert "every pass reads the source; projected peak" in caplog.text
