"""One schema for all files: types that widen, types that are the same thing, and what conflicts.

Columns belong together by name, in any order. Of the many ways Arrow has to store the same values
one is kept, so that every file of a dataset, and every kernel above, sees the same type.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import pyarrow as pa
import pyarrow.compute as pc

from onebox.data.schema import require_columns
from onebox.errors import BadInput, SchemaMismatch


def plain_type(kind: pa.DataType) -> pa.DataType:
    """Choose the type under which a column is handed on.

    Views become offsets (few kernels know views), runs are spelt out, extensions give way to what
    they store, and categories are numbered with int32 whatever the file used: batches with
    different categories can then be joined without running out of numbers.
    """
    types = pa.types
    if types.is_dictionary(kind):
        return pa.dictionary(pa.int32(), plain_type(kind.value_type), kind.ordered)
    if isinstance(kind, pa.BaseExtensionType):
        return plain_type(kind.storage_type)
    if types.is_run_end_encoded(kind):
        return plain_type(kind.value_type)
    if types.is_string_view(kind):
        return pa.large_string()
    if types.is_binary_view(kind):
        return pa.large_binary()
    return kind


def plain_schema(
    schema: pa.Schema, columns: Sequence[str] | None = None, where: str = "the dataset"
) -> pa.Schema:
    """Make types plain, drop metadata, and narrow a schema to `columns` (all if None).

    Raises
    ------
    BadInput
        Two columns have one name.
    MissingColumn
        One of `columns` is not there.
    """
    names = list(schema.names)
    twice, count = Counter(names).most_common(1)[0] if names else ("", 0)
    if count > 1:
        raise BadInput(
            f"{where} has {count} columns named {twice!r}; columns are known by name. Rename them "
            "where the data are written."
        )
    if columns is not None:
        require_columns(names, list(columns), where)
        names = list(columns)
    return pa.schema([pa.field(name, plain_type(schema.field(name).type)) for name in names])


def settle_schemas(
    schemas: Sequence[tuple[str, pa.Schema]], columns: Sequence[str] | None = None
) -> pa.Schema:
    """One schema for all files, or an error that names the file and column that differ.

    Types that widen without loss (int32 and int64, float and double, null and anything) are
    widened; columns must be the same by name, in any order.

    Parameters
    ----------
    schemas : sequence of (str, pyarrow.Schema)
        Key and schema of each file.
    columns : sequence of str, optional
        The columns that matter; files may differ in all others.
    """
    first_key, stored = schemas[0]
    first = plain_schema(stored, columns, first_key)
    fields = {field.name: field for field in first}
    for (_, before), (key, stored) in pairwise(schemas):
        if stored.equals(before):  # files of one writer are alike
            continue
        schema = plain_schema(stored, columns, key)
        if schema.equals(first):
            continue
        present = set(schema.names)
        extra = [name for name in schema.names if name not in fields]
        gone = [name for name in fields if name not in present]
        if extra or gone:
            what = (
                f"has a column {extra[0]!r} that" if extra else f"lacks the column {gone[0]!r} that"
            )
            other = f"{first_key} has not" if extra else f"{first_key} has"
            raise SchemaMismatch(
                f"{key} {what} {other}. All files of one dataset need the same columns; open them "
                "apart, or hand over columns=[...] with those they share."
            )
        for field in schema:
            fields[field.name] = _widened(fields[field.name], field, first_key, key)
    return pa.schema(list(fields.values()))


def _widened(one: pa.Field, other: pa.Field, one_key: str, other_key: str) -> pa.Field:
    if one.type == other.type:
        return one
    kinds = [one.type, other.type]
    categories = [pa.types.is_dictionary(kind) for kind in kinds]
    bare = [k.value_type if c else k for k, c in zip(kinds, categories, strict=True)]
    try:
        merged = pa.unify_schemas(
            [pa.schema([(one.name, kind)]) for kind in bare], promote_options="permissive"
        ).field(0)
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        raise SchemaMismatch(
            f"Column {one.name!r} is {one.type} in {one_key} and {other.type} in {other_key}. Give "
            "the column one type in all files, or leave it out."
        ) from None
    if all(c or pa.types.is_null(k) for c, k in zip(categories, kinds, strict=True)):
        merged = merged.with_type(pa.dictionary(pa.int32(), merged.type))
    return merged


def conform(batch: pa.RecordBatch, target: pa.Schema, place: str) -> pa.RecordBatch:
    """Take the columns of `target`, in its order and of its types.

    Parameters
    ----------
    place : str
        Where the rows are, for messages.
    """
    if batch.schema.names == target.names and batch.schema.types == target.types:
        return batch
    arrays = [_cast(batch.column(field.name), field, place) for field in target]
    if not arrays:  # a batch without columns would forget its rows
        return batch.select([])
    return pa.record_batch(arrays, schema=target)


def _cast(array: pa.Array, field: pa.Field, place: str) -> pa.Array:
    if array.type == field.type:
        return array
    if isinstance(array, pa.ExtensionArray):
        array = array.storage
    if pa.types.is_run_end_encoded(array.type):
        array = pc.run_end_decode(array)
    if pa.types.is_dictionary(array.type) and not pa.types.is_dictionary(field.type):
        # Arrow cannot take from views: the categories are made plain before they are spelt out.
        categories = pa.dictionary(pa.int32(), plain_type(array.type.value_type))
        array = array.cast(categories).dictionary_decode()
    try:
        return array.cast(field.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        reason = " ".join(str(error).split())
        raise SchemaMismatch(
            f"Column {field.name!r} in {place} is {array.type} and does not fit {field.type}, the "
            f"type of the whole dataset: {reason}. Write it with one type everywhere, or leave it "
            "out."
        ) from None
