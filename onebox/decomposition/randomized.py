"""Principal components in a few passes, without the covariance."""

from __future__ import annotations

from typing import Any

from onebox.config import Settings
from onebox.data.view import View
from onebox.decomposition.krylov import Leading, Search, leading
from onebox.engine.report import FitReport
from onebox.engine.run import Run
from onebox.errors import BadInput, EmptyData

MANY_FEATURES = 1_000  # up to which the covariance is soon decomposed
WORTH_PASSES = 16  # features a direction from which a few passes take less than the covariance


def prefers_passes(n_components: Any, n_oversamples: int, n_features: int) -> bool:
    """Whether `svd_solver="auto"` takes a few passes."""
    if n_components is None or n_components < 1:
        return False
    width = n_components + n_oversamples
    return n_features > MANY_FEATURES and n_features >= WORTH_PASSES * width


def passes_of(iterated_power: int | str, n_components: int, n_features: int) -> int:
    """Passes at the most: "auto" as many as scikit-learn."""
    if isinstance(iterated_power, str):
        iterated_power = 7 if n_components < 0.1 * n_features else 4
    return iterated_power + 1


def find(view: View, search: Search, settings: Settings, job: str) -> tuple[Leading, FitReport]:
    """The leading directions of a view, and what it took to find them.

    Raises
    ------
    BadInput
        For fewer rows than directions that are wanted.
    EmptyData
        For no rows.
    """
    view = view.sparsely()
    p, k = view.schema.n_features, search.n_components
    if view.layout.n_rows == 0:
        raise _no_rows(view, job)
    most = p if view.drops_rows or view.layout.n_rows is None else min(p, view.layout.n_rows)
    require_rank(k, most)
    with Run(
        view, search.scans(p, sparse=view.entry_row_bytes is not None), settings=settings,
        many_passes=search.max_passes > 1, job=job, result_bytes=search.nbytes(p),
    ) as run:  # fmt: skip
        found = leading(run, search)
    if not found.n_rows:
        raise _no_rows(view, job)
    require_rank(k, min(found.n_rows, p))
    return found, run.report


def require_rank(n_components: float, most: int) -> None:
    """Refuse more components than there can be."""
    if n_components > most:
        raise BadInput(
            f"n_components={n_components} must be between 0 and min(n_samples, n_features)={most}: there "
            f"are no more directions. Ask for at most {most}."
        )


def _no_rows(view: View, job: str) -> EmptyData:
    return EmptyData(
        f"{job} was given 0 rows: {view.source.describe()} holds none, or its filters leave none. It "
        "needs at least one (a minimum of 1 is required)."
    )
