"""k-means against scikit-learn's Lloyd, and by its own laws."""

from __future__ import annotations

import warnings

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scipy.sparse as sp
import sklearn.cluster
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits, load_iris, make_blobs
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score, pairwise_distances

import onebox as ob
from onebox.aggregates.spread import Spread
from onebox.cluster import KMeans, MiniBatchKMeans, SphericalKMeans
from onebox.cluster.centers import Centers
from onebox.cluster.lloyd import label
from onebox.cluster.seeding import Seeds, kmeans_parallel, sample_size, seeds
from onebox.data.scratch import Scratch
from onebox.data.steps import draw_hashes
from onebox.dataset import as_dataset, pair
from onebox.engine.run import scan
from onebox.errors import BadInput, BadValue, NotMergeable, SchemaMismatch, WrongType

DATA = {
    # Moved a little, as on a grid rows can be as near to one centre as to another.
    "iris": load_iris().data + np.random.default_rng(0).uniform(-0.01, 0.01, (150, 4)),
    "digits": load_digits().data[:700],
    "blobs": make_blobs(5000, 6, centers=7, random_state=1)[0],
    "far from zero": make_blobs(3000, 4, centers=5, random_state=2)[0] + 1e4,
    "one column": np.sort(np.random.default_rng(0).exponential(size=(500, 1)), axis=0),
    "float32": make_blobs(3000, 8, centers=6, random_state=3)[0].astype(np.float32),
    "wide": np.random.default_rng(4).random((300, 400)),
}


def both(X, k, *, start=None, weight=None, **options):
    """Ours and scikit-learn's, from the same start."""
    rng = np.random.default_rng(8)
    start = X[rng.choice(len(X), k, replace=False)] if start is None else start
    ours = KMeans(k, init=start, **options).fit(X, sample_weight=weight)
    theirs = sklearn.cluster.KMeans(k, init=start, n_init=1, algorithm="lloyd", **options)
    return ours, theirs.fit(X, sample_weight=weight)


@pytest.mark.parametrize("X", DATA.values(), ids=DATA)
@pytest.mark.parametrize("k", [1, 2, 5, 20])
def test_the_same_start_leads_to_the_same_end(X, k):
    ours, theirs = both(X, k)
    np.testing.assert_array_equal(ours.labels_, theirs.labels_)
    assert ours.n_iter_ == theirs.n_iter_
    precision = 1e-5 if X.dtype == np.float32 else 1e-9
    scale = np.abs(X).max()
    np.testing.assert_allclose(
        ours.cluster_centers_, theirs.cluster_centers_, rtol=precision, atol=precision * scale
    )
    assert ours.inertia_ == pytest.approx(theirs.inertia_, rel=max(precision, 1e-7))
    assert ours.cluster_centers_.dtype == theirs.cluster_centers_.dtype == X.dtype
    assert ours.labels_.dtype == theirs.labels_.dtype


@pytest.mark.parametrize("name", ["iris", "blobs", "float32"])
def test_weights(name):
    X = DATA[name]
    rng = np.random.default_rng(0)
    weight = rng.integers(0, 4, len(X)).astype(float)
    weight[:20] = 0
    ours, theirs = both(X, 6, weight=weight, tol=0)
    np.testing.assert_array_equal(ours.labels_, theirs.labels_)
    np.testing.assert_allclose(ours.cluster_centers_, theirs.cluster_centers_, rtol=1e-5)
    assert ours.inertia_ == pytest.approx(theirs.inertia_, rel=1e-5)
    start = X[100:106]
    repeated = KMeans(6, init=start, tol=0).fit(np.repeat(X, weight.astype(int), axis=0))
    weighted = KMeans(6, init=start, tol=0).fit(X, sample_weight=weight)
    np.testing.assert_allclose(repeated.cluster_centers_, weighted.cluster_centers_, rtol=1e-6)
    assert repeated.inertia_ == pytest.approx(weighted.inertia_, rel=1e-6)


def test_few_iterations_and_tolerances():
    X = DATA["blobs"]
    for options in ({"max_iter": 1}, {"max_iter": 3}, {"tol": 1e-2}, {"tol": 0}):
        ours, theirs = both(X, 9, **options)
        assert ours.n_iter_ == theirs.n_iter_, options
        np.testing.assert_array_equal(ours.labels_, theirs.labels_)
        assert ours.inertia_ == pytest.approx(theirs.inertia_)


