"""The contract of a step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import pyarrow as pa

from onebox.data.block import Block


class Step(ABC):
    """One thing done to the rows of a block."""

    drops_rows: ClassVar[bool] = False

    @abstractmethod
    def schema(self, before: pa.Schema) -> pa.Schema:
        """The columns that come out."""

    @abstractmethod
    def needs(self, wanted: set[str], before: pa.Schema) -> set[str]:
        """The columns that must come in, so that `wanted` can come out."""

    @abstractmethod
    def apply(self, block: Block) -> Block:
        """The rows that come out."""

    def origin(self, name: str) -> str | None:
        """The incoming column whose nulls an outgoing one has; None when it is made anew."""
        return None


def with_columns(block: Block, columns: Any) -> Block:
    """The same rows with other columns."""
    return Block(columns, block.partition, block.first_row, block.rows, scratch=block.scratch)
