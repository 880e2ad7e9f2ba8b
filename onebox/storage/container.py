"""The file format of everything that onebox saves: a zip of arrays and one JSON document.

``object.json`` holds the document, every array is an ordinary ``.npy`` member, stored and not
deflated, its data at a multiple of 64 bytes: `zipfile` and `numpy.load` read a file without onebox,
and onebox can map it into memory. ``index.json`` (see `onebox.storage.frames`) holds a checksum for
every 1 MB. The zip's comment ends the file with the version of the format, the place of the index
and a checksum of all that follows it, so that one short read at the end tells whether the rest can
be believed. Nothing is ever pickled or unpickled.
"""

from __future__ import annotations

import json
import math
import mmap as memory_maps
import os
import re
import zipfile
from collections.abc import Mapping
from io import BufferedReader, BytesIO
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from onebox.errors import BadInput, CorruptFile
from onebox.storage.atomic import atomic_file
from onebox.storage.chunks import byte_chunks, flat_bytes
from onebox.storage.frames import FRAME_BYTES, Member
from onebox.storage.zip_index import (
    ALIGNMENT,
    add_member,
    finish,
    index_text,
    parse_json,
    read_header,
    read_members,
)

DOCUMENT = "object.json"
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}")
ARRAY_HEADER_BYTES = 10_000  # the longest header of an .npy file that numpy reads unasked