def test_empty_clusters_move_to_the_farthest_rows():
    X = np.array([[0.0], [0.1], [0.2], [5.0], [9.0], [9.1]])
    start = np.array([[0.1], [100.0], [200.0]])
    ours, theirs = both(X, 3, start=start)
    np.testing.assert_array_equal(ours.labels_, theirs.labels_)
    np.testing.assert_allclose(ours.cluster_centers_, theirs.cluster_centers_)
    assert set(ours.labels_) == {0, 1, 2}


@pytest.mark.parametrize("seed", range(5))
def test_many_empty_clusters_are_filled(seed):
    rng = np.random.default_rng(seed)
    X = np.round(rng.standard_normal((400, 3)), 1) * 10
    start = np.vstack([X[:2], X.max() * rng.uniform(5, 9, (6, 3))])
    ours, theirs = both(X, 8, start=start)
    assert len(set(ours.labels_)) == 8
    assert ours.inertia_ <= 1.25 * theirs.inertia_


def test_rows_without_weight_fill_no_cluster():
    X = np.array([[0.0], [1.0], [2.0], [1000.0]])
    made = KMeans(2, init=[[1.0], [5e4]]).fit(X, sample_weight=[1, 1, 1, 0])
    assert made.cluster_centers_.max() <= 2
    assert made.inertia_ == pytest.approx(0.5)


def test_fewer_distinct_rows_than_clusters():
    X = np.repeat([[0.0, 0.0], [1.0, 1.0], [5.0, 5.0]], 10, axis=0)
    for init in ("k-means||", "k-means++", "random"):
        with pytest.warns(UserWarning, match=r"distinct clusters \(3\).*n_clusters \(5\)"):
            made = KMeans(5, init=init, random_state=0).fit(X)
        assert made.inertia_ == 0
    with pytest.raises(BadInput, match="n_samples=30 should be >= n_clusters=31"):
        KMeans(31).fit(X)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), n=st.integers(12, 300), p=st.integers(1, 5), k=st.integers(1, 6))
def test_what_it_ends_with_is_a_fixed_point(seed, n, p, k):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, p))
    made = KMeans(k, tol=0, random_state=seed, max_iter=1000).fit(X)
    distances = pairwise_distances(X, made.cluster_centers_)
    np.testing.assert_array_equal(made.labels_, distances.argmin(axis=1))
    for c in range(k):
        np.testing.assert_allclose(made.cluster_centers_[c], X[made.labels_ == c].mean(axis=0))
    assert made.inertia_ == pytest.approx((distances.min(axis=1) ** 2).sum())


# Starts


@pytest.mark.parametrize("init", ["k-means||", "k-means++", "random"])
def test_named_starts_find_clusters_that_are_there(init):
    X, y = make_blobs(4000, 5, centers=10, cluster_std=0.4, random_state=0)
    made = KMeans(10, init=init, n_init=5, random_state=0).fit(X)
    assert adjusted_rand_score(y, made.labels_) > (0.999 if init != "random" else 0.7)


def test_the_start_is_about_as_good_as_scikit_learns():
    X = DATA["digits"]
    ours = np.median([KMeans(10, random_state=seed).fit(X).inertia_ for seed in range(5)])
    theirs = np.median(
        [
            sklearn.cluster.KMeans(10, n_init=1, random_state=seed).fit(X).inertia_
            for seed in range(5)
        ]
    )
    assert ours <= 1.02 * theirs


def test_several_starts_keep_the_best():
    X = DATA["digits"]
    ends = [KMeans(10, n_init=n, random_state=1, init="random").fit(X) for n in (1, 2, 6)]
    inertias = [made.inertia_ for made in ends]
    assert inertias == sorted(inertias, reverse=True)
    assert ends[0].fit_report_.passes == 1 + ends[0].n_iter_ + 1
    best = ends[2]
    np.testing.assert_array_equal(best.labels_, best.predict(X))


def test_seeds_are_a_sample_that_depends_on_rows_and_seed_only(tmp_path):
    rng = np.random.default_rng(0)
    X = rng.random((20_000, 3))
    for i, part in enumerate(np.split(X, [3000, 15_000])):
        pq.write_table(
            pa.table(dict(zip("abc", part.T, strict=True))),
            tmp_path / f"{i}.parquet",
            row_group_size=999,
        )
    drawing = Seeds(500, 3)
    rows = drawing.result(scan(as_dataset(tmp_path).view, drawing)[0])
    assert len(np.unique(rows, axis=0)) == 500
    assert {tuple(row) for row in rows} <= {tuple(row) for row in X}
    with ob.config(n_jobs=4):
        again, _ = scan(as_dataset(tmp_path).view, drawing)
    np.testing.assert_array_equal(drawing.result(again), rows)
    other, _ = scan(as_dataset(tmp_path).view, Seeds(500, 4))
    assert not np.array_equal(Seeds(500, 4).result(other), rows)


