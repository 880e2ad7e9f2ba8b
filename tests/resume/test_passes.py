"""Estimators of several passes: passes that are done are kept, and one that broke off goes on."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import onebox as ob
from onebox.cluster import KMeans, MiniBatchKMeans
from onebox.engine.reader import Reader

from .conftest import learned

N_UNITS = 12


@pytest.fixture(scope="module", params=[np.float64, np.float32])
def blobs(request, tmp_path_factory):
    """So many rows that bounds are kept, and clusters that hardly move in the end."""
    folder = tmp_path_factory.mktemp("blobs")
    rng = np.random.default_rng(1)
    middles = rng.normal(size=(20, 5)) * 6
    for i in range(N_UNITS // 3):
        X = (middles[rng.integers(0, 20, 9000)] + rng.normal(size=(9000, 5))).astype(request.param)
        table = pa.table({f"x{j}": X[:, j] for j in range(5)})
        pq.write_table(table, folder / f"{i}.parquet", row_group_size=3000)
    return str(folder)


def fit(blobs, **how):
    with ob.config(n_jobs=2, **how):
        # From random rows, which takes some iterations.
        return KMeans(20, init="random", random_state=0, tol=0, max_iter=25).fit(ob.dataset(blobs))


class Broken(Exception):
    pass


@pytest.fixture
def breaking(monkeypatch):
    """Let the n-th unit that is read fail."""
    original = Reader.work

    def at(n: int | None) -> None:
        seen = [0]

        def work(self, unit, task, on_drop=None):
            seen[0] += 1
            if n is not None and seen[0] > n:
                raise Broken
            return original(self, unit, task, on_drop)

        monkeypatch.setattr(Reader, "work", work)

    return at


@pytest.mark.parametrize("how", [{}, {"disk": 0, "memory": "60MB"}], ids=["resident", "again"])
def test_a_fit_that_broke_off_goes_on_inside_the_pass(blobs, memory, breaking, sha256, how):
    whole = fit(blobs, **how)
    assert whole.n_iter_ > 5
    n_reads = N_UNITS * whole.fit_report_.passes
    expected = sha256(learned(whole))
    for n in (5, N_UNITS + 7, 3 * N_UNITS + 1, 6 * N_UNITS + 9, n_reads - 4):
        folder = ob.Memory(memory.folder / str(n))
        breaking(n)
        with pytest.raises(Broken):
            fit(blobs, cache=folder, **how)
        breaking(None)
        model = fit(blobs, cache=folder, **how)
        assert sha256(learned(model)) == expected
        report = model.fit_report_
        assert report.passes == whole.fit_report_.passes
        n_spared = report.passes_reused * N_UNITS + report.partitions_reused
        # The sample of the first pass is as large as the rows: it is kept when it is complete. Of
        # two workers, one more may have been at a unit.
        assert (n - 2 if n > N_UNITS else 0) <= n_spared <= n
        assert report.rows == whole.fit_report_.rows
        assert sha256(model.labels_.to_numpy()) == sha256(whole.labels_.to_numpy())


def test_a_fit_that_breaks_off_again_and_again_arrives(blobs, memory, breaking, sha256):
    expected = sha256(learned(fit(blobs)))
    for _ in range(200):
        breaking(7)
        try:
            model = fit(blobs, cache=memory)
            break
        except Broken:
            continue
    assert sha256(learned(model)) == expected


def test_a_finished_fit_reads_nothing_and_leaves_little(blobs, memory, sha256):
    first = fit(blobs, cache=memory)
    again = fit(blobs, cache=memory)
    assert sha256(learned(again)) == sha256(learned(first))
    assert again.fit_report_.passes_reused == again.fit_report_.passes == first.fit_report_.passes
    assert again.fit_report_.bytes_read == 0


def test_mini_batches_go_on_behind_the_passes_that_are_done(blobs, memory, breaking, sha256):
    def fit(**how):
        with ob.config(n_jobs=2, **how):
            return MiniBatchKMeans(20, random_state=0).fit(ob.dataset(blobs))

    whole = fit()
    # The sample is all rows, and its batches are arrays: units of the data are read by two passes.
    assert whole.fit_report_.passes == 2
    tasks = []
    original = Reader.work
    breaking(None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Reader, "work", lambda *a, **k: (tasks.append(1), original(*a, **k))[1])
        fit()
    breaking(len(tasks) - 4)
    with pytest.raises(Broken):
        fit(cache=memory)
    breaking(None)
    model = fit(cache=memory)
    assert sha256(learned(model)) == sha256(learned(whole))
    assert model.fit_report_.passes_reused == 1
    assert model.fit_report_.partitions_reused > 0
