"""Reports say what happened: rows, passes, bytes, memory."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

import onebox as ob
from onebox.aggregates import Moments
from onebox.cluster import KMeans
from onebox.decomposition import PCA
from onebox.engine.report import FitReport
from onebox.engine.run import scan
from onebox.linear_model import Ridge

N_ROWS = 40_000


@pytest.fixture
def path(tmp_path):
    """Two files; a rises from 0 to 40,000 over eight row groups."""
    rng = np.random.default_rng(0)
    numbers = {"a": np.arange(float(N_ROWS)), "b": rng.random(N_ROWS), "c": rng.random(N_ROWS)}
    table = pa.table(numbers)
    pq.write_table(table[: N_ROWS // 2], tmp_path / "0.parquet", row_group_size=5000)
    pq.write_table(table[N_ROWS // 2 :], tmp_path / "1.parquet", row_group_size=5000)
    return tmp_path


def stored(path, names, groups=range(4)) -> int:
    """Bytes of some columns, as the footers tell."""
    total = 0
    for file in sorted(path.glob("*.parquet")):
        footer = pq.read_metadata(file)
        for i in groups:
            for j in range(footer.num_columns):
                column = footer.row_group(i).column(j)
                total += column.total_compressed_size * (column.path_in_schema in names)
    return total


def report_of(data: ob.Dataset) -> FitReport:
    _, report = scan(data.view, Moments(), settings=data.settings)
    return report


def test_one_pass_over_files(path):
    report = report_of(ob.dataset(path))
    assert (report.rows, report.passes, report.rows_dropped) == (N_ROWS, 1, 0)
    assert report.bytes_read == stored(path, "abc")
    assert report.bytes_read < sum(file.stat().st_size for file in path.iterdir())
    assert report.bytes_spilled == 0
    assert report.seconds > 0
    assert report.gigabytes_per_second == report.bytes_read / 1e9 / report.seconds


def test_columns_that_are_not_needed_are_not_read(path):
    data = ob.dataset(path)
    assert report_of(data[["b"]]).bytes_read == stored(path, "b")
    model = Ridge().fit(data[["a"]], data["c"])
    assert model.fit_report_.bytes_read == stored(path, "ac")


def test_row_groups_that_cannot_match_are_not_read(path):
    last = ob.dataset(path).drop("b").filter(pc.field("a") >= 35_000)
    report = report_of(last)
    assert report.rows == 5000
    second = stored(path, "ac", [3]) - stored_of(path / "0.parquet", "ac", 3)
    assert report.bytes_read == second


def stored_of(file, names, group) -> int:
    row_group = pq.read_metadata(file).row_group(group)
    columns = [row_group.column(j) for j in range(row_group.num_columns)]
    return sum(c.total_compressed_size for c in columns if c.path_in_schema in names)


def test_npy_files_are_read_in_every_pass(tmp_path):
    np.save(tmp_path / "x.npy", np.random.default_rng(0).random((N_ROWS, 3)))
    model = KMeans(2, random_state=0, max_iter=2).fit(tmp_path / "x.npy")
    report = model.fit_report_
    assert report.passes == model.n_iter_ + 2
    size = (tmp_path / "x.npy").stat().st_size
    assert 0.99 * size * report.passes <= report.bytes_read <= size * report.passes


def test_arrays_are_read_from_no_disk():
    assert PCA(1).fit(np.random.default_rng(0).random((50_000, 4))).fit_report_.bytes_read == 0


def test_filters_and_drops(path):
    data = ob.dataset(path)
    assert report_of(data.filter(pc.field("b") < 0.25)).rows == int(
        (data["b"].to_numpy() < 0.25).sum()
    )
    holes = data.map(lambda block: {"x": np.where(block["a"] % 7 == 0, np.nan, block["b"])})
    report = PCA(1).fit(ob.dataset(holes, on_missing="drop")).fit_report_
    assert report.rows_dropped == len(range(0, N_ROWS, 7))
    assert report.rows == N_ROWS - report.rows_dropped


def test_memory_and_workers(path):
    with ob.config(memory="300MB", n_jobs=2):
        report = report_of(ob.dataset(path))
    assert report.budget == 300_000_000
    assert 0 <= report.peak_memory <= report.projected_memory <= report.budget
    assert report.n_workers == 2


def test_it_says_it_in_a_line():
    report = FitReport(
        rows=1_500_000, rows_dropped=12, passes=3, bytes_read=2_400_000_000,
        bytes_spilled=5_000_000, seconds=2.0, peak_memory=64_000_000, budget=100_000_000,
        n_workers=2,
    )  # fmt: skip
    assert str(report) == (
        "1,500,000 rows (12 dropped), 3 passes, 2.4 GB read, 5 MB spilled in 2.00 s (1.20 GB/s), "
        "memory +64 MB of 100 MB, 2 workers"
    )
    assert "1 pass, 0 B read in 0.00 s" in str(FitReport(passes=1))
