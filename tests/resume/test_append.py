"""Files that come, go and change: only what is new is read; bits are those of a new fit."""

from __future__ import annotations

import os
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest

import onebox as ob
from onebox.aggregates import Gram, Moments, Sample
from onebox.decomposition import PCA
from onebox.impute import SimpleImputer
from onebox.linear_model import LinearRegression, Ridge
from onebox.preprocessing import StandardScaler

from .conftest import learned, rows_of

NUMBERS = ["a", "b", "c", "d"]


def opened(folder):
    data = ob.dataset(str(folder))
    return data.select(*NUMBERS), data["y"]


FITS = {
    "Ridge": lambda folder: Ridge().fit(*opened(folder)),
    "LinearRegression": lambda folder: LinearRegression().fit(*opened(folder)),
    "PCA": lambda folder: PCA(2).fit(opened(folder)[0]),
    "StandardScaler": lambda folder: StandardScaler().fit(opened(folder)[0]),
    "SimpleImputer": lambda folder: SimpleImputer(strategy="median").fit(opened(folder)[0]),
    "describe": lambda folder: ob.describe(ob.dataset(str(folder))),
}


def report_of(model):
    return model.report if hasattr(model, "report") else model.fit_report_


def fitted(fit, folder, memory=None):
    with ob.config(cache=memory) if memory is not None else ob.config():
        return fit(folder)


@pytest.fixture(params=FITS.values(), ids=FITS)
def fit(request):
    return request.param


def check(fit, folder, memory, sha256, *, new: int):
    """The state is that of a fit from scratch, and no more row groups are read than are new."""
    model, scratch = fitted(fit, folder, memory), fitted(fit, folder)
    assert sha256(learned(model)) == sha256(learned(scratch))
    report, whole = report_of(model), report_of(scratch)
    assert (report.rows, report.rows_dropped) == (whole.rows, whole.rows_dropped)
    assert report.bytes_read + report.bytes_reused == whole.bytes_read
    assert report.partitions - report.partitions_reused == new
    assert report.cache_hits == report.partitions_reused


def test_the_second_fit_reads_nothing(fit, folder, memory, sha256):
    check(fit, folder, memory, sha256, new=30)
    check(fit, folder, memory, sha256, new=0)
    assert report_of(fitted(fit, folder, memory)).bytes_read == 0


def test_a_file_is_added_inserted_changed_and_deleted(fit, folder, write_part, memory, sha256):
    check(fit, folder, memory, sha256, new=30)
    write_part("part-6", 6)
    check(fit, folder, memory, sha256, new=5)
    write_part("part-2b", 77, n_rows=1600)
    check(fit, folder, memory, sha256, new=3)
    write_part("part-4", 44)
    check(fit, folder, memory, sha256, new=5)
    (folder / "part-1.parquet").unlink()
    check(fit, folder, memory, sha256, new=0)
    (folder / "part-0.parquet").rename(folder / "part-9.parquet")  # another key: other draws
    check(fit, folder, memory, sha256, new=5)


def test_a_row_group_is_added(fit, folder, write_part, memory, sha256):
    path, table = write_part("part-3", 3, n_rows=2800), rows_of(3, 2800)
    check(fit, folder, memory, sha256, new=29)
    for seed, n_rows, new in ((99, 700, 1), (98, 1400, 2), (97, 500, 1)):
        table = pa.concat_tables([table, rows_of(seed, n_rows)])
        pq.write_table(table, path, row_group_size=700)
        check(fit, folder, memory, sha256, new=new)
    pq.write_table(table[:4000], path, row_group_size=700)  # shorter again: not what it was
    check(fit, folder, memory, sha256, new=6)


def test_a_folder_that_moves_is_known(folder, memory, tmp_path):
    fit = FITS["Ridge"]
    fitted(fit, folder, memory)
    shutil.move(folder, tmp_path / "elsewhere")
    assert report_of(fitted(fit, tmp_path / "elsewhere", memory)).bytes_read == 0


def test_an_old_value_that_changes_without_a_new_size_is_seen(folder, memory, sha256):
    path = folder / "part-2.parquet"
    plain = {"compression": "none", "use_dictionary": False, "row_group_size": 700}
    table = rows_of(2)
    pq.write_table(table, path, **plain)
    check(FITS["Ridge"], folder, memory, sha256, new=30)
    a = table["a"].to_numpy().copy()
    a[1500] = (a.min() + a.max()) / 2  # changes no statistics
    before = path.stat().st_size
    pq.write_table(table.set_column(1, "a", pa.array(a)), path, **plain)
    assert path.stat().st_size == before
    check(FITS["Ridge"], folder, memory, sha256, new=5)


