"""Variances of columns against numpy, of rows that came dense and sparse."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

import onebox as ob
from onebox.aggregates.spread import Spread
from onebox.data.view import View
from onebox.engine.run import scan
from onebox.errors import BadValue
from onebox.testing import check_aggregate


def test_laws() -> None:
    check_aggregate(Spread())
    check_aggregate(Spread(), sp.random_array((300, 6), density=0.3, rng=np.random.default_rng(0)))


@pytest.mark.parametrize("make", [np.asarray, sp.csr_array])
@pytest.mark.parametrize("weighted", [False, True])
def test_against_numpy(make, weighted: bool) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(1e6, 1.0, (3000, 4)) * (rng.random((3000, 4)) < [0, 0.1, 0.9, 1])
    w = rng.uniform(0, 2, 3000) if weighted else None
    data = ob.dataset(make(X))
    view = View(data.view.source, weight=w).sparsely()
    summary, _ = scan(view, Spread())
    mean = np.average(X, axis=0, weights=w)
    np.testing.assert_allclose(summary.mean, mean, rtol=1e-12)
    variance = np.average((X - mean) ** 2, axis=0, weights=w)
    np.testing.assert_allclose(Spread().result(summary), variance, rtol=1e-9)


def test_an_infinite_entry_is_refused_by_its_place() -> None:
    X = sp.random_array((2000, 50), density=0.1, rng=np.random.default_rng(0)).tolil()
    X[1234, 7] = np.inf
    with pytest.raises(BadValue, match="infinity: column 'x7', row 1,234"):
        scan(ob.dataset(X.tocsr()).view.sparsely(), Spread())
