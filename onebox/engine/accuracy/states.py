"""Group summaries kept after a scan, and the standard errors that are computed from them on demand."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from onebox.aggregates.aggregate import Aggregate
from onebox.data.schema import Schema
from onebox.engine.accuracy.design import Design
from onebox.engine.accuracy.estimate import Estimate
from onebox.engine.accuracy.jackknife import Spread, spreads
from onebox.engine.accuracy.trust import ordered, outlying
from onebox.engine.fold import Groups, merged_in_tree
from onebox.errors import BadInput

Float64 = NDArray[np.float64]
Answers = Callable[[Any], Mapping[str, Any]]


@dataclass(frozen=True, eq=False)
class GroupStates:
    """What each group of rows has seen, from which answers without it are computed.

    Attributes
    ----------
    aggregate : Aggregate
    schema : Schema
    groups : tuple of summaries
        Of the groups that have rows; never changed.
    shares : ndarray
        Their shares of the weight.
    design : Design
        How alike rows of one partition are.
    read : float
        Share of the rows that the groups hold: below 1 after a scan in random order that stopped.
    at_random : bool
        Whether partitions were visited in random order.
    """

    aggregate: Aggregate[Any]
    schema: Schema
    groups: tuple[Any, ...]
    shares: Float64
    design: Design
    read: float = 1.0
    at_random: bool = False

    @classmethod
    def of(
        cls, groups: Groups, design: Design, weights: Sequence[float], *, read: float = 1.0,
        at_random: bool = False,
    ) -> GroupStates:  # fmt: skip
        """Copies of what a scan has gathered so far; the scan may go on.

        Parameters
        ----------
        groups : Groups
        design : Design
        weights : sequence of float
            Weight of each group; those of zero are left out.
        """
        held = [
            (copy.deepcopy(one), weight)
            for one, weight in zip(groups.summaries, weights, strict=True)
            if one is not None and weight > 0
        ]
        shares = np.array([weight for _, weight in held])
        return cls(
            groups.aggregate, groups.schema, tuple(one for one, _ in held),
            shares / shares.sum() if len(held) else shares, design, read, at_random,
        )  # fmt: skip

    def merged(self) -> Any:
        """One summary of all groups."""
        merged = merged_in_tree(self.aggregate, copy.deepcopy(list(self.groups)))
        return self.aggregate.empty(self.schema) if merged is None else merged

    def estimates(
        self, answers: Answers, full: Mapping[str, Any], names: tuple[str, ...] | None,
        *, by_column: bool,
    ) -> tuple[Estimate, ...]:  # fmt: skip
        """Standard errors of named answers.

        Parameters
        ----------
        answers : callable
            From a summary to the answers.
        full : mapping
            The answers from all groups together.
        names : tuple of str or None
            What entries of answers of this length stand for.
        by_column : bool
            Whether an entry depends on that column only.

        Raises
        ------
        BadInput
            When there are fewer than two groups.
        """
        if self.at_random and self.read >= 1:  # these are all the rows that were asked about
            made = {name: _still(value) for name, value in full.items()}
        else:
            refuse_one_group(len(self.groups), self.design)
            made = spreads(self.aggregate, self.groups, self.shares, answers, full)
        left = np.sqrt(max(1 - self.read, 0.0)) if self.at_random else 1.0
        return tuple(
            self._estimate(name, full[name], spread.standard_error * left, spread.scores, names,
                           by_column=by_column)
            for name, spread in made.items()
        )  # fmt: skip

    def _estimate(
        self, name: str, value: Any, error: Float64, scores: Float64,
        names: tuple[str, ...] | None, *, by_column: bool,
    ) -> Estimate:  # fmt: skip
        shape = np.shape(value)
        columns = names if names is not None and shape[:1] == (len(names),) else None
        asked = names if by_column and (columns is not None or not shape) else None
        effect, alike = self.design.effect_of(asked), self.design.alike_in(asked)
        if not shape:
            effect, alike = effect.reshape(-1)[:1], np.array(bool(alike.any()))
        doubts: dict[str, NDArray[np.bool_]] = {"outlying": outlying(scores)}
        if not self.at_random:  # there, the order is drawn and partitions count as what they are
            alike = np.broadcast_to(_filled(alike, len(shape)), shape)
            doubts = {"alike": alike, "ordered": ordered(scores), **doubts}
        return Estimate(
            name, value, error, max(len(self.groups) - 1, 1), columns, np.asarray(effect), doubts
        )


def joined(aggregate: Aggregate[Any], states: Sequence[GroupStates]) -> GroupStates:
    """The states of several parts as those of the aggregate that joins them."""
    if len(states) == 1:
        return states[0]
    groups = tuple(zip(*(one.groups for one in states), strict=True))
    return replace(states[0], aggregate=aggregate, groups=groups)


def _still(value: Any) -> Spread:
    shape = np.shape(value)
    return Spread(np.zeros(shape), np.zeros((1, *shape)))


def _filled(of: NDArray[np.bool_], ndim: int) -> NDArray[np.bool_]:
    return of.reshape(of.shape + (1,) * (ndim - of.ndim)) if of.ndim < ndim else of


def refuse_one_group(n_groups: int, design: Design) -> None:
    """Refuse to tell an error from one group of rows."""
    if n_groups < 2:
        raise BadInput(
            f"A standard error compares groups of partitions; these {design.n_rows:,} rows are "
            f"{n_groups or 'no'} group. Give more rows; a stream or a compressed file, which is one "
            "partition, has to be written down first: ob.dataset(...).persist(path)."
        )
