"""Bounds spare work and change no bit, whatever the rows are and wherever they lie."""

from __future__ import annotations

from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import make_blobs

import onebox as ob
from onebox._kernels import bounded, nearest
from onebox.cluster import KMeans, bounds

open_rows = bounded.open_rows
pytestmark = pytest.mark.filterwarnings("ignore:Number of distinct clusters")


def fitted(X, k, *, keep, worth=2.0, weight=None, jobs=1, **options):
    """The bits of a fit, how many rows bounds left alone, and the report."""
    seen = []

    def counted(X, *arguments):
        n_open = open_rows(X, *arguments)
        seen.append(len(X) - n_open)
        return n_open

    least = {"FEWEST_ROWS": 0, "FEWEST_CENTERS": 1, "SETTLED": 2.0, "WORTH": worth}
    if not keep:
        least["FEWEST_ROWS"] = 10**9
    with (
        patch.multiple(bounds, **least),
        patch.object(bounds.bounded, "open_rows", counted),
        ob.config(n_jobs=jobs),
    ):
        made = KMeans(k, random_state=0, **options).fit(X, sample_weight=weight)
    labels = made.labels_.to_numpy() if isinstance(made.labels_, ob.Dataset) else made.labels_
    bits = (labels.tobytes(), made.cluster_centers_.tobytes(), made.inertia_, made.n_iter_)
    return bits, sum(seen), made.fit_report_


SHAPES = ("normal", "grid", "duplicates", "constant columns", "blobs", "far groups")


def rows_of(shape, n, p, rng):
    X = rng.standard_normal((n, p))
    if shape == "grid":  # many ties
        X = rng.integers(-2, 3, (n, p)).astype(float)
    elif shape == "duplicates":
        X = X[rng.integers(0, max(n // 5, 1), n)]
    elif shape == "constant columns":
        X[:, ::2] = 3.7
    elif shape == "blobs":
        X += 6 * rng.standard_normal((5, p))[rng.integers(0, 5, n)]
    elif shape == "far groups":
        X += 1e5 * rng.integers(0, 2, (n, 1))
    return X


@settings(max_examples=100, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    shape=st.sampled_from(SHAPES),
    n=st.integers(60, 700),
    p=st.integers(1, 20),
    k=st.integers(1, 60),
    dtype=st.sampled_from([np.float32, np.float64]),
    scale=st.sampled_from([1e-30, 1e-15, 1e-3, 1.0, 1e6, 1e15]),
    offset=st.sampled_from([0.0, 1.0, 1e4, 1e9]),
    weighted=st.booleans(),
    worth=st.sampled_from([0.0, 0.6, 2.0]),
)
def test_no_bit_changes(seed, shape, n, p, k, dtype, scale, offset, weighted, worth):
    rng = np.random.default_rng(seed)
    if dtype is np.float32:
        scale = min(scale, 1e6)  # squares have to fit
    X = ((rows_of(shape, n, p, rng) + offset) * scale).astype(dtype)
    weight = rng.integers(0, 3, n) + 0.5 * rng.integers(0, 2, n) if weighted else None
    if weighted and (weight > 0).sum() < k:
        weight = None
    options = {"max_iter": 12, "tol": 0, "weight": weight, "init": "random", "n_init": 2}
    plain, *_ = fitted(X, k, keep=False, **options)
    assert fitted(X, k, keep=True, worth=worth, **options)[0] == plain


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows_are_left_alone(dtype):
    X, _ = make_blobs(30_000, 8, centers=20, random_state=0)
    X = X.astype(dtype)
    plain, alone, _ = fitted(X, 20, keep=False, tol=0)
    assert alone == 0
    with_bounds, alone, _ = fitted(X, 20, keep=True, tol=0)
    assert with_bounds == plain
    if nearest.served(8):
        assert alone > len(X)


@pytest.mark.parametrize("spilled", [False, True])
@pytest.mark.parametrize("jobs", [1, 2])
def test_spilled_and_resident_rows_agree(tmp_path, spilled, jobs):
    X, _ = make_blobs(60_000, 16, centers=12, cluster_std=4, random_state=1)
    for i, part in enumerate(np.array_split(X, 3)):
        table = pa.table({f"x{j}": part[:, j] for j in range(16)})
        pq.write_table(table, tmp_path / f"{i}.parquet", row_group_size=7000)
    data = ob.dataset(tmp_path / "*.parquet")
    options = {"tol": 0, "max_iter": 15}
    plain, _, report = fitted(data, 18, keep=False, jobs=jobs, **options)
    memory = report.projected_memory - 1 if spilled else "1GB"
    with ob.config(memory=memory, cache=tmp_path / "cache"):
        with_bounds, alone, report = fitted(data, 18, keep=True, jobs=jobs, **options)
    assert with_bounds == plain
    assert (report.bytes_spilled > 0) == spilled
    assert alone > 0 or not nearest.served(16)


def test_bounds_are_left_out_where_they_would_cost_room_that_blocks_need(tmp_path):
    X = np.random.default_rng(0).standard_normal((60_000, 8))
    pq.write_table(pa.table({f"x{j}": X[:, j] for j in range(8)}), tmp_path / "x.parquet")
    data = ob.dataset(tmp_path / "x.parquet")

    def fit(memory):
        with ob.config(memory=memory, cache=tmp_path, n_jobs=1):
            return KMeans(16, max_iter=3, tol=0, random_state=0).fit(data).fit_report_

    with patch.object(bounds, "FEWEST_ROWS", 10**9):
        without = fit("1GB").projected_memory
    wide = fit("1GB")
    assert wide.projected_memory == without + nearest.served(8) * 60_000 * 4
    tight = fit(without)
    assert tight.projected_memory == without
    assert tight.bytes_spilled == 0


def test_few_rows_or_clusters_do_without():
    assert not bounds.wants_bounds(10**6, 15, 8)
    assert not bounds.wants_bounds(10**4, 100, 8)
    assert not bounds.wants_bounds(None, 100, 8)
    assert not bounds.wants_bounds(10**6, 100, 257)
    assert bounds.wants_bounds(10**6, 100, 256) == nearest.served(256)
