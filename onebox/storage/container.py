"""The file format of everything that onebox saves: a zip of arrays and one JSON document.

``object.json`` holds the document, every array is an ordinary ``.npy`` member, stored and not
deflated, its data at a multiple of 64 bytes: `zipfile` and `numpy.load` read a file without onebox,
and onebox can map it into memory. Or members are compressed by frames, as ``.npy.zst`` or
``.npy.lz4``. ``index.json`` (see `onebox.storage.frames`) holds a checksum for every 1 MB. The zip's
comment ends the file with the version of the format, the place of the index and a checksum of all
that follows it, so that one short read at the end tells whether the rest can be believed. Nothing is
ever pickled or unpickled. ``docs/file_format.rst`` says it all.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Mapping
from functools import partial
from typing import Any, BinaryIO, NamedTuple

import numpy.typing as npt

from onebox.errors import BadInput
from onebox.storage import compression
from onebox.storage.atomic import atomic_file
from onebox.storage.chunks import byte_chunks, flat_bytes
from onebox.storage.filters import unit_of
from onebox.storage.frames import FRAME_BYTES, Member, packed_name
from onebox.storage.npy import header_of
from onebox.storage.reader import DOCUMENT, DOCUMENT_RATIO, NAME, Reader
from onebox.storage.zip_index import ALIGNMENT, add_member, finish, index_text

__all__ = ["Reader", "read", "read_document", "read_rows", "write"]

Array = npt.NDArray[Any]


def write(
    path: str | os.PathLike[str], document: object, arrays: Mapping[str, Array],
    *, sync: bool = True, compress: str | None = None,
) -> None:  # fmt: skip
    """Write a container, atomically.

    Parameters
    ----------
    path : path
        The file to write or to replace.
    document : object
        Anything that `json` takes; infinities and NaN are refused.
    arrays : mapping of str to ndarray
        Arrays of any shape without Python objects in them, by name: letters, digits, ``_.-``.
        Fortran order is kept; strided views are stored in C order.
    sync : bool, default=True
        Wait until it is on the disk, as in `atomic_file`.
    compress : {None, "lz4", "zstd"}
        Compress what shrinks by it: "zstd" makes smaller files, "lz4" makes them faster. Arrays of
        less than 4 kB, and those that hardly shrink, stay as they are.

    Raises
    ------
    BadInput
        A name, a dtype or a codec that the format does not have.
    NotEnoughDisk
        The disk is too small; nothing is left behind.

    Notes
    -----
    Cost: one read of the arrays, in pieces of 1 MB, which are compressed on as many threads as the
    setting ``n_jobs`` says, with two pieces a thread in flight: no second copy is held. Equal
    content gives equal bytes, whatever the number of threads: the file carries no time stamps.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> path = tempfile.mkdtemp() + "/centres.onebox"
    >>> write(path, {"n_rows": 3}, {"centres": np.eye(2)})
    >>> read(path)
    ({'n_rows': 3}, {'centres': array([[1., 0.],
           [0., 1.]])})
    """
    compression.require_codec(compress)
    text = memoryview(json.dumps(document, allow_nan=False).encode())
    headers = {name: _array_header(name, array) for name, array in arrays.items()}
    n_bytes = len(text) + sum(array.nbytes for array in arrays.values())
    expected = n_bytes + sum(len(header) + ALIGNMENT for header in headers.values())
    opened = atomic_file(path, expected_bytes=None if compress else expected, sync=sync)
    with (
        opened as file,
        zipfile.ZipFile(file, "w") as archive,
        compression.threads(n_bytes if compress else 0) as mapped,
    ):
        writer = Writer(archive, file, compress, mapped)
        members = [writer.add_document(text)]
        members += [writer.add_array(name, headers[name], array) for name, array in arrays.items()]
        finish(archive, file, index_text(members))


def read(
    path: str | os.PathLike[str], *, mmap: bool = False, verify: bool = False
) -> tuple[Any, dict[str, Array]]:
    """Read a container.

    Parameters
    ----------
    path : path
        The file.
    mmap : bool, default=False
        Map the arrays into memory, read-only, instead of copying them. Headers, sizes and the
        index are checked, the data are not. Compressed arrays cannot be mapped: they are
        decompressed into memory, and checked.
    verify : bool, default=False
        Check the data of mapped arrays too. Copies are always checked.

    Returns
    -------
    document : object
    arrays : dict of str to ndarray
        By name, in the order in which they were written.

    Raises
    ------
    CorruptFile
        The file is damaged (naming the member and the bytes), truncated, of a newer version of
        the format, or no container at all.
    NotEnoughMemory
        Compressed arrays would expand to more than there is.

    Notes
    -----
    Cost: one read of the file; with ``mmap=True`` and without `verify`, of the headers only.
    Compressed frames are decompressed on as many threads as the setting ``n_jobs`` says.
    """
    with Reader(path) as opened:
        return opened.document(), opened.arrays(mmap=mmap, verify=verify)


def read_document(path: str | os.PathLike[str]) -> Any:
    """Read the document of a container, and nothing of its arrays.

    Raises
    ------
    CorruptFile
        As `read`.
    """
    with Reader(path) as opened:
        return opened.document()


def read_rows(path: str | os.PathLike[str], name: str, rows: slice) -> Array:
    """Read consecutive rows of one array.

    Parameters
    ----------
    path : path
        The file.
    name : str
        Of the array, which has rows: one dimension or more, in C order.
    rows : slice
        With step 1; negative numbers count from the end.

    Raises
    ------
    BadInput
        There is no such array, it has no such rows, or `rows` is something else.
    CorruptFile
        As `read`.

    Notes
    -----
    Cost: one read of the 1 MB frames that hold the rows, whose checksums are verified.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> path = tempfile.mkdtemp() + "/squares.onebox"
    >>> write(path, None, {"squares": np.arange(1000) ** 2}, compress="zstd")
    >>> read_rows(path, "squares", slice(-2, None))
    array([996004, 998001])
    """
    with Reader(path) as opened:
        if name not in opened.names:
            raise BadInput(f"{opened.path} has no array {name!r}, but {', '.join(opened.names)}.")
        return opened.rows(name, rows)


class Writer(NamedTuple):
    """Adds the members of one file, compressed or not."""

    archive: zipfile.ZipFile
    file: BinaryIO
    codec: str | None
    mapped: compression.Mapper

    def add_document(self, text: memoryview) -> Member:
        """Add the document."""
        frames = [text[at : at + FRAME_BYTES] for at in range(0, len(text), FRAME_BYTES)]
        if self.codec and len(text) >= compression.LEAST_BYTES:
            packed = list(self.mapped(partial(compression.compress, self.codec, "none", 1), frames))
            # A document may expand by so much and no more when it is read.
            if len(text) // DOCUMENT_RATIO < sum(map(len, packed)) < len(text):
                return self._add(DOCUMENT, b"", packed, "none", 1, len(text))
        return add_member(self.archive, self.file, DOCUMENT, b"", frames)

    def add_array(self, name: str, header: bytes, array: Array) -> Member:
        """Add an array."""
        ordered = array.T if array.flags.f_contiguous else array
        unit = unit_of(array.dtype)
        best = self._best_filter(ordered, unit)
        frames = byte_chunks(ordered, FRAME_BYTES)
        if self.codec is None or best is None:
            return add_member(self.archive, self.file, f"{name}.npy", header, frames)
        if not ordered.flags.c_contiguous:
            frames = (memoryview(bytes(frame)) for frame in frames)  # the next one overwrites it
        pack = partial(compression.compress, self.codec, best, unit)
        head = compression.compress(self.codec, "none", 1, memoryview(header))
        return self._add(f"{name}.npy", head, self.mapped(pack, frames), best, unit, array.nbytes)

    def _best_filter(self, ordered: Array, unit: int) -> str | None:
        if self.codec is None or ordered.nbytes < compression.LEAST_BYTES:
            return None
        whole = (
            flat_bytes(ordered)
            if ordered.flags.c_contiguous
            else next(byte_chunks(ordered, FRAME_BYTES))
        )
        return compression.choose(self.codec, whole, unit, self.mapped)

    def _add(
        self,
        name: str,
        head: bytes | memoryview,
        frames: Any,
        filter_name: str,
        unit: int,
        size: int,
    ) -> Member:
        assert self.codec is not None
        return add_member(
            self.archive, self.file, packed_name(name, self.codec, filter_name), head, frames,
            codec=self.codec, filter=filter_name, unit=unit, size=size,
        )  # fmt: skip


def _array_header(name: str, array: Array) -> bytes:
    if not NAME.fullmatch(name):
        raise BadInput(f"{name!r} cannot name an array in a file; use letters, digits and '_.-'.")
    return header_of(name, array)
