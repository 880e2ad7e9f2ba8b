"""Steps on columns: which, by what name, of what type."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import pyarrow as pa

from onebox.data.block import Block
from onebox.data.columns import TableColumns
from onebox.data.schema import require_columns
from onebox.data.steps.step import Step, with_columns
from onebox.errors import BadInput


@dataclass(frozen=True)
class Select(Step):
    """Keep these columns, in this order."""

    names: tuple[str, ...]

    def schema(self, before: pa.Schema) -> pa.Schema:
        require_columns(before.names, list(self.names))
        return pa.schema([before.field(name) for name in self.names])

    def origin(self, name: str) -> str | None:
        return name

    def needs(self, wanted: set[str], before: pa.Schema) -> set[str]:
        return wanted

    def apply(self, block: Block) -> Block:
        return with_columns(block, block.columns.select(_present(self.names, block.names)))


@lru_cache(maxsize=64)
def _present(names: tuple[str, ...], at_hand: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the names that are at hand: later steps may need some only. Asked anew every block."""
    known = set(at_hand)
    return tuple(name for name in names if name in known)


@dataclass(frozen=True)
class Rename(Step):
    """Give columns new names."""

    names: tuple[tuple[str, str], ...]

    def schema(self, before: pa.Schema) -> pa.Schema:
        require_columns(before.names, [old for old, _ in self.names])
        new = dict(self.names)
        after = [new.get(name, name) for name in before.names]
        if len(set(after)) < len(after):
            raise BadInput(f"rename({dict(self.names)}) would give two columns one name.")
        return pa.schema([f.with_name(n) for f, n in zip(before, after, strict=True)])

    def origin(self, name: str) -> str | None:
        return {new: old for old, new in self.names}.get(name, name)

    def needs(self, wanted: set[str], before: pa.Schema) -> set[str]:
        old = {new: name for name, new in self.names}
        return {old.get(name, name) for name in wanted}

    def apply(self, block: Block) -> Block:
        new = dict(self.names)
        return with_columns(block, block.columns.rename([new.get(n, n) for n in block.names]))


@dataclass(frozen=True)
class Cast(Step):
    """Change the types of columns."""

    types: tuple[tuple[str, pa.DataType], ...]

    def schema(self, before: pa.Schema) -> pa.Schema:
        require_columns(before.names, [name for name, _ in self.types])
        kinds = dict(self.types)
        return pa.schema([f.with_type(kinds.get(f.name, f.type)) for f in before])

    def origin(self, name: str) -> str | None:
        return name

    def needs(self, wanted: set[str], before: pa.Schema) -> set[str]:
        return wanted

    def apply(self, block: Block) -> Block:
        kinds = dict(self.types)
        arrays = []
        for name in block.names:
            array = block.column(name)
            try:
                arrays.append(array.cast(kinds[name]) if name in kinds else array)
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
                reason = str(error).split("\n", 1)[0]
                raise BadInput(
                    f"cast({{{name!r}: '{kinds[name]}'}}) failed in {block.place(0)} or one of the "
                    f"{block.n_rows:,} rows from there on: {reason}"
                ) from None
        return with_columns(block, TableColumns(pa.record_batch(arrays, names=list(block.names))))
