"""Rows of ``.npy`` files, read at their offsets into fresh buffers.

Not mapped into memory: mapped pages count as the process's own, and would have to be given back.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from onebox.data.columns import Columns, MatrixColumns
from onebox.data.partition import Span
from onebox.data.sources.array import array_names, require_numbers
from onebox.data.sources.files import READ_ERRORS, File, FileSource, Folder
from onebox.errors import CorruptFile, SchemaMismatch, WrongType
from onebox.storage.hashing import hash_bytes

HEADER_BYTES = 64 * 1024
READ_BYTES = 4 * 2**20


@dataclass(frozen=True)
class Header:
    """What the head of a file says."""

    offset: int
    dtype: np.dtype[Any]
    fortran: bool
    n_rows: int
    n_columns: int


class NpySource(FileSource):
    """Rows of one or several ``.npy`` files of as many columns each.

    Parameters
    ----------
    folder : Folder
        The files.
    names : sequence of str, optional
        Names of the columns; x0, x1, ... without them.
    """

    kind: ClassVar[str] = "npy"
    raw = True

    def __init__(self, folder: Folder, names: Sequence[str] | None = None) -> None:
        super().__init__(folder)
        self.names = None if names is None else tuple(names)
        self.named = names is not None

    @cached_property
    def _headers(self) -> dict[str, Header]:
        headers = {file.key: self._header(file) for file in self.folder.files}
        first_key, first = next(iter(headers.items()))
        for key, header in headers.items():
            if header.n_columns != first.n_columns:
                raise SchemaMismatch(
                    f"{first_key} has {first.n_columns:,} columns and {key} has "
                    f"{header.n_columns:,}. Files of one dataset need the same columns; open them "
                    "apart."
                )
        return headers

    def _header(self, file: File) -> Header:
        try:
            with self.folder.filesystem.open_input_file(file.path) as handle:
                header = parse_header(handle.read(HEADER_BYTES), file.key)
        except (*READ_ERRORS, ValueError) as error:
            if isinstance(error, WrongType):
                raise
            raise self.folder.failure(file, "", error) from error
        expected = header.offset + header.n_rows * header.n_columns * header.dtype.itemsize
        if file.size != expected:
            self.folder.check(file)  # it may have been replaced since it was listed
            what = "truncated" if file.size < expected else "followed by something else"
            raise CorruptFile(
                f"{file.key} is {what}: its header promises {header.n_rows:,} rows of "
                f"{header.n_columns:,} columns of {header.dtype}, {expected:,} bytes in all, and "
                f"it has {file.size:,}. Write it again with numpy.save, or leave it out."
            )
        return header

    @cached_property
    def _dtype(self) -> np.dtype[Any]:
        """The one type that holds every file's numbers, in this machine's byte order."""
        kinds = {header.dtype.newbyteorder("=") for header in self._headers.values()}
        return np.result_type(*kinds)

    @cached_property
    def _schema(self) -> pa.Schema:
        count = next(iter(self._headers.values())).n_columns
        kind = pa.from_numpy_dtype(self._dtype)
        return pa.schema([(name, kind) for name in array_names(count, self.names)])

    @property
    def schema(self) -> pa.Schema:
        return self._schema

    def _shape(self, file: File) -> str:
        return hash_bytes(repr(self._headers[file.key]).encode())[:16]

    def spans(self) -> list[Span]:
        return [
            Span(
                file.key, 0, 0, self._headers[file.key].n_rows, file.size, self._fingerprint(file),
                seekable=True,
            )
            for file in self.folder.files
        ]  # fmt: skip

    def _place(self, file: File) -> tuple[int, int] | None:
        header = self._headers[file.key]
        return None if header.fortran else (header.offset, file.size)

    def read(
        self, span: Span, start: int, stop: int, names: Sequence[str], rows_per_batch: int
    ) -> Iterator[Columns]:
        file, header = self._files[span.file], self._headers[span.file]
        self.folder.check(file)
        position = {name: j for j, name in enumerate(self.schema.names)}
        wanted = [position[name] for name in names]
        step = self._rows_at_once(header, len(wanted), rows_per_batch)
        read = _read_columns if header.fortran else _read_rows
        try:
            with self.folder.filesystem.open_input_file(file.path) as handle:
                for first in range(start, stop, step):
                    rows = read(handle, header, first, min(first + step, stop), wanted)
                    yield MatrixColumns(rows.astype(self._dtype, copy=False), tuple(names))
        except READ_ERRORS as error:
            raise self.folder.failure(file, "", error) from error
        self.folder.check(file)

    def _rows_at_once(self, header: Header, n_wanted: int, rows_per_batch: int) -> int:
        if header.fortran or n_wanted == header.n_columns:
            return rows_per_batch
        # Whole rows are read to take a few columns out: fewer at a time, to stay small.
        return min(rows_per_batch, max(1, READ_BYTES // (header.n_columns * header.dtype.itemsize)))

    def reading_bytes(self, span: Span, names: Sequence[str], rows_per_batch: int) -> int:
        header = self._headers[span.file]
        rows = self._rows_at_once(header, len(names), rows_per_batch)
        pruned = not header.fortran and len(names) < header.n_columns
        converted = header.dtype != self._dtype
        width = header.n_columns if pruned else len(names) * converted
        return rows * width * header.dtype.itemsize

    def stored_bytes(self, span: Span, names: Sequence[str]) -> int:
        header = self._headers[span.file]
        return span.nbytes * len(names) // header.n_columns if header.fortran else span.nbytes


def parse_header(head: bytes, key: str) -> Header:
    """Read the head of a ``.npy`` file.

    Raises
    ------
    WrongType
        It holds something else than rows of numbers.
    ValueError
        It is no ``.npy`` file.
    """
    stream = io.BytesIO(head)
    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream)
    elif version == (2, 0):
        shape, fortran, dtype = np.lib.format.read_array_header_2_0(stream)
    else:
        raise ValueError(f"version {version[0]}.{version[1]} of the format is not known")
    if dtype.names is not None:
        raise WrongType(
            f"{key} holds records with the fields {', '.join(dtype.names)}. Write the fields as "
            "the columns of a matrix (numpy.lib.recfunctions.structured_to_unstructured) or of a "
            "Parquet file."
        )
    require_numbers(dtype, key)
    if not 1 <= len(shape) <= 2:
        raise WrongType(
            f"{key} holds an array of {len(shape)} dimensions {shape}; rows and columns are "
            "needed. Reshape it to (n_rows, n_columns)."
        )
    return Header(stream.tell(), dtype, fortran and len(shape) == 2, shape[0], math.prod(shape[1:]))


def _read_rows(
    handle: pa.NativeFile, header: Header, start: int, stop: int, wanted: Sequence[int]
) -> NDArray[Any]:
    rows = np.empty((stop - start, header.n_columns), header.dtype)
    _fill(handle, rows, header.offset + start * header.n_columns * header.dtype.itemsize)
    if list(wanted) == list(range(header.n_columns)):
        return rows
    return np.take(rows, wanted, axis=1)


def _read_columns(
    handle: pa.NativeFile, header: Header, start: int, stop: int, wanted: Sequence[int]
) -> NDArray[Any]:
    columns = np.empty((len(wanted), stop - start), header.dtype)
    for out, position in zip(columns, wanted, strict=True):
        _fill(
            handle, out, header.offset + (position * header.n_rows + start) * header.dtype.itemsize
        )
    return columns.T


def _fill(handle: pa.NativeFile, out: NDArray[Any], offset: int) -> None:
    """Read bytes from `offset` on until `out` is full."""
    target = out.reshape(-1).view(np.uint8).data
    handle.seek(offset)
    filled = 0
    while filled < len(target):
        count = handle.readinto(target[filled:])
        if not count:
            raise EOFError(
                f"it ends at byte {offset + filled:,}, {len(target) - filled:,} too early"
            )
        filled += count
