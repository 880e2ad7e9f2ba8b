"""The program as its users have it: a process of its own, in a folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import onebox as onebox_package

# Calls the program, then tells the parent the most memory that the process ever had.
MEASURED = """
import sys
from onebox.cli import main
try:
    main(sys.argv[2:])
finally:
    with open("/proc/self/status") as status, open(sys.argv[1], "w") as out:
        out.write(next(line for line in status if line.startswith("VmHWM:")).split()[1])
"""
OWN_ENVIRONMENT = {"PYTHONPATH": str(Path(onebox_package.__file__).parents[1]), "COLUMNS": "120"}


@dataclass
class Ended:
    """A process that has ended."""

    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The one line that it left on stderr."""
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        return lines[0]


class Program:
    """Runs commands in a folder."""

    def __init__(self, folder: Path, nursery: Any) -> None:
        self.folder, self.nursery = folder, nursery

    def __call__(self, *arguments: object, **environment: str) -> Ended:
        ended = self.nursery.run(
            "from onebox.cli import main; main()", *arguments,
            folder=self.folder, **OWN_ENVIRONMENT, **environment,
        )  # fmt: skip
        return Ended(ended.returncode, ended.stdout, ended.stderr)

    def measured(self, *arguments: object) -> tuple[Ended, int]:
        """Run a command; also tell the peak of its resident memory, in bytes."""
        peak = self.folder / ".peak"
        command = [sys.executable, "-c", MEASURED, str(peak), *map(str, arguments)]
        with self.begun(command) as process:
            out, err = process.communicate()
        return Ended(process.returncode, out, err), int(peak.read_text()) * 1024

    def good(self, *arguments: object) -> Ended:
        """Run a command that must succeed."""
        ended = self(*arguments)
        assert ended.code == 0, ended.err
        return ended

    def begun(
        self, command: list[str], *, stdout: Any = subprocess.PIPE, **environment: str
    ) -> subprocess.Popen[str]:
        """Start a process in the folder, with the onebox that is being tested."""
        return subprocess.Popen(
            command, cwd=self.folder, env={**os.environ, **OWN_ENVIRONMENT, **environment}, text=True,
            stdin=subprocess.PIPE, stdout=stdout, stderr=subprocess.PIPE,
        )  # fmt: skip


@pytest.fixture
def onebox(tmp_path, nursery):
    return Program(tmp_path, nursery)


@pytest.fixture(scope="session")
def tables():
    """Real tables, which are not part of the project."""
    named = os.environ.get("ONEBOX_TEST_DATA")
    folder = Path(named) if named else Path(__file__).parents[2] / ".." / "shared" / "data"
    if not (folder / "tables").is_dir():
        pytest.skip(f"no real tables in {folder}; ONEBOX_TEST_DATA says where they are")
    return (folder / "tables").resolve()


def trips(n_rows: int = 5000, seed: int = 0) -> pa.Table:
    """A small table of several types, with a target that depends on two columns."""
    rng = np.random.default_rng(seed)
    distance, hour = rng.gamma(2.0, 2.0, n_rows), rng.integers(0, 24, n_rows)
    return pa.table(
        {
            "id": np.arange(n_rows),
            "distance": distance,
            "hour": hour.astype(np.int8),
            "paid": rng.choice(["card", "cash"], n_rows),
            "tip": 0.5 + 0.3 * distance + 0.02 * hour + rng.normal(0, 0.5, n_rows),
        }
    )


@pytest.fixture
def trip_files(tmp_path):
    """Three Parquet files and one CSV file of the same rows."""
    table = trips()
    folder = tmp_path / "trips"
    folder.mkdir()
    for month in range(3):
        pq.write_table(table.slice(month * 2000, 2000), folder / f"month-{month}.parquet")
    (tmp_path / "trips.csv").write_bytes(_csv(table))
    return table


def _csv(table: pa.Table) -> bytes:
    import pyarrow.csv as csv

    sink = pa.BufferOutputStream()
    csv.write_csv(table, sink)
    return sink.getvalue().to_pybytes()