def test_content_tells_what_times_do_not(folder, memory, sha256):
    fit = FITS["Ridge"]
    path = folder / "part-2.parquet"
    with ob.config(verify="content"):
        whole = report_of(fitted(fit, folder, memory))
        later = path.stat().st_mtime_ns + 10**9
        os.utime(path, ns=(later, later))
        again = report_of(fitted(fit, folder, memory))
        assert again.partitions_reused == 30
        assert again.bytes_read == sum(p.stat().st_size for p in folder.iterdir())
        assert whole.bytes_read == again.bytes_read + again.bytes_reused
    touched = report_of(fitted(fit, folder, memory))
    assert touched.partitions_reused == 0  # kept under another kind of version


def test_content_sees_a_change_behind_the_back_of_times(folder, memory, sha256):
    fit, path = FITS["Ridge"], folder / "part-2.parquet"
    with ob.config(verify="content"):
        fitted(fit, folder, memory)
        status = path.stat()
        with open(path, "r+b") as file:  # within a page of values, checksums or not
            file.seek(100)
            byte = file.read(1)
            file.seek(100)
            file.write(bytes([byte[0] ^ 1]))
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        try:
            report = report_of(fitted(fit, folder, memory))
        except ob.errors.CorruptFile:
            return
        assert report.partitions_reused == 25


WIDE = 24  # columns of files of other formats
FOOTERS = 300_000  # bytes of headers, footers, samples of what was there, and of the cache


@pytest.fixture(scope="module")
def long_table():
    """34 MB of numbers."""
    rng = np.random.default_rng(0)
    return pa.table({f"x{j}": rng.normal(size=180_000) for j in range(WIDE)})


def write_as(kind: str, path, table: pa.Table) -> None:
    if kind == "parquet":
        pq.write_table(table, path, row_group_size=10_000)
    elif kind == "csv":
        pacsv.write_csv(table, path)
    elif kind == "npy":
        np.save(path, np.column_stack([column.to_numpy() for column in table.columns]))
    else:
        compression = "lz4" if kind == "lz4.arrow" else "uncompressed"
        feather.write_feather(table, path, chunksize=10_000, compression=compression)


# What a reader has to take again: of a CSV file, the last chunk (16 MB) and, to find the records of
# what is new, a megabyte; of an array, the block that was not full.
AGAIN = {"parquet": 0, "arrow": 0, "lz4.arrow": 0, "npy": 3 * 2**20, "csv": 17 * 2**20}


@pytest.mark.parametrize("kind", AGAIN)
def test_rows_at_the_end_of_a_file(kind, long_table, tmp_path, memory, sha256, counted_reads):
    """Only those are read, by the report and by the system's own count."""
    folder = tmp_path / "rows"
    folder.mkdir()
    path = folder / f"rows.{kind}"
    columns = [f"x{j}" for j in range(WIDE)] if kind == "npy" else None

    def fit(folder):
        data = ob.dataset(str(folder), columns=columns)
        return Ridge().fit(data.drop("x0"), data["x0"])

    write_as(kind, path, long_table[:150_000])
    fitted(fit, folder, memory)
    before = path.stat().st_size
    write_as(kind, path, long_table)
    new = path.stat().st_size - before
    with counted_reads() as taken:
        model = fitted(fit, folder, memory)
    assert model.fit_report_.bytes_read <= 1.05 * new + AGAIN[kind]
    # To know its records, a CSV file is streamed before it is read.
    assert taken.nbytes <= (2.1 if kind == "csv" else 1.05) * new + AGAIN[kind] + FOOTERS
    assert sha256(learned(model)) == sha256(learned(fitted(fit, folder)))


@pytest.mark.parametrize("more", [100, 30_000, 70_000, 400_000])
def test_of_a_long_piece_of_an_array_the_full_blocks_are_kept(more, tmp_path, memory, sha256):
    """The 97th piece of an array has four blocks of 32,768 rows, the ones after it, too."""
    rows = np.random.default_rng(0).normal(size=(3_700_000, 2)).astype(np.float32)
    path, block = tmp_path / "long.npy", 32_768

    def ask(cache=None):
        with ob.config(cache=cache) if cache is not None else ob.config():
            data = ob.dataset(path)
            scaler = StandardScaler().fit(data)
            return scaler, ob.describe(data).to_arrow().to_pylist()

    first = 98 * block + 20_000
    for n_rows in (first, first + more, first + more + 50):
        np.save(path, rows[:n_rows])
        scaler, described = ask(memory)
        fresh, again = ask()
        assert sha256([learned(scaler), described]) == sha256([learned(fresh), again])
    assert scaler.fit_report_.bytes_read <= (50 + block) * 8  # one block, and what is new
    assert scaler.fit_report_.rows == n_rows
    report, whole = scaler.fit_report_, fresh.fit_report_
    assert report.bytes_read + report.bytes_reused == pytest.approx(whole.bytes_read, abs=10)


