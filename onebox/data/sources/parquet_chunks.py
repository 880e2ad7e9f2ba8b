"""What the footers of Parquet files tell of their column chunks, read once into arrays.

A chunk is one leaf (a stored column) of one row group. A footer gives an object a chunk, and asking
every object again for each question takes longer than reading a small file.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

Int64 = NDArray[np.int64]


class Chunks:
    """The chunks of one file, arrays of shape (row groups, leaves).

    Attributes
    ----------
    first : int64 array
        First byte.
    stored, unpacked : int64 array
        Bytes on the disk, and before compression.
    """

    def __init__(self, footer: pq.FileMetaData) -> None:
        self._footer = footer
        shape = (footer.num_row_groups, footer.num_columns, 5)
        told = [
            _told(group.column(j))
            for group in map(footer.row_group, range(footer.num_row_groups))
            for j in range(footer.num_columns)
        ]
        arrays = np.moveaxis(np.array(told, np.int64).reshape(shape), 2, 0)
        self.first, self.stored, self.unpacked, self._has_dictionary, self._is_packed = arrays

    def nulls(self, group: int, leaves: Sequence[int]) -> list[int | None]:
        """Nulls that statistics tell of some leaves, None where they do not."""
        chunks = self._footer.row_group(group)
        return [_nulls(chunks.column(leaf)) for leaf in leaves]

    def reading_bytes(self, group: int, leaves: Int64, pages: Int64, buffer: int) -> int:
        """Bytes that reading some leaves holds.

        Parameters
        ----------
        group : int
        leaves : int64 array of shape (n,)
        pages : int64 array of shape (3, n)
            Of each leaf the largest dictionary, page and packed page.
        buffer : int
            Bytes read ahead of each leaf.
        """
        unpacked, stored = self.unpacked[group, leaves], self.stored[group, leaves]
        dictionary, page, packed = pages
        held = np.minimum(page, unpacked)
        held += self._has_dictionary[group, leaves] * np.minimum(dictionary, unpacked)
        # A packed page goes when it is unpacked, so that one of them is held at a time.
        packed = self._is_packed[group, leaves] * np.minimum(packed, stored)
        return int(held.sum()) + buffer * len(leaves) + int(packed.max(initial=0))


class Leaves:
    """Which leaves make up each column; shared by the files whose footers have the same schema.

    Parameters
    ----------
    schema : ParquetSchema

    Attributes
    ----------
    paths : list of str
        Of all leaves.
    """

    def __init__(self, schema: pq.ParquetSchema) -> None:
        self.schema = schema
        self.paths = [schema.column(position).path for position in range(len(schema.names))]
        self._of: dict[str, list[int]] = {}
        self._joined: dict[tuple[str, ...], Int64] = {}
        self._alone: dict[tuple[str, ...], list[int | None]] = {}
        top = set(schema.to_arrow_schema().names)
        for position, path in enumerate(self.paths):
            # A name may hold a dot itself; a leaf's path begins with that of its column.
            name = path if path in top else path.split(".", 1)[0]
            self._of.setdefault(name, []).append(position)

    def of(self, names: Sequence[str]) -> Int64:
        """The leaves of some columns, in their order."""
        asked = tuple(names)
        if asked not in self._joined:
            found = [leaf for name in asked for leaf in self._of.get(name, ())]
            self._joined[asked] = np.array(found, np.int64)
        return self._joined[asked]

    def alone(self, names: Sequence[str]) -> list[int | None]:
        """The leaf that is each column; None for a nested one, whose nulls are not its leaf's."""
        asked = tuple(names)
        if asked not in self._alone:
            all_found = [(name, self._of.get(name, [])) for name in asked]
            self._alone[asked] = [
                found[0] if len(found) == 1 and self.paths[found[0]] == name else None
                for name, found in all_found
            ]
        return self._alone[asked]


def _told(chunk: pq.ColumnChunkMetaData) -> tuple[int, ...]:
    data = chunk.data_page_offset
    return (
        min(chunk.dictionary_page_offset or data, data),
        chunk.total_compressed_size,
        chunk.total_uncompressed_size,
        chunk.has_dictionary_page,
        chunk.compression != "UNCOMPRESSED",
    )


def _nulls(chunk: pq.ColumnChunkMetaData) -> int | None:
    statistics = chunk.statistics
    known = statistics is not None and statistics.has_null_count
    return int(statistics.null_count) if known else None
