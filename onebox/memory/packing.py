"""What the body of a packed result is made of.

The 16 bytes of the key of its code (written by the shelf), a little-endian u32 with the length of
the recipe, 12 zeros, the value as in `onebox.persistence.compact`, and the recipe as JSON.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import Any

import numpy.typing as npt

from onebox.errors import CorruptFile
from onebox.memory.survey import CODE_BYTES
from onebox.persistence import FORMAT, compact

STORED = ("version", "names", "pickles", "object", "signature", "parts")  # of a document
HEAD = struct.Struct("<I12x")


def pack(
    document: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]], recipe: dict[str, Any]
) -> list[bytes | memoryview]:
    """Write a value and what it was made of, but for its code."""
    told = {name: part for name, part in recipe.items() if name != "code"}
    text = json.dumps(told).encode()
    stored = {name: document[name] for name in STORED if name in document}
    return [HEAD.pack(len(text)), *compact.to_buffers(stored, arrays), text]


def value(body: bytes, where: str) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """Read the value of a body."""
    data = memoryview(body)[CODE_BYTES + HEAD.size :]
    document, arrays = compact.from_buffer(data, where, copy=True)
    return {"format": FORMAT, **document}, arrays


def recipe(body: bytes) -> dict[str, Any]:
    """Read what the value of a body was made of.

    Raises
    ------
    CorruptFile
        There is no such thing in it.
    """
    try:
        (length,) = HEAD.unpack_from(body, CODE_BYTES)
        found: dict[str, Any] = json.loads(body[len(body) - length :])
    except (ValueError, struct.error) as error:
        raise CorruptFile(f"A packed result has no readable recipe: {error!r}.") from error
    return found
