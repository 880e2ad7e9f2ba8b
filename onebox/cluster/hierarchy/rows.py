"""All rows in memory, checked to be finite; and laid out for kernels that compare one with sixteen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from onebox.config import Settings, format_bytes, memory_budget
from onebox.data.block import Block
from onebox.data.partition import Unit
from onebox.data.view import View
from onebox.engine.report import FitReport
from onebox.engine.run import Run
from onebox.errors import NotEnoughMemory

Float64 = NDArray[np.float64]
LANES = 16


def gather(view: View, settings: Settings, job: str) -> tuple[Float64, FitReport]:
    """Every row, in order, as a new matrix; one pass.

    Raises
    ------
    BadValue
        For a NaN or an infinity, naming its place.
    NotEnoughMemory
        When they do not fit the budget.
    """
    view = view.without_roles()
    p = view.schema.n_features
    n_rows = None if view.drops_rows else view.layout.n_rows
    if n_rows is None:
        return _gather_parts(view, settings, job)
    out = np.empty((n_rows, p))

    def fill(unit: Unit, blocks: Iterator[Block]) -> None:
        at = unit.global_row or 0
        for block in blocks:
            out[at : at + block.n_rows] = block.finite_X
            at += block.n_rows

    with Run(view, [], settings=settings, job=job, result_bytes=out.nbytes) as run:
        for _ in run.map(fill):
            pass
    return out, _told(run, n_rows)


def _gather_parts(view: View, settings: Settings, job: str) -> tuple[Float64, FitReport]:
    """How many there are shows at the end: the parts and the whole stand side by side once."""
    parts: list[Float64] = []
    held = 0
    with Run(view, [], settings=settings, job=job) as run:
        for block in run.blocks():
            parts.append(block.finite_X.astype(np.float64))
            held += 2 * parts[-1].nbytes
            require_room(held, settings, f"{job} of {sum(map(len, parts)):,} rows and more")
    out = np.concatenate(parts) if parts else np.empty((0, view.schema.n_features))
    return out, _told(run, len(out))


def _told(run: Run, n_rows: int) -> FitReport:
    run.report.rows, run.report.passes = n_rows, 1
    return run.report


def require_room(
    nbytes: int, settings: Settings, job: str, remedy: str = "Take fewer rows or raise `memory`."
) -> None:
    """Refuse what the budget has no room for.

    Raises
    ------
    NotEnoughMemory
    """
    budget = memory_budget(settings)
    if nbytes > budget:
        raise NotEnoughMemory(
            f"{job} needs {format_bytes(nbytes)}; the budget is {format_bytes(budget)}. {remedy}"
        )


def in_lanes(X: NDArray[Any]) -> Float64:
    """A copy of the rows as kernels want it: (ceil(n / 16), p, 16), infinity where no row is."""
    n, p = X.shape
    lanes = np.full((-(-n // LANES), p, LANES), np.inf)
    rows, whole = lanes.transpose(0, 2, 1), n // LANES
    rows[:whole] = X[: whole * LANES].reshape(whole, LANES, p)
    rows[whole:, : n - whole * LANES] = X[whole * LANES :]
    return lanes
