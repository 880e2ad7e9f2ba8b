"""The contract of everything that can be learned in one pass: Aggregate, and the Summary it fills.

An aggregate is a frozen recipe; its summary is what it has seen so far: sums, never answers. Two
summaries of disjoint rows merge into the summary of all of them, in place, and an empty one changes
nothing. The laws are tests: ``onebox.testing.check_aggregate``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import DTypeLike

from onebox.data.block import Block
from onebox.data.schema import Schema

S = TypeVar("S")
P = TypeVar("P")

LARGE_SUMMARY = 2 * 2**20
"""A tiled summary above this size is kept once a file instead of once a partition and group."""


@dataclass(frozen=True)
class RowState:
    """A fixed-width array per row that an aggregate carries from scan to scan.

    The engine owns it, keeps it beside the block and counts it in the budget; `update` reads and
    writes it as ``block.state[name]``. It must be possible to compute it anew from the model.

    Attributes
    ----------
    name : str
    dtype : dtype
    fill : number
        What it holds before the first scan.
    """

    name: str
    dtype: DTypeLike
    fill: float = 0

    @property
    def itemsize(self) -> int:
        return int(np.dtype(self.dtype).itemsize)


class OwnError(NamedTuple):
    """An answer and its standard error.

    Attributes
    ----------
    value, standard_error : float or ndarray
    names : tuple of str, or None
        What the first axis stands for.
    of_these_rows : bool
        Whether the error is that of a sketch, about the answer for the very rows it has seen, and
        says nothing of others.
    """

    value: Any
    standard_error: Any
    names: tuple[str, ...] | None = None
    of_these_rows: bool = False


class Aggregate(ABC, Generic[S]):
    """A frozen recipe for a summary.

    Subclasses are frozen dataclasses; a summary is an array or a dataclass of arrays and numbers.

    Attributes
    ----------
    version : int
        Raised when the meaning of a stored summary changes.
    grouped : bool
        Whether leaving groups of rows out gives standard errors; if so, a scan keeps 32 group
        summaries, else one.
    no_error : str
        Why there is no standard error, where there is none.
    refuses_missing : bool
        Whether a missing value in X, y or weight is an error; nulls that a footer tells of are then
        refused before reading.
    """

    version: ClassVar[int] = 1
    grouped: ClassVar[bool] = True
    refuses_missing: ClassVar[bool] = False
    no_error: ClassVar[str] = "its answer does not change smoothly with the rows"

    def reads(self, schema: Schema) -> tuple[str, ...] | None:
        """The features that it looks at; None for all. Others need not be read from the disk."""
        return None

    @abstractmethod
    def empty(self, schema: Schema) -> S:
        """The summary of no rows."""

    @abstractmethod
    def update(self, summary: S, block: Block) -> None:
        """Add the rows of a block, in place. Leaves the block untouched."""

    @abstractmethod
    def merge(self, into: S, other: S) -> None:
        """Add the rows that `other` has seen, in place. `other` is not used afterwards."""

    def emptied(self, used: S, schema: Schema) -> S:
        """The summary of no rows, which may take the memory of one that nobody needs any more.

        For large summaries: asking the system for memory anew takes longer than to clear it.
        """
        return self.empty(schema)

    @abstractmethod
    def result(self, summary: S) -> Any:
        """The answer. Leaves the summary as it was."""

    def smooth(self, summary: S) -> dict[str, Any]:
        """The answers that change smoothly with the rows, by name: those a jackknife is right for.

        Numbers, or arrays of a shape that does not depend on the rows. The first is what
        ``error=0.01`` is about.
        """
        return {}

    def own_errors(self, summary: S, effect: Callable[[str], float]) -> dict[str, OwnError]:
        """Answers whose standard error is known in another way, by name.

        Parameters
        ----------
        summary : S
        effect : callable
            Design effect of a column: by how much a variance grows as rows of one partition are
            alike.
        """
        return {}

    @abstractmethod
    def nbytes(self, schema: Schema) -> int:
        """Bytes of one summary, at the most."""

    def work_nbytes(self, schema: Schema, n_rows: int) -> int:
        """Bytes of scratch that an update with a block of `n_rows` takes, beside ``block.X``."""
        return 0

    def row_state(self, schema: Schema) -> tuple[RowState, ...]:
        """The per-row arrays it carries from scan to scan."""
        return ()

    def afresh(self) -> Aggregate[S]:
        """The same for rows whose state got lost: leaves the state behind that this one does."""
        return self


class Tiled(Aggregate[S], Generic[S, P]):
    """An aggregate whose summary may be too large to keep one a partition.

    A scan then keeps one accumulator a file, and spreads the update over tiles of the summary.
    """

    def is_large(self, schema: Schema) -> bool:
        """Whether it is kept once a file: a rule of sizes, whatever the budget is."""
        return self.nbytes(schema) > LARGE_SUMMARY

    @abstractmethod
    def prepare(self, summary: S, block: Block) -> P:
        """The cheap, serial part of an update; what it returns is good until the next call."""

    @abstractmethod
    def n_tiles(self, summary: S) -> int:
        """Into how many independent parts `update_tile` is cut: a function of the shape only."""

    @abstractmethod
    def update_tile(self, summary: S, prepared: P, tile: int) -> None:
        """The costly part of an update, for one tile. Tiles run at the same time."""

    def update(self, summary: S, block: Block) -> None:
        prepared = self.prepare(summary, block)
        for tile in range(self.n_tiles(summary)):
            self.update_tile(summary, prepared, tile)


@dataclass(frozen=True)
class Join(Aggregate[tuple[Any, ...]]):
    """Several aggregates that share one read."""

    parts: tuple[Aggregate[Any], ...]

    def empty(self, schema: Schema) -> tuple[Any, ...]:
        return tuple(part.empty(schema) for part in self.parts)

    def update(self, summary: tuple[Any, ...], block: Block) -> None:
        for part, own in zip(self.parts, summary, strict=True):
            part.update(own, block)

    def merge(self, into: tuple[Any, ...], other: tuple[Any, ...]) -> None:
        for part, own, others in zip(self.parts, into, other, strict=True):
            part.merge(own, others)

    def result(self, summary: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(part.result(own) for part, own in zip(self.parts, summary, strict=True))

    def nbytes(self, schema: Schema) -> int:
        return sum(part.nbytes(schema) for part in self.parts)

    def work_nbytes(self, schema: Schema, n_rows: int) -> int:
        return sum(part.work_nbytes(schema, n_rows) for part in self.parts)

    def row_state(self, schema: Schema) -> tuple[RowState, ...]:
        return tuple(state for part in self.parts for state in part.row_state(schema))


def join(*aggregates: Aggregate[Any]) -> Join:
    """Several aggregates as one: several answers, one read."""
    parts: list[Aggregate[Any]] = []
    for aggregate in aggregates:
        parts.extend(aggregate.parts if isinstance(aggregate, Join) else [aggregate])
    return Join(tuple(parts))


def parts_of(aggregate: Aggregate[Any]) -> tuple[Aggregate[Any], ...]:
    """The aggregates that an aggregate joins, itself when it joins none."""
    return aggregate.parts if isinstance(aggregate, Join) else (aggregate,)
