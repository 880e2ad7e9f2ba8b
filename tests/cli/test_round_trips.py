"""Fit, predict, transform and score as commands, against scikit-learn on the same rows."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

FEATURES = ["distance", "hour"]


def matrix(table, names=FEATURES):
    return np.column_stack([table[name].to_numpy() for name in names]).astype(float)


@pytest.fixture
def expected(trip_files):
    model = make_pipeline(StandardScaler(), Ridge(alpha=1.0))
    return model.fit(matrix(trip_files), trip_files["tip"].to_numpy())


def test_a_pipeline_from_parquet_files(onebox, trip_files, expected, tmp_path):
    fitted = onebox.good(
        "fit", "standard_scaler | ridge alpha=1", "trips/*.parquet", "--target", "tip",
        "--drop", "id,paid", "-o", "tips.onebox",
    )  # fmt: skip
    assert fitted.out == ""
    assert fitted.err.startswith("tips.onebox: 5,000 rows, 2 passes, ")
    assert "distance" in fitted.err
    X, y = matrix(trip_files), trip_files["tip"].to_numpy()
    score = onebox.good("score", "tips.onebox", "trips", "--target", "tip")
    assert float(score.out) == pytest.approx(expected.score(X, y), rel=1e-9)
    assert score.err == ""

    onebox.good("predict", "tips.onebox", "trips", "--keep", "id,paid", "-o", "out/")
    written = pq.read_table(tmp_path / "out")
    assert written.column_names == ["id", "paid", "prediction"]
    assert written["id"].equals(trip_files["id"])
    assert written["paid"].equals(trip_files["paid"])
    np.testing.assert_allclose(written["prediction"].to_numpy(), expected.predict(X), rtol=1e-9)
    assert [entry.name for entry in tmp_path.glob(".*")] == []


def test_csv_gives_the_model_of_parquet(onebox, trip_files, expected, tmp_path):
    onebox.good(
        "fit", "standard_scaler|ridge", "trips.csv", "--target", "tip", "--columns", "distance",
        "--columns", "hour", "-o", "tips.onebox",
    )  # fmt: skip
    onebox.good("predict", "tips.onebox", "trips.csv", "-o", "tips.parquet")
    written = pq.read_table(tmp_path / "tips.parquet")
    assert written.column_names == ["prediction"]
    predictions = expected.predict(matrix(trip_files))
    np.testing.assert_allclose(written["prediction"].to_numpy(), predictions, rtol=1e-9)


def test_a_transform_beside_columns(onebox, trip_files, tmp_path):
    onebox.good(
        "fit", "standard_scaler | pca n_components=2", "trips", "--drop", "id,paid,tip",
        "-o", "parts.onebox",
    )  # fmt: skip
    onebox.good(
        "transform", "parts.onebox", "trips", "--keep", "id", "--where", "hour >= 12",
        "-o", "parts.parquet",
    )  # fmt: skip
    written = pq.read_table(tmp_path / "parts.parquet")
    afternoon = trip_files.filter(pa.compute.field("hour") >= 12)
    assert written.column_names == ["id", "pca0", "pca1"]
    assert written["id"].equals(afternoon["id"])
    model = make_pipeline(StandardScaler(), PCA(2)).fit(matrix(trip_files))
    made = matrix(written, ["pca0", "pca1"])
    np.testing.assert_allclose(abs(made), abs(model.transform(matrix(afternoon))), atol=1e-9)


def test_clusters(onebox, trip_files, tmp_path):
    fit = ("fit", "k_means n_clusters=3 random_state=0", "trips", "--columns", "distance,tip")
    onebox.good(*fit, "-o", "k.onebox")
    onebox.good("predict", "k.onebox", "trips", "-o", "k.parquet")
    labels = pq.read_table(tmp_path / "k.parquet")["prediction"].to_numpy()
    assert np.unique(labels).tolist() == [0, 1, 2]
    X = matrix(trip_files, ["distance", "tip"])
    inertia = sum(((X[labels == j] - X[labels == j].mean(axis=0)) ** 2).sum() for j in range(3))
    score = float(onebox.good("score", "k.onebox", "trips").out)
    assert score == pytest.approx(-inertia, rel=1e-3)


def test_a_matrix_without_names(onebox, tmp_path):
    rng = np.random.default_rng(0)
    np.save(tmp_path / "X.npy", rng.normal(size=(500, 3)))
    onebox.good("fit", "standard_scaler", "X.npy", "-o", "s.onebox", "--quiet")
    onebox.good("transform", "s.onebox", "X.npy", "-o", "Z.parquet", "--quiet")
    written = matrix(pq.read_table(tmp_path / "Z.parquet"), ["x0", "x1", "x2"])
    wanted = StandardScaler().fit_transform(np.load(tmp_path / "X.npy"))
    np.testing.assert_allclose(written, wanted, rtol=1e-9, atol=1e-12)


def test_missing_values_are_dropped_when_asked(onebox, tmp_path):
    table = pa.table({"a": [1.0, None, 3.0, 4.0], "y": [2.0, 4.0, None, 8.0]})
    pq.write_table(table, tmp_path / "t.parquet")
    refused = onebox("fit", "linear_regression", "t.parquet", "--target", "y", "-o", "m.onebox")
    assert refused.code == 1
    assert "onebox: error: Column 'a' has 1 null in t.parquet" in refused.error
    assert refused.error.endswith("(here: --on-missing drop)")
    fitted = onebox.good(
        "fit", "linear_regression", "t.parquet", "--target", "y", "--on-missing", "drop",
        "-o", "m.onebox",
    )  # fmt: skip
    assert "2 rows (2 dropped)" in fitted.err


def test_quiet_says_nothing(onebox, trip_files, tmp_path):
    for arguments in (
        ("fit", "ridge", "trips", "--target", "tip", "--drop", "paid", "-o", "r.onebox"),
        ("predict", "r.onebox", "trips", "-o", "r.parquet"),
    ):
        ended = onebox.good(*arguments, "--quiet")
        assert (ended.out, ended.err) == ("", "")
    assert (tmp_path / "r.parquet").exists()
