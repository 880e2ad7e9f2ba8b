"""``--cache`` and ``onebox verify``, in processes of their own."""

from __future__ import annotations

import numpy as np
import pyarrow.parquet as pq
import pytest

import onebox as ob
from onebox.cli.verify import verify
from onebox.linear_model import Ridge

from .conftest import rows_of


@pytest.fixture
def onebox(nursery):
    def program(*arguments, fails=False):
        made = nursery.run("from onebox.cli import main; main()", *arguments)
        assert bool(made.returncode) is fails, made.stderr
        return made.stdout, " ".join(made.stderr.split())

    return program


def test_the_second_month_reads_the_second_month(onebox, folder, tmp_path, write_part):
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


def test_describe_finds_what_it_has_read(onebox, folder, tmp_path):
    first, _ = onebox("describe", folder, "--cache", tmp_path / "cache")
    second, report = onebox("describe", folder, "--cache", tmp_path / "cache")
    assert first == second
    assert "0 B read" in report
    assert "30 of 30 partitions" in report


def test_verify_says_what_has_changed(onebox, folder, tmp_path):
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
def test_how_files_are_recognised(onebox, folder, tmp_path, verify):
    for _ in range(2):
        _, report = onebox("describe", folder, "--cache", tmp_path / "c", "--verify", verify)
    assert "30 of 30 partitions" in report


UNREPEATABLE = {
    "in memory": (lambda d: Ridge().fit(np.eye(4), np.arange(4.0)), "data in memory"),
    "mapped": (lambda d: Ridge().fit(d[["a"]].map(lambda b: b.X * 2), d["y"]), "a function (map)"),
    "weights": (lambda d: Ridge().fit(d[["a"]], d["y"], sample_weight=d["n"]), "weights"),
    "an array": (lambda d: Ridge().fit(d[["a"]], np.arange(d.n_rows) * 1.0), "an array beside"),
    "merged": (
        lambda d: Ridge().fit(d[["a"]], d["y"]).merge(Ridge().fit(d[["a"]], d["y"])),
        "merged",
    ),
    "in parts": (
        lambda d: Ridge().fit(d[["a"]], d["y"]).partial_fit(d[["a"]], d["y"]),
        "several calls",
    ),
}


@pytest.mark.parametrize("case", UNREPEATABLE)
def test_verify_says_why_it_cannot_and_what_to_do(case, folder, tmp_path):
    fit, why = UNREPEATABLE[case]
    ob.save(fit(ob.dataset(str(folder))), tmp_path / "model.onebox")
    with pytest.raises(ob.errors.BadInput) as refusal:
        verify(tmp_path / "model.onebox")
    said = str(refusal.value)
    assert why in said
    assert "compare ob.fingerprint(model, data=False)" in said
