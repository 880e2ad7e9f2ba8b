"""Answers that stop early: how much they read, and whether they keep what they promise."""

from __future__ import annotations

import signal
import sys
import textwrap

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import onebox as ob
from onebox.aggregates import Mean, Moments, Quantiles
from onebox.cluster import KMeans
from onebox.decomposition import PCA
from onebox.errors import BadInput, SinglePass
from onebox.linear_model import Ridge
from onebox.pipeline import make_pipeline
from onebox.preprocessing import StandardScaler

N_GROUPS = 400


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """Sorted by x0, 400 row groups."""
    rng = np.random.default_rng(0)
    X = rng.normal(5, 1, size=(200_000, 4))
    X = X[np.argsort(X[:, 0])]
    y = X @ [1, 2, 3, 4] + rng.normal(size=len(X))
    table = pa.table({**{f"x{j}": X[:, j] for j in range(4)}, "y": y})
    path = tmp_path_factory.mktemp("early") / "rows.parquet"
    pq.write_table(table, path, row_group_size=len(X) // N_GROUPS)
    return path


def test_coverage_of_full_reads(experiments, tallied):
    """A smaller version of the benchmark; four standard deviations of its noise allowed."""
    for share in tallied(experiments.full, 40).values():
        assert share >= 0.8


def test_coverage_of_reads_that_stop(experiments, tallied):
    for share in tallied(experiments.early, 12).values():
        assert share >= 0.7


def test_it_reads_a_part(path):
    mean = ob.aggregate(path, Mean("x1"), error=0.01)
    reading = mean.report.reading
    assert reading.met
    assert reading.share == pytest.approx(20 / N_GROUPS)
    assert reading.looks == 1
    assert mean.report.bytes_read < 0.1 * reading.full_bytes
    assert reading.full_bytes < 0.3 * path.stat().st_size  # of the one column that is asked about
    low, high = mean.interval()
    assert (high - low) / 2 <= 0.01 * mean.value
    assert "read 0.05 of the rows" in str(mean.report)
    closer = ob.aggregate(path, Mean("x1"), error=0.002)
    assert closer.report.reading.looks > 1
    assert reading.share < closer.report.reading.share < 1


def test_sorted_files_do_no_harm(path):
    """Row groups of a sorted file differ: more of them are read, and the interval holds."""
    truth = ob.aggregate(path, Mean("x0"))
    mean = ob.aggregate(path, Mean("x0"), error=0.03, random_state=1)
    assert mean.report.reading.share > 20 / N_GROUPS
    low, high = mean.interval(0.999)
    assert low <= truth <= high
    assert mean.design_effect[0] > 10


def test_the_order_is_a_seed(path):
    one, two = (ob.aggregate(path, Mean("x1"), error=0.01, random_state=7) for _ in range(2))
    assert one.value == two.value
    other = ob.aggregate(path, Mean("x1"), error=0.01, random_state=8)
    assert one.value != other.value


def test_workers_do_not_change_it(path):
    made = []
    for n_jobs, executor in ((1, "serial"), (1, "threads"), (3, "threads")):
        with ob.config(n_jobs=n_jobs, executor=executor):
            model = ob.fit(Ridge(), *_xy(path), error=0.01)
        made.append((model.coef_.tobytes(), model.coef_standard_error_.tobytes()))
    assert len(set(made)) == 1


def _xy(path):
    data = ob.dataset(path)
    return data.drop("y"), data["y"]


def test_fits(path):
    X, y = _xy(path)
    model = ob.fit(Ridge(), X, y, error=0.01)
    assert model.fit_report_.reading.share < 0.2
    low, high = model.accuracy_["coef_"].interval(0.999)
    exact = Ridge().fit(X, y).coef_
    assert ((low <= exact) & (exact <= high)).all()
    assert model.fit_report_.rows == round(model.fit_report_.reading.share * 200_000)
    spectrum = ob.fit(PCA(2), X, error={"explained_variance_ratio_": ob.Absolute(0.05)})
    assert spectrum.fit_report_.reading.met
    pipeline = ob.fit(make_pipeline(StandardScaler(), Ridge()), X, y, error=0.02)
    assert pipeline[0].fit_report_.reading.met
    assert pipeline[1].fit_report_.reading.met


def test_quantiles_stop_too(path):
    told = ob.aggregate(path, Quantiles([0.5, 0.9], "x1"), error=0.02)
    assert told.report.reading.met
    assert told["0.5"].value[0] == pytest.approx(5, abs=0.2)


def test_what_cannot_be_met_reads_all_and_says_so(path):
    mean = ob.aggregate(path, Mean("x1"), error=1e-9)
    assert not mean.report.reading.met
    assert mean.report.reading.share == 1
    assert float(mean.standard_error) == 0
    assert mean.value == pytest.approx(ob.aggregate(path, Mean("x1")), rel=1e-13)
    assert "no part of them would do" in str(mean.report)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"error": 0}, "must be a positive number"),
        ({"error": -1.0}, "must be a positive number"),
        ({"error": float("nan")}, "must be a positive number"),
        ({"error": True}, "must be a number such as"),
        ({"error": {}}, "names no answer"),
        ({"error": {"median": 0.1}}, "'median', of which there is no standard error"),
        ({"error": 0.1, "confidence": 1}, "between 0 and 1"),
        ({"error": 0.1, "confidence": 0.0}, "between 0 and 1"),
        ({"error": 0.1, "on_interrupt": "stop"}, "'raise' or 'answer'"),
        ({"error": 0.1, "random_state": "x"}, "whole number"),
    ],
)
def test_targets_that_make_no_sense(options, says):
    with pytest.raises(BadInput, match=says):
        ob.aggregate(np.ones((10, 2)), Moments(), **options)


def test_fits_that_make_no_sense(path):
    X, y = _xy(path)
    with pytest.raises(BadInput, match="nothing beside a fit"):
        ob.fit(Ridge(), X, y)
    with pytest.raises(BadInput, match="KMeans is not learned from one summary"):
        ob.fit(KMeans(2), X, error=0.1)
    with pytest.raises(BadInput, match="Relative"):
        ob.Relative(0.1, to="mean")
    with pytest.raises(SinglePass, match="random order"):
        ob.aggregate(ob.dataset(iter([np.ones((5, 1))])), Moments(), error=0.1)


def test_a_few_rows_are_all_read():
    mean = ob.aggregate(np.arange(100.0)[:, None], Mean("x0"), error=0.5)
    assert mean.value == 49.5
    assert mean.report.reading.share == 1
    assert "too few parts" in str(mean.report)


INTERRUPTED = """
    import os, signal, sys, threading
    import onebox as ob
    from onebox.aggregates import Mean
    import time

    def slow(block):
        time.sleep(0.05)
        return block["x1"]

    data = ob.dataset(sys.argv[1]).assign(z=slow)
    threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT)).start()
    with ob.config(n_jobs=1):
        mean = ob.aggregate(data, Mean("z"), error=1e-6, on_interrupt=sys.argv[2])
    reading = mean.report.reading
    print(reading.interrupted, 0 < reading.share < 1, abs(mean.value - 5) < 0.5, mean.interval())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("what", ["answer", "raise"])
def test_an_interrupt(nursery, path, what):
    ended = nursery.run(textwrap.dedent(INTERRUPTED), path, what)
    if what == "answer":
        assert ended.returncode == 0, ended.stderr
        assert ended.stdout.startswith("True True True")
    else:
        assert ended.returncode in (-signal.SIGINT, 1)
        assert "KeyboardInterrupt" in ended.stderr
