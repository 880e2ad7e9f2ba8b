"""The experiments of ``benchmarks/coverage.py``, which is no part of the package."""

from __future__ import annotations

import importlib.util
from collections import defaultdict
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

FILE = Path(__file__).parents[2] / "benchmarks" / "coverage.py"


@pytest.fixture(scope="session")
def experiments() -> ModuleType:
    spec = importlib.util.spec_from_file_location("coverage_experiments", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def tallied():
    """The share of successes of every answer over some datasets."""

    def run(experiment, n_datasets: int) -> dict[str, float]:
        together = defaultdict(list)
        for seed in range(n_datasets):
            for name, hits in experiment(seed).items():
                together[name] += hits
        return {name: float(np.mean(hits)) for name, hits in together.items()}

    return run