@pytest.mark.parametrize("weighted", [False, True])
def test_seeds_are_the_rows_with_the_lowest_keys(weighted):
    X = np.arange(30_000.0)[:, None]
    weight = np.random.default_rng(0).integers(0, 3, len(X)).astype(float) if weighted else None
    view = pair(ob.dataset(X), None, weight)
    drawing = Seeds(100, 9)
    rows = drawing.result(scan(view, drawing)[0]).ravel()
    uniform = []
    for unit in view.layout.units:
        for block in view.blocks(unit, Scratch()):
            numbers = draw_hashes(block, 9, None, "kmeans") >> np.uint64(11)
            uniform.append((numbers + 0.5) * 2.0**-53)
    with np.errstate(divide="ignore"):
        keys = -np.log(np.concatenate(uniform)) / (1 if weight is None else weight)
    np.testing.assert_array_equal(rows, np.argsort(keys, kind="stable")[:100])


@pytest.mark.parametrize("weighted", [False, True])
def test_spread_is_the_variance_wherever_the_mean_is(weighted):
    X = np.random.default_rng(0).random((50_000, 3)) * [1, 10, 100] + 1e8
    weight = np.random.default_rng(1).random(len(X)) if weighted else None
    view = pair(ob.dataset(X), None, weight)
    variance = Spread().result(scan(view, Spread())[0])
    mean = np.average(X, weights=weight, axis=0)
    expected = np.average((X - mean) ** 2, weights=weight, axis=0)
    np.testing.assert_allclose(variance, expected, rtol=1e-8)


def test_seeds_are_drawn_by_weight():
    X = np.arange(20_000.0)[:, None]
    weight = np.where(X[:, 0] < 10_000, 3.0, 1.0)
    weight[:50] = 0
    drawing = Seeds(2000, 0)
    rows = drawing.result(scan(pair(ob.dataset(X), None, weight), drawing)[0])
    assert rows.min() >= 50
    # Three quarters of the weight lie below 10,000; the standard deviation of the share is 0.01.
    assert 0.70 < (rows < 10_000).mean() < 0.80


def test_a_small_sample_is_all_rows():
    X = np.random.default_rng(0).random((50, 2))
    drawing = Seeds(80, 0)
    summary, _ = scan(as_dataset(X).view, drawing)
    assert sorted(map(tuple, drawing.result(summary))) == sorted(map(tuple, X))
    assert sample_size(8, as_dataset(X).view) == 50
    many = as_dataset(np.zeros((200_000, 2))).view
    assert sample_size(8, many) == 125_000
    assert sample_size(2000, many) == 128_000
    sparse = as_dataset(sp.csr_array((200_000, 10_000))).view.sparsely()
    assert sample_size(1000, sparse) == 2000  # each row of it takes 80 kB


@pytest.mark.parametrize("init", ["k-means||", "k-means++", "random"])
def test_starts_are_rows_and_repeat_with_the_generator(init):
    X = np.random.default_rng(0).random((2000, 3)).astype(np.float32)
    once = seeds(X, init, 7, np.random.default_rng(5))
    assert once.shape == (7, 3)
    assert once.dtype == np.float64
    assert {tuple(row) for row in once} <= {tuple(row) for row in X.astype(np.float64)}
    np.testing.assert_array_equal(once, seeds(X, init, 7, np.random.default_rng(5)))


def test_k_means_plus_plus_is_scikit_learns_greedy_one():
    X = DATA["digits"]
    start = seeds(X, "k-means++", 9, np.random.default_rng(5))
    seed = int(np.random.default_rng(5).integers(2**31 - 1))
    theirs, _ = sklearn.cluster.kmeans_plusplus(X, 9, random_state=seed)
    np.testing.assert_array_equal(start, theirs)


def test_a_start_from_all_rows_minds_their_weights():
    """As if the rows were there as often as they weigh."""
    X = np.repeat([[0.0], [10.0], [20.0]], 100, axis=0)
    X += np.random.default_rng(0).random(X.shape)
    weight = np.repeat([1.0, 1.0, 1e-9], 100)
    for init in ("k-means||", "k-means++"):
        made = [KMeans(2, init=init, random_state=s).fit(X, sample_weight=weight) for s in range(5)]
        assert all(one.cluster_centers_.max() < 12 for one in made)


