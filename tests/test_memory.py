"""What a run adds to a new process stays within its budget, and was projected.

Measured is the peak of resident memory (VmHWM, reset before the run) above what was resident after
importing everything and fitting something tiny.
"""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="resident memory is measured by way of /proc"
)

MB = 10**6
ABSURD = 4  # times the measured peak
# Plans hold whichever thread comes first; a run holds less where they happen to take turns.
LUCK = 32 * MB

CHILD = r"""
import json, logging, os, re, sys, time

if "no pandas" in sys.argv:
    class Absent:
        def find_spec(self, name, path=None, target=None):
            if name.partition(".")[0] == "pandas":
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    sys.meta_path.insert(0, Absent())

import numpy as np, pyarrow as pa, pyarrow.parquet as pq, onebox as ob
from onebox.cluster import KMeans, MiniBatchKMeans
from onebox.decomposition import PCA
from onebox.linear_model import Ridge
from onebox.preprocessing import StandardScaler

job, path, budget, folder = sys.argv[1:5]
GIVEN_BACK = 1.5  # seconds until the system has all that a run held

def run(data, out):
    if job == "Ridge":
        Ridge().fit(data.drop(data.columns[0]), data[data.columns[0]])
    elif job == "PCA":
        PCA(5).fit(data)
    elif job == "KMeans":
        KMeans(8, max_iter=2, random_state=0).fit(data)
    elif job == "MiniBatchKMeans":
        MiniBatchKMeans(8, random_state=0).fit(data).partial_fit(data)
    elif job == "describe":
        ob.describe(data)
    elif job == "predict":
        model = Ridge().fit(data.drop(data.columns[0]), data[data.columns[0]])
        time.sleep(GIVEN_BACK)
        model.predict(data.drop(data.columns[0])).to_parquet(out + ".parquet")
    elif job == "transform":
        model = StandardScaler().fit(data)
        time.sleep(GIVEN_BACK)
        model.transform(data).to_parquet(out, compression="none")
    elif job == "persist":
        data.persist(out)
    elif job == "to_numpy":
        data.select(*data.columns[:2]).to_numpy()

class Peaks(logging.Handler):
    peaks = []
    def emit(self, record):
        self.peaks.append(record.args[1].peak_bytes)

def status(field):
    with open("/proc/self/status") as file:
        return int(re.search(rf"{field}:\s+(\d+)", file.read())[1]) * 1024

columns = ob.dataset(path).columns
tiny = os.path.join(folder, "tiny" + os.path.splitext(path)[1])
few = np.random.default_rng(0).random((100, len(columns)))
if path.endswith(".npy"):
    np.save(tiny, few)
else:
    pq.write_table(pa.table(dict(zip(columns, few.T))).cast(ob.dataset(path).schema), tiny)
run(ob.dataset(tiny), os.path.join(folder, "tiny-out"))

logging.getLogger("onebox.engine.run").setLevel(logging.DEBUG)
logging.getLogger("onebox.engine.run").addHandler(Peaks())
before = status("VmRSS")
with open("/proc/self/clear_refs", "w") as file:
    file.write("5")
cache = ob.Memory(os.path.join(folder, "kept")) if "with a cache" in sys.argv else folder
with ob.config(memory=int(budget), n_jobs=2, cache=cache):
    run(ob.dataset(path), os.path.join(folder, "out"))
grown = status("VmHWM") - before
assert ("pandas" in sys.modules) == ("no pandas" not in sys.argv)
print(json.dumps({"grown": grown, "projected": max(Peaks.peaks)}))
"""


@pytest.fixture(scope="module")
def npy(tmp_path_factory):
    """600 MB of float64."""
    path = tmp_path_factory.mktemp("npy") / "long.npy"
    rows = np.random.default_rng(0).random((60_000, 50))
    with path.open("wb") as file:
        head = {"descr": "<f8", "fortran_order": False, "shape": (25 * len(rows), 50)}
        np.lib.format.write_array_header_1_0(file, head)
        for _ in range(25):
            file.write(rows.data)
    yield path
    path.unlink()


@pytest.fixture(scope="module")
def row_groups(tmp_path_factory):
    """160 MB of float64 in 20 compressed row groups, with the dictionaries that writers make."""
    path = tmp_path_factory.mktemp("parquet") / "groups.parquet"
    rng = np.random.default_rng(1)
    schema = pa.schema([(f"c{j}", pa.float64()) for j in range(8)])
    with pq.ParquetWriter(path, schema, compression="lz4") as writer:
        for _ in range(20):
            columns = rng.random((8, 125_000))
            writer.write_table(pa.table(list(columns), schema=schema))
    yield path
    path.unlink()


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    """160 MB of text, 2,000 letters a row, in one row group."""
    path = tmp_path_factory.mktemp("texts") / "texts.parquet"
    letters = np.random.default_rng(3).integers(97, 123, 160 * MB, dtype=np.uint8)
    ends = np.arange(0, 160 * MB + 1, 2000, dtype=np.int32)
    text = pa.StringArray.from_buffers(len(ends) - 1, pa.py_buffer(ends), pa.py_buffer(letters))
    table = pa.table({"number": np.arange(float(len(text))), "text": text})
    pq.write_table(table, path, row_group_size=len(table), compression="lz4")
    yield path
    path.unlink()


