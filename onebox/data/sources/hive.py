"""Columns that only the path tells: ``year=2024/month=3/part-0.parquet``."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads
import pyarrow.fs as pafs

from onebox.data.columns import Columns, TableColumns
from onebox.data.partition import Span
from onebox.data.source import Source
from onebox.data.sources.files import Folder
from onebox.data.sources.trace import Trace
from onebox.errors import SchemaMismatch

NULL = "__HIVE_DEFAULT_PARTITION__"

Values = dict[str, dict[str, Any]]


def hive_values(folder: Folder) -> Values:
    """Take the values of every key's ``name=value`` parts: integers if all of a name's are.

    Returns
    -------
    dict of str to dict of str to (int, str or None)
        Values by name by file key; empty when there are no such parts.

    Raises
    ------
    SchemaMismatch
        Some files have parts that others have not.
    """
    texts = {file.key: _parts(file.key) for file in folder.files}
    first_key, first = next(iter(texts.items()))
    for key, parts in texts.items():
        if parts.keys() != first.keys():
            raise SchemaMismatch(
                f"{first_key} lies in folders of {sorted(first) or 'no values'} and {key} in "
                f"folders of {sorted(parts) or 'no values'}. Give every file the same name=value "
                "folders, or open them apart."
            )
    integers = [
        name
        for name in first
        if all(_is_integer(parts[name]) for parts in texts.values() if parts[name] is not None)
        and any(parts[name] is not None for parts in texts.values())
    ]
    return (
        {
            key: {n: int(v) if v is not None and n in integers else v for n, v in parts.items()}
            for key, parts in texts.items()
        }
        if first
        else {}
    )


def _parts(key: str) -> dict[str, str | None]:
    pairs = [part.partition("=") for part in posixpath.dirname(key).split("/") if "=" in part]
    return {unquote(n): None if value == NULL else unquote(value) for n, _, value in pairs}


def _is_integer(text: str | None) -> bool:
    return text is not None and text.removeprefix("-").isdecimal() and abs(int(text)) < 2**63


class HiveSource(Source):
    """A source of files with the columns that their folders tell.

    A column that the files hold themselves is read from them.

    Parameters
    ----------
    files : Source
        The files; their spans carry the keys.
    values : dict of str to dict of str to (int, str or None)
        From `hive_values`.
    columns : sequence of str, optional
        The columns to see, in this order.
    """

    def __init__(self, files: Source, values: Values, columns: Sequence[str] | None = None) -> None:
        self.files = files
        stored = set(files.schema.names)
        first = next(iter(values.values()))
        names = [n for n in first if n not in stored and (columns is None or n in columns)]
        self.values = {key: {name: row[name] for name in names} for key, row in values.items()}
        rows = self.values.values()
        self._types = {name: pa.array([row[name] for row in rows]).type for name in names}
        told = pa.schema(list(self._types.items()))
        schema = pa.schema([*files.schema, *told])
        self._schema = schema if columns is None else pa.schema([schema.field(n) for n in columns])
        self.raw, self.single_pass, self.tells_nulls = False, files.single_pass, True

    @property
    def schema(self) -> pa.Schema:
        return self._schema

    def spans(self) -> list[Span]:
        return self.files.spans()

    def read(
        self, span: Span, start: int, stop: int, names: Sequence[str], rows_per_batch: int
    ) -> Iterator[Columns]:
        stored = [name for name in names if name not in self._types]
        # Rows must be counted even where every asked column stands in the path.
        read = stored or self.files.schema.names[:1]
        for columns in self.files.read(span, start, stop, read, rows_per_batch):
            if len(stored) == len(names):
                yield columns
                continue
            arrays = [
                self._constant(span.file, name, columns.n_rows)
                if name in self._types
                else columns.array(name)
                for name in names
            ]
            yield TableColumns(pa.record_batch(arrays, names=list(names)))

    def _constant(self, key: str, name: str, n_rows: int) -> pa.Array:
        return pa.repeat(pa.scalar(self.values[key][name], self._types[name]), n_rows)

    @property
    def token(self) -> object:
        return self.files.token

    def trace(self, file: str) -> Trace | None:
        return self.files.trace(file)

    def reading_bytes(self, span: Span, names: Sequence[str], rows_per_batch: int) -> int:
        return self.files.reading_bytes(span, self._stored(names), rows_per_batch)

    def stored_bytes(self, span: Span, names: Sequence[str]) -> int:
        return self.files.stored_bytes(span, self._stored(names))

    def unpacked_bytes(self, span: Span, names: Sequence[str]) -> int:
        return self.files.unpacked_bytes(span, self._stored(names))

    def _stored(self, names: Sequence[str]) -> list[str]:
        return [name for name in names if name not in self._types]

    def null_counts(self, span: Span, names: Sequence[str]) -> list[int | None]:
        values = self.values[span.file]
        stored = iter(self.files.null_counts(span, self._stored(names)))
        return [
            next(stored) if name not in values else span.n_rows if values[name] is None else 0
            for name in names
        ]

    def may_match(self, span: Span, expression: pc.Expression) -> bool:
        guarantee = pc.scalar(True)
        for name, value in self.values[span.file].items():
            known = pc.field(name)
            guarantee &= known.is_null() if value is None else known == value
        # Arrow prunes files by what their paths guarantee, without opening them.
        disk, form = pafs.LocalFileSystem(), pads.IpcFileFormat()
        fragment = form.make_fragment(span.file, disk, partition_expression=guarantee)
        files = pads.FileSystemDataset([fragment], self.schema, form, disk)
        if not any(True for _ in files.get_fragments(filter=expression)):
            return False
        return self.files.may_match(span, expression)

    def describe(self) -> str:
        return self.files.describe()