def test_far_groups_are_all_hit():
    rng = np.random.default_rng(0)
    X = np.concatenate(
        [rng.standard_normal((n, 2)) + 1000 * i for i, n in enumerate([5000, 5, 5, 5])]
    )
    start = kmeans_parallel(X, 4, np.random.default_rng(1))
    assert sorted(np.round(start[:, 0] / 1000).astype(int)) == [0, 1, 2, 3]


# Kinds of input


def test_one_fit_whatever_the_container(tmp_path):
    X = DATA["blobs"][:2000]
    np.save(tmp_path / "x.npy", X)
    expected = KMeans(5, init=X[:5]).fit(X)
    frame = pa.table({f"x{j}": X[:, j] for j in range(6)})
    for data in (X.tolist(), np.asfortranarray(X), frame, frame.to_pandas(), sp.csr_array(X)):
        made = KMeans(5, init=X[:5]).fit(data)
        np.testing.assert_array_equal(made.labels_, expected.labels_)
        # A sparse row's distance is summed over its entries.
        assert made.inertia_ == pytest.approx(
            expected.inertia_, rel=1e-12 if sp.issparse(data) else 0
        )
    made = KMeans(5, init=X[:5]).fit(tmp_path / "x.npy")
    assert made.inertia_ == expected.inertia_


def test_labels_of_a_dataset_are_lazy_and_hold_the_model_as_it_was(tmp_path):
    X = DATA["blobs"]
    np.save(tmp_path / "x.npy", X)
    data = ob.dataset(tmp_path / "x.npy")
    model = KMeans(7, random_state=0).fit(data)
    labels = model.labels_
    assert isinstance(labels, ob.Dataset)
    assert (labels.ndim, labels.columns) == (1, ["label"])
    expected = model.predict(X)
    model.fit(data.sample(fraction=0.2))
    np.testing.assert_array_equal(labels.to_numpy(), expected)
    written = labels.to_parquet(tmp_path / "labels.parquet")
    assert written.schema.field("label").type == pa.int32()
    np.testing.assert_array_equal(written.to_numpy(), expected)
    by_path = KMeans(7, random_state=0).fit(tmp_path / "x.npy")
    assert isinstance(by_path.labels_, ob.Dataset)


def test_labels_of_filtered_rows():
    X = DATA["iris"]
    data = ob.dataset(X).filter(pa.compute.field("x0") > 5.5)
    made = KMeans(3, random_state=0).fit(data)
    assert len(made.labels_.to_numpy()) == (X[:, 0] > 5.5).sum() == made.fit_report_.rows


def test_integers_and_booleans():
    X = np.random.default_rng(0).integers(0, 200, (500, 3))
    for dtype in (np.uint8, np.int64):
        ours = KMeans(4, init=X[:4], tol=0).fit(X.astype(dtype))
        theirs = sklearn.cluster.KMeans(4, init=X[:4].astype(float), n_init=1, tol=0).fit(X)
        np.testing.assert_array_equal(ours.labels_, theirs.labels_)


def test_predict_transform_and_score():
    X, new = DATA["blobs"][:4000], DATA["blobs"][4000:] * 1.1
    ours, theirs = both(X, 7)
    np.testing.assert_array_equal(ours.predict(new), theirs.predict(new))
    np.testing.assert_allclose(ours.transform(new), theirs.transform(new), rtol=1e-9)
    assert ours.score(new) == pytest.approx(theirs.score(new))
    weight = np.random.default_rng(0).random(len(new))
    assert ours.score(new, sample_weight=weight) == pytest.approx(
        theirs.score(new, sample_weight=weight)
    )
    lazy = ours.transform(ob.dataset(new))
    assert lazy.columns == [f"kmeans{i}" for i in range(7)]
    np.testing.assert_array_equal(lazy.to_numpy(), ours.transform(new))
    np.testing.assert_array_equal(ours.predict(ob.dataset(new)).to_numpy(), ours.predict(new))
    assert ours.fit_predict(X).tolist() == ours.labels_.tolist()
    np.testing.assert_array_equal(ours.get_feature_names_out(), theirs.get_feature_names_out())


