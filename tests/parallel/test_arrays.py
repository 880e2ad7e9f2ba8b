"""Large arrays on their way to workers and back: how often they are copied, and when they are freed."""

from __future__ import annotations

import gc
import os
import resource
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import scipy.sparse as sp

import onebox as ob
from onebox.errors import NotEnoughMemory
from onebox.parallel.shared.files import _by_name
from onebox.parallel.shared.mapping import Mapping
from onebox.parallel.shared.segment import Segment, Segments
from onebox.parallel.workers.pool import POOL

linux = pytest.mark.skipif(sys.platform != "linux", reason="memory is looked at through /proc")
pmap = partial(ob.pmap, n_jobs=2, executor="processes")

MB = 2**20


def large(x, n=500_000):
    return np.arange(n, dtype=float) + x


def same(x):
    return x


def rollup(pid: int | str, key: str) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith(f"{key}:"):
            return int(line.split()[1]) * 1024
    raise KeyError(key)


@pytest.fixture(autouse=True)
def fresh_workers():
    """Workers that hold no memory of tests before."""
    POOL.shut_down()


def copied() -> int:
    """Bytes of shared memory, large segments only, that this process maps."""
    total = 0
    for line in Path("/proc/self/maps").read_text(errors="replace").splitlines():
        start, stop = (int(word, 16) for word in line.split()[0].split("-"))
        if "/memfd:onebox " in line and stop - start >= MB:
            total += stop - start
    return total


# Results


def test_large_results_are_whole_and_may_be_written_to():
    for x, found in enumerate(pmap(large, range(20))):
        assert np.array_equal(found, large(x))
        found += 1
        assert found[0] == x + 1


def test_results_that_are_kept_stay_as_they_are():
    kept = list(pmap(large, range(30)))
    again = list(pmap(large, range(30, 60)))
    for x, found in enumerate(kept + again):
        assert np.array_equal(found, large(x))


@pytest.mark.parametrize(
    "make",
    [
        lambda: np.asfortranarray(np.arange(600_000.0).reshape(600, 1000)),
        lambda: np.arange(1_200_000.0).reshape(600, 2000)[:, ::2],
        lambda: np.arange(600_000.0).reshape(1000, 600).T[::-1],
        lambda: np.zeros(300_000, dtype=[("a", "f8"), ("b", "i4")]),
        lambda: np.array(["2024-01-01"] * 300_000, dtype="datetime64[ns]"),
        lambda: np.ma.masked_greater(np.arange(300_000.0), 5),
        lambda: [np.zeros((0, 5)), np.ones(400_000), {"x": np.ones(400_000, np.int8)}],
        lambda: np.array([{"a": 1}] * 200_000, dtype=object),
        lambda: b"x" * 3_000_000,
    ],
)
def test_arrays_of_any_kind_go_there_and_come_back(make):
    sent = make()
    (found,) = pmap(same, [sent])
    assert type(found) is type(sent)
    np.testing.assert_equal(found, sent)


def test_one_array_in_two_places_is_one_array():
    shared = np.ones(400_000)
    ((first, second),) = pmap(same, [(shared, shared)])
    assert first is second


@pytest.mark.parametrize("kind", ["csr_array", "csc_matrix", "coo_array"])
def test_sparse_matrices(kind):
    matrix = getattr(sp, kind)(sp.random_array((3000, 3000), density=0.1, rng=0))
    (found,) = pmap(lambda m: m * 2, [matrix])
    assert type(found) is type(matrix)
    assert abs(found - matrix * 2).max() == 0


def test_tables():
    table = pa.table({"a": np.arange(1_000_000), "b": np.random.default_rng(0).random(1_000_000)})
    batch = table.to_batches()[0]
    for sent in (table, batch, table["a"], batch.column(1), table.slice(1000, 5), batch.slice(7, 9),
                 table["a"].slice(3, 200_000), batch.column(0).slice(5, 10)):  # fmt: skip
        (found,) = pmap(same, [sent])
        assert type(found) is type(sent)
        assert found.equals(sent)
    frame = table.to_pandas()
    (found,) = pmap(same, [frame])
    pd.testing.assert_frame_equal(found, frame)


def test_a_slice_of_a_table_takes_its_own_rows_along_only():
    table = pa.table({"a": np.arange(4_000_000)})
    (nbytes,) = pmap(lambda t: t.get_total_buffer_size(), [table.slice(1000, 200_000)])
    assert nbytes < 2 * MB


@linux
def test_results_are_freed_when_they_are_dropped(processes):
    assert processes.wait_until(lambda: processes.shared_memory() == 0, 20)
    kept = list(pmap(partial(large, n=4_000_000), range(8)))
    assert processes.shared_memory() >= 8 * 32_000_000
    del kept
    gc.collect()
    assert processes.wait_until(lambda: processes.shared_memory() == 0, 20)


