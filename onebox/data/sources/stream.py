"""Rows that come as a stream of blocks: generators, functions that make them, Arrow streams.

Nobody knows how many there will be, so a stream is one partition. What can be started anew is
streamed anew in every pass; what cannot is read once and says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any

import pyarrow as pa

from onebox.data.columns import Columns, TableColumns
from onebox.data.partition import Span
from onebox.data.source import Source
from onebox.data.sources.memory import memory_source
from onebox.data.sources.settle import conform, plain_schema, settle_schemas
from onebox.errors import SchemaMismatch, SinglePass, WrongType

REMEDY = (
    "Write it down first, ob.dataset(...).persist(path), or hand over a function that makes the "
    "stream anew."
)


class StreamSource(Source):
    """Rows of a stream of blocks: arrays, tables, record batches, data frames or dicts.

    Parameters
    ----------
    start : callable
        Begins the stream; called now for the schema, and anew in every pass if not `single_pass`.
    single_pass : bool
        Whether it can be begun only once.
    columns : sequence of str, optional
        Names for the columns of arrays; else the columns to see.
    owner : object
        What the caller handed over: tells rows apart.
    """

    travels = False

    def __init__(
        self,
        start: Callable[[], Iterator[Any]],
        *,
        single_pass: bool,
        columns: Sequence[str] | None = None,
        owner: object,
    ) -> None:
        self.single_pass = single_pass
        self.columns = columns
        self._start, self._owner = start, owner
        self._is_spent = False
        blocks = start()
        told = getattr(blocks, "schema", None)
        first = None if isinstance(told, pa.Schema) else next(blocks, None)
        if first is not None:
            source = self._opened(first, 0)
            self._schema, self.named = source.schema, source.named
        else:
            self._schema = plain_schema(told or pa.schema([]), columns, "the stream")
        # What cannot begin again goes on where the look at the first block left it.
        self._begun = (
            (iter(blocks) if first is None else chain([first], blocks)) if single_pass else None
        )

    @property
    def schema(self) -> pa.Schema:
        return self._schema

    def spans(self) -> list[Span]:
        return [Span("", 0, 0, None, 0, "")]

    def read(
        self, span: Span, start: int, stop: int, names: Sequence[str], rows_per_batch: int
    ) -> Iterator[Columns]:
        target = pa.schema([self._schema.field(name) for name in names])
        for number, block in enumerate(self._blocks()):
            source = self._opened(block, number)
            self._require_fit(source.schema, number)
            (whole,) = source.spans()
            for rows in source.read(whole, 0, whole.n_rows or 0, names, rows_per_batch):
                if source.schema.equals(self._schema):
                    yield rows
                else:
                    yield TableColumns(conform(rows.to_batch(), target, f"block {number}"))

    def _blocks(self) -> Iterator[Any]:
        if not self.single_pass:
            return self._start()
        if self._is_spent:
            raise SinglePass(f"{self.describe()} can be read once, and was read already. {REMEDY}")
        self._is_spent = True
        begun, self._begun = self._begun, None
        assert begun is not None
        return begun

    def _opened(self, block: Any, number: int) -> Source:
        source = memory_source(block, self.columns)
        if source is None:
            raise WrongType(
                f"Block {number} of the stream is a {type(block).__name__}. Every block must be an "
                "array, an Arrow table or record batch, a data frame or a dict of columns."
            )
        return source

    def _require_fit(self, schema: pa.Schema, number: int) -> None:
        if schema.equals(self._schema):
            return
        here = f"block {number} of the stream"
        settled = settle_schemas([("block 0", self._schema), (here, schema)])
        for field in settled:
            first = self._schema.field(field.name).type
            if field.type != first:
                raise SchemaMismatch(
                    f"Column {field.name!r} is {first} in block 0 and "
                    f"{schema.field(field.name).type} in {here}. Give every block the same types, "
                    "e.g. astype(float) before the yield."
                )

    @property
    def token(self) -> object:
        return ("stream", id(self._owner))

    @property
    def content(self) -> object:
        raise SinglePass(
            f"{self.describe()} can be read once, which a key of its rows would take. Write it down "
            "first: .to_parquet(path)."
        )

    def describe(self) -> str:
        return f"a stream ({type(self._owner).__name__})"


def arrow_stream(x: Any) -> Callable[[], Iterator[pa.RecordBatch]]:
    """Begin the stream of an object with ``__arrow_c_stream__``, as often as it can."""
    begun = False

    def start() -> Iterator[pa.RecordBatch]:
        nonlocal begun
        try:
            reader: Iterator[pa.RecordBatch] = pa.RecordBatchReader.from_stream(x)
        except Exception as error:
            if not begun:
                raise
            raise SinglePass(
                f"A {type(x).__name__} gave its Arrow stream once and refuses to give it again: "
                f"{error}. " + REMEDY
            ) from error
        begun = True
        return reader

    return start