def write(
    path: str | os.PathLike[str], document: object, arrays: Mapping[str, npt.NDArray[Any]],
    *, sync: bool = True,
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

    Raises
    ------
    BadInput
        A name or a dtype that the format cannot hold.
    NotEnoughDisk
        The disk is too small; nothing is left behind.

    Notes
    -----
    Cost: one read of the arrays, in pieces of 1 MB: no second copy is held. Equal content gives
    equal bytes: the file carries no time stamps.

    Examples
    --------
    >>> import tempfile
    >>> path = tempfile.mkdtemp() + "/centres.onebox"
    >>> write(path, {"n_rows": 3}, {"centres": np.eye(2)})
    >>> read(path)
    ({'n_rows': 3}, {'centres': array([[1., 0.],
           [0., 1.]])})
    """
    text = memoryview(json.dumps(document, allow_nan=False).encode())
    headers = {name: _array_header(name, array) for name, array in arrays.items()}
    expected = len(text) + sum(array.nbytes for array in arrays.values())
    expected += sum(len(header) + ALIGNMENT for header in headers.values())
    frames = (text[start : start + FRAME_BYTES] for start in range(0, len(text), FRAME_BYTES))
    opened = atomic_file(path, expected_bytes=expected, sync=sync)
    with opened as file, zipfile.ZipFile(file, "w") as archive:
        members = [add_member(archive, file, DOCUMENT, b"", frames)]
        for name, array in arrays.items():
            ordered = array.T if array.flags.f_contiguous else array
            chunks = byte_chunks(ordered, FRAME_BYTES)
            members.append(add_member(archive, file, f"{name}.npy", headers[name], chunks))
        finish(archive, file, index_text(members))


def read(
    path: str | os.PathLike[str], *, mmap: bool = False, verify: bool = False
) -> tuple[Any, dict[str, npt.NDArray[Any]]]:
    """Read a container.

    Parameters
    ----------
    path : path
        The file.
    mmap : bool, default=False
        Map the arrays into memory, read-only, instead of copying them. Headers, sizes and the
        index are checked, the data are not.
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

    Notes
    -----
    Cost: one read of the file; with ``mmap=True`` and without `verify`, of the headers only.
    """
    where = os.fspath(path)
    with open(path, "rb") as file:
        members = read_members(where, file)
        text = _read_document(where, file, members[:1])
        mapped = _map(file) if mmap else None
        arrays = {}
        for member in members[1:]:
            array = _array_for(where, member, read_header(where, file, member), mapped)
            if mapped is None:
                _read_data(where, file, member, flat_bytes(array))
            elif verify:
                member.check_frames(where, flat_bytes(array))
            arrays[member.name.removesuffix(".npy")] = array
    return parse_json(where, DOCUMENT, text), arrays


def _read_document(path: str, file: BufferedReader, first: list[Member]) -> bytearray:
    if [m.name for m in first] != [DOCUMENT] or read_header(path, file, first[0]):
        raise CorruptFile(f"{path}: the first member is not a plain {DOCUMENT}.")
    text = bytearray(first[0].end - first[0].data)
    _read_data(path, file, first[0], memoryview(text))
    return text


def _map(file: BufferedReader) -> memory_maps.mmap:
    return memory_maps.mmap(file.fileno(), 0, access=memory_maps.ACCESS_READ)


def _array_header(name: str, array: npt.NDArray[Any]) -> bytes:
    if not NAME.fullmatch(name):
        raise BadInput(f"{name!r} cannot name an array in a file; use letters, digits and '_.-'.")
    if array.dtype.hasobject:
        raise BadInput(
            f"The array {name} of dtype {array.dtype} holds Python objects, which are never "
            "written. Convert it to numbers or to fixed-width text."
        )
    header = BytesIO()
    described = np.lib.format.header_data_from_array_1_0(array)
    if np.lib.format.descr_to_dtype(described["descr"]) != array.dtype:
        raise BadInput(f"The dtype {array.dtype} of the array {name} has no form in .npy files.")
    try:
        np.lib.format.write_array_header_1_0(header, described)
    except ValueError as error:
        raise BadInput(f"The dtype of the array {name} cannot be written: {error}.") from None
    if header.tell() > ARRAY_HEADER_BYTES:
        raise BadInput(
            f"The dtype of the array {name} takes {header.tell()} bytes to describe; at most "
            f"{ARRAY_HEADER_BYTES} are read. Split its fields over several arrays."
        )
    return header.getvalue()


def _array_for(
    path: str, member: Member, header: bytes, mapped: memory_maps.mmap | None
) -> npt.NDArray[Any]:
    """Make the array that a header describes: mapped, or new and still to be filled."""
    place = f"{path}: member {member.name}"
    if not member.name.endswith(".npy") or not NAME.fullmatch(member.name.removesuffix(".npy")):
        raise CorruptFile(f"{place} has a name that no array of a onebox file has.")
    try:
        stream = BytesIO(header)
        version = np.lib.format.read_magic(stream)
        if version != (1, 0):
            raise ValueError(f"version {version} of the .npy format")
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream)
        if dtype.hasobject:
            raise ValueError(f"dtype {dtype} would have to be unpickled")
        size = math.prod(shape) * dtype.itemsize
        if min(shape, default=0) < 0 or size != member.end - member.data:
            raise ValueError(
                f"shape {shape} and dtype {dtype} make {size} bytes of data, not the "
                f"{member.end - member.data} that are there"
            )
        if stream.tell() != len(header) or member.data % ALIGNMENT:
            raise ValueError("the data are not where they should be")
        order: Literal["C", "F"] = "F" if fortran else "C"
        if mapped is not None:
            return np.ndarray(shape, dtype, mapped, member.data, order=order)
        # not np.empty, which makes text of width 1 out of text of width 0
        return np.ndarray(shape, dtype, order=order)
    except Exception as error:  # numpy has no single class for what hostile headers can cause
        raise CorruptFile(f"{place} is not an array that can be read: {error}.") from error


def _read_data(path: str, file: BufferedReader, member: Member, data: memoryview) -> None:
    """Read and check a member's data, frame by frame, straight into their place."""
    file.seek(member.data)
    for number, start in enumerate(range(0, len(data), FRAME_BYTES)):
        frame = data[start : start + FRAME_BYTES]
        file.readinto(frame)  # a short read leaves bytes that fail the checksum
        member.check_frame(path, number, frame)
