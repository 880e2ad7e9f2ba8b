"""Draws that depend on the seed and the row only: samples and splits that stay as they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from onebox._kernels import sampling
from onebox.data.block import Block
from onebox.data.schema import require_columns
from onebox.data.steps.step import Step
from onebox.storage.hashing import hash_bytes


@dataclass(frozen=True)
class Draw(Step):
    """Keep rows by a draw that depends on the seed and the row's place (or a column's value) only.

    A row is kept when its number in [0, 1) lies in [low, high): the same rows whatever other files
    there are, however many workers read, in whatever order. Draws of different purposes are
    independent.
    """

    seed: int
    purpose: str
    low: float
    high: float
    by: str | None = None
    drops_rows: ClassVar[bool] = True

    def schema(self, before: pa.Schema) -> pa.Schema:
        if self.by is not None:
            require_columns(before.names, [self.by])
        return before

    def needs(self, wanted: set[str], before: pa.Schema) -> set[str]:
        return wanted | ({self.by} if self.by is not None else set())

    def apply(self, block: Block) -> Block:
        number = draw_hashes(block, self.seed, self.by, self.purpose) >> np.uint64(11)
        share = number.astype(np.float64) * 2.0**-53
        keep = (share >= self.low) & (share < self.high)
        return block if keep.all() else block.take(keep)


def draw_hashes(
    block: Block, seed: int, by: str | None = None, purpose: str = ""
) -> NDArray[np.uint64]:
    """One well-mixed number a row, a function of (seed, file, row) or of (seed, value of `by`)."""
    out = np.empty(block.n_rows, np.uint64)
    if by is not None:
        sampling.mix(_key(seed, f"{purpose}\0by"), value_hashes(block.column(by)), out)
    elif block.rows is None:
        sampling.row_hashes(
            _key(seed, f"{purpose}\0file\0{block.partition.file}"), block.first_row, out
        )
    else:
        sampling.row_hashes_at(
            _key(seed, f"{purpose}\0file\0{block.partition.file}"), block.rows, out
        )
    return out


def value_hashes(array: pa.Array) -> NDArray[np.uint64]:
    """A hash of each value; equal values of any width or encoding are hashed alike."""
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_temporal(array.type):
        array = array.view(pa.int32() if array.type.bit_width == 32 else pa.int64())
    encoded = array.dictionary_encode("encode")
    hashes = np.array(
        [
            int(hash_bytes(repr(value).encode())[:16], 16)
            for value in encoded.dictionary.to_pylist()
        ],
        dtype=np.uint64,
    )
    return np.asarray(hashes[encoded.indices.to_numpy(zero_copy_only=False)], np.uint64)


def _key(seed: int, text: str) -> int:
    return int(hash_bytes(f"{seed}\0{text}".encode())[:16], 16)
