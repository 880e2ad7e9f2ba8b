"""``python -m benchmarks.growth``: how long trees along grids of voxels take as the grids grow.

Ward and average linkage, up to two million voxels with a few signals each. Nanoseconds by n log2 n
stay level if time grows like that; what caches no longer hold shows as a slow rise.
"""

from __future__ import annotations

import argparse
import time
from math import log2
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.jobs.hierarchy import voxels

SIDES = (16, 32, 64, 128)  # cubes: 4,096 to 2,097,152 voxels


def seconds(side: int, n_signals: int, linkage: str) -> float:
    from onebox.cluster import linkage_tree, ward_tree

    X, graph = voxels((side, side, side), n_signals)
    start = time.perf_counter()
    if linkage == "ward":
        ward_tree(X, connectivity=graph)
    else:
        linkage_tree(X, connectivity=graph, linkage=linkage)
    return time.perf_counter() - start


def draw(picture: Path, taken: dict[str, dict[int, float]]) -> None:
    """Draw seconds against voxels, with a line that grows as n log n."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    mpl.rcParams["svg.hashsalt"] = "growth"
    figure = Figure(figsize=(6, 3.5), layout="constrained")
    axes = figure.subplots()
    for linkage, times in taken.items():
        axes.loglog(list(times), list(times.values()), "o-", label=linkage)
    largest = max(times := taken["ward"])
    sizes = np.array(list(times), float)
    level = times[largest] / (largest * log2(largest))
    axes.loglog(sizes, level * sizes * np.log2(sizes), "k:", label="n log n")
    axes.set(xlabel="voxels", ylabel="seconds")
    axes.legend()
    figure.savefig(picture, metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=__doc__)
    parser.add_argument("--sides", type=int, nargs="+", default=SIDES, help="of the cubes")
    parser.add_argument("--signals", type=int, default=10, help="of each voxel")
    parser.add_argument("--picture", type=Path, help="also draw it into this file")
    arguments = parser.parse_args()
    table = Table(title=f"Trees along grids, {arguments.signals} signals", header_style="bold")
    for heading in ("linkage", "voxels", "seconds", "ns / (n log2 n)"):
        table.add_column(heading, justify="right")
    seconds(4, arguments.signals, "ward")  # imports
    taken: dict[str, dict[int, float]] = {"ward": {}, "average": {}}
    for linkage, times in taken.items():
        for side in arguments.sides:
            n, took = side**3, seconds(side, arguments.signals, linkage)
            times[n] = took
            table.add_row(linkage, f"{n:,}", f"{took:.3f}", f"{1e9 * took / (n * log2(n)):.1f}")
    Console().print(table)
    if arguments.picture is not None:
        draw(arguments.picture, taken)


if __name__ == "__main__":
    main()
