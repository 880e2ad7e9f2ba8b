"""How large the pages of a Parquet column are: what a footer does not tell, and a reader has to hold.

A page begins with a header in Thrift's compact protocol (parquet-format's ``parquet.thrift``, struct
``PageHeader``): field 2 is the size of the page when unpacked, field 3 as it is stored.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pyarrow as pa

HEADER_BYTES = 4096  # statistics in a header can be long
DICTIONARY_PAGE = 2

# Kinds of fields in the compact protocol.
_TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY, _STRUCT = 1, 2, 3, 4, 5, 6, 7, 8, 12


class PageSizes(NamedTuple):
    """The largest pages seen of a column, unpacked and as stored."""

    dictionary: int
    unpacked: int
    packed: int


def page_sizes(handle: pa.NativeFile, start: int, stop: int, n_pages: int) -> PageSizes:
    """Look at the first pages between two places of a file: a dictionary, if any, and data.

    Raises
    ------
    ValueError
        For what is no page header.
    """
    dictionary = unpacked = packed = 0
    for _ in range(n_pages):
        if start >= stop:
            break
        handle.seek(start)
        header = _Header(handle.read(HEADER_BYTES))
        if header.kind == DICTIONARY_PAGE:
            dictionary = max(dictionary, header.unpacked)
        else:
            unpacked = max(unpacked, header.unpacked)
        packed = max(packed, header.packed)
        start += header.length + header.packed
    return PageSizes(dictionary, unpacked, packed)


class _Header:
    """The first three fields of a page header, and how long it is."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0
        found: dict[int, int] = {}
        try:
            for field, kind in self._fields():
                if field <= 3 and kind == _I32:
                    found[field] = self._zigzag()
                else:
                    self._skip(kind)
            self.kind, self.unpacked, self.packed = found[1], found[2], found[3]
        except (IndexError, KeyError):
            raise ValueError("no header of a page") from None
        if self.packed < 0 or self.unpacked < 0:
            raise ValueError("a page cannot be smaller than nothing")
        self.length = self._at

    def _fields(self) -> Iterator[tuple[int, int]]:
        field = 0
        while (head := self._byte()) != 0:
            step, kind = head >> 4, head & 15
            field = field + step if step else self._zigzag()
            yield field, kind

    def _byte(self) -> int:
        self._at += 1
        return self._data[self._at - 1]

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7

    def _zigzag(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)

    def _skip(self, kind: int) -> None:
        if kind in (_I16, _I32, _I64):
            self._varint()
        elif kind in (_BYTE, _DOUBLE):
            self._at += 1 if kind == _BYTE else 8
        elif kind == _BINARY:
            length = self._varint()
            self._at += length
        elif kind == _STRUCT:
            for _, inner in self._fields():
                self._skip(inner)
        elif kind not in (_TRUE, _FALSE):  # lists and maps do not occur in page headers
            raise ValueError(f"no header of a page: a field of kind {kind}")
