"""``python -m benchmarks.coverage``: how often intervals hold the truth.

Many simulated datasets, each with a known truth. Prints how many of the 95 % intervals hold it, for
full reads and for reads that stop early, and how often the diagnostic fires on rows in random order,
in sorted order, and in clusters.
"""

from __future__ import annotations

import argparse
import os
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

Float64 = NDArray[np.float64]
Tally = dict[str, list[bool]]

N_ROWS, N_COLUMNS = 3200, 4
COEF = np.array([1.0, -0.5, 0.0, 2.0])
LONG = 200_000
"""Rows of a dataset of which an early stop reads a part."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.coverage", description=__doc__)
    parser.add_argument("--datasets", type=int, default=1000)
    arguments = parser.parse_args()
    table = Table(title=f"{arguments.datasets:,} datasets each, 95 % intervals")
    for heading in ("experiment", "answer", "share"):
        table.add_column(heading)
    for name, (experiment, wanted) in EXPERIMENTS.items():
        for answer, share in tallied(experiment, arguments.datasets).items():
            table.add_row(f"{name} [dim](wanted: {wanted})[/dim]", answer, f"{share:.3f}")
    Console(width=120).print(table)


def tallied(experiment: Callable[[int], Tally], n_datasets: int) -> dict[str, float]:
    """The share of successes of every answer."""
    together: Tally = defaultdict(list)
    with ProcessPoolExecutor(os.cpu_count(), initializer=_quiet) as pool:
        for tally in pool.map(experiment, range(n_datasets), chunksize=10):
            for name, hits in tally.items():
                together[name] += hits
    return {name: float(np.mean(hits)) for name, hits in together.items()}


def _quiet() -> None:
    import onebox as ob

    ob.config(progress=False, executor="serial")


def rows(seed: int, n_rows: int = N_ROWS) -> tuple[Float64, Float64]:
    """Correlated features with skewed margins, and a target with unequal noise."""
    rng = np.random.default_rng(seed)
    Z = rng.normal(size=(n_rows, N_COLUMNS)) @ MIXING
    X = Z + 0.3 * (rng.exponential(size=Z.shape) - 1)
    noise = rng.normal(size=n_rows) * (1 + 0.5 * np.abs(X[:, 0]))
    return X, X @ COEF + noise


MIXING = np.random.default_rng(12345).normal(size=(N_COLUMNS, N_COLUMNS)) / np.sqrt(N_COLUMNS)
COVARIANCE = MIXING.T @ MIXING + 0.09 * np.eye(N_COLUMNS)
CORRELATION = COVARIANCE[0, 1] / np.sqrt(COVARIANCE[0, 0] * COVARIANCE[1, 1])
VARIANCES = np.linalg.eigvalsh(COVARIANCE)[::-1]


def full(seed: int) -> Tally:
    """Intervals of a full read against the truth of the population."""
    import onebox as ob
    from onebox.aggregates import Gram, Moments, Quantiles
    from onebox.decomposition import PCA
    from onebox.linear_model import Ridge

    X, y = rows(seed)
    told = ob.aggregate(X, Moments(), Gram(), standard_error=True)
    ridge = ob.fit(Ridge(1e-3), X, y, standard_error=True).accuracy_
    spectrum = ob.fit(PCA(2), X, standard_error=True).accuracy_
    uniform = ob.aggregate(np.random.default_rng(seed).random(N_ROWS), Quantiles([0.5, 0.9]),
                           standard_error=True)  # fmt: skip
    return {
        "mean": _holds(told[0]["mean"], np.zeros(N_COLUMNS)),
        "variance": _holds(told[0]["variance"], COVARIANCE.diagonal()),
        "correlation": [_holds(told[1]["correlation"], CORRELATION)[1]],
        "ridge coefficients": _holds(ridge["coef_"], COEF),
        "explained variance": _holds(spectrum["explained_variance_"], VARIANCES[:2]),
        "quantiles": [_holds(uniform[f"{q:g}"], q)[0] for q in (0.5, 0.9)],
    }


def early(seed: int) -> Tally:
    """Intervals of reads that stopped early against the answer of all rows."""
    import onebox as ob
    from onebox.aggregates import Mean
    from onebox.linear_model import Ridge

    X, y = rows(seed, LONG)
    X += 5
    ordered = seed % 2 == 1  # sorted files too
    X = X[np.argsort(X[:, 0], kind="stable")] if ordered else X
    y = X @ COEF + np.random.default_rng(seed).normal(size=LONG)
    mean = ob.aggregate(X, Mean("x1"), error=0.02 if ordered else 0.005, random_state=seed)
    model = ob.fit(Ridge(), X, y, error=0.01, random_state=seed)
    exact = Ridge().fit(X, y)
    made = {
        "mean": (mean, mean.report, X[:, 1].mean()),
        "ridge coefficients": (model.accuracy_["coef_"], model.fit_report_, exact.coef_),
    }
    # What has read everything holds its own answer, and is no success.
    return {
        name: _holds(estimate, truth) if report.reading.share < 1 else []
        for name, (estimate, report, truth) in made.items()
    }


def _holds(estimate: Any, truth: Any) -> list[bool]:
    low, high = estimate.interval(0.95)
    return [bool(one) for one in np.ravel((low <= truth) & (truth <= high))]


def _marks(X: Float64, y: Float64) -> Tally:
    import onebox as ob
    from onebox.aggregates import Mean
    from onebox.linear_model import Ridge

    mean = ob.aggregate(X, Mean("x0"), standard_error=True)
    ridge = ob.fit(Ridge(), X, y, standard_error=True).accuracy_["coef_"]
    return {"mean": [not bool(mean.trusted)], "ridge coefficients": [*(~ridge.trusted).tolist()]}


def shuffled(seed: int) -> Tally:
    return _marks(*rows(seed))


def in_order(seed: int) -> Tally:
    X, y = rows(seed)
    order = np.argsort(X[:, 0], kind="stable")
    return _marks(X[order], y[order])


def clustered(seed: int) -> Tally:
    """Customers of 100 rows each, who differ."""
    X, _ = rows(seed)
    rng = np.random.default_rng(seed)
    X += np.repeat(rng.normal(size=(N_ROWS // 100, N_COLUMNS)), 100, axis=0)
    return _marks(X, X @ COEF + rng.normal(size=N_ROWS))


def heavy(seed: int) -> Tally:
    """A Pareto tail without a variance."""
    rng = np.random.default_rng(seed)
    X = rows(seed)[0]
    X[:, 0] = rng.pareto(1.1, size=N_ROWS)
    return _marks(X, X @ COEF + rng.normal(size=N_ROWS))


EXPERIMENTS: dict[str, tuple[Callable[[int], Tally], str]] = {
    "holds the truth, full read": (full, "0.93 to 0.97"),
    "holds the answer of all rows, stopped early": (early, "0.92 to 0.97"),
    "marked, rows in random order": (shuffled, "at most 0.10"),
    "marked, sorted by a column": (in_order, "at least 0.95"),
    "marked, in clusters": (clustered, "at least 0.95"),
    "marked, a tail without a variance": (heavy, ""),
}


if __name__ == "__main__":
    main()
