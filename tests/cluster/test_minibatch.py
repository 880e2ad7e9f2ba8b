"""Mini-batch k-means against k-means on all rows, and by its own laws."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scipy.sparse as sp
import sklearn.cluster
from sklearn.datasets import load_digits, make_blobs

import onebox as ob
from onebox.cluster import KMeans, MiniBatchKMeans
from onebox.cluster.seeding import Seeds
from onebox.dataset import pair
from onebox.engine.run import scan
from onebox.errors import BadInput, BadValue, NotMergeable, SinglePass


@pytest.fixture
def small(monkeypatch):
    """Samples of 256 rows a cluster, as of many or wide rows, so that most rows are left out."""
    monkeypatch.setattr("onebox.cluster.seeding.BATCH_BYTES", 1)


def overlapping(n=40_000, p=4, k=10, seed=0):
    return make_blobs(n, p, centers=k, cluster_std=2.0, random_state=seed)


@pytest.mark.parametrize("weighted", [False, True])
def test_a_sample_does_little_worse_than_all_rows(small, weighted):
    X, _ = overlapping()
    weight = np.random.default_rng(0).exponential(size=len(X)) if weighted else None
    made = MiniBatchKMeans(10, random_state=0).fit(X, sample_weight=weight)
    best = KMeans(10, init=made.cluster_centers_, tol=0).fit(X, sample_weight=weight)
    assert made.inertia_ <= 1.01 * best.inertia_
    assert made.n_iter_ == 2
    assert made.fit_report_.passes == 3
    total = len(X) if weight is None else weight.sum()
    assert made.counts_.sum() == pytest.approx(total)
    np.testing.assert_array_equal(made.labels_, made.predict(X))
    assert made.inertia_ == pytest.approx(-made.score(X, sample_weight=weight))


def test_it_ends_no_worse_than_scikit_learns():
    X = load_digits().data
    ours = np.mean([MiniBatchKMeans(10, random_state=s).fit(X).inertia_ for s in range(5)])
    theirs = [
        sklearn.cluster.MiniBatchKMeans(10, n_init=1, random_state=s).fit(X).inertia_
        for s in range(5)
    ]
    assert ours <= np.mean(theirs)


def test_how_rows_lie_on_disk_matters_little(small, tmp_path):
    X, y = overlapping()
    inertias = []
    for name, order in {
        "sorted": np.argsort(y, kind="stable"),
        "backwards": np.argsort(-y, kind="stable"),
        "shuffled": np.random.default_rng(0).permutation(len(X)),
    }.items():
        table = pa.table({f"x{j}": X[order, j] for j in range(4)})
        pq.write_table(table, tmp_path / f"{name}.parquet", row_group_size=3000)
        data = ob.dataset(tmp_path / f"{name}.parquet")
        inertias += [MiniBatchKMeans(10, random_state=seed).fit(data).inertia_ for seed in (0, 1)]
    assert max(inertias) <= 1.01 * min(inertias)


def test_partial_fit_over_a_sorted_file_goes_through_blocks_in_a_seeded_order(tmp_path):
    X, y = make_blobs(60_000, 3, centers=6, cluster_std=0.5, random_state=2)
    rows = X[np.argsort(y, kind="stable")]
    np.save(tmp_path / "x.npy", rows)
    model = MiniBatchKMeans(6, random_state=0).fit(X[:2000])
    before = model.n_steps_
    model.partial_fit(tmp_path / "x.npy")
    assert model.n_steps_ > before
    best = KMeans(6, init=model.cluster_centers_).fit(X)
    assert model.inertia_ == pytest.approx(best.inertia_, rel=1e-3)
    assert model.recipe_.steps == ("partial_fit",)


def test_partial_fit_keeps_the_mean_of_all_rows_seen():
    """With one cluster there is no order: the centre is the weighted mean."""
    rng = np.random.default_rng(0)
    parts = [rng.random((n, 3)) for n in (50, 7, 400)]
    weights = [rng.random(len(part)) for part in parts]
    model = MiniBatchKMeans(1)
    for part, weight in zip(parts, weights, strict=True):
        model.partial_fit(part, sample_weight=weight)
    X, weight = np.concatenate(parts), np.concatenate(weights)
    np.testing.assert_allclose(model.cluster_centers_[0], np.average(X, axis=0, weights=weight))
    assert model.counts_[0] == pytest.approx(weight.sum())
    assert len(model.labels_) == 400
    with pytest.raises(BadValue, match="NaN"):
        model.partial_fit([[0.0, np.nan, 1.0]])


@pytest.mark.parametrize("make", [np.asarray, sp.csr_array, ob.dataset])
def test_a_model_that_was_saved_learns_on_to_the_same_bits(make, tmp_path):
    rng = np.random.default_rng(0)
    parts = [rng.random((n, 3)) + rng.integers(0, 4, (n, 1)) for n in (4000, 700, 300, 500)]
    model = MiniBatchKMeans(4, random_state=0)
    stored = MiniBatchKMeans(4, random_state=0)
    for number, part in enumerate(parts):
        model.partial_fit(make(part))
        stored.partial_fit(make(part))
        ob.save(stored, tmp_path / f"{number}.onebox")
        stored = ob.load(tmp_path / f"{number}.onebox")
        assert stored.cluster_centers_.tobytes() == model.cluster_centers_.tobytes()
        assert stored.counts_.tobytes() == model.counts_.tobytes()
        assert (stored.n_iter_, stored.n_steps_) == (model.n_iter_, model.n_steps_)
    assert stored.counts_.sum() == pytest.approx(5500)
    assert stored.recipe_ == model.recipe_


def test_sparse_rows_lead_where_dense_ones_do(small):
    rng = np.random.default_rng(0)
    dense = rng.random((5000, 30)) * (rng.random((5000, 30)) < 0.2)
    start = dense[:5]
    one, other = (
        MiniBatchKMeans(5, init=start, random_state=0).fit(X) for X in (dense, sp.csr_array(dense))
    )
    np.testing.assert_allclose(one.cluster_centers_, other.cluster_centers_, atol=1e-12)
    np.testing.assert_array_equal(one.labels_, other.labels_)
    more, further = dense[:100] + 0.0, sp.csr_array(dense[:100])
    one.partial_fit(more)
    other.partial_fit(further)
    np.testing.assert_allclose(one.cluster_centers_, other.cluster_centers_, atol=1e-12)


def test_several_starts_keep_the_best_on_the_sample():
    X = load_digits().data
    ends = [MiniBatchKMeans(10, n_init=n, init="random", random_state=1).fit(X) for n in (1, 2, 6)]
    inertias = [made.inertia_ for made in ends]
    assert inertias == sorted(inertias, reverse=True)
    assert inertias[2] < inertias[0]


def test_a_sample_and_its_beginnings_stand_for_all_rows():
    """Weights sum to that of all rows, on average, for every size."""
    rng = np.random.default_rng(0)
    X, weight = rng.random((3000, 1)), rng.exponential(size=3000) ** 2
    view = pair(ob.dataset(X), None, weight)
    sums = []
    for seed in range(60):
        drawing = Seeds(401, seed)
        drawn = drawing.drawn(scan(view, drawing)[0])
        sums.append([drawn.weights(n).sum() for n in (50, 200, 400)])
    means, errors = np.mean(sums, axis=0), np.std(sums, axis=0) / np.sqrt(60)
    assert np.all(np.abs(means - weight.sum()) < 4 * errors)
    drawing = Seeds(3001, 0)
    drawn = drawing.drawn(scan(view, drawing)[0])
    np.testing.assert_array_equal(np.sort(drawn.weights(3000)), np.sort(weight))


def test_labels_on_request_only():
    X, _ = overlapping(n=500)
    made = MiniBatchKMeans(3, compute_labels=False, random_state=0).fit(X)
    assert not hasattr(made, "labels_")
    assert not hasattr(made, "inertia_")
    made.partial_fit(X)
    assert not hasattr(made, "labels_")
    made.set_params(compute_labels=True).fit(X)
    made.set_params(compute_labels=False).partial_fit(X)
    assert not hasattr(made, "labels_")  # they would be of other centres
    lazy = MiniBatchKMeans(3, random_state=0).fit(ob.dataset(X))
    np.testing.assert_array_equal(lazy.labels_.to_numpy(), made.fit(X).predict(X))


def test_what_cannot_be_is_refused():
    X, _ = overlapping(n=500)
    with pytest.raises(NotMergeable, match="MiniBatchKMeans learns from one block after the other"):
        MiniBatchKMeans(2).fit(X).merge(MiniBatchKMeans(2).fit(X))
    with pytest.raises(BadInput, match="batch_size=0 must be an integer of 1 or more"):
        MiniBatchKMeans(2, batch_size=0).fit(X)
    with pytest.raises(BadInput, match="n_samples=500 should be >= n_clusters=501"):
        MiniBatchKMeans(501).fit(X)
    with pytest.raises(SinglePass):
        MiniBatchKMeans(2).fit(ob.dataset(iter(pa.table({"a": X[:, 0]}).to_batches())))
