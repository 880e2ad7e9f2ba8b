"""The worker's side of a scan elsewhere: reads the rows that it is told of, and returns summaries.

What it keeps between passes (decoded blocks, as far as there is room, and row states) only saves
time: when another worker gets the unit the next time, that one reads again and makes the states anew.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from numpy.typing import NDArray

from onebox.aggregates.aggregate import Aggregate, RowState, Tiled
from onebox.data.block import Block
from onebox.data.partition import Unit
from onebox.data.scratch import Scratch
from onebox.engine.allocator import compact_arrow_memory
from onebox.engine.elsewhere.travel import (
    Commission,
    Errand,
    Failure,
    Findings,
    Order,
    here,
    with_rows,
)  # fmt: skip
from onebox.engine.fold import UnitFold
from onebox.engine.limiter import single_threaded_blas
from onebox.engine.reader import Reader, located
from onebox.engine.report import Meter, resident_bytes
from onebox.engine.small import Made, read
from onebox.engine.states import StateTrail
from onebox.engine.store import MemoryStore, RowStates
from onebox.errors import OneboxError

T = TypeVar("T")

MOST_RUNS = 2
"""How many runs a worker remembers; those of callers that were killed make room for others."""


class Workshop:
    """What a worker keeps of one run."""

    def __init__(self, commission: Commission) -> None:
        self.commission = commission
        self.base = resident_bytes()
        self.states = RowStates(None)
        self.seen: dict[int, int] = {}
        self._store = SmallStore(commission)
        self._scratches: list[Scratch] = []

    def reader(self, errand: Errand) -> tuple[Reader, tuple[Unit, ...]]:
        """Who reads the units of an errand."""
        view, units, store = self.commission.view, errand.units, self._store
        if errand.rows is not None:
            (unit,) = units
            view, unit = with_rows(self.commission, unit, errand.rows)
            reader = Reader(view, None, Meter(self.base), _go_on, self._scratches)
            return reader, (unit,)
        kept = store if self.commission.keep_bytes else None
        return Reader(view, kept, Meter(self.base), _go_on, self._scratches), units

    def trail(self, order: Order) -> StateTrail:
        """Which scan has left which state here."""
        return StateTrail(self.states, self.commission.schema, order.scans, self.seen)


class SmallStore(MemoryStore):
    """Blocks in memory as long as there is room; further ones are read again in every pass."""

    def __init__(self, commission: Commission) -> None:
        super().__init__(commission.schema, sparse=commission.view.entry_row_bytes is not None)
        self._left = commission.keep_bytes
        self._row_bytes = commission.view.row_bytes

    def keep(self, block: Block, shelf: list[Any]) -> None:
        if self._left > 0:
            super().keep(block, shelf)
            self._left -= block.n_rows * self._row_bytes
        else:
            shelf.append(None)

    def complete(self, unit: Unit, shelf: list[Any]) -> None:
        if None not in shelf:
            super().complete(unit, shelf)
            return
        self._left += self._row_bytes * sum(one.n_rows for one in shelf if one is not None)


_open: OrderedDict[str, Workshop] = OrderedDict()
_lock = threading.Lock()


def workshop_of(commission: Commission) -> Workshop:
    """The workshop of a run in this process; tasks of one worker may run at the same time."""
    with _lock:
        known = _open.get(commission.run)
        if known is None:
            known = _open[commission.run] = Workshop(commission)
            while len(_open) > MOST_RUNS:
                _open.popitem(last=False)
        _open.move_to_end(commission.run)
        return known


def forget(run: str) -> None:
    """Free what was kept of a run."""
    with _lock:
        _open.pop(run, None)


def summaries(commission: Commission, order: Order, errand: Errand) -> Findings | Failure:
    """The summaries of one unit."""

    def work(shop: Workshop) -> Findings:
        reader, (unit,) = shop.reader(errand)
        aggregates = order.aggregates
        made = read(unit, aggregates, reader, shop.trail(order), [[] for _ in aggregates])
        return _findings(reader, [made], [])

    return _attempted(work, commission, errand)


def file_summaries(
    commission: Commission, order: Order, large: Sequence[bool], errand: Errand
) -> Findings | Failure:
    """The summaries of all units of one file: those that are large, once for the file."""

    def work(shop: Workshop) -> Findings:
        reader, units = shop.reader(errand)
        schema = commission.schema
        held = [
            one.empty(schema) if big else None
            for one, big in zip(order.aggregates, large, strict=True)
        ]
        made = [_of_one(unit, reader, order.aggregates, held, shop) for unit in units]
        return _findings(reader, made, held)

    return _attempted(work, commission, errand)


def row_state(
    commission: Commission, order: Order, state: RowState, errand: Errand
) -> list[NDArray[Any]] | Failure:
    """The state that the last scan left for the rows of a unit, block by block."""

    def work(shop: Workshop) -> list[NDArray[Any]]:
        reader, (unit,) = shop.reader(errand)
        trail = shop.trail(order)
        if not trail.has(unit):
            reader.work(unit, trail.again)
        return trail.states.of_unit(state, unit)

    return _attempted(work, commission, errand)


def _attempted(
    work: Callable[[Workshop], T], commission: Commission, errand: Errand
) -> T | Failure:
    shop = workshop_of(commission)
    try:
        with single_threaded_blas(), compact_arrow_memory():
            return work(shop)
    except Exception as error:
        if isinstance(error, OSError) and not isinstance(error, OneboxError):
            raise  # another worker may have more luck
        return Failure.of(error, commission.view.source, errand)


def _of_one(
    unit: Unit, reader: Reader, aggregates: Sequence[Aggregate[Any]], held: Sequence[Any],
    shop: Workshop,
) -> Made:  # fmt: skip
    schema, rows, dropped = shop.commission.schema, 0, [0]
    folds = [
        None if one is not None else UnitFold(part, schema, [])
        for part, one in zip(aggregates, held, strict=True)
    ]

    def count(lost: int) -> None:
        dropped[0] += lost

    with reader.scratch() as scratch, located(unit) as at:
        for block in reader.blocks(unit, scratch, count):
            at[:] = [block]
            for part, fold, own in zip(aggregates, folds, held, strict=True):
                if fold is not None:
                    fold.update(block)
                    continue
                assert isinstance(part, Tiled)
                part.update(own, block)
            rows += block.n_rows
            at.clear()
    return Made([{} if fold is None else fold.finish() for fold in folds], rows, dropped[0])


def _findings(reader: Reader, made: list[Made], held: list[Any]) -> Findings:
    reader.meter.sample_memory()
    return Findings(made, held, reader.meter.bytes_read, here(), reader.meter.peak)


def _go_on() -> None:
    """Tasks elsewhere are stopped by who runs them."""
