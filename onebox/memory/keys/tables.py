"""What Arrow's objects consist of: tables, columns, scalars, schemas, types.

A column is described by streams (where its nulls are, lengths, values) that go on from chunk to
chunk, so that neither cuts nor offsets can be seen in them. Values beneath a null are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from onebox.memory.keys.encoding import Describe, Description, Raw, Unkeyable, runs

is_type = pa.types

ROWS = 1 << 16  # copied at a time
NAMED = "[{!r}]"
TEXTS = (is_type.is_string, is_type.is_large_string, is_type.is_binary, is_type.is_large_binary)
LARGE = (is_type.is_large_string, is_type.is_large_binary, is_type.is_large_list)


def describe_table(value: pa.Table | pa.RecordBatch) -> Description:
    """Describe a table or a record batch by its schema and its columns."""
    tag = "table" if isinstance(value, pa.Table) else "record batch"
    columns = (
        (name, describe_column(value.column(i))) for i, name in enumerate(value.column_names)
    )
    return Description(tag, chain([("schema", value.schema)], columns), NAMED)


def describe_column(value: pa.Array | pa.ChunkedArray) -> Description:
    """Describe the values of a column, whether it is in chunks or not."""
    if isinstance(value, pa.ChunkedArray):
        if value.num_chunks > 1:
            value = value.unify_dictionaries()
        return _column(value.type, value.chunks)
    return _column(value.type, [value])


def _describe_alone(value: pa.Array | pa.ChunkedArray) -> Description:
    tag = "chunked array" if isinstance(value, pa.ChunkedArray) else "arrow array"
    return Description(tag, [("type", value.type), ("values", describe_column(value))])


def _describe_scalar(value: pa.Scalar) -> Description:
    return Description("arrow scalar", [("array", _describe_alone(pa.repeat(value, 1)))])


def _describe_schema(value: pa.Schema) -> Description:
    fields = [_field(field) for field in value]
    return Description("schema", [("fields", fields), ("metadata", dict(value.metadata or {}))])


def _describe_field(value: pa.Field) -> Description:
    return Description("field", [("field", _field(value))])


def _describe_type(value: pa.DataType) -> Description:
    return Description("arrow type", [("type", _type(value))])


def _field(field: pa.Field) -> tuple[object, ...]:
    metadata = (dict(field.metadata),) if field.metadata else ()
    return (field.name, field.nullable, _type(field.type), *metadata)


def _type(kind: pa.DataType) -> object:
    """Say all about a type: its text alone is vague about names of fields."""
    if isinstance(kind, pa.BaseExtensionType):
        return (kind.extension_name, kind.__arrow_ext_serialize__(), _type(kind.storage_type))
    if is_type.is_dictionary(kind):
        return ("dictionary", kind.ordered, _type(kind.index_type), _type(kind.value_type))
    if kind.num_fields:
        return (str(kind), *(_field(kind.field(i)) for i in range(kind.num_fields)))
    return str(kind)


def _column(kind: pa.DataType, chunks: list[pa.Array]) -> Description:
    n_rows = sum(map(len, chunks))
    return Description("column", chain([("length", n_rows)], _streams(kind, chunks)))


def _streams(kind: pa.DataType, chunks: list[pa.Array]) -> Iterator[tuple[object, object]]:
    """Yield what a column of some type consists of."""
    if isinstance(kind, pa.BaseExtensionType):
        yield "storage", _column(kind.storage_type, [chunk.storage for chunk in chunks])
    elif is_type.is_dictionary(kind):
        yield "indices", _column(kind.index_type, [chunk.indices for chunk in chunks])
        yield "dictionary", _column(kind.value_type, [chunk.dictionary for chunk in chunks[:1]])
    elif is_type.is_null(kind):
        return
    elif (contents := _contents(kind)) is None:
        values = [item for chunk in chunks for item in chunk.to_pylist()]
        yield from runs(range(len(values)), values)
    else:
        yield "nulls", Raw(_null_rows(chunks))
        yield from contents(kind, chunks)


def _contents(
    kind: pa.DataType,
) -> Callable[[pa.DataType, list[pa.Array]], Iterator[tuple[object, object]]] | None:
    """Choose how the values of a type are read; None for types whose layout is not read here."""
    if is_type.is_struct(kind):
        return _struct
    if is_type.is_list(kind) or is_type.is_large_list(kind) or is_type.is_map(kind):
        return _lists
    if is_type.is_fixed_size_list(kind):
        return _fixed_lists
    if any(is_text(kind) for is_text in TEXTS):
        return _texts
    if is_type.is_boolean(kind):
        return _booleans
    if is_type.is_primitive(kind) or is_type.is_decimal(kind) or is_type.is_fixed_size_binary(kind):
        return _fixed_width
    return None


def _struct(kind: pa.DataType, chunks: list[pa.Array]) -> Iterator[tuple[object, object]]:
    parts = [chunk.flatten() for chunk in chunks]
    for i in range(kind.num_fields):
        field = kind.field(i)
        yield field.name, _column(field.type, [columns[i] for columns in parts])


def _lists(kind: pa.DataType, chunks: list[pa.Array]) -> Iterator[tuple[object, object]]:
    yield "lengths", Raw(_lengths(chunks))
    if is_type.is_map(kind):  # a list of pairs, which Arrow does not flatten as a map
        chunks = [chunk.cast(pa.list_(kind.field(0))) for chunk in chunks]
    yield from _fixed_lists(kind, chunks)


def _fixed_lists(kind: pa.DataType, chunks: list[pa.Array]) -> Iterator[tuple[object, object]]:
    # flatten leaves out what belongs to no list
    inner = kind.field(0).type
    yield "items", _column(inner, [chunk.flatten() for chunk in chunks])


def _texts(kind: pa.DataType, chunks: list[pa.Array]) -> Iterator[tuple[object, object]]:
    yield "lengths", Raw(_lengths(chunks))
    yield "text", Raw(_text_bytes(chunks))


def _booleans(kind: pa.DataType, chunks: list[pa.Array]) -> Iterator[tuple[object, object]]:
    yield "values", Raw(_bits(chunks))


def _fixed_width(kind: pa.DataType, chunks: list[pa.Array]) -> Iterator[tuple[object, object]]:
    yield "values", Raw(_fixed(chunks, kind.bit_width // 8))


def _null_rows(chunks: list[pa.Array]) -> Iterator[memoryview]:
    """Yield the numbers of the rows that are null: nothing at all for a column without nulls."""
    start = 0
    for piece in _pieces(chunks):
        if piece.null_count:
            yield (np.flatnonzero(_nulls(piece)) + start).data.cast("B")
        start += len(piece)


def _lengths(chunks: list[pa.Array]) -> Iterator[memoryview]:
    for piece in _pieces(chunks, whole=False):
        lengths = np.diff(_offsets(piece)).astype(np.int64)
        if piece.null_count:
            lengths[_nulls(piece)] = 0
        yield lengths.data.cast("B")


def _text_bytes(chunks: list[pa.Array]) -> Iterator[memoryview]:
    for piece in _pieces(chunks):
        shown = piece.drop_null() if piece.null_count else piece
        if len(shown):
            offsets = _offsets(shown)
            yield _bytes(shown, 2)[offsets[0] : offsets[-1]].data


def _bits(chunks: list[pa.Array]) -> Iterator[memoryview]:
    for piece in _pieces(chunks, whole=False):
        first, stop = piece.offset, piece.offset + len(piece)
        packed = _bytes(piece, 1)[first // 8 : (stop + 7) // 8]
        values = np.unpackbits(packed, bitorder="little")[first % 8 :][: len(piece)]
        if piece.null_count:
            values[_nulls(piece)] = 0
        yield values.data


def _fixed(chunks: list[pa.Array], width: int) -> Iterator[memoryview]:
    for piece in _pieces(chunks):
        first = piece.offset * width
        values: npt.NDArray[Any] = _bytes(piece, 1)[first : first + len(piece) * width]
        if piece.null_count:
            # one item a row where numpy has integers of that width: many times as fast
            items = values.view(f"u{width}") if width in (1, 2, 4, 8) else values.reshape(-1, width)
            values = items.copy()
            values[_nulls(piece)] = 0
        yield values.reshape(-1).view(np.uint8).data


def _pieces(chunks: list[pa.Array], *, whole: bool = True) -> Iterator[pa.Array]:
    """Yield chunks that are not empty: whole where nothing has to be copied, else some rows each."""
    for chunk in chunks:
        if whole and chunk.null_count == 0 and len(chunk):
            yield chunk
        else:
            for start in range(0, len(chunk), ROWS):
                yield chunk.slice(start, ROWS)


def _nulls(piece: pa.Array) -> npt.NDArray[np.bool_]:
    nulls: npt.NDArray[np.bool_] = piece.is_null().to_numpy(zero_copy_only=False)
    return nulls


def _bytes(piece: pa.Array, number: int) -> npt.NDArray[np.uint8]:
    """View a buffer of an array; text without a letter has none."""
    buffer = piece.buffers()[number]
    return np.frombuffer(b"" if buffer is None else buffer, np.uint8)


def _offsets(piece: pa.Array) -> npt.NDArray[np.signedinteger[Any]]:
    is_large = any(test(piece.type) for test in LARGE)
    offsets: npt.NDArray[Any] = _bytes(piece, 1).view(np.int64 if is_large else np.int32)
    return offsets[piece.offset : piece.offset + len(piece) + 1]


def _refuse_reader(value: pa.RecordBatchReader) -> Description:
    raise Unkeyable("it can be read once only; use its read_all()")


FAMILIES: list[tuple[type, Describe]] = [
    (pa.Table, describe_table),
    (pa.RecordBatch, describe_table),
    (pa.ChunkedArray, _describe_alone),
    (pa.Array, _describe_alone),
    (pa.Scalar, _describe_scalar),
    (pa.Schema, _describe_schema),
    (pa.Field, _describe_field),
    (pa.DataType, _describe_type),
    (pa.Buffer, lambda value: Description("buffer", [("data", Raw([memoryview(value)]))])),
    (pa.RecordBatchReader, _refuse_reader),
]