@pytest.mark.parametrize("kind", AGAIN)
def test_a_file_more(kind, long_table, tmp_path, memory, sha256, counted_reads):
    folder = tmp_path / "rows"
    folder.mkdir()
    columns = [f"x{j}" for j in range(WIDE)] if kind == "npy" else None

    def fit(folder):
        data = ob.dataset(str(folder), columns=columns)
        return Ridge().fit(data.drop("x0"), data["x0"])

    for number in (1, 2, 4):
        write_as(
            kind,
            folder / f"{number}.{kind}",
            long_table[30_000 * number : 30_000 * number + 30_000],
        )
    fitted(fit, folder, memory)
    for number in (5, 3):  # at the end, and in the middle
        path = folder / f"{number}.{kind}"
        write_as(kind, path, long_table[30_000 * number : 30_000 * number + 30_000])
        new = path.stat().st_size
        with counted_reads() as taken:
            model = fitted(fit, folder, memory)
        assert model.fit_report_.bytes_read <= 1.05 * new
        assert taken.nbytes <= (2.3 if kind == "csv" else 1.05) * new + FOOTERS
    assert sha256(learned(model)) == sha256(learned(fitted(fit, folder)))


def test_other_types_columns_filters_and_parameters_are_other_work(folder, memory, sha256):
    def fit(change):
        X, y = opened(folder)
        with ob.config(cache=memory):
            return change(X, y).fit_report_.partitions_reused

    changes = {
        "alpha": (lambda X, y: Ridge(alpha=7.0).fit(X, y), 30),  # the same sums
        "columns": (lambda X, y: Ridge().fit(X.select("a", "b"), y), 0),
        "filter": (lambda X, y: Ridge().fit(X, y), 30),
        "cast": (lambda X, y: Ridge().fit(X.cast({"c": "float64"}), y), 0),
        "map": (lambda X, y: Ridge().fit(X.map(lambda block: block.X * 2), y), 0),
        "another map": (lambda X, y: Ridge().fit(X.map(lambda block: block.X * 3), y), 0),
        "the first map": (lambda X, y: Ridge().fit(X.map(lambda block: block.X * 2), y), 30),
    }
    fit(lambda X, y: Ridge().fit(X, y))
    assert {name: fit(change) for name, (change, _) in changes.items()} == {
        name: reused for name, (_, reused) in changes.items()
    }


def test_filters_and_dropped_rows_are_counted_as_ever(folder, memory, sha256):
    import pyarrow.compute as pc

    path = folder / "part-3.parquet"
    table = rows_of(3)
    gaps = pa.array(np.where(np.arange(3000) % 10 == 0, None, table["a"].to_numpy()), pa.float64())
    pq.write_table(table.set_column(1, "a", gaps), path, row_group_size=700)

    def fit(folder):
        data = ob.dataset(str(folder), on_missing="drop").filter(pc.field("n") < 12)
        return Ridge().fit(data.select(*NUMBERS), data["y"])

    check(fit, folder, memory, sha256, new=30)
    check(fit, folder, memory, sha256, new=0)
    assert fitted(fit, folder, memory).fit_report_.rows_dropped > 0


def test_arrays_beside_a_dataset_count_by_their_rows(folder, memory, sha256):
    n_rows = ob.dataset(str(folder)).n_rows
    y, w = np.arange(n_rows) % 7 * 1.0, np.ones(n_rows)

    def fit(y, w):
        with ob.config(cache=memory):
            return Ridge().fit(opened(folder)[0], y, sample_weight=w).fit_report_.partitions_reused

    assert [fit(y, w), fit(y, w)] == [0, 30]
    changed = y.copy()
    changed[100] += 1
    assert fit(changed, w) == 29
    assert fit(y, np.where(np.arange(n_rows) == 5, 2.0, w)) == 29


def test_standard_errors_and_aggregates_come_from_the_cache(folder, memory, sha256):
    def ask(folder):
        data = ob.dataset(str(folder))
        return [
            ob.aggregate(data.select(*NUMBERS), Gram(), Moments()),
            ob.aggregate(data, Sample(20)).to_pydict(),
            ob.fit(Ridge(), *opened(folder), standard_error=True).coef_standard_error_,
        ]

    with ob.config(cache=memory):
        made = [sha256(ask(folder)) for _ in range(2)]
    assert set(made) == {sha256(ask(folder))}


def test_any_number_of_workers_and_budgets_share_one_cache(folder, memory, sha256):
    with ob.config(n_jobs=1, memory="200MB"):
        fitted(FITS["Ridge"], folder, memory)
    with ob.config(n_jobs=4, executor="serial"):
        check(FITS["Ridge"], folder, memory, sha256, new=0)


def test_what_is_in_memory_is_not_kept(memory):
    X = np.random.default_rng(0).normal(size=(1000, 3))
    with ob.config(cache=memory):
        Ridge().fit(X, X[:, 0])
    assert not memory.folder.exists() or not any(p.is_file() for p in memory.folder.rglob("*"))
