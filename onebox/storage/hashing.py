"""Names for content: xxh3-128 of bytes, arrays and plain values, as 32 hexadecimal digits.

xxh3 is fast and well distributed but not meant against forgers: fit for cache keys and for finding
damage, not for signatures.
"""

from __future__ import annotations

import json
import os
from typing import Any

import numpy as np
import numpy.typing as npt
from xxhash import xxh3_128, xxh3_128_hexdigest

from onebox.errors import BadInput
from onebox.storage.chunks import byte_chunks

CHUNK_BYTES = 1 << 20


def hash_bytes(data: bytes | bytearray | memoryview) -> str:
    """Hash of some bytes.

    >>> hash_bytes(b"onebox")
    '0ecf1a5d6ae032c85f48c23b41516c08'
    """
    return xxh3_128_hexdigest(data)


def hash_array(array: npt.NDArray[Any]) -> str:
    """Hash of an array's dtype, shape and values in C order, whatever its memory layout.

    Raises
    ------
    BadInput
        The array holds Python objects, whose bytes are only addresses.

    Notes
    -----
    Cost: one read of the array; a strided one is copied 1 MB at a time.

    Examples
    --------
    >>> table = np.arange(6.0).reshape(2, 3)
    >>> hash_array(table) == hash_array(np.asfortranarray(table))
    True
    >>> hash_array(table) == hash_array(table.astype(np.float32))
    False
    """
    if array.dtype.hasobject:
        raise BadInput(
            f"An array of dtype {array.dtype} cannot be hashed: it holds Python objects, "
            "whose bytes are addresses. Convert it to numbers or to fixed-width text."
        )
    head = f"{np.lib.format.dtype_to_descr(array.dtype)!r} {array.shape}"
    state = xxh3_128(head.encode())
    for chunk in byte_chunks(array, CHUNK_BYTES):
        state.update(chunk)
    return state.hexdigest()


def hash_json(value: object) -> str:
    """Hash of None, booleans, numbers, strings and lists and dicts of them.

    Dicts are equal whatever the order of their keys; 1, 1.0 and True differ; tuples count as lists.

    Raises
    ------
    BadInput
        The value holds something else, or a key that is not a string.

    Examples
    --------
    >>> hash_json({"a": 1, "b": [2.5, None]}) == hash_json({"b": [2.5, None], "a": 1})
    True
    """
    _require_string_keys(value)
    try:
        text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    except TypeError as error:
        raise BadInput(f"{error}; only plain values can be hashed as JSON.") from None
    return hash_bytes(text.encode())


def file_fingerprint(path: str | os.PathLike[str]) -> str:
    """Size and time of last change (ns) of a file: another text when the file was written again."""
    status = os.stat(path)
    return f"{status.st_size}-{status.st_mtime_ns}"


def _require_string_keys(value: object) -> None:
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                # json would turn 1 and "1" into the same key.
                raise BadInput(f"The key {key!r} is not a string; use str keys to hash as JSON.")
            _require_string_keys(item)
    elif isinstance(value, list | tuple):
        for item in value:
            _require_string_keys(item)
