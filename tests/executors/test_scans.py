"""Every kind of scan on every executor: the bits of threads."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from importlib.util import module_from_spec, spec_from_file_location

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
import scipy.sparse as sp
from sklearn.datasets import dump_svmlight_file

import onebox as ob
from onebox.aggregates import Aggregate, Count, Gram, Mean, Moments, Quantiles
from onebox.cluster import KMeans
from onebox.decomposition import TruncatedSVD
from onebox.errors import BadValue
from onebox.linear_model import Ridge
from onebox.pipeline import make_pipeline
from onebox.preprocessing import StandardScaler

N_ROWS, N_COLUMNS = 60_000, 5
NAMES = [f"c{j}" for j in range(N_COLUMNS)]


@pytest.fixture(scope="module")
def matrix():
    rng = np.random.default_rng(11)
    groups = rng.integers(0, 4, N_ROWS)
    return rng.standard_normal((N_ROWS, N_COLUMNS)) + 6 * groups[:, None] + 1e3


@pytest.fixture(scope="module")
def forms(matrix, tmp_path_factory):
    folder = tmp_path_factory.mktemp("forms")
    table = pa.table(dict(zip(NAMES, matrix.T, strict=True)))
    for form in ("parquet", "csv", "npy"):
        (folder / form).mkdir()
    for i, start in enumerate(range(0, N_ROWS, 25_000)):
        part = table[start : start + 25_000]
        pq.write_table(part, folder / f"parquet/{i}.parquet", row_group_size=2_501)
        pa_csv.write_csv(part, folder / f"csv/{i}.csv")
        np.save(folder / f"npy/{i}.npy", matrix[start : start + 25_000])
    return {name: str(folder / name) for name in ("parquet", "csv", "npy")} | {
        "array": matrix, "table": table,
    }  # fmt: skip


def learned(made):
    if not hasattr(made, "get_params"):
        return made
    state = {name: value for name, value in vars(made).items() if name.endswith("_")}
    state.pop("fit_report_", None)
    if isinstance(state.get("labels_"), ob.Dataset):
        state["labels_"] = state["labels_"].to_numpy()
    return {name: learned(value) for name, value in state.items()}


def estimated(answer):
    return np.asarray(answer.value), np.asarray(answer.standard_error)


def with_labels(data):
    """Labels of an array come out of the row states, wherever those are."""
    if len(data.partitions) and data.view.source.in_memory:
        return KMeans(4, max_iter=5, random_state=0).fit(data.to_numpy())
    return KMeans(4, max_iter=5, random_state=0).fit(data)


def from_a_function(data):
    offset = 3.0
    y = data.map(lambda block: block.X[:, 0] * 2 + offset)
    return Ridge().fit(data.drop(data.columns[0]), y)


JOBS = {
    "aggregates": lambda data: ob.aggregate(data, Gram(), Moments(), Quantiles(), Count()),
    "standard errors": lambda data: estimated(
        ob.aggregate(data, Mean(data.columns[1]), standard_error=True)
    ),
    "filters": lambda data: ob.aggregate(
        data.filter(pa.compute.field(data.columns[1]) > 1006), Moments()
    ),
    "Ridge": lambda data: Ridge().fit(data.drop(data.columns[0]), data[data.columns[0]]),
    "Ridge, y an array": lambda data: Ridge().fit(data, np.arange(N_ROWS) % 7.0),
    "Ridge, y a closure": from_a_function,
    "a pipeline": lambda data: make_pipeline(
        StandardScaler(), KMeans(3, random_state=0, max_iter=3)
    ).fit(data)[-1],
    "KMeans with labels": with_labels,
}


def digest_of(job, data, sha256, **how):
    with ob.config(**how):
        return sha256(learned(job(data)))


@pytest.fixture(scope="module")
def digests(forms, sha256):
    """The bits of threads, made once for all."""
    made = {}

    def of(job, form):
        if (job, form) not in made:
            made[job, form] = digest_of(JOBS[job], ob.dataset(forms[form]), sha256, n_jobs=1)
        return made[job, form]

    return of


CASES = [(job, form) for job in JOBS for form in ("parquet", "array")] + [
    (job, form) for job in ("aggregates", "KMeans with labels") for form in ("csv", "npy", "table")
]


@pytest.mark.parametrize(("job", "form"), CASES)
def test_executors_change_no_bit(executor, job, form, forms, digests, sha256):
    found = digest_of(JOBS[job], ob.dataset(forms[form]), sha256, executor=executor, n_jobs=2)
    assert found == digests(job, form)


def test_sparse_rows_elsewhere(executor, tmp_path, sha256):
    X = sp.random_array((4000, 300), density=0.02, rng=np.random.default_rng(0), format="csr")
    path = tmp_path / "rows.svmlight"
    dump_svmlight_file(X, X.sum(axis=1), str(path))
    for data in (ob.dataset(X), ob.dataset(path).drop("y")):

        def job(data):
            return TruncatedSVD(3, random_state=0).fit(data)

        expected = digest_of(job, data, sha256, n_jobs=2)
        assert digest_of(job, data, sha256, executor=executor, n_jobs=2) == expected


def test_functions_of_modules_that_only_this_process_knows(elsewhere, tmp_path, matrix):
    (tmp_path / "notebook_cell.py").write_text("def twice(block):\n    return 2 * block.X\n")
    spec = spec_from_file_location("notebook_cell", tmp_path / "notebook_cell.py")
    module = sys.modules["notebook_cell"] = module_from_spec(spec)
    spec.loader.exec_module(module)
    np.save(tmp_path / "rows.npy", matrix[:5000])
    data = ob.dataset(tmp_path / "rows.npy").map(module.twice)
    try:
        with ob.config(executor=elsewhere, n_jobs=2):
            assert StandardScaler().fit(data).mean_ == pytest.approx(2 * matrix[:5000].mean(axis=0))
    finally:
        del sys.modules["notebook_cell"]


@pytest.mark.parametrize("n_jobs", [1, 3, 4])
def test_nor_does_the_number_of_processes(n_jobs, forms, sha256):
    data, job = ob.dataset(forms["parquet"]), JOBS["KMeans with labels"]
    expected = digest_of(job, data, sha256, n_jobs=2)
    assert digest_of(job, data, sha256, executor="processes", n_jobs=n_jobs) == expected


def test_summaries_too_large_to_keep_one_a_partition(executor, tmp_path, sha256):
    rng = np.random.default_rng(3)
    X = rng.standard_normal((3000, 600))  # 2.9 MB of summary
    for i, part in enumerate(np.split(X, [700, 1900])):
        np.save(tmp_path / f"{i}.npy", part)

    def job(data):
        return ob.aggregate(data, Gram(), Moments())

    for data in (ob.dataset(tmp_path), ob.dataset(X)):
        expected = digest_of(job, data, sha256, n_jobs=2)
        assert digest_of(job, data, sha256, executor=executor, n_jobs=2) == expected


def test_a_description_and_an_early_stop(elsewhere, forms, sha256):
    data = ob.dataset(forms["parquet"])

    def described():
        return str(ob.describe(data).to_arrow().to_pydict())

    def stopped():
        found = ob.aggregate(data, Mean("c1"), error=0.5)
        return float(np.ravel(found.value)[0])

    here = sha256([described(), stopped()])
    with ob.config(executor=elsewhere, n_jobs=2):
        assert sha256([described(), stopped()]) == here


def test_streams_are_read_here(elsewhere, sha256):
    def blocks():
        rng = np.random.default_rng(0)
        for _ in range(5):
            yield rng.random((1000, 3))

    def job(data):
        return StandardScaler().fit(data)

    expected = digest_of(job, ob.dataset(blocks), sha256, n_jobs=2)
    assert digest_of(job, ob.dataset(blocks), sha256, executor=elsewhere) == expected


@pytest.mark.parametrize("form", ["parquet", "array"])
def test_summaries_are_kept_and_found(elsewhere, form, forms, tmp_path, sha256):
    data, job = ob.dataset(forms[form]), JOBS["Ridge"]
    expected = digest_of(job, data, sha256, n_jobs=2)
    how = {"executor": elsewhere, "n_jobs": 2, "cache": ob.Memory(tmp_path)}
    assert digest_of(job, data, sha256, **how) == expected
    assert digest_of(job, data, sha256, **how) == expected
    if form == "parquet":
        with ob.config(**how):
            report = Ridge().fit(data.drop("c0"), data["c0"]).fit_report_
        assert report.partitions_reused == report.partitions
        assert digest_of(job, data, sha256, n_jobs=1, cache=ob.Memory(tmp_path)) == expected


@dataclass(frozen=True)
class Where(Aggregate):
    """Which processes have seen rows."""

    grouped = False

    def empty(self, schema):
        return {}

    def update(self, summary, block):
        summary[os.getpid()] = summary.get(os.getpid(), 0) + len(block)

    def merge(self, into, other):
        for pid, count in other.items():
            into[pid] = into.get(pid, 0) + count

    def result(self, summary):
        return summary

    def nbytes(self, schema):
        return 1000


def test_rows_are_read_by_other_processes(elsewhere, forms):
    with ob.config(executor=elsewhere, n_jobs=2):
        found = ob.aggregate(ob.dataset(forms["parquet"]), Where())
    assert sum(found.values()) == N_ROWS
    assert os.getpid() not in found


def test_what_is_counted(elsewhere, forms):
    data = ob.dataset(forms["parquet"])
    events = []
    here = StandardScaler().fit(data).fit_report_
    with ob.config(executor=elsewhere, n_jobs=2, progress=events.append):
        there = StandardScaler().fit(data).fit_report_
    assert (there.rows, there.passes, there.partitions) == (here.rows, here.passes, here.partitions)
    assert there.bytes_read == here.bytes_read
    assert there.n_workers == 2
    assert events[-1].done
    assert events[-1].rows == N_ROWS


def test_dropped_rows_are_counted(elsewhere, matrix):
    X = matrix.copy()
    X[::1000, 2] = np.nan
    data = ob.dataset(X, on_missing="drop")
    with ob.config(executor=elsewhere, n_jobs=2):
        report = StandardScaler().fit(data).fit_report_
    assert report.rows_dropped == N_ROWS // 1000


def test_an_error_names_its_place_and_where_it_was_raised(elsewhere, matrix, tmp_path):
    X = matrix.copy()
    X[40_321, 2] = np.nan
    X[50_321, 3] = np.nan
    np.save(tmp_path / "X.npy", X)
    for data in (ob.dataset(X), ob.dataset(tmp_path / "X.npy")):
        with (
            ob.config(executor=elsewhere, n_jobs=2),
            pytest.raises(BadValue, match=r"NaN.*column 'x2'.*row 40,321") as caught,
        ):
            Ridge().fit(data.drop("x0"), data["x0"])
        assert any(note.startswith("onebox: in process ") for note in caught.value.__notes__)


def test_an_error_of_the_user_s_code_has_its_traceback(elsewhere, forms):
    def fails(block):
        if block.partition.file == "1.npy":
            raise ZeroDivisionError("by design")
        return block.X

    data = ob.dataset(forms["npy"]).map(fails)
    with (
        ob.config(executor=elsewhere, n_jobs=2),
        pytest.raises(ZeroDivisionError, match="by design") as caught,
    ):
        ob.aggregate(data, Moments())
    assert "fails" in [entry.name for entry in caught.traceback]
    assert any("working on" in note for note in caught.value.__notes__)
