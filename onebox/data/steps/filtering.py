"""Steps on rows, by what is in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from onebox.data.block import Block, present
from onebox.data.schema import require_columns
from onebox.data.steps.step import Step
from onebox.errors import BadInput


@dataclass(frozen=True, eq=False)
class Filter(Step):
    """Keep the rows for which an Arrow expression is true."""

    expression: pc.Expression
    drops_rows: ClassVar[bool] = True

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Filter) and self.expression.equals(other.expression)

    def __hash__(self) -> int:
        return hash(str(self.expression))

    def schema(self, before: pa.Schema) -> pa.Schema:
        try:
            before.empty_table().filter(self.expression)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            reason = str(error).split("\n", 1)[0]
            raise BadInput(
                f"The filter {self.expression} does not fit the columns: {reason}"
            ) from None
        return before

    def needs(self, wanted: set[str], before: pa.Schema) -> set[str]:
        # An expression does not tell its fields; every name that occurs in its text is a superset.
        text = str(self.expression)
        named = {name for name in before.names if name in text}
        try:
            pa.schema([before.field(n) for n in named]).empty_table().filter(self.expression)
        except pa.ArrowInvalid:
            named = set(before.names)
        return wanted | named

    def apply(self, block: Block) -> Block:
        batch = block.columns.to_batch()
        at = pa.array(np.arange(batch.num_rows))
        table = pa.Table.from_arrays([*batch.columns, at], names=[*batch.schema.names, "\0row"])
        kept = table.filter(self.expression).column("\0row").to_numpy()
        if len(kept) == block.n_rows:
            return block
        keep = np.zeros(block.n_rows, np.bool_)
        keep[kept] = True
        return block.take(keep)


@dataclass(frozen=True)
class DropMissing(Step):
    """Keep the rows in which these columns have values: no null, NaN or infinity."""

    names: tuple[str, ...]
    drops_rows: ClassVar[bool] = True

    def schema(self, before: pa.Schema) -> pa.Schema:
        require_columns(before.names, list(self.names))
        return before

    def needs(self, wanted: set[str], before: pa.Schema) -> set[str]:
        return wanted | set(self.names)

    def apply(self, block: Block) -> Block:
        keep = np.ones(block.n_rows, np.uint8)
        for name in self.names:
            keep &= present(block.column(name))
        return block if keep.all() else block.take(keep.view(np.bool_))
