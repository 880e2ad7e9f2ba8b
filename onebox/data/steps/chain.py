"""Chains of steps: what they need, what comes out, and how a block goes through."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from onebox.data.block import Block
from onebox.data.steps.step import Step

Chain = tuple[Step, ...]


def applied(chain: Chain, block: Block) -> Block:
    """A block after some steps; an error in a step says which rows it was working on."""
    for step in chain:
        try:
            block = step.apply(block)
        except Exception as error:
            error.add_note(f"onebox: in {type(step).__name__.lower()}, working on {block.where}")
            raise
    return block


def schema_after(before: pa.Schema, chain: Chain) -> pa.Schema:
    """The columns that come out of a chain of steps."""
    for step in chain:
        before = step.schema(before)
    return before


def columns_needed(source: pa.Schema, chain: Chain) -> set[str]:
    """The source's columns from which a chain of steps can be computed."""
    schemas = [source]
    for step in chain:
        schemas.append(step.schema(schemas[-1]))
    wanted = set(schemas[-1].names)
    for step, before in zip(reversed(chain), reversed(schemas[:-1]), strict=True):
        wanted = step.needs(wanted, before)
    return wanted


def passed_through(source: pa.Schema, chains: Sequence[Chain]) -> list[str]:
    """Columns that reach X, y or weight just as they are read."""
    passed: set[str] = set()
    for chain in chains:
        for name in schema_after(source, chain).names:
            origin: str | None = name
            for step in reversed(chain):
                origin = None if origin is None else step.origin(origin)
            if origin is not None:
                passed.add(origin)
    return [name for name in source.names if name in passed]
