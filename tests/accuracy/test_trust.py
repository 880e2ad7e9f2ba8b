"""Marks on intervals that should not be trusted."""

from __future__ import annotations

import numpy as np
import pytest

import onebox as ob
from onebox.aggregates import Mean, Moments
from onebox.engine.accuracy.trust import ordered, outlying

N_DATASETS = 40


@pytest.mark.parametrize(
    ("experiment", "least", "most"),
    [("shuffled", 0, 0.1), ("in_order", 0.95, 1), ("clustered", 0.95, 1)],
)
def test_marks(experiments, tallied, experiment, least, most):
    for share in tallied(getattr(experiments, experiment), N_DATASETS).values():
        assert least <= share <= most


def test_a_mark_prints_everywhere():
    X = np.sort(np.random.default_rng(0).normal(size=(5000, 1)), axis=0)
    mean = ob.aggregate(X, Mean("x0"), standard_error=True)
    assert "?" in repr(mean).splitlines()[0]
    assert "rows of one partition are alike" in repr(mean)
    assert not mean.trusted
    told = ob.aggregate(X, Moments(), standard_error=True)
    assert "?" in repr(told)
    assert told.to_arrow()["mean_trusted"].to_pylist() == [False]


def test_design_effect_of_clusters():
    """Rows of a cluster that are copies of each other count once: the effect is their number."""
    rng = np.random.default_rng(0)
    X = np.repeat(rng.normal(size=(320, 1)), 10, axis=0)
    mean = ob.aggregate(X, Mean("x0"), standard_error=True)
    assert mean.design_effect[0] == pytest.approx(10, rel=0.4)
    assert not mean.trusted


def test_other_columns_do_not_spoil_a_mean():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(5000, 2))
    X[:, 0].sort()
    told = ob.aggregate(X, Moments(), standard_error=True)["mean"]
    assert told.trusted.tolist() == [False, True]


def test_scores():
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(32, 2000))
    assert ordered(noise).mean() < 0.015
    assert outlying(noise).mean() < 0.02
    assert ordered(np.cumsum(noise, axis=0)).mean() > 0.95
    noise[5] = 8
    assert outlying(noise).all()
    assert not ordered(noise[:5]).any()
    assert not outlying(noise[:5]).any()
