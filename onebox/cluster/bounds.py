"""What k-means remembers of every row's distances, to leave most rows alone in later passes.

One bound a row, of Hamerly (2010). Bounds for groups of centres, of Yinyang k-means (Ding et al.,
ICML 2015), spare more distances, but rows that need one group stand apart from those that need
another: to sort them out takes longer than `nearest` takes to look at all centres, 16 rows at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from onebox._kernels import bounded, nearest, nearest_two
from onebox.aggregates.aggregate import RowState
from onebox.cluster.centers import NO_ROWS, Centers, Float64
from onebox.data.block import Block
from onebox.engine.plan import Plan
from onebox.errors import NotEnoughMemory

LABELS = RowState("labels", np.int32, fill=-1)
BOUNDS = RowState("bounds", np.float32)

FEWEST_CENTERS = 16  # with fewer, to look at all takes no longer than to look at bounds
FEWEST_ROWS = 20_000  # with fewer, passes take no time
SETTLED = 0.08  # rows that change their label: with more, bounds would not tell of many that stay
PROBED = 256  # rows of a block that tell whether its bounds are worth to look at
WORTH = 0.6  # they are if they leave open less than this share
# Squares outside of these may under- or overflow in float32.
LEAST, MOST = 1e-36, 1e36


class Bounds:
    """A lower bound a row on the distance to all centres but its own, in one pass.

    A row is looked at only if the bound does not tell that its label stays. Bounds are not written
    anew when centres move: they hold less `offset`, what centres have moved since the first pass
    with bounds. Labels come out with the same bits as without: a row that is looked at is looked at
    in the same way, and left alone only where no rounding could have led to another label.

    Parameters
    ----------
    centers : Centers
    offset : float
    begins : bool
        Whether this is the first pass with bounds, in which they are not there yet.
    """

    def __init__(self, centers: Centers, offset: float = 0.0, *, begins: bool = True) -> None:
        self.centers, self._offset, self._begins = centers, offset, begins
        size, middle = centers.size, float(np.linalg.norm(centers.middle))
        unit = float(np.finfo(centers.dtype).eps) / 2
        # A score that `Centers.nearest` computes in the dtype of the rows is off by at most
        # (p + 8) unit (4 middle + 2 distance + size) size, where the row's distance from the middle
        # is at most that to its centre plus size. Squared distances are twice the scores.
        error = 2 * (centers.exact.shape[1] + 8) * unit
        self._constant = error * size * (4 * middle + size)
        self._slope = 2 * error * size + 4 * unit * middle  # the middle is rounded, too
        self._relative, self._absolute = 2 * error + 1e-12, 8 * error * size * (middle + size)
        self._apart = np.zeros(0, np.float32) if begins else _apart(centers.exact)
        self._middle = centers.middle.astype(np.float32)

    def after(self, centers: Centers) -> Bounds | None:
        """The same when the centres have moved; None where they cannot serve any more."""
        if not _serve(centers):
            return None
        moved = np.linalg.norm(centers.exact - self.centers.exact, axis=1).max()
        raised = np.float32(self._offset + moved * (1 + 1e-12))
        return Bounds(centers, float(np.nextafter(raised, np.float32(np.inf))), begins=False)

    def afresh(self) -> Bounds:
        """The same for rows that have none yet."""
        return Bounds(self.centers, self._offset, begins=True)

    def nearest(self, block: Block) -> NDArray[np.int32]:
        """The label of every row; `block.state` holds the last ones, and takes the bounds."""
        X: Any = block.X
        scratch, bounds = block.scratch, block.state[BOUNDS.name]
        labels = scratch.take("kmeans.labels", (len(X),), np.int32)
        rows = NO_ROWS  # stands for all
        if not self._begins:
            labels[:] = block.state[LABELS.name]
            found = scratch.take("kmeans.open", (len(X),), np.int32)
            if self._open(X[:PROBED], labels, bounds, found) <= WORTH * len(X[:PROBED]):
                rows = found[: self._open(X, labels, bounds, found)]
                if not len(rows):
                    return labels
        centers = self.centers
        if X.dtype == np.float32:
            nearest_two.assign_with_bounds(
                X, centers.moved, centers.half_norms, self._middle, rows, labels, bounds,
                self._offset, self._constant, self._slope,
            )  # fmt: skip
        else:
            nearest_two.assign_coarsely_first(
                X, centers.moved, centers.half_norms, centers.middle, centers.coarse,
                centers.coarse_norms, rows, labels, bounds, self._offset,
            )  # fmt: skip
        return labels

    def _open(
        self,
        X: Any,
        labels: NDArray[np.int32],
        bounds: NDArray[np.float32],
        found: NDArray[np.int32],
    ) -> int:
        return bounded.open_rows(
            X, self.centers.exact, self._apart, self._offset, self._relative, self._absolute,
            labels[: len(X)], bounds[: len(X)], found,
        )  # fmt: skip


def next_bounds(bounds: Bounds | None, centers: Centers, changed: float) -> Bounds | None:
    """The bounds of the next pass, after one in which that share of labels has changed."""
    if bounds:
        return bounds.after(centers)
    return Bounds(centers) if changed < SETTLED and _serve(centers) else None


def wants_bounds(n_rows: int | None, n_clusters: int, n_features: int) -> bool:
    """Whether bounds can spare time."""
    many = n_rows is not None and n_rows >= FEWEST_ROWS and n_clusters >= FEWEST_CENTERS
    return many and nearest.served(n_features)


def affords_bounds(planned: Callable[[bool], Plan]) -> bool:
    """Whether bounds fit the budget and leave the plan, made with or without them, as it is."""
    plain = planned(False)
    try:
        plan = planned(True)
    except NotEnoughMemory:
        return False
    same = (plan.keep, plan.n_workers) == (plain.keep, plain.n_workers)
    return same and not plan.states_on_disk


def _apart(centers: Float64) -> NDArray[np.float32]:
    """Lower bounds on the distance of every centre to the nearest other."""
    apart = np.empty(len(centers), np.float32)
    for c, center in enumerate(centers):
        difference = centers - center
        squares = np.einsum("ij,ij->i", difference, difference)
        squares[c] = np.inf
        apart[c] = np.sqrt(squares.min()) * (1 - 1e-6)
    return apart


def _serve(centers: Centers) -> bool:
    """Whether all that float32 has to hold is far from its limits."""
    far = centers.size + float(np.linalg.norm(centers.middle))
    return centers.size**2 > LEAST and centers.size * far < MOST
