"""Several sources, one after the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property

import pyarrow as pa
import pyarrow.compute as pc

from onebox.data.columns import Columns, TableColumns
from onebox.data.partition import Span
from onebox.data.source import Source
from onebox.data.sources.settle import conform, settle_schemas
from onebox.data.sources.trace import Trace


class ConcatSource(Source):
    """The rows of several sources in order.

    Types settle as over the files of one dataset. Keys of files that would collide begin with the
    number of their source: "0/part.parquet", "1/part.parquet".

    Parameters
    ----------
    sources : sequence of Source
        At least one.
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        self.sources = tuple(sources)
        self.named = all(source.named for source in sources)
        self.travels = all(source.travels for source in sources)
        self.single_pass = any(source.single_pass for source in sources)
        self.tells_nulls = any(source.tells_nulls for source in sources)
        self._schema = settle_schemas(
            [(f"part {i} ({source.describe()})", source.schema) for i, source in enumerate(sources)]
        )
        # Where types must be changed, a copy of the blocks is worth keeping.
        same = all(source.schema.equals(self._schema) for source in sources)
        self.in_memory = same and all(source.in_memory for source in sources)
        self.raw = same and all(source.raw for source in sources)

    @property
    def schema(self) -> pa.Schema:
        return self._schema

    @cached_property
    def _origins(self) -> dict[Span, tuple[Source, Span]]:
        spans = [(i, source.spans()) for i, source in enumerate(self.sources)]
        users = Counter(key for _, part in spans for key in {span.file for span in part})
        origins = {}
        for i, part in spans:
            for span in part:
                key = f"{i}/{span.file}".rstrip("/") if users[span.file] > 1 else span.file
                origins[replace(span, file=key)] = (self.sources[i], span)
        return origins

    def spans(self) -> list[Span]:
        return list(self._origins)

    def read(
        self, span: Span, start: int, stop: int, names: Sequence[str], rows_per_batch: int
    ) -> Iterator[Columns]:
        source, original = self._origins[span]
        target = pa.schema([self._schema.field(name) for name in names])
        same = all(
            source.schema.field(name).type == self._schema.field(name).type for name in names
        )
        for columns in source.read(original, start, stop, names, rows_per_batch):
            yield columns if same else TableColumns(conform(columns.to_batch(), target, span.place))

    @property
    def token(self) -> object:
        return ("concat", *(source.token for source in self.sources))

    @property
    def content(self) -> object:
        return ["concat", *(source.content for source in self.sources)]

    def trace(self, file: str) -> Trace | None:
        source, original = self._files[file]
        return source.trace(original)

    @cached_property
    def _files(self) -> dict[str, tuple[Source, str]]:
        pairs = self._origins.items()
        return {span.file: (source, original.file) for span, (source, original) in pairs}

    def reading_bytes(self, span: Span, names: Sequence[str], rows_per_batch: int) -> int:
        source, original = self._origins[span]
        return source.reading_bytes(original, names, rows_per_batch)

    def stored_bytes(self, span: Span, names: Sequence[str]) -> int:
        source, original = self._origins[span]
        return source.stored_bytes(original, names)

    def unpacked_bytes(self, span: Span, names: Sequence[str]) -> int:
        source, original = self._origins[span]
        return source.unpacked_bytes(original, names)

    def null_counts(self, span: Span, names: Sequence[str]) -> list[int | None]:
        source, original = self._origins[span]
        return source.null_counts(original, names)

    def may_match(self, span: Span, expression: pc.Expression) -> bool:
        source, original = self._origins[span]
        return source.may_match(original, expression)

    def describe(self) -> str:
        return f"{len(self.sources)} datasets: " + ", then ".join(
            s.describe() for s in self.sources
        )
