"""Where the record batches of an Arrow IPC file lie, and how many rows each has.

pyarrow tells the length of a batch only after reading it. The file's footer and the head of each
batch say so in a few bytes: flatbuffers, whose fields are found through small tables of offsets
(arrow.apache.org/docs/format/Columnar.html, "IPC File Format"; the tables are those of File.fbs and
Message.fbs).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

MAGIC = b"ARROW1"
CONTINUES = 0xFFFFFFFF

# Numbers of the fields within their tables.
FOOTER_BATCHES, MESSAGE_HEADER, BATCH_LENGTH, BATCH_COMPRESSION = 3, 2, 0, 3

ReadAt = Callable[[int, int], bytes]
"""Bytes of a file: how many, from which offset."""


@dataclass(frozen=True)
class BatchHead:
    """One record batch.

    Attributes
    ----------
    n_rows, nbytes : int
    compressed : bool
        Whether its columns must be unpacked.
    stop : int
        Where it ends, in bytes of the file.
    """

    n_rows: int
    nbytes: int
    compressed: bool
    stop: int


def batch_heads(read_at: ReadAt, size: int) -> list[BatchHead]:
    """Read the heads of all record batches of an IPC file of `size` bytes.

    Raises
    ------
    EOFError, struct.error
        The file is cut off or damaged.
    """
    tail = read_at(4 + len(MAGIC), size - 4 - len(MAGIC))
    if tail[4:] != MAGIC:
        raise EOFError("its last bytes are not those of an Arrow file, so it is cut off")
    (length,) = struct.unpack("<i", tail[:4])
    if not 0 < length < size:
        raise EOFError(f"its footer claims {length:,} of {size:,} bytes")
    footer = read_at(length, size - 4 - len(MAGIC) - length)
    at = _field(footer, _root(footer), FOOTER_BATCHES)
    if not at:
        return []
    vector = at + _uint32(footer, at)
    heads = []
    for i in range(_uint32(footer, vector)):
        # struct Block: offset (8 bytes), length of the head (4 and padding), length of the body (8)
        offset, head, body = struct.unpack_from("<qi4xq", footer, vector + 4 + 24 * i)
        heads.append(_head(read_at(head, offset), body, offset + head + body))
    return heads


def _head(data: bytes, body: int, stop: int) -> BatchHead:
    # Before version 0.15 the length of the message stood alone, without the four bytes 0xFF.
    message = data[8:] if _uint32(data, 0) == CONTINUES else data[4:]
    at = _field(message, _root(message), MESSAGE_HEADER)
    if not at:
        raise EOFError("a record batch has no header")
    table = at + _uint32(message, at)
    length = _field(message, table, BATCH_LENGTH)
    n_rows = struct.unpack_from("<q", message, length)[0] if length else 0
    compressed = _field(message, table, BATCH_COMPRESSION) != 0
    return BatchHead(n_rows, len(data) + body, compressed, stop)


def _root(data: bytes) -> int:
    return _uint32(data, 0)


def _field(data: bytes, table: int, number: int) -> int:
    """Position of a field of a flatbuffers table; 0 when it is not there."""
    known = table - struct.unpack_from("<i", data, table)[0]
    (size,) = struct.unpack_from("<H", data, known)
    slot = 4 + 2 * number
    if slot >= size:
        return 0
    (offset,) = struct.unpack_from("<H", data, known + slot)
    return table + offset if offset else 0


def _uint32(data: bytes, at: int) -> int:
    return int(struct.unpack_from("<I", data, at)[0])
