"""``onebox demo``: describe, components and clusters of 900 MB, in a process of 300 MB."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

import onebox as ob
from onebox.cli.options import Resources
from onebox.cli.output import checked_file
from onebox.cli.process import bounded, give_back, peak_bytes
from onebox.config import format_bytes
from onebox.engine.report import resident_bytes
from onebox.errors import MissingDependency

MEMORY = "300MB"


def demo(
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"])] = Path("onebox-demo.png"),
    how: Resources = Resources(),  # noqa: B008 (frozen)
) -> None:
    """Learn from every 12 x 12 patch of two photographs, 900 MB, in a process of 300 MB.

    The patches are made block by block and never held.

    Parameters
    ----------
    output
        The picture to draw, a PNG.
    """
    how = replace(how, memory=how.memory or MEMORY)
    checked_file(output, [])
    job = ob.demo
    pictures = job.photographs()
    data = ob.dataset(job.Patches(pictures))
    n_bytes = data.view.layout.nbytes
    _introduce(data, n_bytes, how)
    _timed("describe", lambda: job.overview(data), n_bytes, how, lambda made: 1)
    pca = _timed(
        "StandardScaler | PCA", lambda: job.components(data), n_bytes, how, lambda made: 2
    )[-1]
    kmeans = _timed(
        "KMeans", lambda: job.centers(data), n_bytes, how, lambda made: made.fit_report_.passes
    )
    share = 100 * pca.explained_variance_ratio_.sum()
    print(f"\n{len(pca.components_)} components hold {share:.1f} % of the variance.")
    give_back()
    try:
        job.draw(output, pictures, pca.components_, kmeans.cluster_centers_)
        print(f"Drawn into {output}.")
    except MissingDependency as error:
        print(error)
    print(f"Peak memory of the process: {format_bytes(peak_bytes())} of {how.memory}.")


def _introduce(data: ob.Dataset, n_bytes: int, how: Resources) -> None:
    print(
        f"{data.n_rows:,} patches of {len(data.columns)} numbers: "
        f"{format_bytes(n_bytes)} as float32.\n"
        f"The process may take {how.memory}; "
        f"Python and its libraries take {format_bytes(resident_bytes())} of them.\n"
    )
    print(f"{'':<22}{'passes':>8}{'seconds':>10}{'GB/s':>8}{'peak':>10}")


def _timed(
    name: str, run: Callable[[], Any], n_bytes: int, how: Resources, passes: Callable[[Any], int]
) -> Any:
    """Do one of the jobs and print a line of the table."""
    start = time.perf_counter()
    with bounded(how):
        made = run()
    seconds = time.perf_counter() - start
    n_passes = passes(made)
    speed = n_passes * n_bytes / 1e9 / seconds
    peak = format_bytes(peak_bytes())
    print(f"{name:<22}{n_passes:>8}{seconds:>10.1f}{speed:>8.2f}{peak:>10}", flush=True)
    return made