@linux
def test_memory_of_dropped_results_is_used_again(processes):
    def where(x):
        return np.full(1_000_000, x)

    most = 0
    with ob.config(memory="300MB"):  # of which results that wait may take a third
        for found in pmap(where, range(100)):
            assert found[-1] == found[0]
            most = max(most, processes.shared_memory() if found[0] % 5 == 0 else 0)
    assert most < 300 * MB  # of 800


@linux
def test_thousands_of_large_results_do_not_use_up_descriptors():
    list(pmap(large, range(4)))  # workers, which are not what is limited here
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    n_open = len(os.listdir("/proc/self/fd"))
    resource.setrlimit(resource.RLIMIT_NOFILE, (n_open + 200, hard))
    try:
        kept = list(pmap(partial(large, n=140_000), range(600)))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert [found[0] for found in kept] == list(range(600))


def test_a_result_of_many_large_arrays():
    (found,) = pmap(lambda x: [np.full(140_000, float(i)) for i in range(400)], [0])
    assert [array[-1] for array in found] == list(range(400))


def test_results_go_on_to_the_next_loop():
    first = list(pmap(large, range(6)))
    second = list(pmap(np.negative, first))
    for x, found in enumerate(second):
        assert np.array_equal(found, -large(x))


# Arguments


def test_large_arguments_cannot_be_written_to_and_say_so():
    def write(x):
        x[0] = 5

    with pytest.raises(ValueError, match="read-only") as caught:
        list(pmap(write, [large(0)]))
    assert any("copy them first" in note for note in caught.value.__notes__)
    assert list(pmap(lambda x: x.flags.writeable, [np.ones(10), large(0)])) == [True, False]


def test_an_array_that_is_filled_anew_for_each_task_is_another_one_each_time():
    def inputs():
        buffer = np.empty(300_000)
        for x in range(20):
            buffer[:] = x
            yield buffer

    found = list(pmap(lambda a: (a[0], a[-1]), inputs()))
    assert found == [(x, x) for x in range(20)]


def test_also_when_one_number_changes_between_results():
    X = np.zeros(1_000_000)
    found = []
    for number in pmap(lambda a, i: a.sum(), [X] * 50, range(50), chunk=1):
        found.append(number)
        X[123_456] += 1
    assert found == sorted(found)
    assert found[-1] > 30


