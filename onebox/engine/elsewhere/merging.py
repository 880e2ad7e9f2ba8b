"""What findings merge into, on the cluster: in the order and the structure that are fixed here, too."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from onebox.engine.elsewhere.travel import Commission, Failure, Findings, Order
from onebox.engine.fold import Groups


@dataclass
class Gathered:
    """What the units so far have.

    Attributes
    ----------
    groups : list of list of summary or None
        For each aggregate, one a group; one in all when they have been merged.
    rows, dropped, nbytes : int
    grown : dict of str to int
        By how much the memory of each worker has grown.
    """

    groups: list[list[Any]]
    rows: int = 0
    dropped: int = 0
    nbytes: int = 0
    grown: dict[str, int] = field(default_factory=dict)

    def count(self, found: Findings) -> None:
        """Add what was counted while reading."""
        self.rows += sum(made.rows for made in found.made)
        self.dropped += sum(made.dropped for made in found.made)
        self.nbytes += found.nbytes
        self.grown[found.worker] = max(self.grown.get(found.worker, 0), found.grown)


class Failed(Exception):
    """Ends a chain of merges with the first failure in the order of the units."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure)
        self.failure = failure


def added(
    commission: Commission,
    order: Order,
    state: Gathered | None,
    found: Sequence[Findings | Failure],
) -> Gathered:
    """A state and the findings of the next units; both stay as they are, for they may be asked again."""
    groups = [Groups(one, commission.schema) for one in order.aggregates]
    state = Gathered([one.summaries for one in groups]) if state is None else copy.deepcopy(state)
    for group, summaries in zip(groups, state.groups, strict=True):
        group.summaries = summaries
    for one in found:
        if isinstance(one, Failure):
            raise Failed(one)
        state.count(one)
        for made in one.made:
            for group, share in zip(groups, made.shares, strict=True):
                group.add(copy.deepcopy(share), reuse=False)
    return state


def as_groups(commission: Commission, order: Order, state: Gathered) -> Gathered:
    """The last state as it is."""
    return state


def as_one(commission: Commission, order: Order, state: Gathered) -> Gathered:
    """The groups of the last state merged, in the tree that is fixed."""
    merged = copy.deepcopy(state)
    for at, (aggregate, summaries) in enumerate(zip(order.aggregates, merged.groups, strict=True)):
        group = Groups(aggregate, commission.schema)
        group.summaries = summaries
        merged.groups[at] = [group.merged()]
    return merged
