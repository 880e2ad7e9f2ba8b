"""One aggregate on some rows: updating, merging and comparing, as the laws need it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from onebox.aggregates.aggregate import Aggregate
from onebox.testing.comparison import first_difference, held_bytes
from onebox.testing.rows import Rows, SpoiledScratch


@dataclass(frozen=True)
class Trial:
    """One aggregate on some rows."""

    aggregate: Aggregate[Any]
    rows: Rows
    tolerance: float

    def empty(self) -> Any:
        return self.aggregate.empty(self.rows.schema)

    def update(self, summary: Any, rows: Rows, aggregate: Aggregate[Any] | None = None) -> Any:
        """Update with one block, whose memory is then used for something else."""
        scratch, recipe = SpoiledScratch(), aggregate or self.aggregate
        copied = rows.part(0, len(rows))
        recipe.update(summary, copied.block(scratch, recipe))
        scratch.spoil()
        copied.spoil()
        self.weigh(summary)
        return summary

    def run(self, cuts: Sequence[Sequence[int]], rows: Rows | None = None) -> Any:
        """Summary of partitions, each given as the rows at which its blocks begin, and its end."""
        rows = self.rows if rows is None else rows
        merged = self.empty()
        for edges in cuts:
            summary = self.empty()
            for start, stop in pairwise(edges):
                self.update(summary, rows.part(start, stop))
            self.aggregate.merge(merged, summary)
            self.weigh(merged)
        return merged

    def weigh(self, summary: Any) -> None:
        """Hold a summary against the bytes that were claimed for it."""
        claimed, held = self.aggregate.nbytes(self.rows.schema), held_bytes(summary)
        self.require(
            held <= claimed,
            "nbytes is true",
            f"a summary holds {held:,} bytes, claimed {claimed:,}",
        )

    def splits(self, n: int) -> dict[str, list[list[int]]]:
        """Ways to cut n rows."""
        third, half = n // 3, n // 2
        return {
            "one block": [[0, n]],
            "blocks of unequal length": [[0, third, half, n]],
            "two partitions": [[0, half], [half, n]],
            "partitions of several blocks": [[0, 1, third], [third, half, n - 1], [n - 1, n]],
        }

    def result(self, summary: Any) -> Any:
        return self.aggregate.result(summary)

    def broken(self, law: str, fact: str) -> str:
        """Say which law is broken and how."""
        return f'{self.aggregate!r} breaks the law "{law}": {fact}.'

    def require(self, holds: bool, law: str, fact: str) -> None:
        """Raise unless a law holds."""
        if not holds:
            raise AssertionError(self.broken(law, fact))

    def require_same(self, one: Any, other: Any, law: str, tolerance: float | None = None) -> None:
        difference = first_difference(one, other, tolerance)
        self.require(difference is None, law, str(difference))