@linux
def test_an_array_that_all_tasks_share_is_written_once():
    X = np.random.default_rng(0).random(8_000_000)  # 64 MB
    found = list(pmap(lambda a, i: (float(a[i]), copied()), [X] * 50, range(50)))
    assert [number for number, _ in found] == X[:50].tolist()
    assert {size for _, size in found} == {-(-X.nbytes // 4096) * 4096}


def meet(folder, i):
    """Wait until two tasks are here."""
    folder.mkdir(exist_ok=True)
    (folder / str(i)).touch()
    deadline = time.monotonic() + 60
    while len(list(folder.iterdir())) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)


@linux
@pytest.mark.parametrize("how", ["function", "argument"])
def test_two_workers_have_one_copy_of_an_argument(how, tmp_path):
    X = np.ones(32_000_000)  # 256 MB

    def touched(a, i):
        a.sum()
        meet(tmp_path / "touched", i)
        found = rollup("self", "Pss_Shmem"), rollup("self", "Rss"), os.getpid()
        meet(tmp_path / "looked", i)
        return found

    if how == "function":
        found = list(pmap(partial(touched, X), range(2), chunk=1))
    else:
        found = list(pmap(touched, [X, X], range(2), chunk=1))
    assert len({pid for _, _, pid in found}) == 2
    assert all(resident > X.nbytes for _, resident, _ in found)
    total = sum(share for share, _, _ in found)
    assert total <= X.nbytes + 2 * MB  # one copy, of which the caller may hold a part


@linux
def test_memory_mapped_arguments_are_not_copied(tmp_path):
    np.save(tmp_path / "X.npy", np.arange(16_000_000.0))  # 128 MB
    X = np.load(tmp_path / "X.npy", mmap_mode="r")

    def look(a, i):
        return type(a).__name__, a.filename, copied(), float(a[i])

    for a, i in ((X, 3), (X[1000:], 5)):
        assert list(pmap(look, [a], [i])) == [("memmap", X.filename, 0, a[i])]
    rest = X.reshape(4, -1)[1:]
    assert list(pmap(lambda a: (a.sum(), copied()), [rest])) == [(rest.sum(), 0)]


def test_a_view_of_a_map_whose_path_is_another_file_by_now(tmp_path):
    path = tmp_path / "X.npy"
    np.save(path, np.zeros(500_000))
    X = np.load(path, mmap_mode="r")
    path.rename(tmp_path / "Y.npy")
    np.save(path, np.ones(500_000))
    (found,) = pmap(np.sum, [X])
    assert found == 0
    path.unlink()
    assert list(pmap(np.sum, [X])) == [0]


def test_what_was_changed_in_a_private_map_is_seen(tmp_path):
    np.save(tmp_path / "X.npy", np.zeros(500_000))
    X = np.load(tmp_path / "X.npy", mmap_mode="c")
    X[7] = 1
    assert list(pmap(np.sum, [X])) == [1]


def test_tasks_write_into_a_map_that_may_be_written_to(tmp_path):
    out = np.lib.format.open_memmap(tmp_path / "out.npy", "w+", shape=(8, 200_000))

    def fill(array, i):
        array[i] = i
        array.flush()

    list(pmap(fill, [out] * 8, range(8)))
    assert np.array_equal(out[:, 0], np.arange(8))
    assert np.array_equal(np.load(tmp_path / "out.npy")[:, -1], np.arange(8))


def test_results_may_be_maps(tmp_path):
    np.save(tmp_path / "X.npy", np.arange(500_000.0))
    (found,) = pmap(partial(np.load, mmap_mode="r"), [tmp_path / "X.npy"])
    (tmp_path / "X.npy").unlink()
    assert np.array_equal(found, np.arange(500_000.0))


def test_a_map_is_found_by_its_name_where_the_system_tells_no_more(tmp_path):
    np.save(tmp_path / "X.npy", np.arange(500_000.0))
    X = np.load(tmp_path / "X.npy", mmap_mode="r")
    view = X[1000:][20:]
    piece = _by_name(view, view.ctypes.data, view.nbytes, writable=False)
    mapping = Mapping(piece.descriptor, view.nbytes, offset=piece.offset)
    os.close(piece.descriptor)
    assert np.array_equal(mapping.bytes().view(float), view)


@linux
def test_arrow_files_that_are_mapped_are_not_copied(tmp_path):
    table = pa.table({"a": np.arange(8_000_000)})
    with (
        pa.OSFile(str(tmp_path / "t.arrow"), "wb") as sink,
        pa.ipc.new_file(sink, table.schema) as out,
    ):
        out.write(table)
    mapped = pa.ipc.open_file(pa.memory_map(str(tmp_path / "t.arrow"))).read_all()
    ((total, size),) = pmap(lambda t: (pa.compute.sum(t["a"]).as_py(), copied()), [mapped])
    assert total == sum(range(8_000_000))
    assert size == 0


def test_datasets_travel_as_paths(tmp_path):
    np.save(tmp_path / "X.npy", np.arange(400_000.0).reshape(-1, 4))
    ds = ob.dataset(tmp_path / "X.npy")
    arrays = ob.dataset(np.arange(400_000.0).reshape(-1, 4))
    expected = np.arange(400_000.0).sum()
    assert list(pmap(lambda d: d.to_numpy().sum(), [ds, arrays])) == [expected, expected]


def test_arguments_beyond_the_budget_are_refused():
    with ob.config(memory="64MB"), pytest.raises(NotEnoughMemory, match="budget for them is 64 MB"):
        list(pmap(np.sum, [np.ones(10_000_000)]))


def test_threads_and_serial_copy_nothing():
    X = large(0)
    for executor in ("threads", "serial"):
        (found,) = ob.pmap(same, [X], executor=executor, n_jobs=2)
        assert found is X


# Segments


def test_a_segment_is_free_when_its_last_lease_is_gone():
    segment = Segment(4 * MB)
    segment.write(np.arange(4 * MB, dtype=np.uint8))
    lease = segment.lease(writable=False)
    if sys.platform != "linux":
        assert not segment.is_free()
        return
    assert not segment.is_free()
    mapping = Mapping(lease, 4 * MB)
    os.close(lease)
    assert not segment.is_free()
    array = mapping.bytes()[5:100].view(np.int8)
    del mapping
    assert array[0] == 5
    assert not segment.is_free()
    del array
    assert segment.is_free()
    segment.close()


def test_segments_are_used_again_when_free_and_large_enough():
    store = Segments(64 * MB)
    first = store.take(8 * MB)
    lease = first.lease(writable=True)
    store.give(first)
    assert store.take(8 * MB) is not first
    os.close(lease)
    if sys.platform == "linux":
        assert store.take(2 * MB) is not first  # too large for that
        assert store.take(6 * MB) is first
    store.close()
