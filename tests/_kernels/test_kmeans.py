from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

Kernel = Callable[[str], Any]
FLOATS = pytest.mark.parametrize("dtype", [np.float32, np.float64])
NONE = np.empty(0)


@FLOATS
@pytest.mark.parametrize("weighted", [False, True])
def test_accumulate_and_inertia(kernel: Kernel, dtype: type, weighted: bool) -> None:
    kmeans = kernel("kmeans")
    rng = np.random.default_rng(0)
    X = rng.standard_normal((501, 7)).astype(dtype)
    labels = rng.integers(0, 4, 501).astype(np.int32)
    w = rng.random(501) if weighted else np.ones(501)
    for array in (X, labels, w):
        array.flags.writeable = False
    sums, counts = np.ones((5, 7)), np.ones(5)
    kmeans.accumulate(X, w if weighted else NONE, labels, sums, counts)
    chosen = labels[:, None] == np.arange(5)
    np.testing.assert_allclose(sums, 1 + (chosen * w[:, None]).T @ X.astype(float), rtol=1e-12)
    np.testing.assert_allclose(counts, 1 + (chosen * w[:, None]).sum(axis=0), rtol=1e-12)
    centers = rng.standard_normal((5, 7))
    expected = (w * ((X - centers[labels]) ** 2).sum(axis=1)).sum()
    found = kmeans.inertia(X, w if weighted else NONE, labels, centers)
    assert found == pytest.approx(expected, rel=1e-12)


def test_changed_counts_and_copies(kernel: Kernel) -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 1000).astype(np.int32)
    labels.flags.writeable = False
    old = rng.integers(0, 3, 1000).astype(np.int32)
    differing = int((labels != old).sum())
    assert kernel("kmeans").changed(labels, old) == differing
    assert kernel("kmeans").changed(labels, old) == 0


def test_empty_input(kernel: Kernel) -> None:
    kmeans = kernel("kmeans")
    X, labels = np.empty((0, 3)), np.empty(0, np.int32)
    sums, counts = np.zeros((2, 3)), np.zeros(2)
    kmeans.accumulate(X, NONE, labels, sums, counts)
    assert counts.sum() == 0
    assert kmeans.inertia(X, NONE, labels, np.ones((2, 3))) == 0
    assert kmeans.changed(labels, labels.copy()) == 0


def test_shapes_are_checked(kernel: Kernel) -> None:
    kmeans = kernel("kmeans")
    labels = np.zeros(3, np.int32)
    with pytest.raises(ValueError, match="do not fit together"):
        kmeans.accumulate(np.ones((4, 3)), NONE, labels, np.ones((2, 3)), np.ones(2))
    with pytest.raises(ValueError, match="do not fit together"):
        kmeans.inertia(np.ones((4, 3)), NONE, labels, np.ones((2, 3)))
    with pytest.raises(ValueError, match="same length"):
        kmeans.changed(labels, np.zeros(4, np.int32))
