"""``--memory`` bounds the whole process: interpreter, libraries and all."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

MEMORY = 340
N_ROWS, N_COLUMNS = 3_000_000, 20  # 480 MB of float64


@pytest.fixture(scope="module")
def large_file(tmp_path_factory):
    """A Parquet file that is small on the disk and several times the budget in memory."""
    path = tmp_path_factory.mktemp("large") / "large.parquet"
    rng = np.random.default_rng(0)
    columns = [rng.integers(0, 50, N_ROWS // 6).astype(float) for _ in range(N_COLUMNS)]
    piece = pa.table(columns, names=[f"c{j}" for j in range(N_COLUMNS)])
    with pq.ParquetWriter(path, piece.schema) as writer:
        for _ in range(6):
            writer.write_table(piece)
    return path


@pytest.mark.parametrize(
    "arguments",
    [
        ("describe",),
        ("fit", "standard_scaler | ridge", "--target", "c0", "-o", "model.onebox"),
        ("fit", "k_means n_clusters=5 max_iter=2 random_state=0", "-o", "model.onebox"),
    ],
    ids=["describe", "ridge", "k_means"],
)
def test_the_whole_process_stays_below(onebox, large_file, arguments, tmp_path):
    command, *rest = arguments
    if command == "fit":
        rest.insert(1, large_file)
    else:
        rest.append(large_file)
    ended, peak = onebox.measured(command, *rest, "--memory", f"{MEMORY}MB")
    assert ended.code == 0, ended.err
    assert peak <= MEMORY * 10**6


def test_predictions_too(onebox, large_file, tmp_path):
    onebox.good("fit", "ridge", large_file, "--target", "c0", "-o", "model.onebox", "--quiet")
    ended, peak = onebox.measured(
        "predict",
        "model.onebox",
        large_file,
        "-o",
        "out",
        "--keep",
        "c0",
        "--memory",
        f"{MEMORY}MB",
    )
    assert ended.code == 0, ended.err
    assert peak <= MEMORY * 10**6
    assert pq.ParquetDataset(tmp_path / "out").read(["c0"]).num_rows == N_ROWS


def test_too_little_is_refused_with_the_numbers(onebox, large_file):
    ended = onebox("describe", large_file, "--memory", "90MB")
    assert ended.code == 1
    assert "--memory 90MB bounds the whole process, and the program and its libraries take" in (
        ended.error
    )
