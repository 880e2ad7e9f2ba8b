"""The values of a column of any type as whole numbers or as hashes, without nulls.

What counts values (`TopValues`, `DistinctCount`) needs to tell them apart, not to understand them.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from onebox._kernels import distinct, sampling

Int64 = NDArray[np.int64]

_MICROSECONDS = {"s": 1e6, "ms": 1e3, "us": 1, "ns": 1e-3}

_PLAIN = {
    "string_view": pa.large_string(),
    "binary_view": pa.large_binary(),
    "halffloat": pa.float32(),
}


def plain_type(kind: pa.DataType) -> pa.DataType:
    """The type in which values are kept: no dictionary, and one that Arrow can count and sort."""
    if pa.types.is_dictionary(kind):
        return plain_type(kind.value_type)
    if pa.types.is_decimal(kind) and kind.bit_width < 128:
        return pa.decimal128(kind.precision, kind.scale)
    return _PLAIN.get(str(kind), kind)


def present(array: pa.Array) -> pa.Array:
    """The values that are there, no null and no NaN, in their plain type; dictionaries stay."""
    if pa.types.is_dictionary(array.type):
        if array.dictionary.null_count:
            return present(array.dictionary_decode())
        kind = plain_type(array.type)
        if array.dictionary.type != kind:
            dictionary = array.dictionary.cast(kind)
            array = pa.DictionaryArray.from_arrays(array.indices, dictionary)
    elif array.type != (kind := plain_type(array.type)):
        array = array.cast(kind)
    if array.null_count:
        array = array.drop_null()
    if pa.types.is_floating(array.type):
        values = array.to_numpy() + array.type.to_pandas_dtype()(0)  # -0.0 becomes 0.0
        array = pa.array(values[values == values])
    return array


def has_whole_numbers(kind: pa.DataType) -> bool:
    """Whether `whole_numbers` can show values of this plain type."""
    types = pa.types
    return bool(
        types.is_integer(kind)
        or types.is_boolean(kind)
        or (types.is_temporal(kind) and not types.is_interval(kind))
    )


def whole_numbers(array: pa.Array) -> Int64:
    """Integers, booleans, dates and times without nulls as int64; of uint64 the bits."""
    if pa.types.is_boolean(array.type):
        array = array.cast(pa.uint8())
    elif pa.types.is_temporal(array.type):
        array = array.view(pa.int32() if array.type.bit_width == 32 else pa.int64())
    numbers = array.to_numpy()
    if numbers.dtype == np.uint64:
        return np.asarray(numbers.view(np.int64))
    return np.asarray(numbers, np.int64)


def from_whole_numbers(numbers: Int64, kind: pa.DataType) -> pa.Array:
    """What `whole_numbers` was made from."""
    if pa.types.is_boolean(kind):
        return pa.array(numbers.astype(np.bool_))
    if pa.types.is_temporal(kind):
        narrow = kind.bit_width == 32
        return pa.array(numbers.astype(np.int32) if narrow else numbers).view(kind)
    return pa.array(numbers.astype(kind.to_pandas_dtype()))


def texts(array: pa.Array) -> list[str | None]:
    """How values are shown: dates in ISO form, durations as days and hours, bytes escaped."""
    kind = array.type
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or is_fixed_binary(kind):
        return [None if value is None else repr(value)[2:-1] for value in array.to_pylist()]
    if pa.types.is_duration(kind):
        counts = array.cast(pa.int64()).to_pylist()
        unit = _MICROSECONDS[kind.unit]
        return [None if n is None else str(timedelta(microseconds=n * unit)) for n in counts]
    return list(array.cast(pa.string()).to_pylist())


def text(scalar: pa.Scalar) -> str | None:
    """How one value is shown."""
    return texts(pa.repeat(scalar, 1))[0] if scalar.is_valid else None


def is_fixed_binary(kind: pa.DataType) -> bool:
    """Whether values are bytes of one length; Arrow counts decimals to them."""
    return bool(pa.types.is_fixed_size_binary(kind) and not pa.types.is_decimal(kind))


def hashes(array: pa.Array) -> NDArray[np.uint64]:
    """A well mixed hash of each of the `present` values of a column that is no dictionary."""
    out = np.empty(len(array), np.uint64)
    kind = array.type
    if has_whole_numbers(kind):
        sampling.mix(0, whole_numbers(array).view(np.uint64), out)
    elif pa.types.is_floating(kind):
        sampling.mix(0, array.to_numpy().astype(np.float64).view(np.uint64), out)
    elif pa.types.is_null(kind):
        pass
    elif pa.types.is_large_string(kind) or pa.types.is_large_binary(kind):
        distinct.hash_strings64(_offsets(array, np.int64), _bytes(array, 2), out)
    elif pa.types.is_string(kind) or pa.types.is_binary(kind):
        distinct.hash_strings32(_offsets(array, np.int32), _bytes(array, 2), out)
    else:  # decimals and binary of a fixed width
        ends = np.arange(array.offset, array.offset + len(array) + 1) * (kind.bit_width // 8)
        distinct.hash_strings64(ends, _bytes(array, 1), out)
    return out


def _offsets(array: pa.Array, dtype: type[np.int32] | type[np.int64]) -> NDArray[Any]:
    buffer = array.buffers()[1]
    if not len(array):
        return np.zeros(1, dtype)
    return np.frombuffer(buffer, dtype, len(array) + 1, array.offset * np.dtype(dtype).itemsize)


def _bytes(array: pa.Array, number: int) -> NDArray[np.uint8]:
    buffer = array.buffers()[number]
    return np.frombuffer(buffer, np.uint8) if buffer is not None else np.empty(0, np.uint8)
