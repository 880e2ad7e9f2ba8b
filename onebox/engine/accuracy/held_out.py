"""The loss of a sequential fit on rows that it does not learn from, with its error.

What learns block by block has no summary to leave a group out of. Its partitions serve instead: some
are held out by a draw, and the loss on each of them, before and after some learning, tells whether
the loss still falls by more than chance.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from onebox.data.block import Block
from onebox.data.partition import Partition, Unit
from onebox.data.view import View
from onebox.engine.accuracy.estimate import Estimate
from onebox.engine.run import Run
from onebox.errors import BadInput

Float64 = NDArray[np.float64]
Loss = Callable[[Block], tuple[float, float]]

FEWEST = 8  # partitions from which an error can be told


@dataclass(frozen=True)
class HeldOut:
    """A random share of the partitions.

    Attributes
    ----------
    numbers : frozenset of int
        Of the partitions that are held out.
    units : tuple of Unit
        That contain one.
    """

    numbers: frozenset[int]
    units: tuple[Unit, ...]

    @classmethod
    def of(cls, view: View, share: float, seed: int) -> HeldOut:
        """Draw partitions.

        Parameters
        ----------
        view : View
        share : float
            Of the partitions; at least 8 are drawn.
        seed : int

        Raises
        ------
        BadInput
            When there are fewer than 16 partitions, so that too few would be left to learn from.
        """
        count = view.layout.n_partitions
        if count < 2 * FEWEST:
            raise BadInput(
                f"The rows lie in {count} partitions; holding some out to watch the loss takes "
                f"{2 * FEWEST} or more. Give more rows, or watch none."
            )
        wanted = max(FEWEST, round(share * count))
        drawn = np.random.default_rng(seed).choice(count, wanted, replace=False)
        numbers = frozenset(drawn.tolist())
        units = tuple(
            u for u in view.layout.units if any(p.number in numbers for p in u.partitions())
        )
        return cls(numbers, units)

    def holds(self, partition: Partition) -> bool:
        """Whether a partition is held out."""
        return partition.number in self.numbers

    def losses(self, run: Run, loss: Loss) -> Losses:
        """The loss on every partition held out.

        Parameters
        ----------
        run : Run
        loss : callable
            From a block to the sum of the losses of its rows, and their weight.
        """

        def of_unit(unit: Unit, blocks: Iterator[Block]) -> list[tuple[int, float, float]]:
            return [
                (b.partition.number, *loss(b)) for b in blocks if self.holds(b.partition)
            ]  # fmt: skip

        order = {number: i for i, number in enumerate(sorted(self.numbers))}
        sums, weights = np.zeros((2, len(order)))
        for found in run.map(of_unit, self.units):
            for number, total, weight in found:
                sums[order[number]] += total
                weights[order[number]] += weight
        return Losses(sums, weights)


@dataclass(frozen=True, eq=False)
class Losses:
    """Sums of the loss over partitions held out.

    Attributes
    ----------
    sums, weights : ndarray of shape (partitions,)
    """

    sums: Float64
    weights: Float64

    def mean(self) -> Estimate:
        """The mean loss of a row; its error takes partitions for the units that were drawn."""
        return _ratio("loss", self.sums, self.weights)

    def fall_from(self, before: Losses) -> Estimate:
        """By how much the mean loss fell, on the same rows: far better known than either loss."""
        return _ratio("fall", before.sums - self.sums, self.weights)


def _ratio(name: str, sums: Float64, weights: Float64) -> Estimate:
    """A mean over clusters of unlike sizes (Cochran, "Sampling Techniques", 3rd ed., eq. 6.13)."""
    total, n = weights.sum(), len(sums)
    value = float(sums.sum() / total) if total else float("nan")
    residuals = sums - value * weights
    error = np.sqrt(n / (n - 1) * (residuals**2).sum()) / total if total else np.array(np.nan)
    return Estimate(name, value, np.asarray(error), n - 1, None, np.array([np.nan]), {})


@dataclass
class Plateau:
    """Whether a loss has stopped falling: when several falls in a row could be chance.

    Parameters
    ----------
    patience : int, default=3
        Evaluations in a row that show no fall.
    chance : float, default=0.1
        A fall counts when luck would show one like it less often.

    Attributes
    ----------
    history : list of Estimate
        The mean loss at every evaluation, with its error.
    """

    patience: int = 3
    chance: float = 0.1
    history: list[Estimate] = field(default_factory=list)
    _best: Losses | None = None
    _waited: int = 0

    def see(self, losses: Losses) -> bool:
        """Take a further evaluation in; whether to stop."""
        self.history.append(losses.mean())
        if self._best is None or self._fell(losses, self._best):
            self._best, self._waited = losses, 0
        else:
            self._waited += 1
        return self._waited >= self.patience

    def _fell(self, losses: Losses, best: Losses) -> bool:
        fall = losses.fall_from(best)
        error = float(fall.standard_error)
        if not error > 0:
            return float(fall) > 0
        return bool(stats.t.sf(float(fall) / error, fall.degrees_of_freedom) < self.chance)
