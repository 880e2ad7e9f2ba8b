"""Where decoded blocks and row state live between passes: in memory, or raw in one file on disk.

What a pass finds here has the same canonical layout as what the first pass computed from, so that a
resident, a spilled and a re-read pass give the same bits. The file is read into buffers, not
mapped: mapped pages count as resident memory.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from onebox.aggregates.aggregate import RowState
from onebox.data.block import Block, Weights
from onebox.data.columns import MatrixColumns, SparseColumns
from onebox.data.partition import Partition, Unit
from onebox.data.schema import Schema
from onebox.data.scratch import Scratch
from onebox.storage.spill import SpillFolder


class SpillFile:
    """Raw arrays in one file, written once each and read back into buffers; safe for threads."""

    def __init__(self, folder: SpillFolder) -> None:
        self._folder = folder
        self._file = open(folder.path / "blocks.raw", "w+b", buffering=0)  # noqa: SIM115 (see close)
        self._lock = threading.Lock()
        self._end = 0

    @property
    def nbytes(self) -> int:
        """Bytes written so far."""
        return self._end

    def append(self, array: NDArray[Any]) -> int:
        """Write an array, return where it begins.

        Raises
        ------
        NotEnoughDisk
            When the limit or the disk does not allow it.
        """
        with self._folder.writing(array.nbytes):
            with self._lock:
                at, self._end = self._end, self._end + array.nbytes
            self.overwrite(np.ascontiguousarray(array), at)
        return at

    def overwrite(self, array: NDArray[Any], at: int) -> None:
        """Write an array of the same size over an earlier one."""
        data = _bytes_of(array)
        while data:
            n = self._write(data, at)
            data, at = data[n:], at + n

    def read(self, out: NDArray[Any], at: int) -> None:
        """Fill an array with what was written at a place."""
        view = _bytes_of(out)
        while view:
            n = self._read(view, at)
            if n == 0:
                raise OSError("the file of spilled blocks was cut short while in use")
            view, at = view[n:], at + n

    def close(self) -> None:
        """Close the file; its folder deletes it."""
        self._file.close()

    if hasattr(os, "preadv"):

        def _read(self, view: memoryview, at: int) -> int:
            return os.preadv(self._file.fileno(), [view], at)

        def _write(self, data: memoryview, at: int) -> int:
            return os.pwrite(self._file.fileno(), data, at)

    else:  # Windows reads and writes where the file stands only

        def _read(self, view: memoryview, at: int) -> int:
            with self._lock:
                self._file.seek(at)
                return self._file.readinto(view) or 0

        def _write(self, data: memoryview, at: int) -> int:
            with self._lock:
                self._file.seek(at)
                return self._file.write(data) or 0


def _bytes_of(array: NDArray[Any]) -> memoryview:
    # An empty array has no bytes that a memoryview could be cast to.
    data: Any = array.reshape(-1)  # numpy's stubs do not say that arrays are buffers
    return memoryview(data).cast("B") if array.size else memoryview(b"")


class BlockStore(Protocol):
    """Keeps the blocks of whole units."""

    from_disk: bool

    def has(self, unit: Unit) -> bool:
        """Whether all blocks of a unit are here."""

    def keep(self, block: Block, shelf: list[Any]) -> None:
        """Put a copy of a block on the shelf of its unit."""

    def complete(self, unit: Unit, shelf: list[Any]) -> None:
        """Take in a shelf with all blocks of its unit."""

    def blocks(self, unit: Unit, scratch: Scratch) -> Iterator[Block]:
        """The blocks of a unit, in order."""


@dataclass(frozen=True)
class _Kept:
    partition: Partition
    first_row: int
    rows: NDArray[np.int64] | None
    n_rows: int
    X: Any  # the array itself, or its place in the file
    y: Any
    w: Any
    y_shape: tuple[int, ...]
    y_dtype: np.dtype[Any]


class MemoryStore:
    """Blocks in memory.

    Parameters
    ----------
    schema : Schema
    sparse : bool
        Whether rows that came as CSR stay so.
    """

    from_disk = False

    def __init__(self, schema: Schema, *, sparse: bool) -> None:
        self._schema, self._sparse = schema, sparse
        self._shelves: dict[int, list[_Kept]] = {}

    def has(self, unit: Unit) -> bool:
        return unit.first_partition in self._shelves

    def keep(self, block: Block, shelf: list[Any]) -> None:
        y = block.y if block.has_target else None
        w = block.weight if self._schema.weighted else None
        sparse = block.csr if self._sparse else None
        X = block.X.copy() if sparse is None else sparse.copy()
        shelf.append(_kept(block, X, None if y is None else y.copy(),
                           None if w is None else w.copy(), y))  # fmt: skip

    def complete(self, unit: Unit, shelf: list[Any]) -> None:
        self._shelves[unit.first_partition] = shelf

    def blocks(self, unit: Unit, scratch: Scratch) -> Iterator[Block]:
        for kept in self._shelves[unit.first_partition]:
            yield _block(self._schema, kept, scratch, kept.X, kept.y, kept.w)


class DiskStore:
    """Blocks in a file of raw arrays."""

    from_disk = True

    def __init__(self, schema: Schema, file: SpillFile) -> None:
        self._schema, self._file = schema, file
        self._shelves: dict[int, list[_Kept]] = {}

    def has(self, unit: Unit) -> bool:
        return unit.first_partition in self._shelves

    def keep(self, block: Block, shelf: list[Any]) -> None:
        y = block.y if block.has_target else None
        if y is not None and y.dtype != object:
            place_y: Any = self._file.append(y)
        else:
            place_y = y  # text stays in memory, as labels are few and shared
        w = self._file.append(block.weight) if self._schema.weighted else None
        shelf.append(_kept(block, self._file.append(block.X), place_y, w, y))

    def complete(self, unit: Unit, shelf: list[Any]) -> None:
        self._shelves[unit.first_partition] = shelf

    def blocks(self, unit: Unit, scratch: Scratch) -> Iterator[Block]:
        schema = self._schema
        for kept in self._shelves[unit.first_partition]:
            X = scratch.take("spilled.X", (kept.n_rows, schema.n_features), schema.dtype)
            self._file.read(X, kept.X)
            y, w = kept.y, None
            if isinstance(y, int):
                y = scratch.take("spilled.y", kept.y_shape, kept.y_dtype)
                self._file.read(y, kept.y)
            if kept.w is not None:
                w = scratch.take("spilled.w", (kept.n_rows,), np.float64)
                self._file.read(w, kept.w)
            yield _block(schema, kept, scratch, X, y, w)


class RowStates:
    """The per-row arrays of multi-pass aggregates, block by block."""

    def __init__(self, file: SpillFile | None) -> None:
        self._file = file
        self._held: dict[tuple[int, int, str], Any] = {}

    def lend(
        self, block: Block, unit: Unit, ordinal: int, states: tuple[RowState, ...],
        afresh: Sequence[RowState] = (),
    ) -> None:  # fmt: skip
        """Give the block its state, as the last scan left it, or as it was before the first."""
        for state in states:
            key = (unit.first_partition, ordinal, state.name)
            held = None if state in afresh else self._held.get(key)
            if held is None or self._file is not None:
                array = np.full(block.n_rows, state.fill, state.dtype)
                if held is not None and self._file is not None:
                    self._file.read(array, held[0])
                elif self._file is None:
                    self._held[key] = array
                held = array
            block.state[state.name] = held

    def take_back(self, block: Block, unit: Unit, ordinal: int) -> None:
        """Keep what the update wrote."""
        if self._file is None:
            return
        for name, array in block.state.items():
            key = (unit.first_partition, ordinal, name)
            if key in self._held:
                self._file.overwrite(array, self._held[key][0])
            else:
                self._held[key] = (self._file.append(array), len(array))

    def of_unit(self, state: RowState, unit: Unit) -> list[NDArray[Any]]:
        """The arrays of one state and one unit; in memory only."""
        arrays: list[NDArray[Any]] = []
        while (unit.first_partition, len(arrays), state.name) in self._held:
            arrays.append(self._held[unit.first_partition, len(arrays), state.name])
        return arrays

    def in_order(self, state: RowState) -> list[NDArray[Any]]:
        """The arrays of one state, in the order of the rows."""
        keys = sorted(key for key in self._held if key[2] == state.name)
        if self._file is None:
            return [self._held[key] for key in keys]
        parts = []
        for key in keys:
            at, n_rows = self._held[key]
            parts.append(np.empty(n_rows, state.dtype))
            self._file.read(parts[-1], at)
        return parts


def _kept(block: Block, X: Any, y: Any, w: Any, raw_y: NDArray[Any] | None) -> _Kept:
    rows = None if block.rows is None else block.rows.copy()
    shape = () if raw_y is None else raw_y.shape
    dtype = np.dtype(np.float64) if raw_y is None else raw_y.dtype
    return _Kept(block.partition, block.first_row, rows, block.n_rows, X, y, w, shape, dtype)


def _block(
    schema: Schema, kept: _Kept, scratch: Scratch, X: Any, y: Any, w: Weights | None
) -> Block:
    form = MatrixColumns if isinstance(X, np.ndarray) else SparseColumns
    return Block(
        form(X, tuple(schema.names)), kept.partition, kept.first_row, kept.rows,
        target=y, target_ndim=schema.target_ndim, weight=w, scratch=scratch, dtype=X.dtype,
    )  # fmt: skip
