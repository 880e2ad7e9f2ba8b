"""Errors in mapped functions and aggregates arrive as raised, with a note of the place."""

from __future__ import annotations

import sys
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import onebox as ob
from onebox.aggregates import Gram
from onebox.cluster import KMeans
from onebox.errors import BadInput, MismatchedRows, WrongType


@pytest.fixture
def parts(tmp_path):
    """Four files of two row groups of 50 rows; x counts from 0 to 399."""
    for i in range(4):
        x = np.arange(100.0) + 100 * i
        pq.write_table(pa.table({"x": x, "z": x**2}), tmp_path / f"{i}.parquet", row_group_size=50)
    return ob.dataset(tmp_path)


def explode(block):
    if len(block) and (block["x"] == 271).any():
        raise ZeroDivisionError("of the user's own making")
    return block["x"] * 2


WAYS = {
    "one thread": lambda: {"n_jobs": 1},
    "threads": lambda: {"n_jobs": 3},
    "serial": lambda: {"executor": "serial"},
}
JOBS = {
    "aggregate": lambda data: ob.aggregate(data, Gram()),
    "KMeans": lambda data: KMeans(2).fit(data),
    "to_numpy": lambda data: data.to_numpy(),
    "to_arrow": lambda data: data.to_arrow(),
    "blocks": lambda data: list(data.blocks()),
    "count": lambda data: len(data.filter(pa.compute.field("y") > 0)),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("job", JOBS.values(), ids=JOBS)
def test_an_error_keeps_its_frame_and_names_its_rows(parts, way, job):
    with ob.config(**way()), pytest.raises(ZeroDivisionError, match="own making") as caught:
        job(parts.assign(y=explode))
    frames = traceback.extract_tb(caught.value.__traceback__)
    assert frames[-1].name == "explode"
    assert frames[-1].filename == __file__
    notes = [note for note in caught.value.__notes__ if note.startswith("onebox:")]
    assert notes == ["onebox: in assign, working on rows 50 to 99 of 2.parquet"]


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("target", ["one.parquet", "folder"])
def test_nothing_is_written_when_a_function_fails(parts, way, target, tmp_path):
    (tmp_path / "out").mkdir()
    with ob.config(**way()), pytest.raises(ZeroDivisionError):
        parts.assign(y=explode).to_parquet(tmp_path / "out" / target)
    with ob.config(**way()), pytest.raises(ZeroDivisionError):
        parts.assign(y=explode).persist(tmp_path / "out" / target)
    assert not list((tmp_path / "out").iterdir())


def test_the_first_error_in_the_order_of_the_rows_is_the_one_raised(parts):
    def fail_everywhere(block):
        if len(block):
            raise RuntimeError(f"{block['x'][0]:g}")
        return block["x"]

    with ob.config(n_jobs=4), pytest.raises(RuntimeError) as caught:
        parts.assign(y=fail_everywhere).to_numpy()
    assert str(caught.value) == "0"


def test_the_rows_of_a_filtered_block_are_those_of_the_file(parts):
    some = parts.filter(pa.compute.field("x") > 265).assign(y=explode)
    with pytest.raises(ZeroDivisionError) as caught:
        some.to_arrow()
    assert caught.value.__notes__ == ["onebox: in assign, working on rows 66 to 99 of 2.parquet"]
    odd = parts.map(lambda block: {"x": block["x"], "odd": block["x"] % 2 == 1})
    with pytest.raises(ZeroDivisionError) as caught:
        odd.filter(pa.compute.field("odd")).assign(y=explode).to_arrow()
    assert "working on 25 of rows 51 to 99 of 2.parquet" in caught.value.__notes__[0]


class Picky(Gram):
    def update(self, summary, block):
        refuse_the_third(block)
        super().update(summary, block)

    def prepare(self, summary, block):
        refuse_the_third(block)
        return super().prepare(summary, block)


def refuse_the_third(block):
    if block.partition.file == "3.parquet":
        raise ArithmeticError("not these")


def test_an_error_in_an_aggregate_names_its_rows(parts):
    with ob.config(n_jobs=2), pytest.raises(ArithmeticError) as caught:
        ob.aggregate(parts, Picky())
    assert caught.value.__notes__ == ["onebox: while working on rows 0 to 49 of 3.parquet"]


def test_an_error_in_a_large_aggregate_names_its_rows(tmp_path):
    for i in range(5):
        wide = {f"c{j}": np.random.default_rng([i, j]).random(100) for j in range(600)}
        pq.write_table(pa.table(wide), tmp_path / f"{i}.parquet")
    with ob.config(n_jobs=2), pytest.raises(ArithmeticError) as caught:
        ob.aggregate(tmp_path, Picky())
    assert caught.value.__notes__ == ["onebox: while working on rows 0 to 99 of 3.parquet"]


def test_a_function_that_keeps_the_wrong_number_of_rows(parts):
    with pytest.raises(MismatchedRows, match="gave 49 values for 50 rows") as caught:
        parts.assign(y=lambda block: block["x"][:-1] if len(block) else block["x"]).to_numpy()
    assert "rows 0 to 49 of 0.parquet" in caught.value.__notes__[0]
    with pytest.raises(MismatchedRows, match="turned 50 rows into 1"):
        parts.map(lambda block: block.X[:1]).to_numpy()


def test_a_function_that_does_not_work_on_no_rows(parts):
    with pytest.raises(ValueError, match="zero-size") as caught:
        parts.assign(y=lambda block: block["x"] - block["x"].max())
    assert "a block of no rows" in caught.value.__notes__[0]
    assert ".map(function, schema=...)" in caught.value.__notes__[0]


@pytest.mark.parametrize("way", [{"executor": "serial"}, {"n_jobs": 1}], ids=str)
def test_breakpoints_stop_in_the_users_frame_and_in_the_calling_thread(parts, way, monkeypatch):
    stops = []

    def hook(*args, **kwargs):
        frame = sys._getframe(1)
        stops.append((frame.f_code.co_name, frame.f_locals["doubled"][0], threading.get_ident()))

    def mapped(block):
        doubled = block["x"] * 2
        if (doubled == 500).any():
            breakpoint()
        return doubled

    monkeypatch.setattr(sys, "breakpointhook", hook)
    with ob.config(**way):
        ob.aggregate(parts.assign(y=mapped), Gram())
        assert stops == [("mapped", 500, threading.get_ident())]
        KMeans(2, max_iter=1).fit(parts.assign(y=mapped))
    assert set(stops) == {("mapped", 500, threading.get_ident())}


def test_no_task_is_left_running_in_a_pool_of_the_users(parts):
    running = threading.Semaphore(0)
    after = threading.Event()

    def slow(block):
        if len(block) and block["x"][0] == 0:
            assert running.acquire(timeout=20)  # until the other one has begun
            raise RuntimeError("first")
        if len(block):
            running.release()
        assert not after.is_set(), "a task ran when its scan was over"
        return block["x"]

    with ThreadPoolExecutor(2) as pool:
        with ob.config(executor=pool, n_jobs=2), pytest.raises(RuntimeError, match="first"):
            ob.aggregate(parts.assign(y=slow), Gram())
        after.set()
        assert pool.submit(lambda: "goes on").result() == "goes on"


def test_a_function_that_does_not_tell_its_type(parts):
    with pytest.raises(WrongType, match=r"assign\(t=\.\.\.\) gave no type for 't'.*dtype=str"):
        parts.assign(t=lambda block: [f"{v}x" for v in block["x"]])
    with pytest.raises(WrongType, match=r"map\(function\) gave no type for 'u'"):
        parts.map(lambda block: {"u": np.array([None for _ in block["x"]], dtype=object)})
    text = parts.assign(t=lambda block: np.array([f"{v:g}x" for v in block["x"]], dtype=str))
    assert text["t"].to_numpy()[-1] == "399x"
    with pytest.raises(BadInput, match=r"cast.*0\.parquet, row 0"):
        text.cast({"t": "int64"}).to_arrow()
