"""In which order summaries merge: fixed by the data, never by the scheduler.

The partitions of one unit that belong to one group merge in order; the units' shares of a group
merge in the order of the units; at the end a fixed tree merges the groups. An aggregate without
standard errors has a single group.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import Any, TypeVar

from onebox.aggregates.aggregate import Aggregate
from onebox.data.block import Block
from onebox.data.schema import Schema

S = TypeVar("S")

N_GROUPS = 32


def n_groups(aggregate: Aggregate[Any]) -> int:
    """Count the group summaries that a scan keeps."""
    return N_GROUPS if aggregate.grouped else 1


class UnitFold:
    """The summaries of one unit, one a group that it touches, filled block by block.

    Parameters
    ----------
    aggregate : Aggregate
    schema : Schema
    used : list
        Summaries that have been merged into others: new ones take their place.
    """

    def __init__(self, aggregate: Aggregate[Any], schema: Schema, used: list[Any]) -> None:
        self.aggregate = aggregate
        self.schema = schema
        self.used = used
        self.shares: dict[int, Any] = {}
        self._partition = -1
        self._group = 0
        self._current: Any = None

    def update(self, block: Block) -> None:
        if block.partition.number != self._partition:
            self._start(block.partition.number)
        self.aggregate.update(self._current, block)

    def _start(self, number: int) -> None:
        group = number % n_groups(self.aggregate)
        self._partition = number
        if self._current is not None and group == self._group and not self.aggregate.grouped:
            return  # one group: nothing is gained by a summary a partition
        self.finish()
        self._group = group
        try:
            self._current = self.aggregate.emptied(self.used.pop(), self.schema)
        except IndexError:
            self._current = self.aggregate.empty(self.schema)

    def go_on(self, shares: dict[int, Any], number: int) -> None:
        """Take over what the first blocks of a partition have come to, as the only share."""
        self._partition, self._group = number, number % n_groups(self.aggregate)
        self._current = shares.get(self._group)
        if self._current is None:  # no row came through
            self._start(number)

    def so_far(self) -> dict[int, Any]:
        """What a unit of one partition has come to; it goes on to change."""
        return {} if self._current is None else {self._group: self._current}

    def finish(self) -> dict[int, Any]:
        """The shares by group; the last partition is complete."""
        if self._current is not None:
            if self._group in self.shares:
                self.aggregate.merge(self.shares[self._group], self._current)
                self.used.append(self._current)
            else:
                self.shares[self._group] = self._current
            self._current = None
        return self.shares


class Groups:
    """What all units have seen, one summary a group."""

    def __init__(self, aggregate: Aggregate[Any], schema: Schema) -> None:
        self.aggregate = aggregate
        self.schema = schema
        self.summaries: list[Any] = [None] * n_groups(aggregate)
        self.used: list[Any] = []  # appended to and popped from by several threads

    def add(self, shares: dict[int, Any], *, reuse: bool = True) -> None:
        """Merge the shares of the next unit; what they held may then be used for others."""
        for group, share in shares.items():
            if self.summaries[group] is None:
                self.summaries[group] = share
            else:
                self.aggregate.merge(self.summaries[group], share)
                if reuse:
                    self.used.append(share)

    def by_group(self) -> list[Any]:
        """A summary a group, empty ones where no rows fell; the groups are used up."""
        summaries, self.summaries = self.summaries, []
        return [
            self.aggregate.empty(self.schema) if summary is None else summary
            for summary in summaries
        ]

    def merged(self) -> Any:
        """One summary of everything; the groups are used up."""
        summaries, self.summaries = self.summaries, []
        merged = merged_in_tree(self.aggregate, summaries)
        return self.aggregate.empty(self.schema) if merged is None else merged


def merged_in_tree(aggregate: Aggregate[S], summaries: Sequence[S | None]) -> S | None:
    """Merge group summaries two by two, then those, and so on; uses them up.

    None stands for a group without rows.
    """
    level = list(summaries)
    while len(level) > 1:
        pairs = zip_longest(level[::2], level[1::2])
        level = [_both(aggregate, one, other) for one, other in pairs]
    return level[0] if level else None


def _both(aggregate: Aggregate[S], one: S | None, other: S | None) -> S | None:
    if one is None or other is None:
        return other if one is None else one
    aggregate.merge(one, other)
    return one
