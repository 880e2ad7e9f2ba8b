"""The README promises that its example runs, from Python and from the command line."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import onebox as ob

README = (Path(__file__).parents[1] / "README.md").read_text()


@pytest.fixture
def flights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two months of flights in the folder that the README speaks of."""
    rng = np.random.default_rng(0)
    (tmp_path / "flights").mkdir()
    for month in (1, 2):
        distance, hour = rng.uniform(100, 2500, 2000), rng.integers(0, 24, 2000)
        table = pa.table({"distance": distance, "hour": hour, "delay": hour + distance / 100})
        pq.write_table(table, tmp_path / "flights" / f"{month}.parquet")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_example_runs(flights: Path) -> None:
    found = re.search(r"```python\n(.*?)```", README, re.DOTALL)
    assert found
    exec(found[1], {})
    assert ob.dataset("predictions").n_rows == 4000


def test_the_commands_run(flights: Path) -> None:
    commands = re.findall(r"^onebox .*$", README, re.MULTILINE)
    assert [command.split()[1] for command in commands] == ["describe", "fit", "predict"]
    for command in commands:
        run = command.replace("onebox", f'"{sys.executable}" -m onebox.cli', 1)
        subprocess.run(run, shell=True, check=True, stdout=subprocess.DEVNULL)
    assert ob.dataset("predictions").n_rows == 4000