def test_names_match_at_predict():
    table = pa.table({"a": [0.0, 0.1, 9.0], "b": [0.0, 0.1, 5.0]})
    model = KMeans(2, random_state=0).fit(ob.dataset(table))
    assert model.feature_names_in_.tolist() == ["a", "b"]
    swapped = ob.dataset(table.select(["b", "a"]))
    assert model.predict(swapped).to_numpy().tolist() == model.labels_.to_numpy().tolist()
    with pytest.raises(SchemaMismatch, match="3 features, but KMeans is expecting 2"):
        model.predict(ob.dataset(np.ones((2, 3))))


def test_numbers_are_exact_far_from_zero():
    rng = np.random.default_rng(0)
    X = np.repeat([[0.0], [1.0]], 500, axis=0) + rng.uniform(0, 0.1, (1000, 1)) + 1e8
    made = KMeans(2, init=X[[0, -1]]).fit(X)
    assert made.labels_.tolist() == [0] * 500 + [1] * 500
    expected = sum(((part - part.mean()) ** 2).sum() for part in (X[:500], X[500:]))
    assert made.inertia_ == pytest.approx(expected, rel=1e-6)


def test_the_first_of_equally_near_centres():
    X = np.array([[0.0], [1.0], [2.0]])
    centers = np.array([[0.0], [2.0], [2.0]])
    assert label(X, centers, Scratch()).tolist() == [0, 0, 1]
    assert Centers(centers, np.dtype(np.float32)).moved.dtype == np.float32


# Refusals


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_clusters": 0}, "n_clusters=0 must be an integer"),
        ({"n_clusters": 2.5}, "n_clusters=2.5 must be an integer"),
        ({"init": "best"}, "init='best' must be one of"),
        ({"init": np.ones((3, 4))}, r"init has shape \(3, 4\)"),
        ({"max_iter": 0}, "max_iter=0"),
        ({"n_init": 0}, "n_init=0"),
        ({"n_init": "many"}, "n_init='many'"),
        ({"algorithm": "elkan"}, "algorithm='elkan'.*'lloyd'"),
        ({"tol": -1}, "tol=-1"),
    ],
)
def test_parameters_that_make_no_sense(options, message):
    with pytest.raises(ValueError, match=message):
        KMeans(**options).fit(DATA["blobs"])


def test_values_and_columns_that_make_no_sense():
    X = np.ones((5, 2))
    X[3, 1] = np.nan
    with pytest.raises(BadValue, match=r"NaN.*column 'x1'.*row 3"):
        KMeans(2).fit(X)
    with pytest.raises(WrongType, match="'t' has type string"):
        KMeans(2).fit(ob.dataset({"a": [1.0, 2.0], "t": ["x", "y"]}))
    with pytest.raises(NotMergeable, match=r"several passes.*ob\.concat"):
        KMeans(2).fit(np.eye(3)).merge(KMeans(2).fit(np.eye(3)))


def test_verbose_says_how_it_goes(capsys):
    KMeans(3, random_state=0, verbose=1).fit(DATA["iris"])
    assert capsys.readouterr().out.startswith("KMeans pass 1: 150 labels changed, shift ")


# Sparse rows


@pytest.mark.parametrize("init", ["array", "k-means||"])
@pytest.mark.parametrize("weighted", [False, True])
def test_sparse_rows_lead_where_dense_ones_do(init, weighted):
    rng = np.random.default_rng(0)
    dense = rng.random((3000, 40)) * (rng.random((3000, 40)) < 0.15)
    weight = rng.integers(0, 3, 3000).astype(float) if weighted else None
    options = {"init": dense[:7] if init == "array" else init, "random_state": 0}
    one, other = (
        KMeans(7, **options).fit(X, sample_weight=weight) for X in (dense, sp.csr_array(dense))
    )
    np.testing.assert_array_equal(one.labels_, other.labels_)
    np.testing.assert_allclose(one.cluster_centers_, other.cluster_centers_, atol=1e-12)
    assert one.inertia_ == pytest.approx(other.inertia_)
    np.testing.assert_array_equal(other.predict(sp.csr_array(dense)), one.predict(dense))
    np.testing.assert_allclose(other.transform(sp.csr_array(dense)), one.transform(dense))
    assert other.score(sp.csr_array(dense), sample_weight=weight) == pytest.approx(-one.inertia_)


def test_sparse_clusters_without_rows_are_filled():
    dense = np.zeros((60, 5))
    dense[np.arange(60), np.arange(60) % 5] = 1 + np.arange(60) / 100
    start = np.full((4, 5), 50.0)
    start[:2] = dense[:2]
    one, other = (KMeans(4, init=start).fit(X) for X in (dense, sp.csr_array(dense)))
    assert len(set(other.labels_)) == 4
    np.testing.assert_array_equal(one.labels_, other.labels_)


