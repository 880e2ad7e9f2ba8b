"""The same bits, whatever the workers, the executor, the budget and the disk."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
from threadpoolctl import threadpool_limits

import onebox as ob
from onebox.aggregates import Count, Gram, Moments, join
from onebox.cluster import (
    AgglomerativeClustering,
    FeatureAgglomeration,
    KMeans,
    MiniBatchKMeans,
    ReNA,
    SphericalKMeans,
)
from onebox.dataset import as_dataset
from onebox.decomposition import PCA, TruncatedSVD
from onebox.engine.fold import N_GROUPS, merged_in_tree
from onebox.engine.run import scan, scan_groups
from onebox.linear_model import LinearRegression, Ridge
from onebox.preprocessing import StandardScaler

N_ROWS, N_COLUMNS = 8_000, 6
NAMES = [f"c{j}" for j in range(N_COLUMNS)]


@pytest.fixture(scope="module")
def matrix() -> np.ndarray:
    rng = np.random.default_rng(7)
    groups = rng.integers(0, 4, N_ROWS)
    return rng.standard_normal((N_ROWS, N_COLUMNS)) * 3 + 10 * groups[:, None] + 1e3


@pytest.fixture(scope="module")
def forms(matrix, tmp_path_factory):
    """The same rows as many small row groups, as CSV files, as npy files and in memory."""
    folder = tmp_path_factory.mktemp("forms")
    table = pa.table(dict(zip(NAMES, matrix.T, strict=True)))
    for form in ("parquet", "csv", "npy"):
        (folder / form).mkdir()
    for i, start in enumerate(range(0, N_ROWS, 2500)):
        part = table[start : start + 2500]
        pq.write_table(part, folder / f"parquet/{i}.parquet", row_group_size=201)
    for i, start in enumerate(range(0, N_ROWS, 2700)):
        pa_csv.write_csv(table[start : start + 2700], folder / f"csv/{i}.csv")
    for i, start in enumerate(range(0, N_ROWS, 200)):
        np.save(folder / f"npy/{i:02d}.npy", matrix[start : start + 200])
    return {
        "parquet": str(folder / "parquet"),
        "csv": str(folder / "csv"),
        "npy": str(folder / "npy"),
        "array": matrix,
        "table": table,
    }


def supervised(model):
    def fit(data):
        return model.fit(data.drop(data.columns[0]), data[data.columns[0]])

    return fit


FITS = {
    "AgglomerativeClustering": lambda data: AgglomerativeClustering(
        None, distance_threshold=200.0, linkage="single"
    ).fit(data),
    "Gram and Moments": lambda data: ob.aggregate(data, Gram(), Moments()),
    "StandardScaler": lambda data: StandardScaler().fit(data),
    "Ridge": supervised(Ridge()),
    "PCA": lambda data: PCA(3).fit(data),
    "randomized PCA": lambda data: PCA(2, svd_solver="randomized", random_state=0).fit(data),
    "TruncatedSVD": lambda data: TruncatedSVD(2, n_oversamples=1, random_state=0).fit(data),
    "FeatureAgglomeration": lambda data: FeatureAgglomeration(3, max_samples=900).fit(data),
    "ReNA": lambda data: ReNA(3).fit(data),
    "KMeans": lambda data: KMeans(4, max_iter=6, random_state=0).fit(data),
    "SphericalKMeans": lambda data: SphericalKMeans(4, random_state=0).fit(data),
    "MiniBatchKMeans": lambda data: MiniBatchKMeans(4, random_state=0).fit(data),
    "MiniBatchKMeans, on and on": lambda data: (
        MiniBatchKMeans(4, random_state=0).fit(data).partial_fit(data)
    ),
}


def learned(made: object) -> object:
    """Everything that was learned, without what it cost to learn it."""
    if not hasattr(made, "get_params"):
        return made
    state = {name: value for name, value in vars(made).items() if name.endswith("_")}
    state.pop("fit_report_")
    if "labels_" in state and isinstance(state["labels_"], ob.Dataset):
        state["labels_"] = state["labels_"].to_numpy()
    return state


@pytest.mark.parametrize("form", ["parquet", "csv", "npy", "array", "table"])
@pytest.mark.parametrize("fit", FITS.values(), ids=FITS)
def test_workers_and_executors_change_no_bit(forms, form, fit, sha256):
    data = ob.dataset(forms[form])
    with ThreadPoolExecutor(3) as pool:
        ways = [
            {"n_jobs": 1},
            {"n_jobs": 2},
            {"n_jobs": 4},
            {"n_jobs": 4, "executor": "serial"},
            {"n_jobs": 2, "executor": pool},
        ]
        digests = []
        for way in ways:
            with ob.config(**way):
                digests.append(sha256(learned(fit(data))))
    assert len(set(digests)) == 1


def kept_in(report, stored: int) -> str:
    """Where blocks were between passes, by what was read and written."""
    if report.bytes_spilled >= report.rows * N_COLUMNS * 8:
        return "disk"
    return "memory" if report.bytes_read == stored else "again"


@pytest.mark.parametrize("form", ["parquet", "csv", "npy", "array"])
@pytest.mark.parametrize("drops", [False, True], ids=["whole", "filtered"])
def test_budgets_and_disks_change_no_bit(forms, form, drops, sha256, tmp_path):
    data = ob.dataset(forms[form])
    if form in ("npy", "array"):  # else they need no copy between passes
        data = data.map(lambda block: block.X * 2)
    if drops:
        data = data.filter(pa.compute.field(data.columns[1]) > 1005)

    def fit(memory, disk):
        with ob.config(memory=memory, disk=disk, cache=tmp_path, n_jobs=2):
            return KMeans(4, max_iter=4, tol=0, random_state=0).fit(data)

    decoded, labels = N_ROWS * N_COLUMNS * 8, N_ROWS * 4
    resident = fit("1GB", "1GB")
    projected = resident.fit_report_.projected_memory
    models = {
        "memory": resident,
        "disk": fit(projected - 1, "1GB"),
        "disk, labels too": fit(projected - decoded - labels, "1GB"),
        "again": fit(projected - 1, 0),
        "again, disk too small": fit(projected - 1, decoded // 2),
    }
    again = models["again"].fit_report_
    stored = again.bytes_read // again.passes
    for name, model in models.items():
        report = model.fit_report_
        assert report.passes == resident.fit_report_.passes > 3
        if form != "array":
            assert kept_in(report, stored) == name.split(",")[0], (name, report)
    spilled = [models[name].fit_report_.bytes_spilled for name in ("disk", "disk, labels too")]
    n_kept = resident.fit_report_.rows
    assert spilled == [n_kept * N_COLUMNS * 8, n_kept * (N_COLUMNS * 8 + 4)]
    assert len({sha256(learned(model)) for model in models.values()}) == 1
    assert not list(tmp_path.rglob("*")), "spilled blocks are gone"


def test_groups_merged_by_the_tree_are_the_scan(forms, sha256):
    view = as_dataset(forms["parquet"]).view
    recipe = join(Gram(), Moments(), Count())
    whole, _ = scan(view, recipe)
    groups, _ = scan_groups(view, recipe)
    assert [len(group) for group in groups] == [N_GROUPS] * 3
    merged = tuple(
        merged_in_tree(part, summaries)
        for part, summaries in zip(recipe.parts, groups, strict=True)
    )
    assert sha256(merged) == sha256(whole)


def test_partition_number_i_belongs_to_group_i_modulo_32(forms):
    view = as_dataset(forms["parquet"]).view
    partitions = list(view.layout.partitions())
    assert len(partitions) == 3 * 13 + 3
    (groups,), _ = scan_groups(view, Moments())
    for g, group in enumerate(groups):
        expected = sum(p.n_rows for p in partitions if p.number % N_GROUPS == g)
        assert Moments().result(group).count[0] == expected


def test_one_large_array_is_cut_into_pieces_that_fill_the_groups():
    X = np.random.default_rng(0).integers(-100, 100, size=(110_000, 200), dtype=np.int8)
    data = ob.dataset(X)
    assert len(data.partitions) >= N_GROUPS
    assert data.partitions[0].n_rows == data.view.layout.rows_per_block
    results = []
    for n_jobs in (1, 2, 4):
        with ob.config(n_jobs=n_jobs):
            results.append(ob.aggregate(data, Gram()).xx.tobytes())
    assert len(set(results)) == 1


def test_large_gram_is_tiled_exact_and_bit_stable(tmp_path, sha256):
    rng = np.random.default_rng(3)
    p = 600  # 2.9 MB of summary: above the size from which there is one a file
    X = rng.standard_normal((4000, p)) @ rng.standard_normal((p, p)) / 20 + 100
    for i, part in enumerate(np.split(X, [700, 1900, 1950])):
        np.save(tmp_path / f"{i}.npy", part)
    results = []
    with ThreadPoolExecutor(3) as pool:
        for way in ({"n_jobs": 1}, {"n_jobs": 4}, {"executor": "serial"}, {"executor": pool}):
            with ob.config(**way):
                results.append(ob.aggregate(str(tmp_path), Gram(), Moments()))
    assert len({sha256(result) for result in results}) == 1
    gram, moments = results[0]
    centred = X - X.mean(axis=0)
    np.testing.assert_allclose(gram.xx, centred.T @ centred, rtol=1e-10, atol=1e-7)
    np.testing.assert_allclose(gram.x_mean, X.mean(axis=0), rtol=1e-13)
    assert gram.n_rows == moments.count[0] == len(X)


def test_order_of_the_rows_hardly_matters_to_one_pass_models():
    rng = np.random.default_rng(5)
    X = rng.lognormal(size=(50_000, 4)) * [1, 10, 100, 1000] + 100
    X = X[np.argsort(X[:, 0])]
    y = X @ [1.0, -2.0, 0.5, 0.1]
    forward, backward = Ridge().fit(X, y), Ridge().fit(X[::-1].copy(), y[::-1].copy())
    np.testing.assert_allclose(forward.coef_, backward.coef_, rtol=1e-10)
    up, down = StandardScaler().fit(X), StandardScaler().fit(X[::-1].copy())
    np.testing.assert_allclose(up.scale_, down.scale_, rtol=1e-10)
    np.testing.assert_allclose(up.mean_, down.mean_, rtol=1e-10)


@pytest.mark.parametrize("model", [Ridge(), LinearRegression(), PCA(3, random_state=0)])
@pytest.mark.parametrize("n_columns", [20, 600])
def test_threads_of_blas_change_no_bit(model, n_columns, sha256):
    X = np.random.default_rng(0).normal(size=(2000, n_columns))
    X[:, -1] = X[:, 0]  # one column depends on another
    y = X @ np.arange(n_columns)
    found = set()
    for n_threads in (1, 2, 4):
        with threadpool_limits(n_threads, user_api="blas"):
            model.fit(X, y)
            applied = model.transform(X) if hasattr(model, "transform") else model.predict(X)
            found.add(sha256([learned(model), applied]))
    assert len(found) == 1
