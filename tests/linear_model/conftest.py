"""Rows to learn from."""

from __future__ import annotations

import numpy as np
import pytest


@pytest.fixture
def rows() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(700, 6)) * np.arange(1, 7) + 1000
    Y = X @ rng.normal(size=(6, 3)) + rng.normal(size=(700, 3))
    return X, Y, rng.uniform(0, 2, 700)