@pytest.mark.parametrize("kind", [KMeans, SphericalKMeans, MiniBatchKMeans])
def test_wide_sparse_rows_are_never_a_matrix(kind):
    """As a matrix they are 2.6 GB."""
    topics = 20_000 * np.random.default_rng(0).integers(0, 4, 4000)
    columns = topics[:, None] + np.random.default_rng(1).integers(0, 30, (4000, 20))
    row = np.repeat(np.arange(4000), 20)
    X = sp.csr_array((np.ones(row.size), (row, columns.ravel())), shape=(4000, 80_000))
    with ob.config(memory="700MB", n_jobs=2):
        made = kind(4, random_state=0).fit(X)
    assert made.fit_report_.peak_memory < 700e6
    assert adjusted_rand_score(topics, made.labels_) == 1


# Bad input

KINDS = pytest.mark.parametrize("kind", [KMeans, SphericalKMeans, MiniBatchKMeans])


@KINDS
@pytest.mark.parametrize("form", [np.asarray, sp.csr_array, ob.dataset])
def test_fewer_distinct_rows_than_clusters_are_counted(kind, form):
    X = np.repeat([[1.0, 0.0], [1.0, 1.0], [0.0, 5.0]], 10, axis=0)
    with pytest.warns(ConvergenceWarning, match=r"distinct clusters \(3\).*n_clusters \(5\)"):
        made = kind(5, random_state=0).fit(form(X))
    assert made.inertia_ == pytest.approx(0, abs=1e-12)
    assert np.isfinite(made.cluster_centers_).all()


@KINDS
def test_duplicates_of_as_many_rows_as_clusters_are_no_reason_to_warn(kind):
    X = np.repeat([[1.0, 0.0], [1.0, 1.0], [0.0, 5.0]], [500, 30, 1], axis=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = kind(3, random_state=0).fit(X)
    assert sorted(np.bincount(made.labels_)) == [1, 30, 500]


@KINDS
def test_one_row_and_one_cluster(kind):
    made = kind(1).fit([[3.0, 4.0]])
    assert made.inertia_ == pytest.approx(0, abs=1e-30)
    assert made.labels_.tolist() == [0]
    X = np.random.default_rng(0).random((300, 3))
    made = kind(1, random_state=0).fit(X)
    rows = X / np.linalg.norm(X, axis=1, keepdims=True) if kind is SphericalKMeans else X
    mean = rows.mean(axis=0)
    mean = mean / np.linalg.norm(mean) if kind is SphericalKMeans else mean
    np.testing.assert_allclose(made.cluster_centers_[0], mean)
    assert set(made.labels_) == {0}


@KINDS
def test_columns_without_variance(kind):
    X = np.random.default_rng(0).random((500, 2)) + 1
    constant = np.insert(X, [0, 1], 1.0, axis=1)
    made = kind(3, random_state=0).fit(constant)
    if kind is not SphericalKMeans:
        np.testing.assert_allclose(made.cluster_centers_[:, [0, 2]], 1.0)
    with pytest.warns(ConvergenceWarning, match=r"clusters \(1\)"):
        assert kind(2, random_state=0).fit(np.ones((50, 3))).inertia_ == pytest.approx(0, abs=1e-12)


@KINDS
@pytest.mark.parametrize("form", [np.asarray, sp.csr_array, ob.dataset])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_is_named(kind, form, value):
    X = np.random.default_rng(0).random((50, 2))
    X[31, 1] = value
    name = "NaN" if np.isnan(value) else "infinity"
    for init in ("k-means||", X[:2]):
        with pytest.raises(BadValue, match=f"contains {name}: column 'x1', row 31"):
            kind(2, init=init).fit(form(X))
    with pytest.raises(BadInput, match=r"init is .* in centre 1, column 0"):
        kind(2, init=[[0.0, 1.0], [value, 1.0]]).fit(X[:20])


@KINDS
def test_weights_below_zero_and_too_few_above_it(kind):
    X = np.random.default_rng(0).random((50, 2))
    weight = np.ones(50)
    weight[17] = -2
    with pytest.raises(BadValue, match="sample_weight is -2 in row 17"):
        kind(2).fit(X, sample_weight=weight)
    weight[:] = 0
    weight[:2] = 1
    for init in ("k-means||", "k-means++", "random"):
        with pytest.raises(BadInput, match="2 rows have a weight above 0, and n_clusters=3"):
            kind(3, init=init).fit(X, sample_weight=weight)
