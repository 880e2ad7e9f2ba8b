"""All rows of a Dataset in memory, as an array or a table: refused where the budget has no room."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from onebox.config import format_bytes, memory_budget
from onebox.data.block import Block
from onebox.data.partition import Unit
from onebox.data.schema import is_numeric
from onebox.engine.run import Run
from onebox.errors import NotEnoughMemory

if TYPE_CHECKING:
    from onebox.dataset.dataset import Dataset

OBJECT_BYTES = 64  # of a Python object that a value of text or the like becomes


class _Room:
    """Adds up what is held, and refuses what goes beyond the budget."""

    def __init__(self, data: Dataset, job: str) -> None:
        self.budget, self.job, self.held = memory_budget(data.settings), job, 0

    def take(self, nbytes: int) -> None:
        self.held += nbytes
        if self.held > self.budget:
            raise NotEnoughMemory(
                f"{self.job} would hold {format_bytes(self.held)} or more; the budget is "
                f"{format_bytes(self.budget)}. Take fewer rows (.sample, .filter) or columns, write "
                "them down (.to_parquet, .persist), or raise `memory`."
            )


def to_numpy(data: Dataset) -> NDArray[Any]:
    """Hold all rows as one array, one dimension for one column."""
    room = _Room(data, "to_numpy")
    if data.ndim == 1:
        return _column(data, room)
    data.view.schema.require_numeric("to_numpy")
    n_rows = None if data.view.drops_rows else data.view.layout.n_rows
    return _counted(data, room) if n_rows is None else _known(data, n_rows, room)


def to_arrow(data: Dataset) -> pa.Table:
    """Hold all rows as an Arrow table."""
    room = _Room(data, "to_arrow")
    batches = []
    with Run(data.view.without_roles(), [], settings=data.settings, job="to_arrow") as run:
        for block in run.blocks():
            batches.append(block.as_batch(data.schema))
            room.take(batches[-1].nbytes)
    return pa.Table.from_batches(batches, schema=data.schema)


def _known(data: Dataset, n_rows: int, room: _Room) -> NDArray[Any]:
    view = data.view.without_roles()
    room.take(n_rows * view.row_bytes)
    out = np.empty((n_rows, view.schema.n_features), view.schema.dtype)

    def fill(unit: Unit, blocks: Iterator[Block]) -> None:
        at = unit.global_row or 0
        for block in blocks:
            out[at : at + block.n_rows] = block.X
            at += block.n_rows

    run = Run(view, [], settings=data.settings, job="to_numpy", result_bytes=out.nbytes)
    with run:
        for _ in run.map(fill):
            pass
    return out


def _counted(data: Dataset, room: _Room) -> NDArray[Any]:
    """How many there are shows at the end: the parts and the whole stand side by side once."""
    schema, parts = data.view.schema, []
    with Run(data.view.without_roles(), [], settings=data.settings, job="to_numpy") as run:
        for block in run.blocks():
            room.take(2 * block.X.nbytes)
            parts.append(block.X)
    return np.concatenate(parts) if parts else np.empty((0, schema.n_features), schema.dtype)


def _column(data: Dataset, room: _Room) -> NDArray[Any]:
    name, parts = data.columns[0], []
    with Run(data.view.without_roles(), [], settings=data.settings, job="to_numpy") as run:
        for block in run.blocks():
            part = block[name]
            objects = len(part) * OBJECT_BYTES if part.dtype == object else 0
            room.take(2 * part.nbytes + objects)
            parts.append(part)
    if parts:
        return np.concatenate(parts)
    kind = data.schema.field(name).type
    return np.empty(0, kind.to_pandas_dtype() if is_numeric(kind) else object)
