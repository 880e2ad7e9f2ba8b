"""Progress: complete for who asks, a bar in terminals, nothing in pipes."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import groupby

import numpy as np
import pyarrow as pa
import pytest

import onebox as ob
from onebox.aggregates import Gram, Moments
from onebox.cluster import KMeans
from onebox.engine.progress import ProgressEvent


@pytest.fixture
def path(tmp_path):
    np.save(tmp_path / "rows.npy", np.random.default_rng(0).random((200_000, 8)))
    return tmp_path / "rows.npy"


def events_of(job, **settings) -> list[ProgressEvent]:
    events: list[ProgressEvent] = []
    with ob.config(progress=events.append, **settings):
        job()
    return events


WAYS = [{"n_jobs": 1}, {"n_jobs": 2}, {"executor": "serial"}]


@pytest.mark.parametrize("settings", WAYS, ids=str)
def test_events_of_every_pass_rise_to_the_end(path, settings):
    def slowly(block):
        np.linalg.svd(np.ones((150, 150)))  # long enough for events in between
        return block["x0"]

    data = ob.dataset(path).assign(y=slowly)
    events = events_of(lambda: KMeans(3, max_iter=2, tol=0, random_state=0).fit(data), **settings)
    passes = [list(group) for _, group in groupby(events, lambda event: event.job)]
    names = [group[0].job for group in passes]
    assert names == ["KMeans start", "KMeans pass 1", "KMeans pass 2", "KMeans labels"]
    for group in passes:
        for field in ("share", "rows", "n_bytes", "seconds"):
            values = [getattr(event, field) for event in group]
            assert values == sorted(values), field
        assert [event.done for event in group] == [False] * (len(group) - 1) + [True]
        assert group[-1].share == 1
        assert group[-1].rows == 200_000
        assert all(0 <= event.share <= 1 for event in group)


def test_the_time_left_goes_by_rows_before_filters(path):
    few = ob.dataset(path).filter(pa.compute.field("x0") > 0.99)
    seen = []

    def look(event):
        seen.append((event.share, event.rows))

    with ob.config(progress=look, n_jobs=1):
        ob.aggregate(few, Moments())
    assert seen[-1][0] == 1
    assert seen[-1][1] == few.n_rows < 4000


def test_bytes_are_those_of_the_pass(path):
    events = events_of(lambda: KMeans(2, max_iter=1, random_state=0).fit(ob.dataset(path)))
    ends = [event.n_bytes for event in events if event.done]
    assert len(ends) == 3
    assert all(path.stat().st_size * 0.99 <= n <= path.stat().st_size for n in ends)


def test_a_pass_that_fails_ends_too_but_not_at_one(path):
    def fail(block):
        return block["x0"] if not len(block) or block.first_row < 100_000 else 1 / 0

    events: list[ProgressEvent] = []
    data = ob.dataset(path).assign(y=fail)
    with ob.config(progress=events.append, n_jobs=1), pytest.raises(ZeroDivisionError):
        ob.aggregate(data, Gram())
    assert events[-1].done
    assert 0.2 < events[-1].share < 0.8


def test_a_listener_is_called_by_the_thread_that_called(path):
    import threading

    threads = set()
    with ob.config(progress=lambda event: threads.add(threading.get_ident()), n_jobs=2):
        ob.aggregate(path, Gram())
    assert threads == {threading.get_ident()}


def test_seconds_left():
    assert ProgressEvent("job", 0.25, 1, 1, seconds=10).seconds_left == 30
    assert ProgressEvent("job", 0.0, 0, 0, seconds=10).seconds_left is None


SLOW = """
import sys, time
import numpy as np, onebox as ob
from onebox.aggregates import Gram

def slow(block):
    time.sleep(0.1 if len(block) else 0)
    return block["x0"]

ob.aggregate(ob.dataset([np.ones((1000, 2))] * 20).assign(y=slow), Gram())
print("done")
"""


def test_nothing_is_shown_in_pipes():
    ended = subprocess.run([sys.executable, "-c", SLOW], capture_output=True, check=True)
    assert ended.stderr == b""
    assert ended.stdout.split() == [b"done"]


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="a terminal is made as on Unix")
def test_a_bar_is_drawn_in_terminals_and_taken_away():
    import pty

    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW],
        stdout=subprocess.PIPE,
        stderr=slave,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
    )
    os.close(slave)
    shown = b""
    while True:
        try:
            piece = os.read(master, 4096)
        except OSError:  # how Linux says that the other end is closed
            break
        if not piece:
            break
        shown += piece
    os.close(master)
    assert process.communicate()[0].split() == [b"done"]
    text = shown.decode()
    assert "Gram" in text
    assert "%" in text
    assert "rows/s" in text
    assert text.rstrip().endswith("\x1b[2K"), "the line is cleared at the end"
