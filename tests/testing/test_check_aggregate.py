"""check_aggregate passes a right aggregate and finds what is wrong with each of many wrong ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import pytest

from onebox.aggregates import Aggregate, Moments, RowState, Tiled
from onebox.data.block import Block
from onebox.data.schema import Schema
from onebox.errors import BadValue
from onebox.testing import check_aggregate


@dataclass
class Sum:
    n: float
    total: np.ndarray


@dataclass(frozen=True)
class Total(Aggregate[Sum]):
    """A right one: the sum of a column. The wrong ones below differ in one method."""

    column: str = "x"

    def empty(self, schema: Schema) -> Sum:
        return Sum(0.0, np.zeros(1))

    def update(self, summary: Sum, block: Block) -> None:
        summary.n += block.n_rows
        summary.total += np.nansum(block.values([self.column]))

    def merge(self, into: Sum, other: Sum) -> None:
        into.n += other.n
        into.total += other.total

    def result(self, summary: Sum) -> Any:
        return summary.total.copy()

    def nbytes(self, schema: Schema) -> int:
        return 16


class MergesNothing(Total):
    def merge(self, into: Sum, other: Sum) -> None:
        pass


class CountsMerges(Total):
    def merge(self, into: Sum, other: Sum) -> None:
        super().merge(into, other)
        into.n += 1


class MergesOneWay(Total):
    def merge(self, into: Sum, other: Sum) -> None:
        into.total += other.total if into.n else 2 * other.total
        into.n += other.n


class StoresAnswers(Total):
    def update(self, summary: Sum, block: Block) -> None:
        if block.n_rows:
            summary.n += block.n_rows
            summary.total[:] = np.nanmean(block.values([self.column]))


class CountsBlocks(Total):
    def update(self, summary: Sum, block: Block) -> None:
        summary.n += 1


class NeedsTwoRows(Total):
    def update(self, summary: Sum, block: Block) -> None:
        super().update(summary, block)
        summary.total += block.n_rows == 1


class NeedsOrder(Total):
    def merge(self, into: Sum, other: Sum) -> None:
        into.total += other.total * (1 + 1e-6 * (into.n > 0) * (other.n > into.n))
        into.n += other.n


class DrawsLots(Total):
    def update(self, summary: Sum, block: Block) -> None:
        super().update(summary, block)
        summary.total *= 1 + np.random.default_rng().random() * 1e-12


class WritesIntoBlock(Total):
    def update(self, summary: Sum, block: Block) -> None:
        super().update(summary, block)
        if block.n_rows:
            block.X[0, 0] = 0


class KeepsScratch(Total):
    def update(self, summary: Sum, block: Block) -> None:
        values = block.values([self.column])[0]
        if block.n_rows:
            summary.n, summary.total = summary.n + block.n_rows, values[:1]

    def nbytes(self, schema: Schema) -> int:
        return 10**9


class KeepsTheBlock(Total):
    def update(self, summary: Sum, block: Block) -> None:
        super().update(summary, block)
        if block.n_rows > 200:
            summary.total = block.X.reshape(-1)[:1]

    def nbytes(self, schema: Schema) -> int:
        return 10**9


class HoldsMore(Total):
    def update(self, summary: Sum, block: Block) -> None:
        super().update(summary, block)
        summary.kept = np.zeros(block.n_rows)


class SpoilsItsSummary(Total):
    def result(self, summary: Sum) -> Any:
        summary.total /= max(summary.n, 1)
        return summary.total.copy()


class LendsItsSummary(Total):
    def result(self, summary: Sum) -> Any:
        return summary.total


SHARED = np.zeros(1)


class SharesEmpty(Total):
    def empty(self, schema: Schema) -> Sum:
        return Sum(0.0, SHARED)


class KeepsWhatWasUsed(Total):
    def emptied(self, used: Sum, schema: Schema) -> Sum:
        return used


class RefusesTheFirst(Total):
    def update(self, summary: Sum, block: Block) -> None:
        if block.n_rows and np.isnan(block.X[0, 0]):
            raise BadValue("NaN in the first row")
        super().update(summary, block)


class FailsOnNaN(Total):
    def update(self, summary: Sum, block: Block) -> None:
        if np.isnan(block.X).any():
            raise ZeroDivisionError("no number")
        super().update(summary, block)


class ClaimsToRefuse(Total):
    refuses_missing: ClassVar[bool] = True


ANSWER = lambda: 1  # noqa: E731


class Unstorable(Total):
    def empty(self, schema: Schema) -> Any:
        made = super().empty(schema)
        made.rule = ANSWER
        return made


@dataclass
class Changeable(Aggregate[Sum]):
    column: str = "x"
    empty, update, merge = Total.empty, Total.update, Total.merge
    result, nbytes = Total.result, Total.nbytes


@dataclass(frozen=True)
class Unpicklable(Total):
    rule: Callable[[], int] = field(default=lambda: 1)


@dataclass(frozen=True)
class InTiles(Tiled[Sum, np.ndarray]):
    """A right one whose update is spread over tiles."""

    def empty(self, schema: Schema) -> Sum:
        return Sum(0.0, np.zeros(schema.n_features))

    def prepare(self, summary: Sum, block: Block) -> np.ndarray:
        summary.n += block.n_rows
        return block.finite_X.sum(axis=0, dtype=float)

    def n_tiles(self, summary: Sum) -> int:
        return len(summary.total)

    def update_tile(self, summary: Sum, prepared: np.ndarray, tile: int) -> None:
        summary.total[tile] += prepared[tile]

    def merge(self, into: Sum, other: Sum) -> None:
        into.n += other.n
        into.total += other.total

    def result(self, summary: Sum) -> Any:
        return summary.total.copy()

    def nbytes(self, schema: Schema) -> int:
        return 8 + 8 * schema.n_features


class TilesInOrder(InTiles):
    def update_tile(self, summary: Sum, prepared: np.ndarray, tile: int) -> None:
        summary.total[tile] += prepared[tile] * (1 + (tile > 0 and summary.total[0] == 0))


class TilesLeaveOut(InTiles):
    def update(self, summary: Sum, block: Block) -> None:
        super().update(summary, block)
        summary.total[0] += 1 if block.n_rows else 0


@dataclass(frozen=True)
class WithState(Total):
    """A right one that carries a number a row."""

    def row_state(self, schema: Schema) -> tuple[RowState, ...]:
        return (RowState("seen", np.int8, fill=1),)

    def update(self, summary: Sum, block: Block) -> None:
        summary.n += block.state["seen"].sum()
        summary.total += np.nansum(block.values([self.column])[0] * block.state["seen"])


WRONG = {
    MergesNothing: "merge(empty, s) == s",
    CountsMerges: "merge(s, empty) == s",
    MergesOneWay: "merge(empty, s) == s",
    StoresAnswers: "any split gives the same result",
    CountsBlocks: "a block of no rows changes nothing",
    NeedsTwoRows: "any split gives the same result",
    NeedsOrder: "any split gives the same result",
    DrawsLots: "the same rows give the same bits",
    WritesIntoBlock: "update leaves the block as it was",
    KeepsScratch: "update keeps nothing",
    KeepsTheBlock: "update keeps nothing",
    HoldsMore: "nbytes is true",
    SpoilsItsSummary: "result leaves the summary as it was",
    LendsItsSummary: "a result does not change",
    SharesEmpty: "sharing nothing with another",
    KeepsWhatWasUsed: "emptied(s, schema) is the summary of no rows",
    RefusesTheFirst: "is refused wherever it stands, or nowhere",
    FailsOnNaN: "accepted or refused with BadValue",
    ClaimsToRefuse: "refuses_missing is true",
    Unstorable: "a summary survives",
    Unpicklable: "survives pickling",
    Changeable: "is a frozen dataclass",
    TilesInOrder: "tiles can be updated in any order",
    TilesLeaveOut: "update does what its tiles do",
}


@pytest.mark.parametrize("right", [Total(), Total("price"), InTiles(), WithState(), Moments()])
def test_what_is_right_passes(right: Aggregate[Any]) -> None:
    check_aggregate(right)


@pytest.mark.parametrize(
    ("wrong", "law"), WRONG.items(), ids=lambda one: getattr(one, "__name__", "")
)
def test_what_is_wrong_is_found_and_named(wrong: type[Aggregate[Any]], law: str) -> None:
    data = np.random.default_rng(0).normal(3.0, 1.0, (300, 2))
    with pytest.raises(AssertionError) as caught:
        check_aggregate(wrong() if issubclass(wrong, InTiles) else wrong("x0"), data)
    assert f"{wrong.__name__}(" in str(caught.value)
    assert law in str(caught.value)


def test_made_data_have_the_columns_asked_for() -> None:
    check_aggregate(Moments(("price", "weight")))


def test_data_of_your_own_with_target_and_weights() -> None:
    rng = np.random.default_rng(1)
    X, y, w = rng.normal(size=(60, 2)), rng.normal(size=60), rng.random(60)
    check_aggregate(Moments(), X, y=y, sample_weight=w)
    with pytest.raises(AssertionError, match="any split gives"):
        check_aggregate(Moments(), X, tolerance=-1.0)
