"""``python -m benchmarks``: run jobs side by side and print a table of ratios.

Every run is a process of its own; ours and the peer's take turns, so that a machine that slows down
slows both. A ratio is the peer's median time over ours: above 1 we are faster.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.jobs import JOBS, Job, Size


def main() -> None:
    arguments = _parser().parse_args()
    if arguments.list:
        for name, job in JOBS.items():
            print(f"{name:16} {job.title}; peer: {job.peer_name}")
        return
    table = _table()
    console = Console(width=arguments.width)
    for name in arguments.jobs or JOBS:
        job = JOBS[name]
        n = len(job.sizes)
        sizes = range(n - job.on_request) if arguments.sizes == "all" else [n - 1]
        for at in sizes:
            job.prepare(job.sizes[at])
            for threads in arguments.threads:
                _row(table, name, at, threads, arguments.runs)
    console.print(table)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("jobs", nargs="*", choices=[[], *JOBS], help="default: all")
    parser.add_argument("--list", action="store_true", help="name the jobs and stop")
    parser.add_argument("--runs", type=int, default=5, help="runs of each side (median)")
    parser.add_argument("--sizes", choices=["all", "largest"], default="all")
    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    parser.add_argument("--threads", type=int, nargs="+", default=sorted({1, cores}))
    parser.add_argument("--width", type=int, default=150, help="of the printed table")
    return parser


def _table() -> Table:
    table = Table(title="Median of runs in processes of their own", header_style="bold")
    for heading in ("job", "size", "threads", "peer"):
        table.add_column(heading, overflow="fold")
    for heading in ("ours", "peer's", "ratio", "our peak", "peer's peak"):
        table.add_column(heading, justify="right")
    table.add_column("notes", overflow="fold")
    return table


def _row(table: Table, name: str, at: int, threads: int, runs: int) -> None:
    job = JOBS[name]
    sides: dict[str, list[dict[str, Any]]] = {"ours": [], "peer": []}
    for _ in range(runs):
        for side, results in sides.items():
            results.append(_measured(name, side, at, threads))
    ours, peer = (_medians(sides[side]) for side in ("ours", "peer"))
    notes = "; ".join(filter(None, (sides["ours"][0]["note"], sides["peer"][0]["note"])))
    table.add_row(
        f"{job.title}\n[dim]{_wanted(job)}[/dim]", _size(job.sizes[at]), str(threads),
        job.peer_name,
        f"{ours[0]:.3f} s", f"{peer[0]:.3f} s", f"{peer[0] / ours[0]:.2f}",
        f"{ours[1] / 1e6:.0f} MB", f"{peer[1] / 1e6:.0f} MB", notes,
    )  # fmt: skip


def _measured(name: str, side: str, at: int, threads: int) -> dict[str, Any]:
    environment = dict(os.environ, OPENBLAS_NUM_THREADS=str(threads), OMP_NUM_THREADS=str(threads))
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.measure", name, side, str(at), str(threads)],
        capture_output=True, text=True, env=environment, check=False,
    )  # fmt: skip
    if done.returncode:
        sys.exit(f"{name}, {side}: {done.stderr.strip()}")
    result: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return result


def _medians(results: list[dict[str, Any]]) -> tuple[float, float]:
    seconds = statistics.median(result["seconds"] for result in results)
    return seconds, statistics.median(result["peak"] for result in results)


def _wanted(job: type[Job]) -> str:
    return f"wanted: {job.target}" if job.target else ""


def _size(size: Size) -> str:
    return " x ".join(f"{n:,}" for n in size)


if __name__ == "__main__":
    main()
