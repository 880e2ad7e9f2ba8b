"""``python -m benchmarks.memory``: how far a process grows on data much larger than its budget.

Every job runs in a process of its own under ``memory="400MB"``. Growth is the high-water mark of
resident memory minus what was resident once everything that the job needs had been imported and had
run on a small input. The command line is measured whole: its ``--memory`` bounds the entire
process.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks import data

WIDE = "PCA(50), randomized"
BUDGET = 400 * 10**6
WHOLE = 600 * 10**6
ROWS = 18_000_000  # x 41 float64: 5.9 GB decoded
SMALL = 20_000
WIDE_ROWS, WIDE_COLUMNS, TILES = 100_000, 2_000, 13  # 1.6 GB of float64, 20.8 GB in all
ONE_GROUP = 1_300_000  # x 41 float64 in one row group: 426 MB decoded


def narrow_inputs(n_rows: int) -> dict[str, tuple[Path, Path]]:
    """Inputs of 41 columns, and for each a small one to warm up with."""
    small = data.table(SMALL)
    return {
        "parquet": (data.table(n_rows), small),
        "npy": (data.matrix(n_rows, 41), data.matrix(SMALL, 41)),
        "one row group": (data.one_row_group(ONE_GROUP), small),
    }


def fits() -> dict[str, Callable[[Any], Any]]:
    import onebox as ob
    from onebox.cluster import KMeans
    from onebox.decomposition import PCA
    from onebox.linear_model import Ridge

    def ridge(table: Any) -> Any:
        last = table.columns[-1]
        return Ridge().fit(table.drop(last), table[last])

    return {
        "Ridge": ridge,
        "PCA(10)": lambda table: PCA(n_components=10).fit(table),
        "KMeans(8), 3 passes": lambda table: KMeans(8, random_state=0, max_iter=3, tol=0).fit(
            table
        ),
        WIDE: lambda rows: PCA(50, svd_solver="randomized", random_state=0).fit(rows),
        "describe": lambda table: ob.describe(table).to_arrow(),
    }


def child(name: str, path: str, warm: str) -> None:
    """Run one job in this process and print what it took."""
    import onebox as ob
    from benchmarks.measure import status

    with (
        tempfile.TemporaryDirectory(dir=data.FOLDER) as cache,
        ob.config(memory=BUDGET, cache=cache, progress=False),
    ):
        fit = fits()[name]
        fit(ob.dataset(warm))
        before, start = status("VmRSS"), time.perf_counter()
        Path("/proc/self/clear_refs").write_text("5")
        fit(ob.dataset(path))
        seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "growth": status("VmHWM") - before, "base": before}))


def command_line(path: Path) -> tuple[float, int]:
    """Seconds and peak bytes of a whole ``onebox fit --memory 600MB`` process."""
    with tempfile.TemporaryDirectory(dir=data.FOLDER) as folder:
        command = [sys.executable, "-c", _WRAPPED, "fit", "standard_scaler | ridge", str(path)]
        command += ["--target", "y", "-o", f"{folder}/model.onebox", "--memory", "600MB", "--quiet"]
        start = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        seconds = time.perf_counter() - start
        if done.returncode:
            sys.exit(done.stderr)
    return seconds, int(done.stderr.strip().splitlines()[-1])


_WRAPPED = """
import sys
from onebox.cli import main
try:
    main()
finally:
    with open("/proc/self/status") as file:
        peak = next(line for line in file if line.startswith("VmHWM"))
    print(int(peak.split()[1]) * 1024, file=sys.stderr)
"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--job", choices=list(fits()), help="only this one")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        child(*arguments.child)
        return
    table = Table(title="Growth of resident memory, budget 400 MB", header_style="bold")
    for heading in ("job", "input", "on disk", "growth", "seconds"):
        table.add_column(heading, justify="left" if heading in ("job", "input") else "right")
    narrow = {} if arguments.job == WIDE else narrow_inputs(arguments.rows)
    wide = {"npy": (data.tiled(WIDE_ROWS, WIDE_COLUMNS, TILES), data.matrix(2_000, WIDE_COLUMNS))}
    for name in fits() if arguments.job is None else [arguments.job]:
        for kind, (path, first) in (wide if name == WIDE else narrow).items():
            command = [sys.executable, "-m", "benchmarks.memory", "--child", name, str(path)]
            done = subprocess.run(
                [*command, str(first)], capture_output=True, text=True, check=False
            )
            if done.returncode:
                sys.exit(f"{name}, {kind}: {done.stderr}")
            found = json.loads(done.stdout.strip().splitlines()[-1])
            files = path.iterdir() if path.is_dir() else [path]
            size = f"{sum(map(os.path.getsize, files)) / 1e9:.1f} GB"
            growth = f"{found['growth'] / 1e6:.0f} MB"
            table.add_row(name, f"{kind} {path.name}", size, growth, f"{found['seconds']:.1f}")
    if arguments.job is None:
        seconds, peak = command_line(narrow["parquet"][0])
        table.add_row(
            "onebox fit --memory 600MB", "parquet, whole process", "", f"{peak / 1e6:.0f} MB",
            f"{seconds:.1f}",
        )  # fmt: skip
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