@pytest.fixture(scope="module")
def large_pages(tmp_path_factory):
    """200 MB of text in pages of 20 MB and more, as some writers make them."""
    path = tmp_path_factory.mktemp("pages") / "pages.parquet"
    letters = np.random.default_rng(3).integers(97, 123, 200 * MB, dtype=np.uint8)
    ends = np.arange(0, 200 * MB + 1, 2000, dtype=np.int32)
    text = pa.StringArray.from_buffers(len(ends) - 1, pa.py_buffer(ends), pa.py_buffer(letters))
    table = pa.table({"number": np.arange(float(len(text))), "text": text})
    pq.write_table(
        table, path, row_group_size=len(table), compression="lz4", use_dictionary=False,
        data_page_size=2**26,
    )  # fmt: skip
    yield path
    path.unlink()


@pytest.fixture(scope="module")
def one_row_group(tmp_path_factory):
    """One row group that decodes to 425 MB."""
    path = tmp_path_factory.mktemp("parquet") / "one.parquet"
    numbers = np.random.default_rng(2).random(1_300_000)
    table = pa.table({f"c{j}": np.roll(numbers, 1000 * j) for j in range(41)})
    assert table.nbytes > 425 * MB
    pq.write_table(table, path, row_group_size=len(table), compression="none", use_dictionary=False)
    assert pq.read_metadata(path).num_row_groups == 1
    yield path
    path.unlink()


@pytest.fixture
def measured(nursery, tmp_path):
    def peaks(job: str, path, budget: int, *options: str) -> dict[str, int]:
        return told(nursery.run(CHILD, job, path, budget, tmp_path, *options))

    return peaks


def told(ended: subprocess.CompletedProcess[str]) -> dict[str, int]:
    if "clear_refs" in ended.stderr:
        pytest.skip("this system does not let a process reset its peak of resident memory")
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def assert_within(budget: int, peak: dict[str, int]) -> None:
    assert peak["grown"] <= budget
    assert peak["grown"] <= peak["projected"] <= budget
    assert peak["projected"] <= ABSURD * peak["grown"] + LUCK


@pytest.mark.parametrize("job", ["Ridge", "PCA", "KMeans", "describe", "predict"])
def test_a_long_npy_file(job, npy, measured):
    assert_within(100 * MB, measured(job, npy, 100 * MB))


@pytest.mark.parametrize(
    "job", ["Ridge", "KMeans", "MiniBatchKMeans", "describe", "transform", "to_numpy"]
)
def test_parquet_of_many_row_groups(job, row_groups, measured):
    assert_within(160 * MB, measured(job, row_groups, 160 * MB))


def test_blocks_that_stay_in_memory_between_passes(row_groups, measured):
    peak = measured("KMeans", row_groups, 320 * MB)
    assert peak["projected"] > 160 * MB, "all of it was kept"
    assert_within(320 * MB, peak)


@pytest.mark.parametrize("job", ["Ridge", "KMeans", "describe", "persist"])
def test_a_row_group_that_decodes_to_more_than_the_budget(job, one_row_group, measured):
    assert_within(200 * MB, measured(job, one_row_group, 200 * MB))


def test_long_texts(texts, measured):
    assert_within(100 * MB, measured("describe", texts, 100 * MB))


def test_pages_larger_than_usual(large_pages, measured):
    assert_within(400 * MB, measured("describe", large_pages, 400 * MB))


def test_without_pandas(npy, tmp_path):
    command = [sys.executable, "-c", CHILD, "Ridge", npy, str(100 * MB), tmp_path, "no pandas"]
    assert_within(
        100 * MB, told(subprocess.run(command, capture_output=True, text=True, check=False))
    )


@pytest.fixture(scope="module")
def wide(tmp_path_factory):
    """130 MB of 800 columns, whose products are summed in 5 MB."""
    path = tmp_path_factory.mktemp("wide") / "wide.npy"
    np.save(path, np.random.default_rng(4).random((40_000, 800), dtype=np.float32))
    yield path
    path.unlink()


def assert_within_with_a_cache(measured, job: str, path, budget: int) -> None:
    """While it is filled, and when all is in it: then next to nothing is left to do."""
    assert_within(budget, measured(job, path, budget, "with a cache"))
    again = measured(job, path, budget, "with a cache")
    assert again["grown"] <= again["projected"] <= budget


@pytest.mark.parametrize("job", ["Ridge", "KMeans", "describe"])
def test_with_a_cache(job, row_groups, measured):
    assert_within_with_a_cache(measured, job, row_groups, 160 * MB)


def test_large_summaries_with_a_cache(wide, measured):
    assert_within_with_a_cache(measured, "Ridge", wide, 140 * MB)
