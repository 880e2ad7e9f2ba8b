"""When not to trust a standard error: what the groups of a jackknife tell against it.

A jackknife takes its groups for independent and alike, and their mean for normal. Three things that
spoil this can be seen: neighbouring groups that pull the same way (rows in some order), one group
that outweighs the rest (heavy tails), and partitions that differ more than their rows (`Likeness`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Float64 = NDArray[np.float64]
Bools = NDArray[np.bool_]

ORDERED_BY_CHANCE = 0.005
OUTLYING_BY_CHANCE = 0.01
FEWEST = 8  # groups below which nothing is told


def ordered(scores: Float64) -> Bools:
    """Whether groups that follow each other pull the same way more than by chance.

    Halving the number of groups then gives another standard error: that of groups of two grows or
    shrinks with the correlation of neighbours. Von Neumann's ratio compares the two at once.

    Parameters
    ----------
    scores : ndarray of shape (G, ...)

    Notes
    -----
    Source: von Neumann, Annals of Mathematical Statistics 12 (1941); in place of the subsamples of
    several sizes of Agarwal et al., "Knowing when you're wrong", SIGMOD 2014, section 4.
    """
    n = len(scores)
    if n < FEWEST:
        return np.zeros(scores.shape[1:], np.bool_)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = (np.diff(scores, axis=0) ** 2).sum(axis=0)
        ratio = ratio / ((scores - scores.mean(axis=0)) ** 2).sum(axis=0)
    deviation = np.sqrt(4 * (n - 2) / (n**2 - 1))
    return np.asarray(ratio < 2 + deviation * stats.norm.ppf(ORDERED_BY_CHANCE))


def outlying(scores: Float64) -> Bools:
    """Whether one group pulls more than all others together make likely (Grubbs' test).

    Parameters
    ----------
    scores : ndarray of shape (G, ...)

    Notes
    -----
    Source: Grubbs, Technometrics 11 (1969).
    """
    n = len(scores)
    if n < FEWEST:
        return np.zeros(scores.shape[1:], np.bool_)
    with np.errstate(invalid="ignore", divide="ignore"):
        off = np.abs(scores - scores.mean(axis=0)).max(axis=0) / scores.std(axis=0, ddof=1)
    t = stats.t.isf(OUTLYING_BY_CHANCE / (2 * n), n - 2)
    return np.asarray(off > (n - 1) / np.sqrt(n) * np.sqrt(t**2 / (n - 2 + t**2)))
