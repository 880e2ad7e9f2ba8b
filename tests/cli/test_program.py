"""Exit codes, errors on one line, help without delay, and where results may not go."""

import os
import sys

import pyarrow.parquet as pq
import pytest

LIGHT = """
import sys
from onebox.cli import main
try:
    main(sys.argv[1:])
except SystemExit as ended:
    assert ended.code == 0
heavy = {"numpy", "pyarrow", "scipy", "sklearn", "matplotlib"} & sys.modules.keys()
assert not heavy, heavy
"""


@pytest.mark.parametrize(
    "arguments", [["--help"], ["fit", "--help"], ["demo", "--help"], ["--version"], []]
)
def test_help_imports_nothing_heavy(onebox, arguments):
    with onebox.begun([sys.executable, "-c", LIGHT, *arguments]) as process:
        out, err = process.communicate()
    assert (process.returncode, err) == (0, "")
    assert "onebox" in out or out[0].isdigit()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fot"], 'Unknown command "fot". Did you mean "fit"?'),
        (["describe"], "requires an argument"),
        (["describe", "x", "--jbos", "2"], "Unknown option: --jbos. Did you mean --jobs?"),
        (["describe", "x", "--jobs", "0"], "--jobs 0 must be 1 or more."),
        (["describe", "x", "--memory", "lots"], "--memory='lots' is not a size"),
        (["describe", "x", "--where", "a >"], "--where, character 4: a column or a value"),
        (["fit", "|", "x", "-o", "m"], "The pipeline, character 1: the name of an estimator"),
        (["fit", "ridge", "x"], "--output requires an argument"),
        (["fit", "ridge alfa=1", "x", "-o", "m"], "no parameter 'alfa'. Did you mean 'alpha'?"),
        (["fit", "rigde", "x", "-o", "m"], "is called 'rigde'. Did you mean 'ridge'"),
        (["fit", "ridge", "x", "-o", "m"], "Ridge learns to predict a column: name it with --tar"),
    ],
)
def test_a_wrong_command_is_code_2_and_one_line(onebox, arguments, message):
    ended = onebox(*arguments)
    assert ended.code == 2
    assert ended.out == ""
    assert ended.error.startswith("onebox: error: ")
    assert message in ended.error


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["describe", "nowhere/*.parquet"], "nowhere/*.parquet"),
        (["describe", "trips", "--columns", "tips"], "Column 'tips' is not in the dataset"),
        (
            ["describe", "trips", "--where", "tips > 1"],
            "there is no column 'tips'. Did you mean 'tip'",
        ),
        (["describe", "trips", "--memory", "50MB"], "--memory 50MB bounds the whole process"),
        (["fit", "ridge", "trips", "--target", "tip", "-o", "m"], "'paid' has type string"),
        (
            ["fit", "ridge alpha=-1", "trips", "--columns", "hour", "--target", "tip", "-o", "m"],
            "-1",
        ),
        (["score", "trips/month-0.parquet", "trips"], "month-0.parquet"),
        (["predict", "no.onebox", "trips", "-o", "p"], "no.onebox"),
    ],
)
def test_wrong_data_are_code_1_and_one_line(onebox, trip_files, tmp_path, arguments, message):
    ended = onebox(*arguments)
    assert ended.code == 1
    assert ended.out == ""
    assert ended.error.startswith("onebox: error: ")
    assert message in ended.error
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["trips", "trips.csv"]


def test_outputs_are_refused_before_anything_is_read(onebox, trip_files, tmp_path):
    (tmp_path / "broken.parquet").write_bytes(b"not read")
    (tmp_path / "file").write_bytes(b"")
    fit = ("fit", "ridge", "broken.parquet", "--target", "tip", "-o")
    assert "-o trips is a folder" in onebox(*fit, "trips").error
    assert "there is no folder nowhere" in onebox(*fit, "nowhere/m.onebox").error
    assert "is one of the files to be read" in onebox(*fit, "broken.parquet").error
    assert (tmp_path / "broken.parquet").read_bytes() == b"not read"


def test_tables_go_into_new_folders(onebox, trip_files, tmp_path):
    fit = ("fit", "standard_scaler", "trips", "--columns", "hour", "-o", "s.onebox")
    onebox.good(*fit)
    (tmp_path / "file").write_bytes(b"")
    transform = ("transform", "s.onebox", "trips/month-0.parquet", "-o")
    full = onebox(*transform, "trips")
    assert full.code == 1
    assert "a folder with something in it. Remove it, or name another." in full.error
    assert "is a file, and a folder is to be written" in onebox(*transform, "file").error
    own = onebox(*transform, "trips/month-0.parquet")
    assert "is one of the files to be read" in own.error
    assert pq.read_table(tmp_path / "trips" / "month-0.parquet").num_rows == 2000
    no_predict = onebox("predict", "s.onebox", "trips", "-o", "new")
    assert "s.onebox holds a StandardScaler, which has no predict." in no_predict.error


def test_a_traceback_when_asked(onebox):
    ended = onebox("describe", "nowhere", ONEBOX_DEBUG="1")
    assert ended.code == 1
    assert ended.err.startswith("Traceback (most recent call last):")


def test_a_reader_that_leaves_early(onebox, trip_files):
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "onebox.cli", "describe", "trips"]
    with os.fdopen(writing, "w") as nobody, onebox.begun(command, stdout=nobody) as process:
        _, err = process.communicate()
    assert (process.returncode, err) == (1, "")
