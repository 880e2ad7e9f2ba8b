"""What comes out of a function of blocks: learned by calling it with a block of no rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa

from onebox.data.block import Block
from onebox.data.columns import TableColumns
from onebox.data.partition import Partition
from onebox.data.steps import as_array, as_columns
from onebox.errors import OneboxError, WrongType


def column_type(function: Callable[[Block], Any], before: pa.Schema, name: str) -> pa.DataType:
    """The type of the column of that name that a function makes."""
    job = f"assign({name}=...)"
    kind = as_array(_answer_to_nothing(function, before, job), 0, job).type
    _require_known(pa.schema([(name, kind)]), job)
    return kind


def table_schema(function: Callable[[Block], Any], before: pa.Schema, job: str) -> pa.Schema:
    """The columns that a function makes."""
    answer = _answer_to_nothing(function, before, job)
    schema = as_columns(answer, None, job).to_batch().schema.remove_metadata()
    _require_known(schema, job)
    return schema


def _answer_to_nothing(function: Callable[[Block], Any], before: pa.Schema, job: str) -> Any:
    nothing = TableColumns(pa.RecordBatch.from_pylist([], schema=before))
    block = Block(nothing, Partition(0, "", 0, 0, ""), 0)
    try:
        return function(block)
    except OneboxError:
        raise
    except Exception as error:
        error.add_note(
            f"onebox: {job} was called with a block of no rows to learn what comes out. Make it "
            "work on no rows, or use .map(function, schema=...) to say what comes out."
        )
        raise


def _require_known(schema: pa.Schema, job: str) -> None:
    """Refuse an answer to a block of no rows that tells no type, as an empty list does."""
    for field in schema:
        if pa.types.is_null(field.type):
            raise WrongType(
                f"{job} gave no type for {field.name!r} when called with a block of no rows. Return a "
                "numpy array with a dtype, e.g. np.array(values, dtype=str), an Arrow array, or say "
                "what comes out with .map(function, schema=...)."
            )
