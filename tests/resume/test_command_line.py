"""``--cache`` and ``onebox verify``, in processes of their own."""

from __future__ import annotations

import subprocess
import sys

import pyarrow.parquet as pq
import pytest

from .conftest import rows_of


def onebox(*arguments, fails=False):
    made = subprocess.run(
        [sys.executable, "-m", "onebox.cli", *map(str, arguments)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert bool(made.returncode) is fails, made.stderr
    return made.stdout, " ".join(made.stderr.split())


def test_the_second_month_reads_the_second_month(folder, tmp_path, write_part):
    model = tmp_path / "model.onebox"
    fit = ["fit", "ridge", folder, "--target", "y", "--columns", "a,b,c,d,y", "-o", model]
    _, first = onebox(*fit, "--cache", tmp_path / "cache")
    write_part("part-7", 7)
    _, second = onebox(*fit, "--cache", tmp_path / "cache")
    assert "from the cache" not in first
    assert "from the cache: 30 of 35 partitions" in second
    told, report = onebox("verify", model)
    assert len(told.strip()) == 64
    assert "the same bits" in report


def test_describe_finds_what_it_has_read(folder, tmp_path):
    first, _ = onebox("describe", folder, "--cache", tmp_path / "cache")
    second, report = onebox("describe", folder, "--cache", tmp_path / "cache")
    assert first == second
    assert "0 B read" in report
    assert "30 of 30 partitions" in report


def test_verify_says_what_has_changed(folder, tmp_path):
    model = tmp_path / "model.onebox"
    onebox(
        "fit", "ridge", folder, "--target", "y", "--drop", "city", "--where", "n < 9", "-o", model
    )
    onebox("verify", model)
    pq.write_table(rows_of(99), folder / "part-1.parquet", row_group_size=700)
    _, said = onebox("verify", model, fails=True)
    assert "Changed since" in said
    assert "part-1.parquet" in said
    (folder / "part-1.parquet").unlink()
    _, said = onebox("verify", model, fails=True)
    assert "which is gone" in said


@pytest.mark.parametrize("verify", ["times", "content"])
def test_how_files_are_recognised(folder, tmp_path, verify):
    for _ in range(2):
        _, report = onebox("describe", folder, "--cache", tmp_path / "c", "--verify", verify)
    assert "30 of 30 partitions" in report
